"""Pen strokes as vectors and as tokens: the pen's way, its order, direction and speed.

Nothing is fitted: a row depends on its own drawing alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.sources.omniglot.pen_strokes import Strokes, resample, scaled, walk

Array = npt.NDArray[Any]

POINTS = 32                # points along the pen's way
GRID, DIRECTIONS = 3, 8    # GRID x GRID cells of a drawing, and directions of the pen in each
PIECES = 32                # tokens of a drawing at most
PIECE = 0.25               # the longest token, where half a drawing's side is 1
MARGIN = 0.1               # of a picture, around what is traced
DESCRIPTION = (f"{POINTS} points along the pen's way (x, y, pen put down, time), "
               f"{DIRECTIONS} directions in {GRID} x {GRID} cells")
TOKENS = f"pieces of strokes, {PIECES} at most (start, middle and end, pen put down, time)"


def stroke_vectors(strokes: Strokes) -> Array:
    """Return an (n, 4 * POINTS + GRID * GRID * DIRECTIONS) float32 row of every drawing.

    It holds x, y, pen put down and time of the points of `resample`, then `directions`.
    """
    strokes = scaled(strokes)
    points, begins = resample(strokes, POINTS)
    columns = [points[..., 0], points[..., 1], begins, points[..., 2], directions(strokes)]
    return np.concatenate(columns, axis=1).astype(np.float32)


def directions(strokes: Strokes) -> Array:
    """Return the share of the pen's way in each direction, by cell: (n, GRID * GRID * DIRECTIONS).

    The strokes must be `scaled`. A step counts in the cell of its middle, towards the two nearest
    directions; these go anticlockwise from the right, cells row by row from the bottom.
    """
    steps = strokes.steps
    step = np.diff(strokes.points[:, :2], axis=0, prepend=0)
    middle = strokes.points[:, :2] - step / 2
    column, row = np.clip((middle + 1) * GRID / 2, 0, GRID - 1).astype(np.int64).T
    at = np.arctan2(step[:, 1], step[:, 0]) % (2 * np.pi) * DIRECTIONS / (2 * np.pi)
    low = np.floor(at).astype(np.int64)
    cell = (strokes.drawing * GRID + row) * GRID + column
    n = int(strokes.drawing[-1]) + 1
    counts = np.zeros(n * GRID * GRID * DIRECTIONS)
    for near in (low, low + 1):
        counts += np.bincount(cell * DIRECTIONS + near % DIRECTIONS,
                              steps * (1 - np.abs(at - near)), minlength=len(counts))
    total = np.maximum(strokes.per_drawing(steps), 1e-12)
    return np.asarray(counts.reshape(n, -1) / total[:, None])


def stroke_pieces(strokes: Strokes) -> tuple[Array, Array]:
    """Cut strokes into pieces, as tokens.

    A stroke is cut into pieces of equal length, none longer than ``PIECE`` unless its drawing would
    then have more than ``PIECES`` of them.

    Returns
    -------
    tokens : (n, PIECES, 8) float32
        Position x and y of a piece's start, middle and end, 1 for the first piece of a stroke,
        time.
    mask : (n, PIECES) bool
        True where there is a piece.
    """
    strokes = scaled(strokes)
    steps = strokes.steps
    length, n_strokes = strokes.per_drawing(steps), strokes.per_drawing(strokes.begins)
    longest = np.maximum(PIECE, length / np.maximum(PIECES - n_strokes, 1))       # (n,)
    way = np.where(strokes.begins, 1, steps).cumsum()     # strokes stand one apart
    first = np.flatnonzero(strokes.begins)                                        # (S,)
    drawing, start = strokes.drawing[first], way[first]
    end = way[np.append(first[1:], len(way)) - 1]
    cuts = np.maximum(np.ceil((end - start) / longest[drawing]), 1).astype(np.int64)
    stroke = np.repeat(np.arange(len(first)), cuts)                               # (pieces,)
    number = _ranks(stroke)
    share = (number[:, None] + [0, 0.5, 1]) / cuts[stroke, None]                  # (pieces, 3)
    at = start[stroke, None] + share * (end - start)[stroke, None]
    points, _ = walk(strokes, way, np.minimum(at, end[stroke, None]))             # (pieces, 3, 3)
    pieces = np.c_[points[..., :2].reshape(-1, 6), number == 0, points[:, 1, 2]]
    row, column = drawing[stroke], _ranks(drawing[stroke])
    fits = column < PIECES
    tokens = np.zeros((len(length), PIECES, 8), dtype=np.float32)
    mask = np.zeros(tokens.shape[:2], dtype=bool)
    tokens[row[fits], column[fits]] = pieces[fits]
    mask[row[fits], column[fits]] = True
    return tokens, mask


def traced(strokes: Strokes, side: int) -> Array:
    """Draw the pen's way as (n, side, side) uint8 pictures for a page, ink 255 and paper 0."""
    points, _ = resample(scaled(strokes), 4 * side)
    place = (points[..., :2] * [1, -1] * (1 - 2 * MARGIN) + 1) / 2 * (side - 1)   # column, row
    low = np.floor(place).astype(np.int64)
    ink = np.zeros((len(points), side, side))
    drawing = np.arange(len(points))[:, None]
    for across in (0, 1):
        for down in (0, 1):
            near = (1 - np.abs(place - low - [across, down])).prod(axis=2)
            np.add.at(ink, (drawing, low[..., 1] + down, low[..., 0] + across), near)
    return np.asarray(np.rint(255 * np.minimum(ink, 1)), dtype=np.uint8)


def _ranks(groups: Array) -> Array:
    """Count 0, 1, ... within each run of equal values."""
    first = np.flatnonzero(np.diff(groups, prepend=-1))
    return np.arange(len(groups)) - np.repeat(first, np.diff(np.append(first, len(groups))))
