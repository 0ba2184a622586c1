"""Histograms of oriented gradients: what strokes run where, without a trained network.

A fixed descriptor after Dalal and Triggs, "Histograms of oriented gradients for human detection"
(CVPR 2005, section 6): unsigned orientations, each pixel voting with its gradient's length for the
two nearest bins, and every cell divided by the strength of the three-by-three cells around it.
Their overlapping copies of each cell, one per block, are not kept.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_FLOOR = 0.1  # added to squared strengths, so that empty paper stays near 0


def oriented_gradients(pictures: npt.ArrayLike, *, cell: int = 4,
                       bins: int = 4) -> npt.NDArray[np.float32]:
    """Descriptor of each picture.

    Parameters
    ----------
    pictures : (n, h, w) float
        Brightness in [0, 1]; ``h`` and ``w`` multiples of ``cell``.
    cell : int
        Side of a cell in pixels.
    bins : int
        Orientations between 0 and 180 degrees.

    Returns
    -------
    descriptor : (n, h/cell * w/cell * bins) float32
        Cells row by row, the bins of a cell together; every value in [0, 1].

    Raises
    ------
    ValueError
        If the pictures do not divide into cells.
    """
    x = np.asarray(pictures, dtype=np.float32)
    if x.ndim != 3 or x.shape[1] % cell or x.shape[2] % cell:
        raise ValueError(f"pictures: shape {x.shape}; give (n, h, w) with h and w multiples "
                         f"of cell = {cell}.")
    n, rows, columns = len(x), x.shape[1] // cell, x.shape[2] // cell
    across, down = np.zeros_like(x), np.zeros_like(x)
    across[:, :, 1:-1] = x[:, :, 2:] - x[:, :, :-2]
    down[:, 1:-1] = x[:, 2:] - x[:, :-2]
    strength = np.hypot(across, down)
    angle = np.mod(np.arctan2(down, across), np.float32(np.pi)) * np.float32(bins / np.pi)
    histogram = np.empty((n, rows, columns, bins), dtype=np.float32)
    for b in range(bins):
        apart = np.abs(angle - b)
        vote = strength * np.maximum(0.0, 1.0 - np.minimum(apart, bins - apart))
        cells = vote.reshape(n, rows, cell, columns, cell)
        histogram[..., b] = cells.sum(axis=(2, 4))           # (n, h, w) -> (n, rows, columns)
    energy = np.pad((histogram**2).sum(axis=-1), ((0, 0), (1, 1), (1, 1)))
    around = sum(energy[:, i:i + rows, j:j + columns] for i in range(3) for j in range(3))
    descriptor = histogram / np.sqrt(np.asarray(around) + _FLOOR)[..., None]
    return np.asarray(descriptor.reshape(n, -1), dtype=np.float32)
