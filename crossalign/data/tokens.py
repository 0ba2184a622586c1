"""Token rows: which of them are real, and their scale.

A sample of a modality with tokens is ``(t, d)``, padded to a common length with rows of zeros. What
is padding can thus be read off the rows themselves, wherever they come from: a file needs no mask
beside them, and neither does a query. A mask in `Views` says the same of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.types import Views

Array = npt.NDArray[Any]


def real_tokens(x: npt.ArrayLike) -> Array:
    """``(n, t)`` False where a row of ``(n, t, d)`` is padding, all zeros."""
    return np.asarray((np.asarray(x) != 0).any(axis=2))


def token_moments(views: Views, modality: str) -> tuple[Array, Array]:
    """Mean and deviation ``(d,)``, float32, of a modality's real tokens or vectors.

    Columns that do not vary have deviation 1. Reads a block of samples at a time, so that a
    memory-mapped modality stays on disk.

    Raises
    ------
    ValueError
        If the mask of the views hides a token that is not all zeros.
    """
    count = 0
    mean: Array = np.zeros(views.widths[modality])
    squares = np.zeros_like(mean)
    for rows in views.blocks(modality):
        x = views.read(modality, rows).astype(np.float64)
        if x.ndim == 3:
            real = real_tokens(x)
            if modality in views.masks and (real & ~views.masks[modality][rows]).any():
                raise ValueError(f"masks[{modality!r}]: hides tokens that are not zeros; set "
                                 "padding to zeros.")
            x = x[real]                                                      # (tokens, d)
        if len(x) == 0:
            continue
        moved = x.mean(axis=0) - mean
        total = count + len(x)
        squares += ((x - x.mean(axis=0))**2).sum(axis=0) + moved**2 * count * len(x) / total
        mean, count = mean + moved * len(x) / total, total
    deviation = np.sqrt(squares / max(count, 1))
    varies = deviation > 1e-6 * np.maximum(1, np.abs(mean))
    return mean.astype(np.float32), np.where(varies, deviation, 1).astype(np.float32)
