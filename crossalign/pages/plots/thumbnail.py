"""Pictures small enough for a page."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def thumbnail(pixels: Array, side: int = 128) -> Array:
    """Reduce (h, w) or (h, w, 3) to uint8 of at most ``side`` on its longer side; floats in [0, 1]
    are scaled.
    """
    from PIL import Image

    if pixels.dtype != np.uint8:
        pixels = (255 * np.clip(pixels, 0, 1)).round().astype(np.uint8)
    if max(pixels.shape[:2]) <= side:
        return pixels
    picture = Image.fromarray(pixels)
    picture.thumbnail((side, side))
    return np.asarray(picture)
