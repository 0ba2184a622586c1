"""What a fitted model makes of many samples; memory-mapped ones are read a block at a time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from crossalign.models.base import Aligner, Array
from crossalign.types import Views

Encode = Callable[[Array, str], Array]


def encoded(encode: Encode, views: Views, modality: str) -> Array:
    """``encode(rows, modality)`` of all samples, ``(n, w)``: ``model.embed`` or its like.

    Samples in memory are encoded together, as their rows can differ in the last bit otherwise.
    """
    if not views.on_disk(modality) or len(views) == 0:
        return encode(views[modality], modality)
    return np.concatenate([encode(views.read(modality, rows), modality)
                           for rows in views.blocks(modality)])


def in_blocks(answer: Callable[[Views], Array], X: Views) -> Array:
    """``answer(part)`` of all samples, a row for each; of memory-mapped ones a part at a time."""
    kept = [m for m in X.modalities if X.on_disk(m)]
    if not kept or len(X) == 0:
        return answer(X)
    widest = max(kept, key=lambda m: X.read(m, np.arange(1)).size)
    return np.concatenate([answer(X[rows]) for rows in X.blocks(widest)])


def embedded(model: Aligner, views: Views, modality: str) -> Array:
    """Unit rows ``(n, d)`` of the samples that have a modality."""
    return encoded(model.embed, views.having(modality), modality)
