"""Motions of letters and their reversals, alone or two of them one after the other.

A motion and its reversal show the same pictures in opposite orders, and so do two motions in either
order, because each starts anew from a letter at rest. A set of frames tells what kinds of motion
there are; which way, and which first, only their order tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, product
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

KINDS: dict[str, tuple[str, str]] = {
    "slides across": ("slides right", "slides left"),
    "slides up or down": ("slides down", "slides up"),
    "turns": ("turns right", "turns left"),
    "changes size": ("grows", "shrinks"),
    "is drawn or erased": ("is drawn", "is erased"),
}
"""Kinds of motion: the two ways of each, the second the reversal of the first."""
MOVES = tuple(way for pair in KINDS.values() for way in pair)
"""Motions in words."""
COMBINED = ("slides across", "turns", "changes size")
"""Kinds of which two may follow each other."""
REACH, ANGLE, GROWTH = 13.0, 40.0, 0.3
"""Largest shift from the middle in pixels of the canvas, turn in degrees, and logarithm of size."""


class Motion(NamedTuple):
    """One way of one kind of motion."""

    kind: str
    way: int

    @property
    def words(self) -> str:
        """The motion in words, as ``slides left``."""
        return KINDS[self.kind][self.way]


Programme = tuple[Motion, ...]
"""One motion, or two in their order."""


def programmes() -> tuple[Programme, ...]:
    """Return every motion alone, and every two of two kinds of `COMBINED` in either order."""
    alone = [(Motion(kind, way),) for kind in KINDS for way in (0, 1)]
    pairs = [order for first, second in combinations(COMBINED, 2)
             for a, b in product((0, 1), repeat=2)
             for order in ((Motion(first, a), Motion(second, b)),
                           (Motion(second, b), Motion(first, a)))]
    return (*alone, *pairs)


class Course(NamedTuple):
    """Where a letter is in each of f frames.

    Attributes
    ----------
    shift : (f, 2)
        Pixels to the right and down.
    turn : (f,)
        Radians, clockwise.
    size : (f,)
        Factor of its size.
    drawn : (f,)
        Share of its width, from the left, that is drawn.
    """

    shift: Array
    turn: Array
    size: Array
    drawn: Array


def course(programme: Programme, moving: int, rests: Sequence[int] = (0, 0)) -> Course:
    """Return the course of a programme: at rest for some frames, moving, and at rest again.

    Of two motions each takes half of the frames ``moving``, an even number then; while one of them
    goes on, a letter is at rest as to the other.
    """
    before, after = rests
    frames = before + moving + after
    shift, turn = np.zeros((frames, 2)), np.zeros(frames)
    size, drawn = np.ones(frames), np.ones(frames)
    each = moving // len(programme)
    for number, motion in enumerate(programme):
        part = slice(before + number * each, before + (number + 1) * each)
        along = np.linspace(-1, 1, each) * (-1 if motion.way else 1)
        if motion.kind == "slides across":
            shift[part, 0] = REACH * along
        elif motion.kind == "slides up or down":
            shift[part, 1] = REACH * along
        elif motion.kind == "turns":
            turn[part] = np.deg2rad(ANGLE) * along
        elif motion.kind == "changes size":
            size[part] = np.exp(GROWTH * along)
        else:
            share = np.arange(1, each + 1) / each
            drawn[part] = share[::-1] if motion.way else share
    return Course(shift, turn, size, drawn)


WAYS = {"slides across": "does it slide right or left?",
        "slides up or down": "does it slide down or up?",
        "turns": "does it turn right or left?", "changes size": "does it grow or shrink?",
        "is drawn or erased": "is it drawn or erased?"}
"""Question about the way of each kind of motion."""


def questions(letter: str, programme: Programme) -> tuple[tuple[str, str, str], ...]:
    """Return questions about a clip: types, texts and answers.

    A set of frames answers ``letter`` and ``kind``; ``way``, and ``order`` of two motions, only
    their order does.
    """
    asked = [("letter", "which letter is it?", letter.lower()),
             *(("way", WAYS[motion.kind], motion.words) for motion in programme)]
    if len(programme) == 1:
        return (*asked, ("kind", "what does it do?", programme[0].kind))
    one, other = sorted(motion.kind for motion in programme)
    return (*asked, ("order", f"which is first: {one} or {other}?", programme[0].kind))
