"""CCA: regularised canonical correlation analysis (Hotelling 1936; Vinod 1976).

Finds ``A_1, A_2`` with ``A_m (C_mm + r_m I) A_m' = I`` that maximise ``tr(A_1 C_12 A_2')``, from
one singular value decomposition of the whitened cross-covariance. Retrieval is by cosine of the
projections. Row one of every zero-shot retrieval table.

How we differ: published rows leave the regulariser at zero or unsaid; ours is
``r_m = reg * tr(C_mm) / d_m``, so it does not depend on a modality's scale. It and the width are
chosen on validation classes, as are square roots of features, within-class whitening, pairs within
classes (cluster CCA: Rasiwasia et al., AISTATS 2014), and covariances of all rows, where some
belong to no pair.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from scipy import linalg
from sklearn.base import clone
from sklearn.utils._param_validation import StrOptions

from crossalign.models.base import Model
from crossalign.models.closed_form.pair_statistics import (
    COVARIANCES,
    PairStatistics,
    all_are_paired,
    pair_statistics,
)
from crossalign.models.closed_form.procrustes import rank_of
from crossalign.models.pairing import PAIRINGS, idle_choices
from crossalign.models.ranges import RATE, SIZE, WEIGHT
from crossalign.models.roles import Aligner
from crossalign.models.rows import Array, unit_rows
from crossalign.models.supervision import labels_of
from crossalign.models.whitening import whitening_of, within_class_covariance
from crossalign.preprocessing.scaling import KINDS, apply_scaling
from crossalign.types import Classes, Samples, Views

__all__ = ["CCA"]


class CCA(Aligner, Model):
    """Two linear maps to the space in which the modalities correlate most.

    Parameters
    ----------
    n_components : int, optional
        Width of the space, at most ``min(d_1, d_2)``; by default one less, at least 1. Components
        without a correlation, as beyond the number of pairs or of their classes, are left out.
    reg : float
        Ridge on each covariance, as a fraction of the mean variance of the columns that vary;
        default 1e-3.
    whitening : float, optional
        Strength s of within-class whitening in `embed`, see `models.whitening`; default none. Needs
        labels.
    scaling : {"none", "standard", "root", "minmax", "l2"}
        Scaling of both modalities, fitted on training rows; default ``"none"``.
    pairs : {"own", "class"}
        Pairs of rows; default ``"own"``, those of samples that have both modalities. ``"class"``
        pairs each row with all rows of its class, which needs labels but no sample with both; see
        `models.pairing`.
    covariances : {"pairs", "all"}
        Rows that each modality's mean, scaling and covariance are of: those of the pairs, the
        default, or all, also those of samples that lack the other modality; see
        `models.closed_form.pair_statistics`. Where pairs are fewer than columns, covariances of all
        rows let noise in C_12 through, unless ``reg`` is about 1 or more.
    weighting : {"none", "correlation"}
        Weights of components. ``"correlation"`` counts each by its canonical correlation rho, and
        compares by ``sum_i rho_i a_i b_i`` over the lengths of ``sqrt(rho) a`` and ``sqrt(rho) b``
        (CSA: Li et al., ICLR 2025, divides by the lengths of a and b); default ``"none"``.

    Attributes
    ----------
    correlations_ : (k,)
        Canonical correlations on the training rows, descending. With covariances of all rows they
        are estimates that can be above one.
    """

    many_labels = True
    uses_side_information = True
    handles_missing = handles_unlabelled = True
    search_space: ClassVar[dict[str, Sequence[Any]]] = {
        "scaling": ("none", "root"), "pairs": PAIRINGS, "covariances": COVARIANCES,
        "reg": (1e-3, 1e-2, 0.1, 1.0), "n_components": (None, 8, 32), "whitening": (None, 1.0)}
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_components": [SIZE, None],
        "reg": [WEIGHT],
        "whitening": [RATE, None],
        "scaling": [StrOptions(set(KINDS))],
        "pairs": [StrOptions(set(PAIRINGS))],
        "covariances": [StrOptions(set(COVARIANCES))],
        "weighting": [StrOptions({"none", "correlation"})],
    }

    def __init__(self, n_components: int | None = None, reg: float = 1e-3,
                 whitening: float | None = None, scaling: str = "none",
                 pairs: str = "own", covariances: str = "pairs",
                 weighting: str = "none") -> None:
        self.n_components = n_components
        self.reg = reg
        self.whitening = whitening
        self.scaling = scaling
        self.pairs = pairs
        self.covariances = covariances
        self.weighting = weighting

    def fit(self, X: Samples, y: npt.ArrayLike | None = None, *, classes: Any = None,
            callbacks: Sequence[Any] = ()) -> Self:
        """Solve for the two projections; labels are used for pairs of a class and for whitening."""
        X, classes = self._start(X, y, classes)
        statistics = pair_statistics(X, classes, self)
        self._project_by(statistics, self._decompose(statistics))
        self._whiten(statistics, X)
        return self

    def fit_path(self, X: Views, points: Sequence[Mapping[str, Any]], *,
                 classes: Classes | None = None,
                 callbacks: Sequence[Any] = ()) -> Iterator[Self]:
        """Fit every point of a grid, with one decomposition for all widths of a regulariser."""
        shared: dict[tuple[Any, ...], PairStatistics] = {}
        solved: dict[tuple[Any, ...], tuple[Array, Array, Array]] = {}
        for params in points:
            model = clone(self).set_params(**params)
            X, classes = model._start(X, None, classes)
            key = model.scaling, model.pairs, model.covariances
            if key not in shared:
                shared[key] = pair_statistics(X, classes, model)
            if (*key, model.reg) not in solved:
                solved[*key, model.reg] = model._decompose(shared[key])
            model._project_by(shared[key], solved[*key, model.reg])
            model._whiten(shared[key], X)
            yield model

    def idle(self, X: Views) -> Collection[str]:
        """Return the parameters that need labels or two views that the samples do not have."""
        return [*idle_choices(X), *(["covariances"] if all_are_paired(X) else [])]

    def _decompose(self, statistics: PairStatistics) -> tuple[Array, Array, Array]:
        """Return projections ``(d_m, r)`` of both sides, and their correlations ``(r,)``, of the
        components that the pairs show.
        """
        a, b = (inverse_root(*statistics.axes[m], self.reg) for m in statistics.pairs.names)
        U, rho, Vt = linalg.svd(a @ statistics.cross @ b, full_matrices=False)
        shown = rank_of(rho)
        return a @ U[:, :shown], b @ Vt[:shown].T, rho[:shown]

    def _project_by(self, statistics: PairStatistics, solved: tuple[Array, Array, Array]) -> None:
        a, b = statistics.pairs.names
        self._remember({m: len(statistics.means[m]) for m in (a, b)})
        self.shift_, self.scale_ = statistics.shift, statistics.scale
        self.farthest_, self.means_ = statistics.farthest, statistics.means
        limit = max(1, min(statistics.cross.shape) - 1)
        k = limit if self.n_components is None else min(self.n_components, limit + 1)
        k = min(k, len(solved[2]))
        self.correlations_ = solved[2][:k]
        weights = np.sqrt(self.correlations_) if self.weighting == "correlation" else np.ones(k)
        self.projections_ = {a: solved[0][:, :k] * weights, b: solved[1][:, :k] * weights}

    def _whiten(self, statistics: PairStatistics, X: Views) -> None:
        if self.whitening is None:
            return
        labels_of(X, self)
        assert statistics.pairs.labels is not None
        rows = {m: x.by(self.projections_[m]) for m, x in statistics.pairs.rows.items()}
        self.whitener_ = whitening_of(within_class_covariance(rows, statistics.pairs.labels),
                                      self.whitening)

    def project(self, x: npt.ArrayLike | Views, modality: str) -> Array:
        """Return canonical variates ``(n, k)``, weighted, before they are scaled to unit length."""
        rows = apply_scaling(self._rows(x, modality), self.scaling, self.shift_[modality],
                             self.scale_[modality], self.farthest_[modality])
        return np.asarray((rows - self.means_[modality]) @ self.projections_[modality])

    def embed(self, x: npt.ArrayLike | Views, modality: str) -> Array:
        """Return unit rows ``(n, k)``."""
        rows = self.project(x, modality)
        return unit_rows(rows if self.whitening is None else rows @ self.whitener_)


def inverse_root(values: Array, vectors: Array, reg: float) -> Array:
    """Compute ``(C + reg tr(C)/d' I)^(-1/2)`` from eigenvalues ``(d,)`` and -vectors ``(d, d)`` of
    C, with d' its number of columns that vary.

    Directions without variance map to zero where ``reg`` is 0.
    """
    values = np.clip(values, 0, None)
    variances = np.square(vectors) @ values                          # of the columns, (d,)
    varying = int((variances > variances.max() * 1e-12).sum())
    values = values + reg * values.sum() / max(1, varying)
    positive = values > values.max() * 1e-12
    root = np.where(positive, 1 / np.sqrt(np.where(positive, values, 1)), 0)
    return np.asarray((vectors * root) @ vectors.T)
