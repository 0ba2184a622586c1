"""FrozenDualEncoder: the space of a dual encoder as it is, and nothing learned.

    s_c(x) = cos(x, t_c) / T,      t_c the encoded name or description of class c

Zero-shot recognition of CLIP (Radford et al., ICML 2021, section 3.1) and of its kin: pictures and
texts were encoded into one space, so there is nothing to fit. It is the row that says whether a
model which learns from seen classes or from pairs is worth it. The calibration of seen classes is
chosen on validation classes, as that of every model.

How we differ: samples of seen classes are not used, also where there are some; the temperature does
not change which class is best, and the bias of SigLIP, the same for all classes, is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from crossalign.models.base import Model
from crossalign.models.ranges import RATE
from crossalign.models.roles import Aligner
from crossalign.models.rows import Array, unit_rows
from crossalign.sentences import short
from crossalign.types import CLASS_MODALITY, Classes, Samples, Views

__all__ = ["FrozenDualEncoder"]


class FrozenDualEncoder(Aligner, Model):
    """The space of a dual encoder as it is: unit rows, cosines, nothing learned.

    Samples of several modalities may come with class vectors of another width, as attributes:
    these are not in the space, and `knows_classes` is False.

    Parameters
    ----------
    temperature : float
        Temperature T by which cosines are divided for scores of classes; default 0.01, CLIP's.
    """

    many_labels = True
    uses_side_information = True
    many_modalities = True
    handles_missing = True
    one_encoder = True
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {"temperature": [RATE]}

    def __init__(self, temperature: float = 0.01) -> None:
        self.temperature = temperature

    def fit(self, X: Samples, y: npt.ArrayLike | None = None, *, classes: Any = None,
            callbacks: Sequence[Any] = ()) -> Self:
        """Check that all is in one space; nothing is learned.

        Raises
        ------
        ValueError
            If modalities, or one modality and the class vectors, differ in width.
        """
        self._start_in_space(X, y, classes)
        return self

    def _start_in_space(self, X: Samples, y: npt.ArrayLike | None,
                        classes: Any) -> tuple[Views, Classes | None]:
        """Return `Model._start`, once it is sure that all widths are one."""
        started = self._start(X, y, classes)
        check_one_width(self.widths_)
        return started

    def _described_by(self, X: Views, classes: Classes | None) -> Classes | None:
        """Return classes without their vectors where several modalities are of another width."""
        if classes is None or len(X.modalities) < 2 or \
                classes.embeddings.shape[1] in X.widths.values():
            return classes
        return Classes(classes.embeddings[:, :0], classes.seen, classes.names)

    def embed(self, x: npt.ArrayLike | Views, modality: str) -> Array:
        """Return unit rows ``(n, d)`` of the rows themselves."""
        return unit_rows(self._rows(x, modality))

    def class_scores(self, x: npt.ArrayLike | Views, modality: str | Sequence[str],
                     embeddings: npt.ArrayLike, prototypes: Array | None = None) -> Array:
        """Compute cosines with the class vectors over the temperature, ``(n, C)``."""
        cosines = super().class_scores(x, modality, embeddings, prototypes)
        return np.asarray(cosines / self.temperature)


def check_one_width(widths: Mapping[str, int]) -> None:
    """Raise ValueError if modalities, or class vectors among them, differ in width."""
    if len(set(widths.values())) > 1:
        named = {"class vectors" if m == CLASS_MODALITY else m: w for m, w in widths.items()}
        raise ValueError(f"X: a dual encoder has one space and the widths are {short(named)}; "
                         "encode pictures and texts by one dual encoder, as --encoder NAME "
                         "--text-encoder NAME, or choose a model that learns a map, as ridge_map.")
