"""Letters drawn by the typefaces that matplotlib ships, as pictures and as outlines.

Every drawing is its own: a letter is set on a fixed baseline, then turned, scaled and shifted a
little, and an outline is also bent, as a hand would. Pictures of one letter in one face are
therefore never the same rows twice, and an outline is never the edge map of its picture.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from crossalign.data.sources.glyphs.letters import Letter, decompose

if TYPE_CHECKING:
    from PIL import Image, ImageFont

FACES: dict[str, str] = {
    "DejaVuSans": "dejavu sans",
    "DejaVuSans-Bold": "dejavu sans bold",
    "DejaVuSans-BoldOblique": "dejavu sans bold oblique",
    "DejaVuSans-Oblique": "dejavu sans oblique",
    "DejaVuSansMono": "dejavu mono",
    "DejaVuSansMono-Bold": "dejavu mono bold",
    "DejaVuSansMono-BoldOblique": "dejavu mono bold oblique",
    "DejaVuSansMono-Oblique": "dejavu mono oblique",
    "DejaVuSerif": "dejavu serif",
    "DejaVuSerif-Bold": "dejavu serif bold",
    "DejaVuSerif-BoldItalic": "dejavu serif bold italic",
    "DejaVuSerif-Italic": "dejavu serif italic",
    "STIXGeneral": "stix serif",
    "STIXGeneralBol": "stix serif bold",
    "STIXGeneralBolIta": "stix serif bold italic",
    "STIXGeneralItalic": "stix serif italic",
}
"""File name (without ``.ttf``) of each text face, and the words that describe its style."""

SIDE = 32
"""Width and height of a picture, in pixels."""

CANVAS = 2 * SIDE   # letters are set at twice the size, then warped down
_EM = 44             # font size on the canvas
_BASELINE = 46       # row of the baseline on the canvas

Pictures = npt.NDArray[np.uint8]
_Drawn = dict[tuple[str, int], "Image.Image"]


def coverage(min_faces: int) -> tuple[list[Letter], npt.NDArray[np.bool_]]:
    """Return the letters of one base and one mark that at least ``min_faces`` faces can draw.

    Returns
    -------
    letters : C letters, in code point order
    has : (C, F) bool
        Whether each face has the letter's glyph.
    """
    from fontTools.ttLib import TTFont

    maps = []
    for face in FACES:
        with TTFont(_file(face), lazy=True) as font:
            maps.append(set(font.getBestCmap()))
    letters = [x for code in sorted(set().union(*maps)) if (x := decompose(chr(code))) is not None]
    has = np.array([[ord(x.character) in m for m in maps] for x in letters])
    enough = has.sum(axis=1) >= min_faces
    return [x for x, keep in zip(letters, enough, strict=True) if keep], has[enough]


def without_lookalikes(letters: Sequence[Letter]) -> list[Letter]:
    """Return the letters whose base no earlier letter shares in drawing under the same mark.

    The Cyrillic and Greek capitals that look like Latin ones would make classes that no picture can
    tell apart. Two bases look alike if at least half of the faces that have both draw the same
    pixels.
    """
    fonts = typeface_fonts()
    bases = sorted({x.base for x in letters})
    drawings = {b: [upright_letter(b, font).tobytes() for font in fonts] for b in bases}
    blank = [upright_letter("\uffff", font).tobytes() for font in fonts]  # the face's missing glyph

    def alike(first: str, second: str) -> bool:
        pairs = [(a, b) for a, b, none in zip(drawings[first], drawings[second], blank, strict=True)
                 if none not in (a, b)]
        return bool(pairs) and 2 * sum(a == b for a, b in pairs) >= len(pairs)

    model = {b: next(a for a in bases if a == b or (a < b and alike(a, b))) for b in bases}
    first: dict[tuple[str, str], Letter] = {}
    for letter in letters:
        first.setdefault((model[letter.base], letter.mark), letter)
    return list(first.values())


def draw(characters: str, faces: npt.ArrayLike,
         rng: np.random.Generator) -> tuple[Pictures, Pictures]:
    """Draw each character once as a picture and once as an outline.

    Parameters
    ----------
    characters : n characters
    faces : (n,) integers
        Row of `FACES` for each.
    rng : numpy.random.Generator
        Source of shifts, turns, scales and bends; twelve numbers per character and drawing.

    Returns
    -------
    pictures, outlines : (n, 32, 32) uint8
        0 is paper and 255 ink.
    """
    fonts = typeface_fonts()
    jitter = rng.uniform(-1.0, 1.0, size=(len(characters), 2, 12))
    corners = _corners(jitter[:, 0], bend=0.0), _corners(jitter[:, 1], bend=2.0)
    upright: _Drawn = {}
    contour: _Drawn = {}
    pictures = np.empty((len(characters), SIDE, SIDE), dtype=np.uint8)
    outlines = np.empty_like(pictures)
    for i, key in enumerate(zip(characters, np.asarray(faces).tolist(), strict=True)):
        if key not in upright:
            upright[key] = upright_letter(key[0], fonts[key[1]])
            contour[key] = _contour(upright[key])
        pictures[i] = warped(upright[key], corners[0][i])
        outlines[i] = warped(contour[key], corners[1][i])
    return pictures, outlines


def _file(face: str) -> Path:
    import matplotlib

    return Path(matplotlib.get_data_path(), "fonts", "ttf", f"{face}.ttf")


def typeface_fonts() -> list[ImageFont.FreeTypeFont]:
    """Return the fonts of `FACES`."""
    from PIL import ImageFont

    return [ImageFont.truetype(str(_file(f)), _EM, layout_engine=ImageFont.Layout.BASIC)
            for f in FACES]


def upright_letter(character: str, font: ImageFont.FreeTypeFont) -> Image.Image:
    """Draw the letter on the canvas, centred on a fixed baseline, before any jitter."""
    from PIL import Image, ImageDraw

    canvas = Image.new("L", (CANVAS, CANVAS))
    composed = unicodedata.normalize("NFC", character)
    ImageDraw.Draw(canvas).text((CANVAS / 2, _BASELINE), composed, fill=255, font=font,
                                anchor="ms")
    return canvas


def _contour(letter: Image.Image) -> Image.Image:
    """Return the line around a letter, which thickening it by one and a half pixels adds."""
    from PIL import ImageChops, ImageFilter

    return ImageChops.subtract(letter.filter(ImageFilter.MaxFilter(5)), letter)


def _corners(jitter: npt.NDArray[np.float64], bend: float) -> npt.NDArray[np.float64]:
    """Turn (n, 12) numbers in [-1, 1] into (n, 8) canvas corners (NW, SW, SE, NE) of each
    picture.
    """
    square = turned_square(np.deg2rad(7.0) * jitter[:, 0],
                           CANVAS / 2 * (1.0 + 0.08 * jitter[:, 1]),
                           CANVAS / 2 + 3.0 * jitter[:, 2:4])
    bent = square + bend * jitter[:, 4:].reshape(-1, 4, 2)
    corners: npt.NDArray[np.float64] = bent.reshape(-1, 8)
    return corners


def turned_square(turn: npt.NDArray[np.float64], half: npt.NDArray[np.float64],
                  centre: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the corners ``(n, 4, 2)`` (NW, SW, SE, NE) of squares.

    They are turned clockwise by ``turn`` (n,), in radians, around ``centre`` (n, 2), half of a side
    being ``half`` (n,).
    """
    square = np.array([[-1, -1], [-1, 1], [1, 1], [1, -1]], dtype=float)     # (4, 2)
    cos, sin = np.cos(turn), np.sin(turn)
    rotation = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], 1)  # (n, 2, 2)
    turned: npt.NDArray[np.float64] = np.einsum("nij,cj->nci", rotation, square)
    return centre[:, None] + turned * half[:, None, None]


def warped(canvas: Image.Image, corners: npt.NDArray[np.float64]) -> npt.NDArray[Any]:
    """Return what a canvas shows between four corners (8,) as a picture (32, 32) uint8."""
    from PIL import Image

    picture = canvas.transform((SIDE, SIDE), Image.Transform.QUAD, tuple(corners),
                               resample=Image.Resampling.BILINEAR)
    return np.asarray(picture)
