"""CCA: regularised canonical correlation analysis (Hotelling 1936; Vinod 1976).

Finds ``A_1, A_2`` with ``A_m (C_mm + r_m I) A_m' = I`` that maximise ``tr(A_1 C_12 A_2')``, from
one singular value decomposition of the whitened cross-covariance. Retrieval is by cosine of the
projections. Row one of every zero-shot retrieval table.

How we differ: published rows leave the regulariser at zero or unsaid; ours is
``r_m = reg * tr(C_mm) / d_m``, so it does not depend on a modality's scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from scipy import linalg

from crossalign.models.base import Aligner, Array, Model, unit_rows
from crossalign.models.pairing import paired_rows
from crossalign.models.ranges import SIZE, WEIGHT
from crossalign.types import Benchmark, Classes, Views


class CCA(Aligner, Model):
    """Two linear maps to the space where the modalities correlate most.

    Parameters
    ----------
    n_components : int, optional
        Width of the space; ``min(d_1, d_2) - 1`` by default, at least 1.
    reg : float
        Ridge on each covariance, as a fraction of its mean eigenvalue.

    Attributes
    ----------
    correlations_ : (k,)
        Canonical correlations on the training rows, descending.
    """

    uses_side_information = True
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_components": [SIZE, None],
        "reg": [WEIGHT],
    }

    def __init__(self, n_components: int | None = None, reg: float = 1e-3) -> None:
        self.n_components = n_components
        self.reg = reg

    def fit(self, X: Views, y: npt.ArrayLike | None = None, *, classes: Classes | None = None,
            val: Benchmark | None = None, callbacks: Sequence[Any] = ()) -> Self:
        """Solve for the two projections on paired rows; labels are used only to pair classes."""
        X = self._start(X, classes, y)
        rows, names = paired_rows(X, classes, self)
        self._remember({name: rows[name].shape[1] for name in names})
        self.means_, whiteners = {}, {}
        centred = {}
        for name in names:
            x = rows[name].astype(np.float64)
            self.means_[name] = x.mean(axis=0)
            centred[name] = x - self.means_[name]
            whiteners[name] = inverse_root(centred[name], self.reg)
        a, b = names
        cross = centred[a].T @ centred[b] / len(X)                        # (d_a, d_b)
        U, rho, Vt = linalg.svd(whiteners[a] @ cross @ whiteners[b], full_matrices=False)
        limit = max(1, min(cross.shape) - 1)
        k = limit if self.n_components is None else min(self.n_components, limit + 1)
        self.correlations_ = rho[:k]
        self.projections_ = {a: whiteners[a] @ U[:, :k], b: whiteners[b] @ Vt[:k].T}
        return self

    def project(self, x: npt.ArrayLike, modality: str) -> Array:
        """Canonical variates ``(n, k)``, before they are scaled to unit length."""
        rows = self._rows(x, modality)
        return np.asarray((rows - self.means_[modality]) @ self.projections_[modality])

    def embed(self, x: npt.ArrayLike, modality: str) -> Array:
        """Unit rows ``(n, k)``."""
        return unit_rows(self.project(x, modality))


def inverse_root(centred: Array, reg: float) -> Array:
    """``(C + reg tr(C)/d I)^(-1/2)`` of centred rows; directions without variance map to zero."""
    values, vectors = linalg.eigh(centred.T @ centred / len(centred))
    values = np.clip(values, 0, None) + reg * np.clip(values, 0, None).mean()
    kept = values > values.max() * 1e-12
    root = np.where(kept, 1 / np.sqrt(np.where(kept, values, 1)), 0)
    return np.asarray((vectors * root) @ vectors.T)
