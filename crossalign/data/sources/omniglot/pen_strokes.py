"""Pen strokes read from text, brought to one scale and walked along.

All drawings are kept in one flat list of points, so that nothing but the reading loops over them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class Strokes(NamedTuple):
    """Points of n drawings, P of them, drawing by drawing.

    Attributes
    ----------
    points : (P, 3) float64
        Coordinates x, y (upwards) and time.
    begins : (P,) bool
        True where the pen was put down.
    drawing : (P,) integers
        Number of the drawing, 0 to n - 1, ascending; every drawing has a point, and its first point
        begins a stroke.
    """

    points: Array
    begins: Array
    drawing: Array

    @property
    def steps(self) -> Array:
        """Length of the pen's way to each point, (P,); 0 where it was put down."""
        step = np.diff(self.points[:, :2], axis=0, prepend=0)
        return np.where(self.begins, 0, np.hypot(step[:, 0], step[:, 1]))

    def per_drawing(self, values: Array) -> Array:
        """Sum values over the points of each drawing, (n,)."""
        return np.bincount(self.drawing, values)


def parse_strokes(text: str) -> tuple[Array, Array]:
    """Read ``points`` and ``begins`` of one drawing.

    Parameters
    ----------
    text : str
        Text: START, lines ``x,y,milliseconds``, and BREAK after every stroke.

    Raises
    ------
    ValueError
        If the text is something else.
    """
    lines = text.split()
    coordinates = [line for line in lines[1:] if line != "BREAK"]
    whole = lines[:1] == ["START"] and lines[-1] == "BREAK" and len(coordinates) > 0
    try:
        if not whole or {line.count(",") for line in coordinates} != {2}:
            raise ValueError
        points = np.array(list(map(float, ",".join(coordinates).split(",")))).reshape(-1, 3)
        if not np.isfinite(points).all():
            raise ValueError
    except ValueError:
        raise ValueError("text: is not START, lines of x,y,time and a BREAK after every "
                         "stroke; repair it.") from None
    breaks = [place for place, line in enumerate(lines) if line == "BREAK"]
    begins = np.zeros(len(points) + 1, dtype=bool)
    begins[[0, *(place - 1 - i for i, place in enumerate(breaks))]] = True
    return points, begins[:-1]


def scaled(strokes: Strokes) -> Strokes:
    """Shift and scale every drawing: its centre to the origin, its longer side to [-1, 1] and its
    time to [0, 1].
    """
    first = np.flatnonzero(np.diff(strokes.drawing, prepend=-1))
    low, high = (ufunc.reduceat(strokes.points, first) for ufunc in (np.minimum, np.maximum))
    size = high - low                                                        # (n, 3)
    half = size[:, :2].max(axis=1, keepdims=True) / 2
    shift = np.c_[(low + high)[:, :2] / 2, low[:, 2]]
    scale = np.c_[half, half, size[:, 2]]
    scale[scale == 0] = 1
    points = (strokes.points - shift[strokes.drawing]) / scale[strokes.drawing]
    return strokes._replace(points=points)


def resample(strokes: Strokes, n_points: int) -> tuple[Array, Array]:
    """Return points equally spaced along each drawing's strokes, with one more for every stroke.

    The pen rests at the start of a stroke for as long as it moves between two points, so that a
    stroke of a single point, as the dot of an i, is kept.

    Returns
    -------
    points : (n, n_points, 3)
    begins : (n, n_points) bool
        True where a point is the first of its stroke.
    """
    steps = strokes.steps
    length, n_strokes = strokes.per_drawing(steps), strokes.per_drawing(strokes.begins)
    rest = np.where(length > 0, length, 1) / np.maximum(n_points - n_strokes, 1)  # (n,)
    way = np.where(strokes.begins, rest[strokes.drawing], steps).cumsum()         # (P,)
    ends = way[np.flatnonzero(np.diff(strokes.drawing, append=len(length)))]
    starts = np.concatenate([[0], ends[:-1]])
    share = (np.arange(n_points) + 0.5) / n_points
    points, stroke = walk(strokes, way, starts[:, None] + share * (ends - starts)[:, None])
    return points, np.diff(stroke, axis=1, prepend=-1) != 0


def walk(strokes: Strokes, way: Array, at: Array) -> tuple[Array, Array]:
    """Return the points at positions along all strokes, and the numbers of their strokes.

    Parameters
    ----------
    strokes : Strokes
    way : (P,)
        Position of every point, ascending; before the first point of a stroke the pen rests there.
    at : (...) positions, none beyond the last of ``way``

    Returns
    -------
    points : (..., 3)
    stroke : (...) integers, counted from 1 over all drawings
    """
    to = np.searchsorted(way, at)
    step = np.diff(way, prepend=0)[to]
    back = np.where(strokes.begins[to], 0, (way[to] - at) / np.where(step > 0, step, 1))[..., None]
    points = strokes.points[to] * (1 - back) + strokes.points[to - 1] * back
    return points, np.cumsum(strokes.begins)[to]
