"""Vectors of drawings of letters: histograms of gradients, or pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.sources.glyphs.typefaces import SIDE
from crossalign.encoders.gradients import oriented_gradients

Array = npt.NDArray[Any]

FEATURES: dict[str, str] = {
    "hog": "histogram of oriented gradients, 4 x 4 cells of 8 orientations",
    "pixels": f"{SIDE} x {SIDE} pixels, ink 1 and paper 0",
}
"""Kinds of vectors of a picture or an outline."""


class GlyphEncoder:
    """Encoder of drawings of letters, as `load` draws them.

    Parameters
    ----------
    features : {"hog", "pixels"}
        Kind of their vectors.
    """

    side, mode, tokens, learned = SIDE, "L", False, False

    def __init__(self, features: str) -> None:
        self.features = features

    @property
    def facts(self) -> dict[str, Any]:
        """Facts that its rows depend on."""
        return {"encoder": "glyphs", "rows": FEATURES[self.features]}

    def encode(self, pictures: Array) -> Array:
        """Encode ``(n, 32, 32)`` uint8 pictures, black on white, as rows."""
        return self.of_ink(255 - np.asarray(pictures))

    def of_ink(self, ink: Array) -> Array:
        """Encode ``(n, 32, 32)`` uint8 ink, of which paper has 0, as rows."""
        shares = ink / np.float32(255)
        return (oriented_gradients(shares) if self.features == "hog" else
                shares.reshape(len(ink), -1))
