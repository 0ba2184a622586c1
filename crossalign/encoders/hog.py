"""Pictures as histograms of oriented gradients: an encoder that needs no download."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.encoders.gradients import oriented_gradients
from crossalign.encoders.patches import PATCHES, patch_tokens

Array = npt.NDArray[Any]

CELL, BINS = 8, 8


class HOG:
    """Encoder without a network: histograms of oriented gradients of a grey picture.

    Parameters
    ----------
    tokens : bool
        Whether to give ``(n, 64, 34)`` patches of 8 x 8 pixels instead of ``(n, 512)`` vectors;
        default False.
    """

    side = 64
    mode = "L"
    learned = False

    def __init__(self, tokens: bool = False) -> None:
        self.tokens = tokens

    @property
    def facts(self) -> dict[str, Any]:
        """Facts that its rows depend on."""
        of = PATCHES["hog"] if self.tokens else (
            f"histograms of oriented gradients, {BINS} orientations in cells of {CELL} x {CELL}")
        return {"encoder": "gradients", "rows": f"{of}; {self.side} x {self.side} grey pixels"}

    def encode(self, pictures: Array) -> Array:
        """Encode ``(n, 64, 64)`` uint8 pictures as rows."""
        ink = 1 - np.asarray(pictures, dtype=np.float32) / 255
        return patch_tokens(ink) if self.tokens else oriented_gradients(ink, cell=CELL, bins=BINS)
