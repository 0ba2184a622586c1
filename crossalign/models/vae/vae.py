"""The core of the aligned variational autoencoders: their parameters, network and objective.

CADA-VAE, ACMR and LCALE are one VAE per modality around a latent space, and differ in which terms
of `vae_objective` tie the modalities together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from sklearn.utils._param_validation import StrOptions

from crossalign.models.latent import LatentModel
from crossalign.models.pairing import two_of
from crossalign.models.ranges import WEIGHT
from crossalign.models.rows import Array
from crossalign.models.supervision import labels_of, side_information
from crossalign.models.vae.vae_objective import VAEObjective
from crossalign.networks import MLP, CrossVAE
from crossalign.networks.gaussian import SAMPLERS
from crossalign.training import Constant
from crossalign.types import CLASS_MODALITY, Classes, Views

Hidden = tuple[Sequence[int], Sequence[int]]
"""Hidden widths of an encoder and of a decoder."""


class AlignedVAE(LatentModel):
    """Base of the VAE models: all but their objective and training.

    A subclass has the parameters that ``_parameter_constraints`` lists and the methods `_weights`
    and `_hidden`.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **LatentModel._parameter_constraints,
        "kl": [WEIGHT],
        "w2": [WEIGHT],
        "norm": [StrOptions({"l1", "l2"})],
        "sampler": [StrOptions(set(SAMPLERS))],
        "init": [StrOptions({"xavier", "torch"})],
    }

    # -- what a subclass says ------------------------------------------------------------------
    def _weights(self) -> dict[str, Any]:
        """Return the schedule of every term's weight."""
        raise NotImplementedError("abstract")  # pragma: no cover

    def _hidden(self) -> Mapping[str, Hidden]:
        """Return the hidden widths of every modality's encoder and decoder."""
        raise NotImplementedError("abstract")  # pragma: no cover

    def _active(self) -> dict[str, Any]:
        """Return the schedules of the terms that are ever on and that the modalities allow."""
        weights = {t: s for t, s in self._weights().items()
                   if not (isinstance(s, Constant) and s.value == 0)}
        if len(self.views) < 2:
            weights.pop("mmd", None)
        if not self.knows_classes:
            weights.pop("cycle", None)
        return weights

    def _restore(self) -> None:
        hidden = self._hidden()
        vae = CrossVAE(self.widths_, self.latent, {m: h[0] for m, h in hidden.items()},
                       {m: h[1] for m, h in hidden.items()})
        self.network_ = self._objective(vae, list(self._active())).eval()

    def _objective(self, vae: CrossVAE, terms: Sequence[str]) -> VAEObjective:
        """Build the network that is trained, around the VAEs."""
        regressors = {m: MLP(self.widths_[m], self._regressor())
                      for m in self.views if "cycle" in terms}
        return VAEObjective(vae, terms, self.norm, self.sampler, regressors)

    def _regressor(self) -> list[int]:
        """Return the layer widths of the regressors, the last one the class embedding's."""
        return [self.widths_[CLASS_MODALITY]]


def with_classes(X: Views, rows: Array | None) -> Views:
    """Return the samples with the side information ``(n, a)`` of their classes as a further
    modality.
    """
    if rows is None:
        return X
    return X.beside(Views({CLASS_MODALITY: rows}))


def two_sided(X: Views, classes: Classes | None, model: object) -> Views:
    """Return the samples with two modalities, or with one and the side information of their
    classes.

    Raises
    ------
    ValueError
        If there are three modalities, or one and no labels or side information.
    """
    if CLASS_MODALITY not in two_of(X, model):
        return X
    return with_classes(X, class_rows(side_information(classes, model), labels_of(X, model)))


def class_rows(classes: Classes | None, labels: Array | None) -> Array | None:
    """Return the side information ``(n, a)`` of each sample's class, or None without it or
    labels.
    """
    if classes is None or labels is None or classes.embeddings.shape[1] == 0:
        return None
    return np.ascontiguousarray(classes.embeddings[labels])
