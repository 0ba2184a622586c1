"""Checks of the pictures that encoders read."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def check_pictures(pictures: npt.ArrayLike, side: int) -> npt.NDArray[Any]:
    """Return pictures ``(n, side, side, 3)`` uint8.

    Raises
    ------
    ValueError
        For pictures of another size or type.
    """
    x = np.asarray(pictures)
    if x.dtype != np.uint8 or x.shape[1:] != (side, side, 3):
        raise ValueError(f"pictures: shape {x.shape} of {x.dtype}; resize them to "
                         f"(n, {side}, {side}, 3) uint8.")
    return x


def check_picture(picture: npt.ArrayLike) -> npt.NDArray[Any]:
    """Return a picture ``(h, w, 3)`` uint8 of any size.

    Raises
    ------
    ValueError
        For one of another shape or type.
    """
    x = np.asarray(picture)
    if x.dtype != np.uint8 or x.ndim != 3 or x.shape[2] != 3 or 0 in x.shape:
        raise ValueError(f"pictures: one has shape {x.shape} of {x.dtype}; give (h, w, 3) uint8.")
    return x
