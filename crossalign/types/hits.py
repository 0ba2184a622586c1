"""Hits: the nearest neighbours that every index returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Hits:
    """Nearest neighbours of q queries, best first.

    Attributes
    ----------
    ids : (q, k)
        Ids of the items, with an item in every place: k is never more than there are. They are
        int64, or objects if items of the index are named by texts.
    scores : (q, k) float32
        Similarity, larger is closer.
    """

    ids: Array
    scores: Array

    @property
    def indices(self) -> Array:
        """Row numbers ``(q, k)`` int64, which are the ids of items that were added without any.

        Raises
        ------
        ValueError
            If items are named by texts.
        """
        if self.ids.dtype != np.int64:
            raise ValueError("indices: the items of this index have names, not row numbers; ask "
                             "for ids.")
        return self.ids

    def __len__(self) -> int:
        return len(self.ids)
