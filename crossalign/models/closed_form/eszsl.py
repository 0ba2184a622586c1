"""ESZSL: embarrassingly simple zero-shot learning (Romera-Paredes & Torr, ICML 2015).

Minimises ``||X' W S - Y||^2 + g ||W S||^2 + l ||X' W||^2 + g l ||W||^2`` over the bilinear map W
between features X (d, n) and class embeddings S (a, C); eq. 5 there has the closed form

    W = (X X' + 10^alpha I)^-1  X Y S'  (S S' + 10^gamma I)^-1,     Y in {-1, 1}^(n, C)

and a class scores ``x' W s``. Exponents are chosen on validation classes from -3..3.

How we differ: features and class embeddings are centred on their training means, which stands for
the intercepts that the bilinear form lacks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from scipy import linalg
from sklearn.base import clone
from sklearn.utils._param_validation import StrOptions

from crossalign.models.base import Model
from crossalign.models.ranges import EXPONENT
from crossalign.models.roles import ZeroShotClassifier
from crossalign.models.rows import Array
from crossalign.models.supervision import checked_side, labels_of
from crossalign.preprocessing.rows import Rows, class_means, mean_row, rows_of, scatter
from crossalign.preprocessing.scaling import KINDS, apply_scaling, fit_scaling, scaled_rows
from crossalign.types import Classes, Samples, Views

__all__ = ["ESZSL"]


@dataclass(frozen=True)
class _Statistics:
    """Eigendecompositions of X X' (d, d) and S S' (a, a), and X Y S' between their axes."""

    x_values: Array
    x_axes: Array
    s_values: Array
    s_axes: Array
    cross: Array


class ESZSL(ZeroShotClassifier, Model):
    """Closed-form bilinear compatibility between features and class embeddings.

    Also a plain scikit-learn classifier: without ``classes`` every class is its own one-hot
    embedding.

    Parameters
    ----------
    alpha, gamma : float
        Base-10 exponents of the feature-side and class-side regularisers; default 0.
    scaling : {"l2", "standard", "minmax", "none"}
        Scaling of features, fitted on training rows; default ``"l2"``.
    modality : str, optional
        Name of the modality with the features; default the first.

    Attributes
    ----------
    coef_ : (d, a)
        The bilinear map W.
    classes_ : (C,)
        Labels of the score columns.
    """

    uses_side_information = True
    search_space: ClassVar[dict[str, Sequence[Any]]] = {
        "scaling": ("l2", "standard"), "alpha": (-3, -2, -1, 0, 1, 2, 3),
        "gamma": (-3, -2, -1, 0, 1, 2, 3)}
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "alpha": [EXPONENT],
        "gamma": [EXPONENT],
        "scaling": [StrOptions(set(KINDS))],
        "modality": [str, None],
    }

    def __init__(self, alpha: float = 0.0, gamma: float = 0.0, scaling: str = "l2",
                 modality: str | None = None) -> None:
        self.alpha = alpha
        self.gamma = gamma
        self.scaling = scaling
        self.modality = modality

    def fit(self, X: npt.ArrayLike | Views, y: npt.ArrayLike | None = None, *,
            classes: Classes | None = None,
            callbacks: Sequence[Any] = ()) -> Self:
        """Solve for W on features ``(n, d)`` with labels ``(n,)``."""
        self._fit(X, y, classes)
        return self

    def _fit(self, X: Samples, y: npt.ArrayLike | None, classes: Any) -> _Statistics:
        views, known = self._start(X, y, classes)
        labels = labels_of(views, self)
        assert known is not None
        (self.modality_,) = views.modalities
        statistics = self._statistics(rows_of(views, self.modality_), labels, known)
        self._solve(statistics)
        return statistics

    def fit_path(self, X: Views, points: Sequence[Mapping[str, Any]], *,
                 classes: Classes | None = None,
                 callbacks: Sequence[Any] = ()) -> Iterator[Self]:
        """Fit every point of a grid, with one pass over the samples."""
        shared: dict[tuple[str, str | None], tuple[ESZSL, _Statistics]] = {}
        for params in points:
            model = clone(self).set_params(**params)
            key = model.scaling, model.modality
            if key not in shared:
                shared[key] = model, model._fit(X, None, classes)
            else:
                model._validate_params()
                first, statistics = shared[key]
                for name, value in vars(first).items():
                    if name.endswith("_"):
                        setattr(model, name, value)
                model._solve(statistics)
            yield model

    def _statistics(self, rows: Rows, y: Array, classes: Classes) -> _Statistics:
        """Compute everything that depends on the samples and not on the exponents."""
        self.scaling_ = fit_scaling(rows.then(lambda x: x.astype(np.float32)), self.scaling)
        X = scaled_rows(rows, self.scaling, self.scaling_)
        self.mean_ = mean_row(X)
        X = X.less(self.mean_)
        self.embeddings_ = classes.embeddings.astype(np.float64)
        seen, codes = np.unique(y, return_inverse=True)
        self.side_mean_ = self.embeddings_[seen].mean(axis=0)
        S = (self.embeddings_[seen] - self.side_mean_).T                  # (a, C_seen)
        sums = class_means(X, codes, len(seen)) * np.bincount(codes)[:, None]
        XYS = (2 * sums.T - len(X) * mean_row(X)[:, None]) @ S.T          # X Y S', (d, a)
        x_values, x_axes = linalg.eigh(scatter(X))
        s_values, s_axes = linalg.eigh(S @ S.T)
        return _Statistics(x_values, x_axes, s_values, s_axes, x_axes.T @ XYS @ s_axes)

    def _solve(self, statistics: _Statistics) -> None:
        inner = statistics.cross / (statistics.x_values + 10.0**self.alpha)[:, None]
        inner = inner / (statistics.s_values + 10.0**self.gamma)
        self.coef_ = statistics.x_axes @ inner @ statistics.s_axes.T

    def _class_scores(self, x: Array, classes: Classes | None) -> Array:
        """Return the compatibility ``(n, C)`` of features and classes."""
        S = self.embeddings_ if classes is None else checked_side(classes.embeddings,
                                                                  self.embeddings_.shape[1])
        scaled = apply_scaling(x, self.scaling, **self.scaling_).astype(np.float64)
        return np.asarray(((scaled - self.mean_) @ self.coef_) @ (S - self.side_mean_).T)
