"""The two steps from pictures to rows: what is done to each, in threads, and then to a block."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from crossalign.types import Encoder

Array = npt.NDArray[Any]

BLOCK, PREPARED, WHOLE = 64, 32, 8
"""Numbers of pictures encoded at a time: small ones, those that an encoder prepared as numbers of
its network, and those that it takes in their own sizes.
"""


def on_gpu(encoder: Any) -> bool:
    """Tell whether a network is on a GPU."""
    return getattr(getattr(encoder, "device", None), "type", "") == "cuda"


class Steps(NamedTuple):
    """The steps of an encoder of pictures.

    Attributes
    ----------
    side : int or None
        Height and width in pixels at which pictures are read; None for their own size.
    prepare : callable
        Function of the pixels of one picture, called in threads.
    encode : callable
        Function from a list of what `prepare` gave to rows ``(b, d)`` or ``(b, t, d)``.
    block : int
        Number of pictures to encode at a time.
    """

    side: int | None
    prepare: Callable[[Array], Array]
    encode: Callable[[list[Array]], Array]
    block: int


def steps_of(encoder: Encoder) -> Steps:
    """Return the steps of an encoder; together they are its ``encode``."""
    prepare = getattr(encoder, "prepare", None)
    if prepare is not None:
        return Steps(None, prepare, encoder.encode_prepared,  # type: ignore[attr-defined]
                     PREPARED)
    if getattr(encoder, "resizes", False):
        return Steps(None, lambda pixels: pixels, encoder.encode, WHOLE)
    return Steps(encoder.side, lambda pixels: pixels,
                 lambda pictures: encoder.encode(np.stack(pictures)), BLOCK)
