"""A way from items to rows, and what it makes of one block of items."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.encoders.ahead import Read

Array = npt.NDArray[Any]

WARNED = "warned"
"""Kind of the notes that hold a warning of an encoder, which is given again with kept rows."""

Block = tuple[Array | None, list[list[Any]]]
"""Rows of those items of a block that could be read, None if none could, and notes on them:
place in the block, kind and text.
"""


@dataclass(frozen=True)
class Encoding:
    """A way from items to rows.

    Parameters
    ----------
    encode : callable
        Function from a list of items that were read to their rows ``(b, d)`` or ``(b, t, d)``.
    things : str
        Plural noun for the items, as ``"pictures"``.
    read : callable, optional
        Function that reads an item, called in threads; see `ahead.Read`. By default items are
        encoded as they are.
    block : int
        Number of items encoded at a time; default 64.
    ragged : bool
        Whether blocks differ in their number of tokens, and get zeros behind; default False.
    gpu : bool
        Whether it works on a GPU, which a worker of its own needs too; default False.
    """

    encode: Callable[[list[Any]], Array]
    things: str
    read: Callable[[Any], Read] | None = None
    block: int = 64
    ragged: bool = False
    gpu: bool = False

    def of_block(self, items: Sequence[Read]) -> Block:
        """Encode items that were read; warnings to the user become notes."""
        notes: list[list[Any]] = [[n, *note] for n, (_, about) in enumerate(items)
                                  for note in about]
        sound = [item for item, _ in items if item is not None]
        if not sound:
            return None, notes
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            rows = np.asarray(self.encode(sound))
        for other in caught:
            if other.category is UserWarning:
                notes.append([0, WARNED, str(other.message)])
            else:
                warnings.warn_explicit(other.message, other.category, other.filename, other.lineno)
        return rows, notes
