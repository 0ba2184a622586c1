"""CommonPCA: features of one encoder, compared on the principal axes that all modalities share.

    P = the k leading eigenvectors of  sum_m C_m,     C_m the covariance of z-scored rows of m

The flattest of common principal components (Flury 1984): each modality is centred and scaled by
itself, which removes what sets whole modalities apart, and all are turned alike. Pictures of two
domains (sketch and photo, paintings) that one network has encoded are nearly aligned by that
already, and a model that learns from few classes can lose it: a row such a model has to beat.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from scipy import linalg
from sklearn.utils._param_validation import StrOptions

from crossalign.models.base import Model
from crossalign.models.ranges import SIZE
from crossalign.models.roles import Aligner
from crossalign.models.rows import Array, unit_rows
from crossalign.preprocessing.rows import Rows, check_varying, mean_row, rows_of, scatter
from crossalign.preprocessing.scaling import KINDS, apply_scaling, fit_scaling
from crossalign.types import Samples, Views

__all__ = ["CommonPCA"]


class CommonPCA(Aligner, Model):
    """Principal axes of modalities whose features come from one encoder.

    Parameters
    ----------
    n_components : int
        Width of the space, at most that of the features; default 128.
    scaling : {"minmax", "standard", "l2", "root", "none"}
        Scaling of features, fitted on each modality's own training rows; default ``"standard"``.

    Attributes
    ----------
    axes_ : (d, k) float32
        Axes, as orthonormal columns.
    """

    many_labels = True
    one_encoder = True
    many_modalities = True
    handles_missing = True
    search_space: ClassVar[dict[str, Sequence[Any]]] = {
        "scaling": ("standard", "root"), "n_components": (64, 128, 256)}
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_components": [SIZE],
        "scaling": [StrOptions(set(KINDS))],
    }

    def __init__(self, n_components: int = 128, scaling: str = "standard") -> None:
        self.n_components = n_components
        self.scaling = scaling

    def fit(self, X: Samples, y: npt.ArrayLike | None = None, *, classes: Any = None,
            callbacks: Sequence[Any] = ()) -> Self:
        """Scale every modality by itself, then find the axes of all; labels are not used.

        Raises
        ------
        ValueError
            If the modalities differ in width, or the samples of one do not vary.
        """
        X, classes = self._start(X, y, classes)
        self.shift_, self.scale_, self.farthest_, scaled = {}, {}, {}, {}
        for name in X.modalities:
            rows = rows_of(X.having(name), name)
            check_varying(rows, name)
            fitted = fit_scaling(rows, self.scaling)
            self.shift_[name], self.scale_[name] = fitted["shift"], fitted["scale"]
            self.farthest_[name] = fitted["farthest"]
            scaled[name] = rows.then(partial(self._scaled, modality=name))
        self.axes_ = common_axes(scaled, self.n_components)
        return self

    def _scaled(self, x: Array, modality: str) -> Array:
        return apply_scaling(x, self.scaling, self.shift_[modality], self.scale_[modality],
                             self.farthest_[modality])

    def embed(self, x: npt.ArrayLike | Views, modality: str) -> Array:
        """Return unit rows ``(n, k)``."""
        return unit_rows(self._scaled(self._rows(x, modality), modality) @ self.axes_)


def common_axes(rows: Mapping[str, Rows], k: int) -> Array:
    """Return the ``min(k, d)`` leading axes ``(d, k)`` of the summed covariances of rows ``(n_m,
    d)``.

    Raises
    ------
    ValueError
        If the rows of the modalities differ in width.
    """
    widths = {name: x.width for name, x in rows.items()}
    d = next(iter(widths.values()))
    if set(widths.values()) != {d}:
        raise ValueError(f"X: common axes are for features of one encoder and the modalities have "
                         f"widths {widths}; give features of one width, or choose a model that "
                         "learns a map.")
    total = np.zeros((d, d))
    for x in rows.values():
        total += scatter(x.less(mean_row(x))) / len(x)
    _, vectors = linalg.eigh(total, subset_by_index=(max(0, d - k), d - 1))
    return np.ascontiguousarray(vectors[:, ::-1], dtype=np.float32)
