"""Applying a fitted model to many samples; memory-mapped ones are read a block at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from crossalign.models.roles import Aligner
from crossalign.models.rows import Array
from crossalign.types import Views

Encode = Callable[[Any, str], Array]


def as_given(views: Views, modality: str) -> Any:
    """Return samples in the form that a model takes: rows, or `Views` if they have a mask."""
    return views.select(modality) if modality in views.masks else views[modality]


def encoded(encode: Encode, views: Views, modality: str) -> Array:
    """Apply ``encode(rows, modality)``, ``model.embed`` or the like, to all samples: ``(n, w)``.

    Samples in memory are encoded together, as their rows can differ in the last bit otherwise.
    """
    if not views.on_disk(modality) or len(views) == 0:
        return encode(as_given(views, modality), modality)
    return np.concatenate([encode(as_given(views[rows], modality), modality)
                           for rows in views.blocks(modality)])


def in_blocks(answer: Callable[[Views], Array], X: Views) -> Array:
    """Apply ``answer(part)`` to all samples, a row for each; memory-mapped samples a part at a
    time.
    """
    on_disk = [m for m in X.modalities if X.on_disk(m)]
    if not on_disk or len(X) == 0:
        return answer(X)
    widest = max(on_disk, key=lambda m: X.read(m, np.arange(1)).size)
    return np.concatenate([answer(X[rows]) for rows in X.blocks(widest)])


def embedded(model: Aligner, views: Views, modality: str) -> Array:
    """Return unit rows ``(n, d)`` of the samples that have a modality."""
    return encoded(model.embed, views.having(modality), modality)
