"""Items as people give them: texts, pictures, clips and vectors.

A text is a string. A picture is a path, the bytes of a file, an open picture of Pillow or pixels
``(h, w)``, ``(h, w, 1)`` or ``(h, w, 3)`` uint8. A clip is the path of a video file or of a folder
of frames, or a `Film`, whose frames are pictures of any form. A vector is a row ``(d,)`` of floats.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.formats.clips import Film, read_clip, spread
from crossalign.data.formats.pictures import LARGEST, prepared, read_picture
from crossalign.data.formats.videos import is_video
from crossalign.data.samples import CLIP
from crossalign.reading import expanded
from crossalign.sentences import short

Array = npt.NDArray[Any]

TEXT, IMAGE, VECTOR = "text", "image", "vector"
LOOKS = (IMAGE, CLIP)
"""Kinds of items that are looked at; a space holds one of them, and one of clips reads a picture as
a clip of one frame.
"""
SKETCH = "sketch"
"""Kind of items that are pictures too, but line drawings; as a question one is a picture."""
CLASS = "class"
"""Key of a payload for the name of an item's class."""
LONGEST = 100_000
"""Largest number of characters of a text."""


def kind_of(item: Any) -> str:
    """Return the kind of an item: ``"text"``, ``"image"``, ``"clip"`` or ``"vector"``.

    Raises
    ------
    ValueError
        If it is none.
    """
    if isinstance(item, str):
        if not item.strip() or len(item) > LONGEST:
            raise ValueError(f"text: got {len(item)} characters, {short(item)}; give 1 to "
                             f"{LONGEST:,}, not all blank.")
        return TEXT
    if isinstance(item, Film) or (isinstance(item, Path) and (is_video(item) or item.is_dir())):
        return CLIP
    if isinstance(item, Path | bytes) or hasattr(item, "getexif"):
        return IMAGE
    array = np.asarray(item) if isinstance(item, np.ndarray | list | tuple) else None
    if array is not None and array.dtype == np.uint8 and array.ndim in (2, 3):
        return IMAGE
    if array is not None and array.ndim == 1 and array.dtype.kind in "fiu" and len(array):
        return VECTOR
    raise ValueError(f"item: got {short(item)}; give a text, a picture (a pathlib.Path, the bytes "
                     "of a file, a picture of Pillow, pixels in uint8), a clip (a pathlib.Path, a "
                     "Film) or a row of numbers.")


def one_kind(items: Sequence[Any], clips: bool = False) -> str:
    """Return the kind of all items; with ``clips`` pictures are clips of one frame.

    Raises
    ------
    ValueError
        If there are several kinds, or no item.
    """
    kinds = list(dict.fromkeys(CLIP if clips and kind in LOOKS else kind
                               for kind in map(kind_of, items)))
    if len(kinds) != 1:
        raise ValueError(f"items: got {' and '.join(kinds) if kinds else 'none'}; give items of "
                         "one kind.")
    return kinds[0]


def listed(items: Any) -> list[Any]:
    """Return items as a list; what is no list of items is a list of one."""
    single = isinstance(items, str | bytes | Path | Film) or hasattr(items, "getexif") or (
        isinstance(items, np.ndarray) and (items.ndim == 1 or (items.dtype == np.uint8 and (
            items.ndim == 2 or (items.ndim == 3 and items.shape[2] in (1, 3))))))
    if single or not isinstance(items, Iterable):
        return [items]
    return list(items)


def clip_pixels(item: Any, frames: int, side: int | None, mode: str) -> list[Array]:
    """Return the pixels of some frames of a clip, in their order; of a picture it is one.

    Raises
    ------
    ValueError
        As `pixels_of` and `read_clip`, or for a film without a frame.
    ImportError
        If it is a video file and PyAV is not installed.
    """
    if isinstance(item, Film):
        if not len(item.frames):
            raise ValueError("clip: it has no frame; give one at least.")
        return [pixels_of(item.frames[i], side, mode) for i in spread(len(item.frames), frames)]
    if not isinstance(item, Path) or kind_of(item) != CLIP:
        return [pixels_of(item, side, mode)]
    place = expanded(item, "path")
    if not place.exists():
        raise ValueError(f"path: there is no {str(item)!r}; give a video file or a folder of "
                         "frames.")
    return read_clip(place, frames, side, mode).pixels


def pixels_of(item: Any, side: int | None, mode: str) -> Array:
    """Return the pixels of a picture, as encoders take them; see `read_picture`.

    Raises
    ------
    ValueError
        One sentence if it cannot be read or is too large.
    """
    from PIL import Image

    if isinstance(item, Path):
        file = expanded(item, "path")
        if not file.is_file():
            raise ValueError(f"path: {str(item)!r} is no file; give that of a picture.")
        return read_picture(file, side, mode).pixels
    if isinstance(item, bytes):
        return read_picture(item, side, mode).pixels
    if isinstance(item, np.ndarray | list | tuple):
        pixels = np.asarray(item)
        if pixels.ndim == 3 and pixels.shape[2] == 1:
            pixels = pixels[:, :, 0]
        if 0 in pixels.shape or (pixels.ndim == 3 and pixels.shape[2] != 3):
            raise ValueError(f"picture: pixels of shape {pixels.shape}; give (h, w), (h, w, 1) or "
                             "(h, w, 3).")
        item = Image.fromarray(pixels)
    if item.width * item.height > LARGEST:
        raise ValueError(f"picture: {item.width} x {item.height} pixels, more than the "
                         f"{LARGEST / 1e6:.0f} million that are read; give a smaller one.")
    try:
        return prepared(item, side, mode).pixels
    except Exception as error:  # of a damaged file that was opened elsewhere
        raise ValueError(f"picture: it cannot be read ({error}); give a whole one.") from error
