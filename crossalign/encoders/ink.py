"""Drawings and letters as histograms of oriented gradients, wherever and however large they are.

A drawing on a canvas and a letter in print differ in place, size, width of the pen and in which of
the two is dark. Before the descriptor of `hog` all four are made alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from crossalign.encoders.hog import HOG
from crossalign.encoders.pieces import apart, box, contrast

if TYPE_CHECKING:
    from PIL import Image

Array = npt.NDArray[Any]

MARGIN = 6
"""Paper around the ink, in pixels of the descriptor's picture."""
PEN = 4
"""Least mean width of strokes, in pixels of that picture; thinner ones are thickened."""
FINER = 4
"""Most times that the picture is finer while strokes are thickened."""


class Ink:
    """Encoder of what is drawn or written on paper of one shade: `HOG` of the ink alone.

    The paper is the median of the edge of the picture, and ink is what differs from it. Ink is cut
    out, scaled so that its longer side fills the picture but for a margin, centred, and thickened
    where its strokes are thinner than a pen's. Where a letter stands and how large it is are lost.

    Parameters
    ----------
    whole : bool
        Whether rows hold beside that what `HOG` says of the whole picture, in which place and size
        are kept: those of what is printed tell a mark above from one below. Default False.
    pieces : bool
        Whether rows hold in the end the same of the largest connected piece of the ink and of what
        is left, each cut out for itself, and where and how large the latter stands
        (`pieces.apart`): an accent is small beside its letter, and large alone. Default False.
    """

    resizes = True
    tokens = False
    learned = False
    mode = "L"

    def __init__(self, whole: bool = False, pieces: bool = False) -> None:
        self.whole = whole
        self.pieces = pieces
        self._hog = HOG()

    @property
    def side(self) -> int:
        """Height and width of the pictures that are described, in pixels."""
        return self._hog.side

    @property
    def facts(self) -> dict[str, Any]:
        """Facts that its rows depend on."""
        return {"encoder": "ink", "rows": (
            f"{self._hog.facts['rows']}; ink cut out, centred with a margin of {MARGIN}, strokes "
            f"of {PEN} pixels or more{'; and of the whole picture' if self.whole else ''}"
            f"{'; and of its largest piece and the rest, with its place' if self.pieces else ''}")}

    def encode(self, pictures: Sequence[Array]) -> Array:
        """Encode pictures ``(h, w)`` uint8 of any sizes as rows ``(n, 512)``, with 512 more of the
        whole and 1,030 of pieces; blank paper as zeros.
        """
        parts = [self._cut_out(pictures)]
        if self.whole:
            parts.append(self._hog.encode(np.stack([_resized(picture, self.side)
                                                    for picture in pictures])))
        if self.pieces:
            largest, rests, places = zip(*map(apart, pictures), strict=True)
            parts += [self._cut_out([255 - piece for piece in largest]),
                      self._cut_out([255 - rest for rest in rests]), np.stack(places)]
        return np.concatenate(parts, axis=1)

    def _cut_out(self, pictures: Sequence[Array]) -> Array:
        """Describe the ink of pictures, ``(n, 512)``."""
        return self._hog.encode(np.stack([255 - placed(picture, self.side)
                                          for picture in pictures]))


def _resized(picture: Array, side: int) -> Array:
    """Return a whole picture ``(h, w)`` as ``(side, side)``."""
    from PIL import Image

    return np.asarray(Image.fromarray(picture).resize((side, side), Image.Resampling.BILINEAR))


def placed(picture: Array, side: int) -> Array:
    """Return the ink of a picture ``(h, w)`` uint8, cut out and centred.

    Returns
    -------
    ink : (side, side) uint8
        0 is paper and 255 ink.
    """
    from PIL import Image

    ink = contrast(picture)
    found = box(ink)
    if found is None:
        return np.zeros((side, side), dtype=np.uint8)
    top, bottom, left, right = found
    cut = Image.fromarray(ink[top:bottom, left:right])
    scale = (side - 2 * MARGIN) / max(cut.size)
    finer = min(FINER, max(1, round(1 / scale)))              # so that small dots are not lost
    width, height = (max(1, round(finer * scale * of)) for of in cut.size)
    how = Image.Resampling.BICUBIC if finer * scale > 1 else Image.Resampling.BOX
    sheet = Image.new("L", (finer * side, finer * side))
    sheet.paste(cut.resize((width, height), how),
                ((finer * side - width) // 2, (finer * side - height) // 2))
    thick = np.asarray(_thickened(sheet, finer * PEN).resize((side, side), Image.Resampling.BOX),
                       dtype=np.float64)
    return np.asarray(np.rint(thick * (255 / thick.max())), dtype=np.uint8)


def _thickened(sheet: Image.Image, pen: float) -> Image.Image:
    """Thicken strokes up to the width of a pen.

    The mean width of strokes is twice their area by the length of their outline. Cauchy's formula
    gives that length: pi / 4 times the sum of differences along rows and columns, for outlines
    that run in all directions.
    """
    from PIL import ImageFilter

    share = np.asarray(sheet, dtype=np.float64) / 255
    outline = np.pi / 4 * sum(np.abs(np.diff(share, axis=axis)).sum() for axis in (0, 1))
    for _ in range(round((pen - 2 * share.sum() / max(outline, 1)) / 2)):
        sheet = sheet.filter(ImageFilter.MaxFilter(3))
    return sheet
