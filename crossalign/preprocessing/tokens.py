"""Token rows: real ones and padding, their scale and their mean.

A sample of a modality with tokens is ``(t, d)``, padded to a common length. The mask in `Views`
says which tokens are real; without one all are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.preprocessing.pooling import as_vectors
from crossalign.preprocessing.rows import Rows, extent, rows_of
from crossalign.types import Views

Array = npt.NDArray[Any]


def lengths_mask(lengths: npt.ArrayLike, tokens: int | None = None) -> Array:
    """Return the mask ``(n, t)`` of samples with so many real tokens ``(n,)``, padded behind.

    ``tokens`` is t, by default the length of the longest sample.
    """
    counts = np.asarray(lengths, dtype=np.int64)
    t = int(counts.max(initial=0)) if tokens is None else tokens
    return np.asarray(np.arange(t) < counts[:, None])


def real_rows(views: Views, modality: str) -> Rows:
    """Return the samples of a modality as rows ``(m, d)``, for tokens the real ones."""
    rows = rows_of(views, modality)
    if views.kind(modality) == "vectors":
        return rows
    if modality not in views.masks:
        return rows.then(lambda x: x.reshape(-1, x.shape[-1]))
    return rows.with_each(views.masks[modality], lambda x, real: x[real])


def vector_rows(views: Views, modality: str) -> Rows:
    """Return a vector per sample ``(n, d)``: of tokens the mean of the real ones."""
    rows = rows_of(views, modality)
    if modality not in views.masks:
        return rows.then(as_vectors)
    return rows.with_each(views.masks[modality], as_vectors)


def token_moments(views: Views, modality: str) -> tuple[Array, Array]:
    """Compute mean and deviation ``(d,)``, float32, of a modality's real tokens or vectors.

    Columns that do not vary have deviation 1. A memory-mapped modality stays on disk.
    """
    values = extent(real_rows(views, modality))
    if values is None:
        width = views.widths[modality]
        return np.zeros(width, np.float32), np.ones(width, np.float32)
    varies = values.deviation > 1e-6 * np.maximum(1, np.abs(values.mean))
    return (values.mean.astype(np.float32),
            np.where(varies, values.deviation, 1).astype(np.float32))
