"""Drawings in two: the largest connected piece of their ink, and the rest, such as accents."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

DARK = 0.4
"""Share of the strongest contrast with the paper from which a pixel belongs to the ink."""
SHARP = 128
"""Least longer side of a picture, in pixels, at which pieces are told apart."""
PLACES = 6
"""Number of values that `standing` gives."""


def contrast(picture: Array) -> Array:
    """Return the difference from the paper, ``(h, w)`` uint8, the strongest as 255; the paper is
    the median of the edge.
    """
    edge = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    apart = np.abs(picture.astype(np.float32) - np.float32(np.median(edge)))
    most = apart.max()
    return np.zeros_like(picture) if most == 0 else np.rint(apart * (255 / most)).astype(np.uint8)


def box(ink: Array) -> tuple[int, int, int, int] | None:
    """Return first row, row behind the last, and the same of columns, of ink ``(h, w)`` uint8; None
    where there is none.
    """
    there = ink >= 255 * DARK
    rows, columns = np.flatnonzero(there.any(axis=1)), np.flatnonzero(there.any(axis=0))
    if not len(rows):
        return None
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def apart(picture: Array) -> tuple[Array, Array, Array]:
    """Return the largest piece of a picture ``(h, w)`` uint8, what is left, and how that stands.

    A small picture is made larger by a whole number first. Pixels touch by sides or corners; a
    pixel too pale for ink is of the nearest piece.

    Returns
    -------
    largest, rest : (h', w') uint8
        0 is paper and 255 ink; the rest is blank where there is one piece or none.
    standing : (6,) float32
        See `standing`.
    """
    from PIL import Image
    from scipy import ndimage

    finer = max(1, round(SHARP / max(picture.shape)))
    height, width = picture.shape
    ink = contrast(np.asarray(Image.fromarray(picture).resize(
        (finer * width, finer * height), Image.Resampling.BICUBIC)))
    pieces, number = ndimage.label(ink >= 255 * DARK, structure=np.ones((3, 3)))
    if number < 2:
        return ink, np.zeros_like(ink), np.zeros(PLACES, dtype=np.float32)
    nearest = ndimage.distance_transform_edt(pieces == 0, return_distances=False,
                                             return_indices=True)
    largest = 1 + np.bincount(pieces.ravel())[1:].argmax()
    of_largest = pieces[tuple(nearest)] == largest
    rest = np.where(of_largest, 0, ink).astype(np.uint8)
    return np.where(of_largest, ink, 0).astype(np.uint8), rest, standing(ink, rest)


def standing(ink: Array, rest: Array) -> Array:
    """Return 1, how far the middle of the rest is below and right of that of all ink, height and
    width of the rest, all by the longer side of all ink, and the logarithm of height by width.
    """
    whole, part = box(ink), box(rest)
    assert whole is not None
    assert part is not None
    (top, bottom, left, right), (first, last, near, far) = whole, part
    unit, height, width = max(bottom - top, right - left), last - first, far - near
    return np.array([1, (first + last - top - bottom) / 2 / unit,
                     (near + far - left - right) / 2 / unit, height / unit, width / unit,
                     np.log(height / width)], dtype=np.float32)
