"""Small pictures of the items of a space, which its index keeps as data URIs for a page to show."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from crossalign.data.formats.clips import read_clip
from crossalign.data.formats.pictures import prepared, read_picture
from crossalign.data.formats.videos import is_video
from crossalign.data.samples import CLIP

if TYPE_CHECKING:
    import PIL.Image

Array = npt.NDArray[Any]
THUMB = 96
"""Longer side of the small pictures that an index keeps, in pixels."""
STRIP = 4
"""Number of frames in the small picture of a clip, side by side, each at most so large."""
MOST_THUMBS = 20_000
"""Number of pictures above which an index keeps no small ones."""
THUMB_KEY = "thumb"
"""Key of a payload for the small picture."""


def thumb_of_file(file: Path, kind: str) -> str:
    """Return the small picture of a file, or of a clip, as a data URI.

    Raises
    ------
    ValueError
        If it cannot be read.
    """
    if kind == CLIP and (file.is_dir() or is_video(file)):
        return strip_of(file)
    return thumb_of(read_picture(file, None, "RGB").pixels)


def thumb_of_picture(picture: PIL.Image.Image) -> str:
    """Return the small picture of an open one, as a data URI."""
    return thumb_of(prepared(picture, None, "RGB").pixels)


def strip_of(clip: Path) -> str:
    """Return some frames of a clip side by side, spread over it, as a data URI."""
    from PIL import Image

    frames = [Image.fromarray(pixels) for pixels in read_clip(clip, STRIP, None, "RGB").pixels]
    for frame in frames:
        frame.thumbnail((THUMB, THUMB))
    width, height = (max(frame.size[axis] for frame in frames) for axis in (0, 1))
    strip = Image.new("RGB", (width * len(frames), height), "white")
    for place, frame in enumerate(frames):
        strip.paste(frame, (place * width + (width - frame.width) // 2,
                            (height - frame.height) // 2))
    return thumb_of(np.asarray(strip), STRIP * THUMB)


def thumb_of(pixels: Array, side: int = THUMB) -> str:
    """Return a small picture of pixels, its longer side at most ``side``, as a data URI; grey ones,
    as of drawings, without loss.
    """
    from PIL import Image

    image, stream = Image.fromarray(pixels), io.BytesIO()
    image.thumbnail((side, side))
    form, more = ("PNG", {}) if pixels.ndim == 2 else ("JPEG", {"quality": 80})
    image.save(stream, form, **more)
    return (f"data:image/{form.lower()};base64,"
            f"{base64.b64encode(stream.getvalue()).decode('ascii')}")
