"""ResidualAdapter: a linear step from the space of a dual encoder, in closed form.

    W = argmin |X (I + W) - A|^2 + l |W|^2 = (X'X + l I)^-1 X' (A - X),      l = ridge tr(X'X) / d
    f(x) = x + ratio x W

X are unit rows of the first modality, A those of the other one, or of each sample's class vector.
The ridge draws W to zero, that is the map to the identity, so that much ridge, few samples or a
ratio of zero leave the frozen space as it is.

The step beside the frozen features and its ratio are those of CLIP-Adapter (Gao et al., IJCV 2024,
eq. 6); a ridge toward what was trained before is that of transfer by regularisation (Li et al.,
L2-SP, ICML 2018, eq. 1).

How we differ: they train two layers by gradient steps on the classes of a few samples; ours is
linear and solved at once, and pairs without classes can teach it too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from scipy import linalg
from sklearn.base import clone

from crossalign.models.dual_encoder.dual_encoder import FrozenDualEncoder
from crossalign.models.pairing import paired_rows
from crossalign.models.ranges import RATE, SHARE
from crossalign.models.rows import Array, unit_rows
from crossalign.preprocessing.rows import products, scatter
from crossalign.types import Classes, Samples, Views

__all__ = ["ResidualAdapter"]


class _Statistics(NamedTuple):
    """Statistics of pairs: the adapted modality, X'X = axes values axes', axes' X' (A - X)."""

    source: str
    values: Array
    axes: Array
    cross: Array


class ResidualAdapter(FrozenDualEncoder):
    """A dual encoder's space, with a ridge-regularised linear step of the first modality.

    Parameters
    ----------
    ridge : float
        Ridge l on the step, as a multiple of the mean eigenvalue of X'X; default 1.
    ratio : float in [0, 1]
        Share of the step that is taken; default 1. Zero is the frozen space.
    temperature : float
        Temperature by which cosines are divided for scores of classes; default 0.01.

    Attributes
    ----------
    coef_ : (d, d)
        The step W.
    source_ : str
        Modality that takes the step.
    """

    many_modalities = False
    search_space: ClassVar[dict[str, Sequence[Any]]] = {
        "ridge": (0.01, 0.1, 1.0, 10.0, 100.0), "ratio": (0.0, 0.25, 0.5, 1.0)}
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "ridge": [RATE], "ratio": [SHARE], **FrozenDualEncoder._parameter_constraints}

    def __init__(self, ridge: float = 1.0, ratio: float = 1.0, temperature: float = 0.01) -> None:
        super().__init__(temperature)
        self.ridge = ridge
        self.ratio = ratio

    def fit(self, X: Samples, y: npt.ArrayLike | None = None, *, classes: Any = None,
            callbacks: Sequence[Any] = ()) -> Self:
        """Solve for the step on pairs; labels are used where class vectors are the other side."""
        views, known = self._start_in_space(X, y, classes)
        return self._solve(self._statistics(views, known))

    def fit_path(self, X: Views, points: Sequence[Mapping[str, Any]], *,
                 classes: Classes | None = None,
                 callbacks: Sequence[Any] = ()) -> Iterator[Self]:
        """Fit every point of a grid, with one eigendecomposition for all."""
        statistics: _Statistics | None = None
        for params in points:
            model = clone(self).set_params(**params)
            views, known = model._start_in_space(X, None, classes)
            statistics = statistics or model._statistics(views, known)
            yield model._solve(statistics)

    def _statistics(self, X: Views, classes: Classes | None) -> _Statistics:
        """Compute everything that depends on the samples and not on ridge or ratio."""
        pairs = paired_rows(X, classes, self)
        source, target = (pairs.rows[m].then(_unit) for m in pairs.names)
        gram = scatter(source)
        values, axes = linalg.eigh(gram)
        cross = axes.T @ (products(source, target) - gram)
        return _Statistics(pairs.names[0], np.clip(values, 0, None), axes, cross)

    def _solve(self, statistics: _Statistics) -> Self:
        self.source_ = statistics.source
        ridge = self.ridge * statistics.values.mean()
        if ridge == 0:
            raise ValueError(f"X: all rows of {self.source_!r} are zero; give rows that are not.")
        self.coef_ = statistics.axes @ (statistics.cross / (statistics.values + ridge)[:, None])
        return self

    def embed(self, x: npt.ArrayLike | Views, modality: str) -> Array:
        """Return unit rows ``(n, d)``, those of the first modality after the step."""
        rows = super().embed(x, modality)
        if modality != self.source_:
            return rows
        return unit_rows(rows + self.ratio * (rows @ self.coef_))


def _unit(x: Array) -> Array:
    return unit_rows(x).astype(np.float64)
