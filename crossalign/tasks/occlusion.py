"""Occlusion map: how a score of a picture falls where the picture is covered.

Zeiler & Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, section 4.2: a
square is put over one place after another, and the score of what was recognised is seen to fall.
Nothing but the score is asked, so it is of any encoder and any task. A score that goes on as
evidence does is of use near certainty too, see `log_odds`. What covers is the median shade of the
picture itself, of a drawing its paper: a square of any other shade would be a thing that is seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Score = Callable[[Sequence[Array]], Array]
"""Function from pictures ``(h, w)`` or ``(h, w, 3)`` uint8, all of one size, to scores ``(n,)``."""
STEPS = 12
"""Number of squares along the side of a square picture; each reaches half over its neighbours."""
BLOCK = 64
"""Number of covered pictures that are scored at once."""
SIDE = 384
"""Longer side in pixels to which `reduced` reduces a picture."""
LEAST = 8
"""Smallest side of a picture, in pixels."""


class Occlusion(NamedTuple):
    """Fall of a score.

    Attributes
    ----------
    score : float
        Score of the whole picture.
    fall : (h, w) float32
        Mean over the squares that hide a pixel of how much lower the score is with each, in its own
        unit; negative where the score is higher without the pixel.
    """

    score: float
    fall: Array


def occlusion(picture: Array, score: Score, *, steps: int = STEPS, block: int = BLOCK,
              tick: Callable[[int], None] | None = None) -> Occlusion:
    """Cover one place of a picture after another, and see how a score falls.

    It scores the picture and about ``steps`` squared covered ones.

    Parameters
    ----------
    picture : (h, w) or (h, w, 3) uint8
        Picture.
    score : callable
        Score, as the log-odds of an answer.
    steps : int
        Number of squares along the side of a square picture; default 12. Of other pictures as many
        squares of that share of the area. Each is two steps wide.
    block : int
        Number of pictures that are scored at once; default 64.
    tick : callable, optional
        Function called with the number of squares that are done, after each block.

    Raises
    ------
    ValueError
        If the picture is no array of pixels or smaller than 8 pixels, or steps are below 2.
    """
    pixels = np.asarray(picture)
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3):
        raise ValueError(f"picture: got shape {pixels.shape} of {pixels.dtype}; give pixels in "
                         "uint8, (h, w) or (h, w, 3).")
    height, width = pixels.shape[:2]
    if min(height, width) < LEAST:
        raise ValueError(f"picture: {width} x {height} pixels, too small to cover parts of; give "
                         f"one of {LEAST} or more on each side.")
    if steps < 2:
        raise ValueError(f"steps: got {steps}; give 2 or more.")
    places = list(squares(height, width, steps))
    shade = np.median(pixels.reshape(height * width, -1), axis=0).astype(np.uint8)
    whole = float(np.asarray(score([pixels]), dtype=np.float64)[0])
    total, count = np.zeros((height, width)), np.zeros((height, width))
    for start in range(0, len(places), block):
        part = places[start:start + block]
        covered = [pixels.copy() for _ in part]
        for one, place in zip(covered, part, strict=True):
            one[place] = shade if pixels.ndim == 3 else shade[0]
        for place, value in zip(part, np.asarray(score(covered), dtype=np.float64), strict=True):
            total[place] += whole - value
            count[place] += 1
        if tick is not None:
            tick(start + len(part))
    return Occlusion(whole, (total / count).astype(np.float32))


def reduced(picture: Array) -> Array:
    """Return a picture ``(h, w)`` or ``(h, w, 3)`` uint8, its longer side at most `SIDE`."""
    from PIL import Image

    if max(picture.shape[:2]) <= SIDE:
        return picture
    image = Image.fromarray(picture)
    image.thumbnail((SIDE, SIDE))
    return np.asarray(image)


def squares(height: int, width: int, steps: int) -> Iterator[tuple[slice, slice]]:
    """Yield the places of squares that cover a picture, row by row; those at its edge are cut."""
    step = (height * width) ** 0.5 / steps
    rows, columns = (_spans(length, step) for length in (height, width))
    for row in rows:
        for column in columns:
            yield row, column


def _spans(length: int, step: float) -> list[slice]:
    """Return spans of two steps around places a step apart, which leave no pixel out."""
    count = max(1, round(length / step))
    each = length / count
    return [slice(max(0, round((i - 0.5) * each)), min(length, round((i + 1.5) * each)))
            for i in range(count)]
