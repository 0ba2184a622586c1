"""The gap between modalities, closed, so that codes of one stand for those of another.

Codes of two modalities of one space lie apart: a decoder of text codes is not one of image codes
(Liang et al., "Mind the Gap", NeurIPS 2022). Each modality loses its own mean and is divided by its
own deviation (Zhang et al., "C3", ICLR 2024). In training, noise takes the place of what pairs
differ by: it is sized so that the expected cosine between a code and its noisy one is that between
the two modalities. A code may also be replaced by a mix of the training texts that are nearest to
it (Li et al., "DeCap", ICLR 2023, section 3.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.arrays import unit_rows
from crossalign.preprocessing.scaling import apply_scaling

Array = npt.NDArray[Any]


def standardise(rows: Array, scaling: Mapping[str, Array]) -> Array:
    """Return unit rows of one modality, put by the ``standard`` scaling of its training rows."""
    return unit_rows(apply_scaling(rows, "standard", **scaling))


def noise_for(cosine: float, width: int) -> float:
    """Return the deviation of noise on every number of a unit row, for an expected cosine.

    The noise is nearly orthogonal to the row and as long as its deviation times the root of the
    width: ``cosine = 1 / sqrt(1 + width * deviation^2)``.

    Raises
    ------
    ValueError
        If the cosine is not above 0 and up to 1.
    """
    if not 0 < cosine <= 1:
        raise ValueError(f"cosine: got {cosine}; give a number above 0 and up to 1.")
    return float(np.sqrt((1 / cosine**2 - 1) / width))


def projected(rows: Array, memory: Array, temperature: float) -> Array:
    """Return mixes of a memory for unit rows: ``softmax(rows memory^T / temperature) memory``.

    Parameters
    ----------
    rows : (n, d) array
    memory : (m, d) array
        Unit rows of training texts.
    temperature : float
        Temperature; as small as 0.01, nearly the nearest text alone.

    Returns
    -------
    array
        Unit rows ``(n, d)``.
    """
    scores = rows @ memory.T / temperature
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    mixed = (weights / weights.sum(axis=1, keepdims=True)) @ memory
    return np.asarray(mixed / np.maximum(np.linalg.norm(mixed, axis=1, keepdims=True), 1e-12),
                      dtype=np.float32)
