"""Token rows: which of them are real, and their scale.

A sample of a modality with tokens is ``(t, d)``, padded to a common length with rows of zeros. What
is padding can thus be read off the rows themselves, wherever they come from: a file needs no mask
beside them, and neither does a query. A mask in `Views` says the same of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.preprocessing.rows import Rows, extent, rows_of
from crossalign.types import Views

Array = npt.NDArray[Any]


def real_tokens(x: npt.ArrayLike) -> Array:
    """``(n, t)`` False where a row of ``(n, t, d)`` is padding, all zeros."""
    return np.asarray((np.asarray(x) != 0).any(axis=2))


def real_rows(views: Views, modality: str) -> Rows:
    """What a modality holds of the samples as rows ``(m, d)``: of tokens the real ones."""
    return rows_of(views, modality).then(lambda x: x[real_tokens(x)] if x.ndim == 3 else x)


def token_moments(views: Views, modality: str) -> tuple[Array, Array]:
    """Mean and deviation ``(d,)``, float32, of a modality's real tokens or vectors.

    Columns that do not vary have deviation 1. A memory-mapped modality stays on disk.
    """
    found = extent(real_rows(views, modality))
    if found is None:
        width = views.widths[modality]
        return np.zeros(width, np.float32), np.ones(width, np.float32)
    varies = found.deviation > 1e-6 * np.maximum(1, np.abs(found.mean))
    return (found.mean.astype(np.float32),
            np.where(varies, found.deviation, 1).astype(np.float32))
