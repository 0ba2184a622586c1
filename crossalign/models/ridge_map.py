"""RidgeMap: one modality regressed onto the other's z-scored space, cosine there.

    B = argmin |Z_t - X_s B|^2 + alpha |B|^2,      X_s, Z_t standardised on training rows

Closed form, and a row that deep models have to beat: regression toward the target (the usual
direction in zero-shot work, Frome et al. 2013) lets a poor target space stay what it is instead of
whitening its noise as CCA does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from scipy import linalg

from crossalign.data.scaling import apply_scaling, fit_scaling
from crossalign.models.base import Aligner, Array, Model, Translator, labels_of, unit_rows
from crossalign.models.pairing import paired_rows
from crossalign.models.ranges import RATE
from crossalign.models.whitening import whitening_of, within_class_covariance
from crossalign.types import Benchmark, Classes, Views


class RidgeMap(Aligner, Translator, Model):
    """Ridge regression from the first modality to the second.

    Parameters
    ----------
    alpha : float
        Ridge, in units of squared standard deviations summed over training rows.
    target : str, optional
        Modality whose space is used; the second (or ``"class"``) by default.
    whitening : float, optional
        s of `models.whitening`, which `embed` then applies; by default it does not, as is usual
        for this row. Needs labels.
    """

    uses_side_information = True
    search_space: ClassVar[dict[str, Sequence[Any]]] = {
        "alpha": (1.0, 10.0, 100.0, 1000.0, 10000.0)}
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "alpha": [RATE],
        "target": [str, None],
        "whitening": [RATE, None],
    }

    def __init__(self, alpha: float = 1000.0, target: str | None = None,
                 whitening: float | None = None) -> None:
        self.alpha = alpha
        self.target = target
        self.whitening = whitening

    def fit(self, X: Views, y: npt.ArrayLike | None = None, *, classes: Classes | None = None,
            val: Benchmark | None = None, callbacks: Sequence[Any] = ()) -> Self:
        """Solve the regression on paired rows."""
        X = self._start(X, classes, y)
        rows, names = paired_rows(X, classes, self)
        self._remember({name: rows[name].shape[1] for name in names})
        if self.target is not None and self.target not in names:
            raise ValueError(f"target: got {self.target!r}; choose one of {list(names)}.")
        self.target_ = self.target or names[1]
        self.source_ = names[1] if self.target_ == names[0] else names[0]
        self.shift_, self.scale_, scaled = {}, {}, {}
        for name in names:
            fitted = fit_scaling(rows[name], "standard")
            self.shift_[name], self.scale_[name] = fitted["shift"], fitted["scale"]
            scaled[name] = self._scaled(rows[name], name).astype(np.float64)
        source, target = scaled[self.source_], scaled[self.target_]
        gram = source.T @ source + self.alpha * np.eye(source.shape[1])
        self.coef_ = linalg.solve(gram, source.T @ target, assume_a="pos")  # (d_s, d_t)
        if self.whitening is not None:
            y = labels_of(X, self)
            spread = {self.source_: source @ self.coef_, self.target_: target}
            self.whitener_ = whitening_of(
                within_class_covariance(spread, dict.fromkeys(spread, y)), self.whitening)
        return self

    def _scaled(self, x: Array, modality: str) -> Array:
        return apply_scaling(x, "standard", self.shift_[modality], self.scale_[modality])

    def project(self, x: npt.ArrayLike, modality: str) -> Array:
        """Rows ``(n, d_target)`` of the z-scored target space."""
        scaled = self._scaled(self._rows(x, modality), modality)
        return scaled if modality == self.target_ else np.asarray(scaled @ self.coef_)

    def embed(self, x: npt.ArrayLike, modality: str) -> Array:
        """Unit rows ``(n, d_target)``."""
        rows = self.project(x, modality)
        return unit_rows(rows if self.whitening is None else rows @ self.whitener_)

    def translate(self, x: npt.ArrayLike, source: str, target: str) -> Array:
        """Rows of the target modality in its own units, from the source modality only.

        Raises
        ------
        ValueError
            For the direction that was not fitted.
        """
        if (source, target) != (self.source_, self.target_):
            raise ValueError(f"target: this map goes from {self.source_!r} to {self.target_!r}, "
                             f"not from {source!r} to {target!r}; fit one with target={target!r}.")
        return self.project(x, source) * self.scale_[target] + self.shift_[target]
