"""Hits: the nearest neighbours that every index returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Hits:
    """Nearest neighbours of q queries, best first.

    Attributes
    ----------
    indices : (q, k) int64
        Rows of the items that were added, with an item in every place: k is never more than there
        are.
    scores : (q, k) float32
        Similarity, larger is closer.
    """

    indices: Array
    scores: Array

    def __len__(self) -> int:
        return len(self.indices)
