"""Procrustes: a rotation between principal components of two modalities (Schönemann 1966).

    R = argmin over R'R = I of  sum_i |R' P_1' x_i - P_2' y_i|^2  =  U V',    U S V' = P_1' C_12 P_2

with P_m the k leading principal axes of modality m. A rotation has the fewest degrees of freedom of
all maps that use every component, so that it needs few pairs, and it leaves distances within a
modality as they are. Used between frozen encoders by Drift-Adapter (EMNLP 2025) and, on pairs it
has to guess, by mini-vec2vec (2025).

How we differ: the modalities differ in width, so that components take the place of features. They
may be whitened, and may be those of all rows of a modality; which is better is chosen on validation
classes, as are k, square roots of features and pairs within classes.
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
from crossalign.models.pairing import PAIRINGS, idle_choices
from crossalign.models.ranges import SIZE
from crossalign.models.roles import Aligner
from crossalign.models.rows import Array, unit_rows
from crossalign.preprocessing.scaling import KINDS, apply_scaling
from crossalign.types import Classes, Samples, Views

__all__ = ["Procrustes"]


class Procrustes(Aligner, Model):
    """A rotation of one modality's principal components onto the other's.

    Parameters
    ----------
    n_components : int
        Number k of components of each side, at most the smaller rank; default 64.
    whiten : bool
        Whether components are divided by their deviations, so that all count alike; default False.
    scaling : {"standard", "root", "minmax", "l2", "none"}
        Scaling of both modalities, fitted on training rows; default ``"standard"``.
    pairs : {"own", "class"}
        Pairs of rows; default ``"own"``, those of samples that have both modalities. ``"class"``
        pairs each row with all rows of its class, which needs labels but no sample with both; see
        `models.pairing`.
    covariances : {"pairs", "all"}
        Rows that each modality's mean, scaling and components are of: those of the pairs, the
        default, or all, also those of samples that lack the other modality.

    Attributes
    ----------
    maps_ : mapping of modality to (d_m, k)
        Maps of scaled, centred rows into the space, which is that of the second modality's
        components. With fewer pairs, or classes of them, than components no pair tells how the
        rest is turned, and the rest is left out.
    """

    many_labels = True
    uses_side_information = True
    handles_missing = handles_unlabelled = True
    search_space: ClassVar[dict[str, Sequence[Any]]] = {
        "scaling": ("standard", "root"), "pairs": PAIRINGS, "covariances": COVARIANCES,
        "n_components": (16, 32, 64, 128, 256), "whiten": (False, True)}
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_components": [SIZE],
        "whiten": ["boolean"],
        "scaling": [StrOptions(set(KINDS))],
        "pairs": [StrOptions(set(PAIRINGS))],
        "covariances": [StrOptions(set(COVARIANCES))],
    }

    def __init__(self, n_components: int = 64, whiten: bool = False, scaling: str = "standard",
                 pairs: str = "own", covariances: str = "pairs") -> None:
        self.n_components = n_components
        self.whiten = whiten
        self.scaling = scaling
        self.pairs = pairs
        self.covariances = covariances

    def fit(self, X: Samples, y: npt.ArrayLike | None = None, *, classes: Any = None,
            callbacks: Sequence[Any] = ()) -> Self:
        """Find components and rotation; labels are used for pairs of a class."""
        X, classes = self._start(X, y, classes)
        self._solve(pair_statistics(X, classes, self))
        return self

    def fit_path(self, X: Views, points: Sequence[Mapping[str, Any]], *,
                 classes: Classes | None = None,
                 callbacks: Sequence[Any] = ()) -> Iterator[Self]:
        """Fit every point of a grid, with one decomposition of covariances for all rotations."""
        shared: dict[tuple[Any, ...], PairStatistics] = {}
        for params in points:
            model = clone(self).set_params(**params)
            X, classes = model._start(X, None, classes)
            key = model.scaling, model.pairs, model.covariances
            if key not in shared:
                shared[key] = pair_statistics(X, classes, model)
            model._solve(shared[key])
            yield model

    def idle(self, X: Views) -> Collection[str]:
        """Return the parameters that need labels or unpaired rows that the samples do not have."""
        return [*idle_choices(X), *(["covariances"] if all_are_paired(X) else [])]

    def _solve(self, statistics: PairStatistics) -> None:
        a, b = statistics.pairs.names
        self._remember({m: len(statistics.means[m]) for m in (a, b)})
        self.shift_, self.scale_ = statistics.shift, statistics.scale
        self.farthest_, self.means_ = statistics.farthest, statistics.means
        k = min(self.n_components, *(rank_of(statistics.axes[m][0]) for m in (a, b)))
        first, second = (components(*statistics.axes[m], k, self.whiten) for m in (a, b))
        U, s, Vt = linalg.svd(first.T @ statistics.cross @ second)
        shown = rank_of(s)
        self.maps_ = ({a: first @ (U @ Vt), b: second} if shown == k else
                      {a: first @ U[:, :shown], b: second @ Vt[:shown].T})

    def project(self, x: npt.ArrayLike | Views, modality: str) -> Array:
        """Return rows ``(n, k)`` of the space, before they are scaled to unit length."""
        rows = apply_scaling(self._rows(x, modality), self.scaling, self.shift_[modality],
                             self.scale_[modality], self.farthest_[modality])
        return np.asarray((rows - self.means_[modality]) @ self.maps_[modality])

    def embed(self, x: npt.ArrayLike | Views, modality: str) -> Array:
        """Return unit rows ``(n, k)``."""
        return unit_rows(self.project(x, modality))


def components(values: Array, vectors: Array, k: int, whiten: bool = False) -> Array:
    """Return the k leading axes ``(d, k)`` of eigenvalues ``(d,)``, ascending, and -vectors
    ``(d, d)``.

    With ``whiten`` each is divided by its deviation.
    """
    axes = vectors[:, ::-1][:, :k]
    return np.asarray(axes / np.sqrt(values[::-1][:k]) if whiten else axes)


def rotation(cross: Array) -> Array:
    """Return the orthogonal R ``(k, k)`` that maximises ``tr(R' cross)``."""
    U, _, Vt = linalg.svd(cross)
    return np.asarray(U @ Vt)


def rank_of(values: Array) -> int:
    """Count the eigenvalues, or singular values, that can be told from rounding."""
    return int((values > values.max() * 1e-9).sum())
