"""All clips of moving letters, with their descriptions, before any split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from crossalign.data.sources.glyphs.typefaces import (
    CANVAS,
    FACES,
    SIDE,
    turned_square,
    typeface_fonts,
    upright_letter,
    warped,
)
from crossalign.data.sources.moving_glyphs.motions import (
    ANGLE,
    GROWTH,
    MOVES,
    REACH,
    Course,
    Programme,
    course,
    programmes,
)
from crossalign.encoders.cache import Arrays, cached_arrays
from crossalign.encoders.gradients import LEAST, oriented_gradients
from crossalign.preprocessing.tokens import lengths_mask

if TYPE_CHECKING:
    from PIL import Image

Array = npt.NDArray[Any]

VERSION = 1
"""Version of the clips, raised when the same arguments would give others."""
LETTERS = "AEGJKRST"
MOVING = (6, 8)
"""Numbers of frames in which a letter may move, of two motions half in each."""
RESTS = (0, 1, 2)
"""Numbers of frames for which it may rest before, and after."""
LONGEST = max(MOVING) + 2 * max(RESTS)
WIDTH = 128
"""Width of a frame's descriptor."""
SHOWN = 4
"""Number of frames in the strip that a page shows."""
FEATURES = (f"frames in their order, {min(MOVING)} to {LONGEST}, each a histogram of oriented "
            "gradients, 4 x 4 cells of 8 orientations")


class MovingLetter(NamedTuple):
    """Class of clips: a letter and what it does."""

    letter: str
    programme: Programme

    @property
    def name(self) -> str:
        """The class in words, as ``A slides left, then grows``."""
        return f"{self.letter} {', then '.join(motion.words for motion in self.programme)}"

    @property
    def words(self) -> tuple[str, ...]:
        """Attributes: the letter, and each motion with its place."""
        places = ("first", "second")
        return (f"letter {self.letter.lower()}", f"{len(self.programme)} motions",
                *(f"{place} {motion.words}" for place, motion in
                  zip(places, self.programme, strict=False)))


@dataclass(frozen=True)
class Clips:
    """Clips of C moving letters, n of them, one of each in each of `FACES`.

    Attributes
    ----------
    classes : C moving letters
    label, face : (n,) integers
    frames : (n, 12, 128) float32
        Frames in their order, then zeros.
    mask : (n, 12) bool
        True for frames.
    strips : (n, 32, 32 * SHOWN) uint8
        Frames spread over the clip, side by side, 255 for paper.
    """

    classes: tuple[MovingLetter, ...]
    label: Array
    face: Array
    frames: Array
    mask: Array
    strips: Array

    @cached_property
    def attributes(self) -> tuple[Array, tuple[str, ...]]:
        """Side information ``(C, a)`` of 0 and 1, and the names of its columns."""
        return attributes_of(self.classes)

    def rows(self, classes: Array, faces: Sequence[str]) -> Array:
        """Return the numbers of the clips of some classes, (C,) bool, in some faces."""
        return np.flatnonzero(classes[self.label] & np.isin(list(FACES), faces)[self.face])


def attributes_of(classes: Sequence[MovingLetter]) -> tuple[Array, tuple[str, ...]]:
    """Return side information ``(C, a)`` of 0 and 1, and the names of its columns."""
    names = tuple(dict.fromkeys([
        *(f"letter {letter.lower()}" for letter in LETTERS), "1 motions", "2 motions",
        *(f"first {way}" for way in MOVES), *(f"second {way}" for way in MOVES)]))
    column = {name: j for j, name in enumerate(names)}
    rows = np.zeros((len(classes), len(names)), np.float32)
    for row, one in zip(rows, classes, strict=True):
        row[[column[word] for word in one.words]] = 1
    held = rows.any(axis=0)
    return rows[:, held], tuple(np.array(names)[held].tolist())


def moving_letters() -> tuple[MovingLetter, ...]:
    """Return the classes, programme by programme."""
    return tuple(MovingLetter(letter, programme)
                 for programme, letter in product(programmes(), LETTERS))


def draw_clips(seed: int, cache: bool = True) -> Clips:
    """Draw every clip, or read it from the cache.

    Parameters
    ----------
    seed : int
        Seed of the lengths of clips and of each one's shift, turn and size.
    cache : bool
        Whether to read and write the user's cache folder.
    """
    classes = moving_letters()
    label, face = map(np.ravel, np.indices((len(classes), len(FACES))))
    keep = cached_arrays if cache else (lambda _, build: build())
    arrays = keep({**_key(seed), "least": LEAST}, lambda: _draw(classes, label, face, seed))
    return Clips(classes, label, face, arrays["frames"],
                 lengths_mask(arrays["lengths"], LONGEST), arrays["strips"])


def draw_films(seed: int, cache: bool = True) -> tuple[Array, Array]:
    """Return the pixels ``(n, 12, 32, 32)`` uint8 of the clips of `draw_clips`, ink 255, and their
    lengths ``(n,)``.
    """
    classes = moving_letters()
    label, face = map(np.ravel, np.indices((len(classes), len(FACES))))
    keep = cached_arrays if cache else (lambda _, build: build())
    arrays = keep({**_key(seed), "name": "moving-glyphs-films"},
                  lambda: dict(zip(("films", "lengths"), _films(classes, label, face, seed),
                                   strict=True)))
    return arrays["films"], arrays["lengths"]


def _key(seed: int) -> dict[str, Any]:
    return {"name": "moving-glyphs", "version": VERSION, "seed": seed, "letters": LETTERS,
            "moving": MOVING, "rests": RESTS, "course": [REACH, ANGLE, GROWTH],
            **{name: version(name) for name in ("matplotlib", "pillow", "numpy")}}


def _draw(classes: Sequence[MovingLetter], label: Array, face: Array, seed: int) -> Arrays:
    films, lengths = _films(classes, label, face, seed)
    n, mask = len(label), lengths_mask(lengths, LONGEST)
    frames = np.zeros((n, LONGEST, WIDTH), np.float32)
    frames[mask] = oriented_gradients(films[mask] / np.float32(255))
    shown = (np.linspace(0, 1, SHOWN) * (lengths[:, None] - 1)).round().astype(np.int64)
    strips = 255 - films[np.arange(n)[:, None], shown].transpose(0, 2, 1, 3).reshape(n, SIDE, -1)
    return {"frames": frames, "lengths": lengths, "strips": strips}


def _films(classes: Sequence[MovingLetter], label: Array, face: Array,
           seed: int) -> tuple[Array, Array]:
    rng = np.random.default_rng([seed, 1])
    n = len(label)
    moving = np.array(MOVING)[rng.integers(len(MOVING), size=n)]
    rests = np.array(RESTS)[rng.integers(len(RESTS), size=(n, 2))]
    lengths = moving + rests.sum(axis=1)
    jitter = rng.uniform(-1, 1, size=(n, 4))
    fonts = typeface_fonts()
    still = {(letter, number): upright_letter(letter, font)
             for letter in LETTERS for number, font in enumerate(fonts)}
    films = np.zeros((n, LONGEST, SIDE, SIDE), np.uint8)
    for film, c, of, *when, shaken in zip(films, label, face.tolist(), moving, rests, jitter,
                                          strict=True):
        clip = filmed(still[classes[c].letter, of], course(classes[c].programme, *when), shaken)
        film[:len(clip)] = clip
    return films, lengths


def filmed(letter: Image.Image, way: Course, jitter: Array) -> Array:
    """Return frames ``(f, 32, 32)`` uint8 of a letter that moves, ink 255.

    Parameters
    ----------
    letter : Image
        The letter at rest on its canvas.
    way : Course
        Where it is in each frame.
    jitter : (4,)
        Numbers in [-1, 1]: turn, size and shift of the whole clip, as those of a picture of
        `glyphs.typefaces.draw`.
    """
    # the square that is looked at moves against the letter
    corners = turned_square(np.deg2rad(7.0) * jitter[0] - way.turn,
                            CANVAS / 2 * (1 + 0.08 * jitter[1]) / way.size,
                            CANVAS / 2 + 3.0 * jitter[2:] - way.shift).reshape(-1, 8)
    return np.stack([warped(_part(letter, share), corner)
                     for share, corner in zip(way.drawn, corners, strict=True)])


def _part(letter: Image.Image, share: float) -> Image.Image:
    """Return the left part of a letter, a share of its width."""
    box = letter.getbbox()
    if share == 1 or box is None:
        return letter
    left, top, right, bottom = box
    part = letter.copy()
    part.paste(0, (left + round(share * (right - left)), top, right, bottom))
    return part
