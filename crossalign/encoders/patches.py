"""Pictures as token rows: patches, described by what is drawn in them and by where they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.encoders.gradients import oriented_gradients

Array = npt.NDArray[Any]

PATCH = 8               # side in pixels
CELL, BINS = 4, 8       # side of a patch's quarter, and orientations in it

PATCHES: dict[str, str] = {
    "hog": f"patches of {PATCH} x {PATCH} pixels, {BINS} orientations of gradients in each quarter,"
           " row and column",
    "pixels": f"patches of {PATCH} x {PATCH} pixels, ink 1 and paper 0, row and column",
}
"""Description of the tokens of a picture or an outline, by the kind of their features."""


def patch_grid(side: int) -> tuple[int, int]:
    """Return the numbers of rows and columns of a picture's patches."""
    return side // PATCH, side // PATCH


def patch_tokens(pictures: npt.ArrayLike, features: str = "hog") -> Array:
    """Return the patches of pictures ``(n, s, s)`` with values in [0, 1] as ``(n, t, d)`` float32.

    Patches row by row, t of them; the last two of d columns are row and column in (0, 1], so that
    no patch is all zeros. A side of 32 gives 16 patches of 34 columns, or 66 as pixels.
    """
    ink = np.asarray(pictures, dtype=np.float32)
    n, along = len(ink), ink.shape[1] // PATCH
    if features == "hog":
        values, width = oriented_gradients(ink, cell=CELL, bins=BINS), PATCH // CELL
    else:
        values, width = ink, PATCH
    cells = values.reshape(n, along, width, along, width, -1).swapaxes(2, 3)
    place = np.stack(np.meshgrid(*[np.arange(1, along + 1) / along] * 2, indexing="ij"), axis=2)
    tokens = [cells.reshape(n, along**2, -1),
              np.broadcast_to(place.reshape(-1, 2), (n, along**2, 2))]
    return np.concatenate(tokens, axis=2, dtype=np.float32)
