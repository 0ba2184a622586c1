"""ASIF: a row is how similar it is to the pairs (Norelli et al., NeurIPS 2023).

    r(x) = [cos(x, x_i)]_i,  all but the k largest set to 0, to the power p, unit length
    s(x, y) = r(x)' r(y) = sum_i r_i(x) r_i(y)

The i-th coordinate is the same pair on both sides, x_i or y_i, so that both are in one space with
nothing trained. A pair is a column: it comes and goes without the others changing, and its part in
a score is one product, see `tasks.explain`.

How we differ: rows are scaled by the training rows first, as cosines of features with a large
common mean tell little. Cosines below zero count as zero. The paper takes k = 800 and p = 8 for 1.6
million pairs; here both are chosen on validation classes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn.utils._param_validation import StrOptions

from crossalign.models.base import Model
from crossalign.models.pairing import (
    PAIRINGS,
    check_pairs,
    idle_choices,
    paired_rows,
    shared_means,
)
from crossalign.models.ranges import RATE, SIZE
from crossalign.models.roles import Aligner
from crossalign.models.rows import Array, check_fitted, unit_rows
from crossalign.preprocessing.rows import Rows
from crossalign.preprocessing.scaling import KINDS, apply_scaling, fit_scaling
from crossalign.types import Samples, Views, samples_given

__all__ = ["ASIF"]


class ASIF(Aligner, Model):
    """Coordinates relative to the training pairs: nothing is trained.

    Rows of the space are as wide as there are pairs.

    Parameters
    ----------
    k : int, optional
        Number of most similar pairs that count, at most all; default 50. None takes all.
    power : float
        Power p of a cosine; default 1. Larger powers let the most similar pairs decide.
    scaling : {"standard", "root", "minmax", "l2", "none"}
        Scaling of both modalities, fitted on the pairs; default ``"standard"``.
    pairs : {"own", "class"}
        Pairs of rows; default ``"own"``, those of samples that have both modalities. ``"class"``
        takes one pair for each class, of its mean rows, which needs labels but no sample with both.

    Attributes
    ----------
    pairs_ : mapping of modality to (n, d_m) float32
        Scaled rows of the pairs, of unit length.
    """

    many_labels = True
    uses_side_information = True
    handles_missing = handles_unlabelled = True
    search_space: ClassVar[dict[str, Sequence[Any]]] = {
        "scaling": ("standard", "root"), "pairs": PAIRINGS, "k": (10, 25, 50, 200, None),
        "power": (1.0, 2.0, 4.0, 8.0)}
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "k": [SIZE, None],
        "power": [RATE],
        "scaling": [StrOptions(set(KINDS))],
        "pairs": [StrOptions(set(PAIRINGS))],
    }

    def __init__(self, k: int | None = 50, power: float = 1.0,
                 scaling: str = "standard", pairs: str = "own") -> None:
        self.k = k
        self.power = power
        self.scaling = scaling
        self.pairs = pairs

    def fit(self, X: Samples, y: npt.ArrayLike | None = None, *, classes: Any = None,
            callbacks: Sequence[Any] = ()) -> Self:
        """Keep the pairs, scaled; labels are used for pairs of a class."""
        X, classes = self._start(X, y, classes)
        pairs = paired_rows(X, classes, self, self.pairs)
        check_pairs(pairs)
        self._remember({m: rows.width for m, rows in pairs.rows.items()})
        self.shift_, self.scale_, self.farthest_ = {}, {}, {}
        for name, rows in pairs.rows.items():
            fitted = fit_scaling(rows, self.scaling)
            self.shift_[name], self.scale_[name] = fitted["shift"], fitted["scale"]
            self.farthest_[name] = fitted["farthest"]
        if self.pairs == "class":
            scaled = {m: rows.then(partial(self._scaled, modality=m))
                      for m, rows in pairs.rows.items()}
            means = shared_means(pairs._replace(rows=scaled), *pairs.names)
            self.pairs_ = {m: unit_rows(x) for m, x in zip(pairs.names, means, strict=True)}
        else:
            self.pairs_ = {m: self._kept(rows, m) for m, rows in pairs.rows.items()}
        return self

    def idle(self, X: Views) -> Collection[str]:
        """Return the parameters that need labels or two views that the samples do not have."""
        return idle_choices(X)

    def add_pairs(self, X: Samples) -> Self:
        """Add pairs as columns, without changing those that are there or the scaling.

        Parameters
        ----------
        X : samples
            Samples, of which those that have both modalities are added, in their order.

        Raises
        ------
        ValueError
            If the model is not fitted, or the samples lack a modality or have another width.
        """
        check_fitted(self, "pairs_")
        more = paired_rows(samples_given(X), None, self).rows
        for m in self.pairs_:
            self._rows(more[m].read(np.arange(1)) if m in more else (), m)        # checks the width
        self.pairs_ = {m: np.concatenate([rows, self._kept(more[m], m)])
                       for m, rows in self.pairs_.items()}
        return self

    def drop_pairs(self, places: npt.ArrayLike) -> Self:
        """Remove pairs, without changing the others.

        Parameters
        ----------
        places : (p,) integers
            Places of the pairs, in the order in which they came, from 0.

        Raises
        ------
        ValueError
            If the model is not fitted, there is no such pair, or none would be left.
        """
        check_fitted(self, "pairs_")
        n, gone = len(next(iter(self.pairs_.values()))), np.unique(np.asarray(places, dtype=int))
        wrong = gone[(gone < 0) | (gone >= n)]
        if len(wrong):
            raise ValueError(f"places: got {int(wrong[0])}; the pairs are 0 to {n - 1}.")
        if len(gone) == n:
            raise ValueError(f"places: these are all {n} pairs; leave at least one.")
        self.pairs_ = {m: np.delete(rows, gone, axis=0) for m, rows in self.pairs_.items()}
        return self

    def _kept(self, rows: Rows, modality: str) -> Array:
        """Return rows of pairs as they are kept, in memory."""
        return np.concatenate([self._unit(x, modality) for _, x in rows.blocks()])

    def _scaled(self, x: Array, modality: str) -> Array:
        return apply_scaling(x, self.scaling, self.shift_[modality], self.scale_[modality],
                             self.farthest_[modality])

    def _unit(self, x: Array, modality: str) -> Array:
        return unit_rows(self._scaled(x, modality))

    def project(self, x: npt.ArrayLike | Views, modality: str) -> Array:
        """Return relative rows ``(n, pairs)``, before they are scaled to unit length."""
        return relative_rows(self._unit(self._rows(x, modality), modality),
                             self.pairs_[modality], self.k, self.power)

    def embed(self, x: npt.ArrayLike | Views, modality: str) -> Array:
        """Return unit rows ``(n, pairs)``; zeros for a row that is similar to no pair."""
        return unit_rows(self.project(x, modality))


def relative_rows(x: Array, anchors: Array, k: int | None = None, power: float = 1.0) -> Array:
    """Return the cosines ``(n, m)`` of unit rows ``(n, d)`` with unit anchors ``(m, d)``, sparse.

    Cosines below zero, or below the k-th largest of their row, are zero; others are raised to
    ``power``. Cosines that tie with the k-th largest stay.
    """
    cosines = np.maximum(x.astype(np.float64) @ anchors.astype(np.float64).T, 0)
    if k is not None and k < len(anchors):
        least = np.partition(cosines, -k, axis=1)[:, -k:].min(axis=1, keepdims=True)
        cosines[cosines < least] = 0
    return np.asarray(cosines**power)
