"""Pictures read from files of any kind: upright, on white, eight bits, square.

Values of more than eight bits are scaled, never cut off. The scale ends at the least of 1 (for
fractions only), 255, 4095 and 65535 that no value of the picture exceeds: 4095 for 12 bits stored
in 16, 65535 for 16 bits. If a value is negative or larger still, the picture's least and greatest
value become 0 and 255. Of several frames or pages the first is read. Pillow is imported when a
picture is read.
"""

from __future__ import annotations

import io
import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL import Image

Array = npt.NDArray[Any]

FORMATS = ("AVIF", "BMP", "DIB", "GIF", "JPEG", "JPEG2000", "MPO", "PCX", "PNG", "PPM", "QOI",
           "SGI", "TGA", "TIFF", "WEBP")
"""Formats of Pillow for pictures that no other program decodes and whose head is true."""

THREADS = 8
"""Number of files read at a time; decoding lets go of the interpreter lock."""

LARGEST = 2**28
"""Pixels of the largest picture that is read; a larger one is refused before it is decoded."""

ALONE = 2**25
"""Pixels above which a picture is decoded alone."""

REDUCED = 89_478_485
"""Pixels above which a picture is first reduced by whole numbers; Pillow warns of such pictures."""

ENDS = (1, 255, 4095, 65535)
"""Possible ends of the scale of values that are no bytes."""

FIRST_FRAME, SCALED, AS_STORED = "first_frame_read", "scaled_by_their_values", "not_turned_upright"
"""Notes on pictures that were read in part, rescaled or not turned."""

BITS, SIGN, INTERPRETATION, WHITE_IS_ZERO = 258, 339, 262, 0
"""Tags of TIFF 6.0, and a value."""

_OPENING, _ALONE = threading.Lock(), threading.Lock()
_open: list[int | None] = []
"""Pillow's limit as each picture that is open found it."""


class Picture(NamedTuple):
    """Pixels ``(h, w)`` or ``(h, w, 3)`` uint8, and notes about them."""

    pixels: Array
    notes: dict[str, str]


class Drawing(NamedTuple):
    """Picture that was made here and is in no file.

    Attributes
    ----------
    name : str
        Name among all pictures, as that of a folder and a file.
    pixels : (h, w) or (h, w, 3) uint8
    """

    name: str
    pixels: Array


def read_pictures(files: Sequence[Path], side: int, mode: str = "L") -> Array:
    """Read pixels ``(n, side, side)`` uint8, or ``(n, side, side, 3)`` for the mode "RGB".

    Raises
    ------
    ValueError
        As `read_picture`.
    """
    with ThreadPoolExecutor(THREADS) as pool:
        return np.stack([picture.pixels for picture in
                         pool.map(lambda file: read_picture(file, side, mode), files)])


def read_picture(file: Path | bytes | Drawing, side: int | None, mode: str = "L") -> Picture:
    """Read one picture, turned upright if it says how, and put on white where it is transparent.

    It is a file, the bytes of one, or a drawing. It is resized to ``side`` without regard to its
    proportions, as is usual for networks, or, with None, left in its own size.

    Raises
    ------
    ValueError
        One sentence naming a file that is truncated, corrupt, larger than `LARGEST` or no picture.
    """
    if isinstance(file, Drawing):
        from PIL import Image

        return prepared(Image.fromarray(file.pixels), side, mode)
    try:
        with opened(file) as image:
            pixels = image.width * image.height
            if pixels > LARGEST:
                raise ValueError(f"{pixels / 1e6:,.0f} megapixels, more than the "
                                 f"{LARGEST / 1e6:.0f} that are read")
            with _ALONE if pixels > ALONE else nullcontext():
                return prepared(image, side, mode)
    except MemoryError:
        raise
    except Exception as error:  # a damaged file raises a dozen kinds, from SyntaxError to zlib's
        if isinstance(file, bytes):
            raise ValueError(f"picture: its {len(file)} bytes cannot be read as one ({error}); "
                             "give those of a whole picture file.") from error
        raise ValueError(f"path: {str(file)!r} cannot be read as a picture ({error}), so it is "
                         "truncated, corrupt or not one; copy it again or remove it.") from error


@contextmanager
def opened(file: Path | bytes, formats: Sequence[str] = FORMATS) -> Iterator[Image.Image]:
    """Open a picture and read its head, whatever size it claims.

    Raises
    ------
    Exception
        Whatever Pillow raises on a file that is no picture.
    """
    from PIL import Image, UnidentifiedImageError

    stream = io.BytesIO(file) if isinstance(file, bytes) else file.open("rb")
    with stream, _without_limit():  # a stream, not a name: no map of a file that changes
        try:
            image = Image.open(stream, formats=[form for form in formats if form in Image.OPEN])
        except UnidentifiedImageError:
            raise ValueError("its content is of no known kind") from None
        yield image


@contextmanager
def _without_limit() -> Iterator[None]:
    """Switch off Pillow's own limit of pixels, one for the process, while a picture is open.

    It warns of sound pictures; `LARGEST` is ours.
    """
    from PIL import Image

    Image.init()
    with _OPENING:
        _open.append(Image.MAX_IMAGE_PIXELS)
        Image.MAX_IMAGE_PIXELS = None
    try:
        yield
    finally:
        with _OPENING:
            limit = _open.pop()
            if not _open:
                Image.MAX_IMAGE_PIXELS = limit


def prepared(image: Image.Image, side: int | None, mode: str) -> Picture:
    """Return the pixels of a picture that is open, as `read_picture` does."""
    from PIL import Image, ImageOps

    notes: dict[str, str] = {}
    times = image.width * image.height / REDUCED
    least = min(image.size) // math.ceil(times**0.5) if side is None else 4 * side
    tags = dict(getattr(image, "tag_v2", {}))
    if getattr(image, "is_animated", False) and image.format != "MPO":  # whose second is a preview
        notes[FIRST_FRAME] = f"of {getattr(image, 'n_frames', 'several')}"
    if times > 1:
        image.draft(None, (least, least))                   # of a JPEG no more is decoded
    try:
        image = ImageOps.exif_transpose(image)
    except Exception as error:  # of a damaged head, which says nothing of the pixels
        image.load()
        notes[AS_STORED] = f"{error}"
    if image.mode.startswith("I") or image.mode == "F":
        image, scale = _eight_bits(image, tags)
        if scale is not None:
            notes[SCALED] = scale
    if image.mode in ("RGBA", "LA", "PA", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
    if times > 1:
        image = _smaller(image, least, side is None)
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert(mode)
    if side is not None:
        image = image.resize((side, side), Image.Resampling.BICUBIC)
    return Picture(np.asarray(image), notes)


def _smaller(image: Image.Image, least: int, alike: bool) -> Image.Image:
    """Divide each side by a whole number, so that ``least`` pixels or a little more are left.

    With ``alike`` both are divided by the same number, and the shorter side decides.
    """
    if image.mode in ("1", "P"):
        image = image.convert({"1": "L", "P": "RGB"}[image.mode])
    factors = (max(1, image.width // least), max(1, image.height // least))
    return image.reduce(min(factors) if alike else factors)


def _eight_bits(image: Image.Image, tags: Mapping[int, Any]) -> tuple[Image.Image, str | None]:
    """Return a grey picture of bytes, and the scale of its values if their type does not tell it.

    ``tags`` are those of a TIFF file, whose numbers Pillow ignores.
    """
    from PIL import Image

    values = np.asarray(image)
    if values.dtype == np.int32 and tags.get(BITS) == (32,) and tags.get(SIGN, (1,)) == (1,):
        values = values.view(np.uint32)
    grey, scale = scaled(values)
    if tags.get(INTERPRETATION) == WHITE_IS_ZERO:
        grey = 255 - grey
    if isinstance(image.info.get("transparency"), int):
        grey = np.where(values == image.info["transparency"], np.uint8(255), grey)
    return Image.fromarray(grey), scale


def scaled(values: Array) -> tuple[Array, str | None]:
    """Turn values of any type into bytes, and return the scale unless it is that of their type.

    Parameters
    ----------
    values : (h, w) integers or floats
        Grey values.

    Returns
    -------
    bytes : (h, w) uint8
    scale : str, optional
        None for 16 bits and for fractions up to 1.

    Raises
    ------
    ValueError
        For NaN and infinity.
    """
    whole = values.dtype.kind in "iu"
    low, high = values.min(), values.max()
    if not np.isfinite([low, high]).all():
        raise ValueError("its values are not finite")
    end = next((end for end in ENDS[whole:] if low >= 0 and high <= end), None)
    start, stop = (0, end) if end is not None else (float(low), float(high))
    grey = np.empty(values.shape, dtype=np.uint8)
    factor = 255 / (stop - start) if stop > start else 0
    for row in range(len(values)):                          # never a float copy of the whole
        grey[row] = np.rint((values[row] - np.float64(start)) * factor)
    usual = end == (1 if not whole else 65535)
    return grey, None if usual else f"{start:.6g} to {stop:.6g}"
