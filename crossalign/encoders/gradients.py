"""Histograms of oriented gradients: what strokes run where, without a trained network.

A fixed descriptor after Dalal and Triggs, "Histograms of oriented gradients for human detection"
(CVPR 2005, section 6): unsigned orientations, each pixel voting with its gradient's length for the
two nearest bins, and every cell divided by the strength of the three-by-three cells around it.
Their overlapping copies of each cell, one per block, are not kept.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

LEAST = 1e-5
"""Least value that is not read as zero. One pixel that differs by one shade of 255 along a bin
counts more, whatever is around it. Less is mostly rounding: float32 says of a direction only to
about 1e-6 of a bin that it is a bin's own. Such values look like features where drawings are clean,
and are as far apart as any other once columns are scaled to deviation 1."""

_FLOOR = 0.1  # added to squared strengths, so that empty paper stays near 0


_CHUNK = 512  # pictures worked on at a time, so that they stay in the processor's cache


def oriented_gradients(pictures: npt.ArrayLike, *, cell: int = 8,
                       bins: int = 8) -> npt.NDArray[np.float32]:
    """Return a descriptor of each picture.

    Parameters
    ----------
    pictures : (n, h, w) float
        Pictures with brightness in [0, 1]; ``h`` and ``w`` are multiples of ``cell``.
    cell : int
        Side of a cell in pixels; default 8.
    bins : int
        Number of orientations between 0 and 180 degrees; default 8.

    Returns
    -------
    descriptor : (n, h/cell * w/cell * bins) float32
        Cells row by row, the bins of a cell together; every value is 0 or in [`LEAST`, 1].

    Raises
    ------
    ValueError
        If the pictures do not divide into cells.
    """
    x = np.asarray(pictures)
    if x.ndim != 3 or x.shape[1] % cell or x.shape[2] % cell:
        raise ValueError(f"pictures: shape {x.shape}; give (n, h, w) with h and w multiples "
                         f"of cell = {cell}.")
    width = (x.shape[1] // cell) * (x.shape[2] // cell) * bins
    descriptor = np.empty((len(x), width), dtype=np.float32)
    for start in range(0, len(x), _CHUNK):
        part = x[start:start + _CHUNK]
        histogram = _histogram(part.astype(np.float32), cell, bins)
        descriptor[start:start + _CHUNK] = _normalised(histogram).reshape(len(part), -1)
    return descriptor


def _histogram(x: npt.NDArray[np.float32], cell: int, bins: int) -> npt.NDArray[np.float64]:
    """Vote the gradients' lengths of pictures (n, h, w) into cells and bins: (n, rows, columns,
    bins).
    """
    n, rows, columns = len(x), x.shape[1] // cell, x.shape[2] // cell
    across, down = np.zeros_like(x), np.zeros_like(x)
    across[:, :, 1:-1] = x[:, :, 2:] - x[:, :, :-2]
    down[:, 1:-1] = x[:, 2:] - x[:, :-2]
    place = np.nonzero((across != 0) | (down != 0))              # flat paper has no direction
    across, down = across[place], down[place]                    # (n, h, w) -> (p,)
    strength = np.hypot(across, down)
    angle = np.mod(np.arctan2(down, across), np.pi) * (bins / np.pi)
    lower = np.floor(angle).astype(np.int64)
    upper_share = angle - lower
    square = (place[0] * rows + place[1] // cell) * columns + place[2] // cell
    size = n * rows * columns * bins
    votes = np.zeros(size)
    for into, share in ((lower, 1 - upper_share), (lower + 1, upper_share)):
        votes += np.bincount(square * bins + into % bins, strength * share, size)
    return votes.reshape(n, rows, columns, bins)


def _normalised(histogram: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Divide every cell by the strength of itself and its eight neighbours."""
    rows, columns = histogram.shape[1:3]
    energy = np.pad((histogram**2).sum(axis=-1), ((0, 0), (1, 1), (1, 1)))
    around = np.full(histogram.shape[:3], _FLOOR)
    for i in range(3):
        for j in range(3):
            around += energy[:, i:i + rows, j:j + columns]
    values = histogram / np.sqrt(around)[..., None]
    return np.where(values < LEAST, 0, values)
