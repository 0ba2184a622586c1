"""Which frame of a clip an answer rests on: its log-odds without one frame after another.

Frames are left out where they are pooled, as of a clip that never had them, so that each is encoded
once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.encoders.clips import frames_of

Array = npt.NDArray[Any]


def without_each(rows: Array) -> Array:
    """Return rows ``(n + 1, f, d + 1)`` of a clip: as it is, and without each of its n frames.

    ``rows (f, d + 1)`` are those of a `ClipEncoder`. What stands behind a frame moves up.

    Raises
    ------
    ValueError
        If the clip has a single frame.
    """
    shown = rows[frames_of(rows)[1]]                                          # (n, d + 1)
    n = len(shown)
    if n < 2:
        raise ValueError("items: got a clip of one frame; give one of two frames or more, of which "
                         "one can be left out.")
    found = np.zeros((n + 1, *rows.shape), rows.dtype)
    found[0, :n] = shown
    for i in range(n):
        found[i + 1, :n - 1] = np.delete(shown, i, axis=0)
    return found


def frame_falls(rows: Array, score: Callable[[Array], Array]) -> tuple[float, Array]:
    """Return the score of a whole clip, and how much lower it is without each frame, ``(n,)``.

    Parameters
    ----------
    rows : (f, d + 1)
        Rows of its frames by a `ClipEncoder`.
    score : callable
        Score ``(m,)`` of m clips by their rows ``(m, f, d + 1)``.
    """
    scores = np.asarray(score(without_each(rows)), dtype=np.float64)
    return float(scores[0]), scores[0] - scores[1:]
