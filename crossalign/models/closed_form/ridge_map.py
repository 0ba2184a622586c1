"""RidgeMap: one modality regressed onto the other's z-scored space, cosine there.

    B = argmin |Z_t - X_s B|^2 + alpha |B|^2,      X_s, Z_t scaled by their training rows

Closed form, and a row that deep models have to beat: regression toward the target (the usual
direction in zero-shot work, Frome et al. 2013) leaves a poor target space as it is instead of
whitening its noise as CCA does.

The choices of its deep rivals are open to it too: square roots of features, within-class whitening,
and pairs drawn within classes, for which the regression is that onto the mean of a class.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from scipy import linalg
from sklearn.base import clone
from sklearn.utils._param_validation import StrOptions

from crossalign.models.base import Model
from crossalign.models.pairing import (
    PAIRINGS,
    Pairs,
    check_pairs,
    class_targets,
    idle_choices,
    paired_rows,
)
from crossalign.models.ranges import RATE
from crossalign.models.roles import Aligner, Translator
from crossalign.models.rows import Array, unit_rows
from crossalign.models.supervision import labels_of
from crossalign.models.whitening import WHITENINGS, whitening_of, within_class_covariance
from crossalign.preprocessing.rows import products, scatter
from crossalign.preprocessing.scaling import (
    KINDS,
    apply_scaling,
    fit_scaling,
    scaled_rows,
    undo_scaling,
)
from crossalign.sentences import nearest
from crossalign.types import Classes, Samples, Views

__all__ = ["RidgeMap"]


class _Statistics(NamedTuple):
    """Statistics of samples, scaling and pairs: scaled rows, and X'X = axes values axes'."""

    pairs: Pairs
    shift: dict[str, Array]
    scale: dict[str, Array]
    farthest: dict[str, Array]
    values: Array
    axes: Array
    cross: Array


class RidgeMap(Aligner, Translator, Model):
    """Ridge regression from the first modality to the second.

    Parameters
    ----------
    alpha : float
        Ridge, in units of squared standard deviations summed over training rows; default 1000.
    target : str, optional
        Modality whose space is used; default the second, or that of side information.
    whitening : float, optional
        Strength s of within-class whitening in `embed`, see `models.whitening`; default none, as is
        usual for this row. Needs labels.
    scaling : {"standard", "root", "minmax", "l2", "none"}
        Scaling of both modalities, fitted on training rows; default ``"standard"``.
    pairs : {"own", "class"}
        Pairs of rows; default ``"own"``, those of samples that have both modalities. ``"class"``
        pairs each row with all rows of its class, which needs labels but no sample with both; see
        `models.pairing`.
    """

    many_labels = True
    uses_side_information = True
    handles_missing = handles_unlabelled = True
    search_space: ClassVar[dict[str, Sequence[Any]]] = {
        "scaling": ("standard", "root"), "pairs": PAIRINGS,
        "alpha": (1.0, 10.0, 100.0, 1000.0, 10000.0), "whitening": WHITENINGS}
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "alpha": [RATE],
        "target": [str, None],
        "whitening": [RATE, None],
        "scaling": [StrOptions(set(KINDS))],
        "pairs": [StrOptions(set(PAIRINGS))],
    }

    def __init__(self, alpha: float = 1000.0, target: str | None = None,
                 whitening: float | None = None, scaling: str = "standard",
                 pairs: str = "own") -> None:
        self.alpha = alpha
        self.target = target
        self.whitening = whitening
        self.scaling = scaling
        self.pairs = pairs

    def fit(self, X: Samples, y: npt.ArrayLike | None = None, *, classes: Any = None,
            callbacks: Sequence[Any] = ()) -> Self:
        """Solve the regression on paired rows."""
        X, classes = self._start(X, y, classes)
        statistics = self._statistics(X, classes)
        self._solve(statistics)
        if self.whitening is not None:
            self._whiten(self._within(statistics, X))
        return self

    def fit_path(self, X: Views, points: Sequence[Mapping[str, Any]], *,
                 classes: Classes | None = None,
                 callbacks: Sequence[Any] = ()) -> Iterator[Self]:
        """Fit every point of a grid, with one eigendecomposition for all ridges, and one W for all
        s.
        """
        shared: dict[tuple[Any, ...], _Statistics] = {}
        within: dict[tuple[Any, ...], Array] = {}
        for params in points:
            model = clone(self).set_params(**params)
            X, classes = model._start(X, None, classes)
            key = model.scaling, model.pairs, model.target
            if key not in shared:
                shared[key] = model._statistics(X, classes)
            model._solve(shared[key])
            if model.whitening is not None:
                if (*key, model.alpha) not in within:
                    within[*key, model.alpha] = model._within(shared[key], X)
                model._whiten(within[*key, model.alpha])
            yield model

    def idle(self, X: Views) -> Collection[str]:
        """Return the parameters that need labels or two views that the samples do not have."""
        return idle_choices(X)

    def _statistics(self, X: Views, classes: Classes | None) -> _Statistics:
        """Compute everything that depends on the samples and not on alpha."""
        pairs = paired_rows(X, classes, self, self.pairs)
        check_pairs(pairs)
        self._name(pairs.names)
        shift, scale, farthest, scaled = {}, {}, {}, {}
        for name, rows in pairs.rows.items():
            fitted = fit_scaling(rows, self.scaling)
            shift[name], scale[name], farthest[name] = (
                fitted[of] for of in ("shift", "scale", "farthest"))
            scaled[name] = scaled_rows(rows, self.scaling, fitted)
        pairs = pairs._replace(rows=scaled)
        source, target = scaled[self.source_], scaled[self.target_]
        if self.pairs == "class":
            source, target = class_targets(pairs, self.source_, self.target_)
        values, axes = linalg.eigh(scatter(source))
        return _Statistics(pairs, shift, scale, farthest, np.clip(values, 0, None), axes,
                           axes.T @ products(source, target))

    def _name(self, names: tuple[str, str]) -> None:
        if self.target is not None and self.target not in names:
            raise ValueError(f"target: got {self.target!r}; {nearest(self.target, names)}")
        self.target_ = self.target or names[1]
        self.source_ = names[1] if self.target_ == names[0] else names[0]

    def _solve(self, statistics: _Statistics) -> None:
        self._name(statistics.pairs.names)
        self._remember({m: rows.width for m, rows in statistics.pairs.rows.items()})
        self.shift_, self.scale_ = statistics.shift, statistics.scale
        self.farthest_ = statistics.farthest
        inner = statistics.cross / (statistics.values + self.alpha)[:, None]
        self.coef_ = statistics.axes @ inner                                     # (d_s, d_t)

    def _within(self, statistics: _Statistics, X: Views) -> Array:
        """Compute the covariance within classes of the rows in the target space."""
        labels_of(X, self)
        assert statistics.pairs.labels is not None
        rows = {self.source_: statistics.pairs.rows[self.source_].by(self.coef_),
                self.target_: statistics.pairs.rows[self.target_]}
        return within_class_covariance(rows, {m: statistics.pairs.labels[m] for m in rows})

    def _whiten(self, within: Array) -> None:
        assert self.whitening is not None
        self.whitener_ = whitening_of(within, self.whitening)

    def project(self, x: npt.ArrayLike | Views, modality: str) -> Array:
        """Return rows ``(n, d_target)`` of the scaled target space."""
        scaled = apply_scaling(self._rows(x, modality), self.scaling, self.shift_[modality],
                               self.scale_[modality], self.farthest_[modality])
        return scaled if modality == self.target_ else np.asarray(scaled @ self.coef_)

    def embed(self, x: npt.ArrayLike | Views, modality: str) -> Array:
        """Return unit rows ``(n, d_target)``."""
        rows = self.project(x, modality)
        return unit_rows(rows if self.whitening is None else rows @ self.whitener_)

    def translate(self, x: npt.ArrayLike, source: str, target: str) -> Array:
        """Return rows of the target modality in its own units, from the source modality only.

        Raises
        ------
        ValueError
            For the direction that was not fitted, or if rows were scaled to length one.
        """
        if (source, target) != (self.source_, self.target_):
            raise ValueError(f"target: this map goes from {self.source_!r} to {self.target_!r}, "
                             f"not from {source!r} to {target!r}; fit one with target={target!r}.")
        return undo_scaling(self.project(x, source), self.scaling, self.shift_[target],
                            self.scale_[target])
