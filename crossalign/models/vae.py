"""The core of the aligned variational autoencoders: training, embedding, sampling.

CADA-VAE, ACMR and LCALE are one VAE per modality around a latent space, and differ in which terms
of `vae_objective` tie the modalities together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from numbers import Integral, Real
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import torch
from sklearn.base import clone
from sklearn.utils._param_validation import Interval, StrOptions

from crossalign.data.scaling import KINDS, apply_scaling, fit_scaling
from crossalign.models.base import (
    Array,
    Distributional,
    Generator,
    Model,
    Translator,
    unit_rows,
)
from crossalign.models.vae_objective import VAEObjective
from crossalign.networks import MLP, CrossVAE, initialise
from crossalign.networks.gaussian import SAMPLERS, noise_width
from crossalign.training import Constant, TensorData, train
from crossalign.types import CLASS_MODALITY, Classes, Views


class AlignedVAE(Distributional, Generator, Translator, Model):
    """Base of the VAE models: what they do once their objective and training are given.

    A subclass has the parameters that ``_parameter_constraints`` lists and the methods `_weights`
    and `_hidden`.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **{size: [Interval(Integral, 1, None, closed="left")]
           for size in ("latent", "epochs", "seen_samples", "unseen_samples", "head_epochs")},
        "batch_size": [Interval(Integral, 2, None, closed="left")],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "kl": [Interval(Real, 0, None, closed="left")],
        "w2": [Interval(Real, 0, None, closed="left")],
        "norm": [StrOptions({"l1", "l2"})],
        "sampler": [StrOptions(set(SAMPLERS))],
        "scaling": [StrOptions(set(KINDS))],
        "init": [StrOptions({"xavier", "torch"})],
        "head": [StrOptions({"softmax", "prototype", "gaussian"})],
        "random_state": [Interval(Integral, 0, None, closed="left")],
    }

    uses_side_information = True
    many_modalities = True
    stochastic = True
    resumable = True
    side_scaling: str = "none"
    head_lr: float = 1e-3
    head_betas: ClassVar[tuple[float, float]] = (0.5, 0.999)

    # -- what a subclass says ------------------------------------------------------------------
    def _weights(self) -> dict[str, Any]:
        """Schedule of every term's weight."""
        raise NotImplementedError("abstract")  # pragma: no cover

    def _hidden(self, modality: str) -> tuple[Sequence[int], Sequence[int]]:
        """Hidden widths of a modality's encoder and decoder."""
        raise NotImplementedError("abstract")  # pragma: no cover

    # -- training ------------------------------------------------------------------------------
    def _prepare(self, rows: Mapping[str, Array]) -> dict[str, Array]:
        """Scale training rows, remember how, and build the network for their widths."""
        self._remember({m: int(x.shape[1]) for m, x in rows.items()})
        self.shift_, self.scale_, scaled = {}, {}, {}
        for m, x in rows.items():
            fitted = fit_scaling(x, self._scaling(m))
            self.shift_[m], self.scale_[m] = fitted["shift"], fitted["scale"]
            scaled[m] = self._scaled(x, m)
        self._restore()
        initialise(self.network_, torch.Generator().manual_seed(self.random_state), self.init)
        return scaled

    def _train(self, scaled: Mapping[str, Array], labels: Array | None,
               checkpoint: str | Path | None, **options: Any) -> None:
        """Train, going on from the checkpoint folder if there is one."""
        data = TensorData.from_views(Views(scaled, labels))
        history = train(self.network_, data, weights=self._active(), seed=self.random_state,
                        device=self.device, checkpoint=checkpoint,
                        resume=checkpoint is not None, **options)
        self.network_.eval()
        self.history_ = history.losses
        self.selected_epoch_ = history.selected_epoch

    def _active(self) -> dict[str, Any]:
        """Schedules of the terms that are ever on and that the modalities allow."""
        weights = {t: s for t, s in self._weights().items()
                   if not (isinstance(s, Constant) and s.value == 0)}
        views = [m for m in self.modalities_ if m != CLASS_MODALITY]
        if len(views) < 2:
            weights.pop("mmd", None)
        if CLASS_MODALITY not in self.modalities_:
            weights.pop("cycle", None)
        return weights

    def _restore(self) -> None:
        hidden = {m: self._hidden(m) for m in self.widths_}
        vae = CrossVAE(self.widths_, self.latent, {m: h[0] for m, h in hidden.items()},
                       {m: h[1] for m, h in hidden.items()})
        self.network_ = self._objective(vae, list(self._active())).eval()

    def _objective(self, vae: CrossVAE, terms: Sequence[str]) -> VAEObjective:
        """The network that is trained, around the VAEs."""
        regressors = {m: MLP(self.widths_[m], self._regressor())
                      for m in self.widths_ if m != CLASS_MODALITY and "cycle" in terms}
        return VAEObjective(vae, terms, self.norm, self.sampler, regressors)

    def _regressor(self) -> list[int]:
        """Layer widths of the regressors, the last one the class embedding's."""
        return [self.widths_[CLASS_MODALITY]]

    def fit_path(self, X: Views, points: Sequence[Mapping[str, Any]], *,
                 classes: Classes | None = None,
                 callbacks: Sequence[Any] = ()) -> Iterator[Self]:
        """One fitted clone per point; neighbours that differ in their head alone share a fit."""
        fitted, trained_with = None, None
        for params in points:
            body = {name: value for name, value in params.items() if name not in HEAD_PARAMETERS}
            if fitted is None or body != trained_with:
                fitted = clone(self).set_params(**params)
                fitted.fit(X, classes=classes, callbacks=callbacks)
                trained_with = body
            yield copy(fitted).set_params(**params)

    # -- use -----------------------------------------------------------------------------------
    def embed_distribution(self, x: npt.ArrayLike, modality: str) -> tuple[Array, Array]:
        """Mean and standard deviation of the code of every row, ``(n, latent)`` each."""
        rows = self._scaled(self._rows(x, modality), modality)
        device = next(self.network_.parameters()).device
        means, deviations = [], []
        with torch.inference_mode():
            for start in range(0, len(rows), 8192):
                block = torch.from_numpy(rows[start:start + 8192]).to(device)
                mean, logvar = self.network_.encode(block, modality)
                means.append(mean.float().cpu().numpy())
                deviations.append((0.5 * logvar).exp().float().cpu().numpy())
        empty = np.zeros((0, self.latent), np.float32)
        return np.concatenate([*means, empty]), np.concatenate([*deviations, empty])

    def embed(self, x: npt.ArrayLike, modality: str) -> Array:
        """Code means as unit rows ``(n, latent)``."""
        return unit_rows(self.embed_distribution(x, modality)[0])

    def project(self, x: npt.ArrayLike, modality: str) -> Array:
        """Code means ``(n, latent)``."""
        return self.embed_distribution(x, modality)[0]

    def sample_rows(self, x: npt.ArrayLike, modality: str, random_state: int = 0) -> Array:
        """One code ``(n, latent)`` per row, drawn as in training."""
        mean, std = self.embed_distribution(x, modality)
        sampler = self.network_.sampler
        noise = np.random.default_rng(random_state).standard_normal(
            (len(mean), noise_width(sampler, self.latent)), dtype=np.float32)
        return mean + (std**2 if sampler == "author" else std) * noise

    def sample(self, class_embeddings: npt.ArrayLike, n: int, random_state: int = 0) -> Array:
        """``(C, n, latent)`` codes drawn from each class's distribution."""
        rows = np.asarray(class_embeddings, dtype=np.float32)
        codes = self.sample_rows(np.repeat(rows, n, axis=0), CLASS_MODALITY, random_state)
        return codes.reshape(len(rows), n, self.latent)

    def translate(self, x: npt.ArrayLike, source: str, target: str) -> Array:
        """Decode the source's code means as rows of the target modality, in its own units.

        Raises
        ------
        ValueError
            For an unknown modality or if the target's rows were L2-normalised, which loses their
            length.
        """
        kind = self._scaling(target)
        if kind == "l2":
            raise ValueError(f"scaling: 'l2' loses the length of {target!r} rows; fit with "
                             "another scaling to translate.")
        codes = torch.from_numpy(self.embed_distribution(x, source)[0])
        device = next(self.network_.parameters()).device
        with torch.inference_mode():
            rows = self.network_.vae.decode(codes.to(device), target).float().cpu().numpy()
        return np.asarray(rows * self.scale_[target] + self.shift_[target])

    def _scaling(self, modality: str) -> str:
        """Features follow ``scaling``, side information ``side_scaling``."""
        return str(self.side_scaling if modality == CLASS_MODALITY else self.scaling)

    def _scaled(self, x: Array, modality: str) -> Array:
        return apply_scaling(x, self._scaling(modality), self.shift_[modality],
                             self.scale_[modality])


HEAD_PARAMETERS = ("head", "seen_samples", "unseen_samples", "head_epochs", "head_lr")
"""Parameters that do nothing before classes are scored."""


def class_rows(classes: Classes | None, labels: Array | None) -> Array | None:
    """Side information ``(n, a)`` of each sample's class, or None without it or labels."""
    if classes is None or labels is None or classes.embeddings.shape[1] == 0:
        return None
    return np.ascontiguousarray(classes.embeddings[labels])
