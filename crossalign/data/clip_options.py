"""Words and numbers of clips and token rows. It imports nothing, for lists of what there is."""

from typing import Literal, get_args

Pooling = Literal["mean", "flat", "time"]
"""Name of a way to make vectors of token rows, see `time_pooling.pooled`."""
POOLS: tuple[str, ...] = get_args(Pooling)
FRAMES = 8
"""Number of frames of a clip, unless another is given."""
