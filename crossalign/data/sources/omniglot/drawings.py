"""The drawings of Omniglot from its zips, each as a picture and as pen strokes.

``images_PART.zip`` holds ``PART/ALPHABET/CHARACTER/NUMBER_DRAWER.png``, 105 x 105 pixels, and
``strokes_PART.zip`` the same with ``.txt``, as Lake et al. (Science 2015) publish them. Parts may
overlap; every drawing is read once.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from functools import cache
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from crossalign.data.sources.omniglot.pen_strokes import Strokes, parse_strokes
from crossalign.data.sources.omniglot.stroke_features import stroke_pieces, stroke_vectors, traced
from crossalign.encoders.cache import Arrays, cached_arrays
from crossalign.fingerprints import file_digest

Array = npt.NDArray[Any]

VERSION = 1
"""Version of the arrays, raised when the same files would give others."""

PIXELS, SIDE = 105, 28
MEMBER = re.compile(r"[^/]+/(?P<name>[^/]+/[^/]+/\d+_\d+)\.(?P<suffix>png|txt)")
PARTS = "images_*.zip"
LARGEST = 2**20
"""Largest unpacked size of a drawing, in bytes."""

_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
"""Exceptions that zipfile raises on a file that is not the archive it was."""


class Drawings(NamedTuple):
    """Drawings sorted by name, n of them.

    Attributes
    ----------
    name : (n,) str, as ``Greek/character03/0396_07``
    picture : (n, 28, 28) uint8
        Share of ink in each cell of the 105 x 105 pixels; 255 is nothing but ink.
    strokes : (n, 200) float32
    pieces, mask : (n, 32, 8) float32 and (n, 32) bool
        The strokes as tokens.
    traced : (n, 28, 28) uint8
        The strokes drawn again.
    """

    name: Array
    picture: Array
    strokes: Array
    pieces: Array
    mask: Array
    traced: Array


def zips_of(folder: Path) -> list[Path]:
    """Return the zips of a folder, pictures and strokes in turn.

    Raises
    ------
    ValueError
        If one of a pair is missing, or there are none.
    """
    files = []
    for images in sorted(folder.glob(PARTS)):
        strokes = images.with_name("strokes_" + images.name.removeprefix("images_"))
        if not strokes.is_file():
            raise ValueError(f"folder: {str(folder)!r} holds {images.name} but not {strokes.name}; "
                             "put both of every part there.")
        files += [images, strokes]
    if not files:
        raise ValueError(f"folder: {str(folder)!r} holds no {PARTS}; put the zips of Omniglot "
                         "there, images_PART.zip and strokes_PART.zip of every part.")
    return files


def read_drawings(folder: Path, keep: bool = True) -> Drawings:
    """Read every drawing of a folder, kept in the user's cache unless ``keep`` is False.

    Raises
    ------
    ValueError
        If a zip is missing, damaged or holds something else.
    """
    files = zips_of(folder)
    key = {"name": "omniglot", "version": VERSION, "files": file_digest(*files),
           **{package: version(package) for package in ("numpy", "pillow")}}
    return Drawings(**(cached_arrays(key, lambda: _read(files)) if keep else _read(files)))


def _read(files: list[Path]) -> Arrays:
    pictures: dict[str, Array] = {}
    pens: dict[str, tuple[Array, Array]] = {}
    for images, strokes in zip(files[::2], files[1::2], strict=True):
        picture_of, pen_of = _members(images, "png", pictures), _members(strokes, "txt", pens)
        alone = sorted(set(picture_of) ^ set(pen_of))
        if alone:
            raise ValueError(f"folder: {alone[0]} is in one of {images.name} and {strokes.name} "
                             f"only, as {len(alone)} drawings are; download both again.")
        pictures |= {name: _picture(content, f"{name}.png in {images.name}")
                     for name, content in picture_of.items()}
        pens |= {name: _pen(content, f"{name}.txt in {strokes.name}")
                 for name, content in pen_of.items()}
    if not pictures:
        raise ValueError(f"folder: {files[0].name} holds no drawing PART/ALPHABET/CHARACTER/"
                         "NUMBER_DRAWER.png; download it again.")
    names = sorted(pictures)
    points, begins = zip(*(pens[name] for name in names), strict=True)
    pen = Strokes(np.concatenate(points), np.concatenate(begins),
                  np.repeat(np.arange(len(names)), [len(p) for p in points]))
    pieces, mask = stroke_pieces(pen)
    return {"name": np.array(names), "picture": np.array([pictures[name] for name in names]),
            "strokes": stroke_vectors(pen), "pieces": pieces, "mask": mask,
            "traced": traced(pen, SIDE)}


def _members(file: Path, suffix: str, known: Any) -> dict[str, bytes]:
    """Return the content of the drawings of a zip by name, less those that are ``known``."""
    try:
        with zipfile.ZipFile(file) as archive:
            matches = [(MEMBER.fullmatch(info.filename), info) for info in archive.infolist()]
            large = next((i for match, i in matches if match and i.file_size > LARGEST), None)
            if large is not None:
                raise ValueError(f"folder: {large.filename} in {file.name} unpacks to "
                                 f"{large.file_size} bytes, and a drawing to {LARGEST} at most; "
                                 "download the zip again.")
            return {match["name"]: archive.read(info) for match, info in matches
                    if match and match["suffix"] == suffix and match["name"] not in known}
    except _DAMAGED as error:
        raise ValueError(f"folder: {file.name} ({file.stat().st_size} bytes) cannot be read as a "
                         "zip, so it is truncated, corrupt or not one; download it "
                         "again.") from error


def _picture(content: bytes, where: str) -> Array:
    """Return the share of ink as (28, 28) uint8."""
    from PIL import Image

    try:
        with Image.open(BytesIO(content)) as image:
            if image.size != (PIXELS, PIXELS):
                raise ValueError
            paper = np.asarray(image.convert("L"), dtype=np.float64) / 255
    except (OSError, SyntaxError, ValueError):
        raise ValueError(f"folder: {where} is not a picture of {PIXELS} x {PIXELS} pixels; "
                         "download the zip again.") from None
    cells = cell_shares(PIXELS, SIDE)
    return np.rint(255 * (cells @ (1 - paper) @ cells.T)).astype(np.uint8)


@cache
def cell_shares(n: int, cells: int) -> Array:
    """Return the share (cells, n) of each of ``cells`` lengths that each of ``n`` shorter ones
    covers.
    """
    width, each = n / cells, np.arange(n)
    start = np.arange(cells)[:, None] * width
    covered = np.minimum(start + width, each + 1) - np.maximum(start, each)
    return np.asarray(np.maximum(covered, 0) / width)


def _pen(content: bytes, where: str) -> tuple[Array, Array]:
    try:
        return parse_strokes(content.decode("ascii"))
    except ValueError as error:
        raise ValueError(f"folder: {where} is not START, lines of x,y,time and a BREAK after "
                         "every stroke; download the zip again.") from error
