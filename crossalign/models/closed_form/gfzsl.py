"""GFZSL: every class a Gaussian, with a mean regressed from side information.

Verma & Rai, "A simple exponential family framework for zero-shot learning", ECML-PKDD 2017. Seen
classes have the mean of their samples. The mean of any class is also predicted from its side
information by kernel ridge regression (their eq. 8; RBF on L2-normalised embeddings, ``exp(-g |a -
b|^2)``, or linear for g = 0)

    mu(a) = mu_0 + k(a, A) (K + l I)^-1 (M - mu_0)

fitted on the seen classes. A sample's score is its log-density up to a constant.

How we differ: the paper regresses a diagonal covariance per class as well; we share one
within-class covariance, shrunk toward a multiple of the identity, so scores are those of linear
discriminant analysis. With one sample per class the covariance cannot be estimated and is a
multiple of the identity: classes are told apart by the distance to their means. Grid and defaults
are chosen on validation classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from scipy import linalg
from sklearn.base import clone
from sklearn.utils._param_validation import Interval, StrOptions

from crossalign.models.base import Model
from crossalign.models.ranges import RATE, WEIGHT
from crossalign.models.roles import ZeroShotClassifier
from crossalign.models.rows import Array, unit_rows
from crossalign.models.supervision import checked_side, labels_of, side_information
from crossalign.preprocessing.rows import class_means, extent, rows_of, scatter
from crossalign.preprocessing.scaling import KINDS, apply_scaling, fit_scaling, scaled_rows
from crossalign.types import Classes, Samples, Views

__all__ = ["GFZSL"]

ROUNDING = 1e-14
"""Share of a variance that may be the rounding of float32."""


@dataclass(frozen=True)
class _Statistics:
    modality: str
    scaling: dict[str, Array]
    seen: Array
    means: Array
    variances: Array
    axes: Array


class GFZSL(ZeroShotClassifier, Model):
    """Class Gaussians with regressed means and one shrunk covariance.

    Parameters
    ----------
    kernel_gamma : float
        Width g of the RBF kernel, default 1; 0 is the linear kernel.
    ridge : float
        Ridge l of the regression; default 0.01.
    shrinkage : float in [0, 1]
        Weight of the identity in the covariance; default 0.3.
    scaling : {"l2", "standard", "minmax", "none"}
        Scaling of features, fitted on training rows; default ``"l2"``.
    modality : str, optional
        Name of the modality with the features; default the first.

    Attributes
    ----------
    means_ : (C, d)
        Class means.
    axes_ : (d, d) and precisions_ : (d,)
        Inverse covariance, as eigenvectors and inverse eigenvalues.
    coef_ : (d, C) and intercept_ : (C,)
        Scores are ``x @ coef_ + intercept_``.
    """

    uses_side_information = True
    search_space: ClassVar[dict[str, Sequence[Any]]] = {
        "kernel_gamma": (0.0, 0.3, 1.0, 3.0, 10.0), "ridge": (0.01, 0.1, 0.5, 2.0),
        "shrinkage": (0.03, 0.1, 0.3, 0.6, 0.9)}
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "kernel_gamma": [WEIGHT],
        "ridge": [RATE],
        "shrinkage": [Interval(Real, 0, 1, closed="right")],
        "scaling": [StrOptions(set(KINDS))],
        "modality": [str, None],
    }

    def __init__(self, kernel_gamma: float = 1.0, ridge: float = 0.01, shrinkage: float = 0.3,
                 scaling: str = "l2", modality: str | None = None) -> None:
        self.kernel_gamma = kernel_gamma
        self.ridge = ridge
        self.shrinkage = shrinkage
        self.scaling = scaling
        self.modality = modality

    def fit(self, X: Samples, y: npt.ArrayLike | None = None, *, classes: Any = None,
            callbacks: Sequence[Any] = ()) -> Self:
        """Estimate means and covariance, and regress the means on ``classes.embeddings``."""
        X, classes = self._start(X, y, classes)
        classes = side_information(classes, self)
        return self._solve(self._statistics(X), classes)

    def fit_path(self, X: Views, points: Sequence[Mapping[str, Any]], *,
                 classes: Classes | None = None,
                 callbacks: Sequence[Any] = ()) -> Iterator[Self]:
        """Fit every point of a grid, with one pass over the samples."""
        shared: dict[tuple[str, str | None], _Statistics] = {}
        for params in points:
            model = clone(self).set_params(**params)
            read, classes = model._start(X, None, classes)
            key = model.scaling, model.modality
            if key not in shared:
                shared[key] = model._statistics(read)
            yield model._solve(shared[key], side_information(classes, model))

    def _statistics(self, X: Views) -> _Statistics:
        """Compute everything that depends on the samples and not on the hyper-parameters."""
        (name,), labels = X.modalities, labels_of(X, self)
        rows = rows_of(X, name)
        scaling = fit_scaling(rows, self.scaling)
        x = scaled_rows(rows, self.scaling, scaling)
        seen, codes = np.unique(labels, return_inverse=True)
        means = class_means(x, codes, len(seen))                          # (C_seen, d)
        variances, axes = linalg.eigh(scatter(x.less_class(codes, means)) / len(x))
        extent_of_rows = extent(x)
        assert extent_of_rows is not None
        spread = float(np.mean(extent_of_rows.deviation**2))
        if spread <= ROUNDING * (spread + np.mean(extent_of_rows.mean**2)):
            raise ValueError(f"X: samples do not differ (n_samples={len(x)}, "
                             f"n_features={x.width}), so there is nothing to tell classes by; "
                             "give features that vary.")
        if variances.max() <= ROUNDING * spread:
            variances = np.full_like(variances, spread)
        return _Statistics(name, scaling, seen, means, np.clip(variances, 0, None), axes)

    def _solve(self, statistics: _Statistics, classes: Classes) -> Self:
        self.modality_, self.scaling_ = statistics.modality, statistics.scaling
        self.seen_, self.axes_ = statistics.seen, statistics.axes
        self.precisions_ = 1 / ((1 - self.shrinkage) * statistics.variances
                                + self.shrinkage * statistics.variances.mean())
        self.offset_ = statistics.means.mean(axis=0)
        self.side_ = unit_rows(classes.embeddings[self.seen_]).astype(np.float64)
        gram = self._kernel(self.side_) + self.ridge * np.eye(len(self.seen_))
        self.weights_ = linalg.solve(gram, statistics.means - self.offset_, assume_a="pos")
        self.means_ = self.regress(classes.embeddings)
        self.means_[self.seen_] = statistics.means
        self.coef_, self.intercept_ = self._scores_of(self.means_)
        return self

    def regress(self, class_embeddings: npt.ArrayLike) -> Array:
        """Predict class means ``(C, d)`` from side information ``(C, a)`` alone."""
        side = unit_rows(checked_side(class_embeddings, self.side_.shape[1])).astype(np.float64)
        return np.asarray(self.offset_ + self._kernel(side) @ self.weights_)

    def _class_scores(self, x: Array, classes: Classes | None) -> Array:
        """Return log-densities ``(n, C)`` up to a constant per sample."""
        model = self if classes is None else self.with_classes(classes)
        return np.asarray(self.placed(x) @ model.coef_ + model.intercept_)

    def placed(self, x: Array) -> Array:
        """Return rows ``(n, d)`` where class means are: scaled, in float64."""
        return apply_scaling(x, self.scaling, **self.scaling_).astype(np.float64)

    @property
    def whitener(self) -> Array:
        """Map ``(d, d)`` of rows, as `placed`, under which classes have unit covariance."""
        return np.asarray(self.axes_ * np.sqrt(self.precisions_))

    def with_classes(self, classes: Classes) -> Self:
        """Return a model that scores these classes, further ones by regressed means."""
        means = self._means_of(classes)
        if means.shape == self.means_.shape and np.allclose(means, self.means_, 1e-9, 1e-12):
            return self
        return self.with_means(means)

    def with_further(self, classes: Classes) -> Self:
        """Return a model that scores further classes too, which stand behind those it scores."""
        means = self.regress(classes.embeddings)
        means[:len(self.means_)] = self.means_
        return self.with_means(means)

    def with_means(self, means: Array) -> Self:
        """Return a model with other class means ``(C, d)``."""
        other = copy(self)
        other.means_ = np.asarray(means, dtype=np.float64)
        other.coef_, other.intercept_ = self._scores_of(means)
        return other

    def _means_of(self, classes: Classes) -> Array:
        """Return means ``(C, d)`` of classes; those of training keep the means of their samples.

        A class is one of training if it has its side information, in its place or marked as seen.
        """
        means = self.regress(classes.embeddings)
        side = unit_rows(classes.embeddings).astype(np.float64)
        nearest = (side @ self.side_.T).argmax(axis=1)
        place = np.minimum(np.searchsorted(self.seen_, np.arange(len(side))), len(self.seen_) - 1)
        in_place = self.seen_[place] == np.arange(len(side))
        for known, rows in ((classes.seen, nearest), (in_place, place)):
            same = known & np.isclose(side, self.side_[rows], rtol=0, atol=1e-6).all(axis=1)
            means[same] = self.means_[self.seen_[rows[same]]]
        return means

    def _kernel(self, side: Array) -> Array:
        inner = side @ self.side_.T
        # |a - b|^2 = 2 - 2 a'b for unit rows
        return inner if self.kernel_gamma == 0 else np.exp(-2 * self.kernel_gamma * (1 - inner))

    def _scores_of(self, means: Array) -> tuple[Array, Array]:
        coef = self.axes_ @ (self.precisions_[:, None] * (self.axes_.T @ means.T))  # (d, C)
        return coef, -0.5 * np.einsum("cd,dc->c", means, coef)
