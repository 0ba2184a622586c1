"""Exact inner-product search by blocked matrix products."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from crossalign.index.base import Array, Index, check_count, check_vectors
from crossalign.types import Hits


class ExactIndex(Index):
    """Vectors in memory; a search compares every query with all of them.

    Parameters
    ----------
    width : int, optional
        Dimension of the vectors; by default that of the first ones.
    block_bytes : int
        Upper bound of the scratch memory of a search, in bytes; default 64 MiB.
    """

    measure = "inner product"

    def __init__(self, width: int | None = None, block_bytes: int = 64 << 20) -> None:
        self.width = width
        self.block_bytes = block_bytes
        self._vectors = np.zeros((0, width or 0), dtype=np.float32)

    def __len__(self) -> int:
        return len(self._vectors)

    def add(self, vectors: npt.ArrayLike) -> None:
        """Append ``(n, width)`` vectors; their rows continue the numbering."""
        rows = check_vectors(vectors, self._width)
        self._vectors = np.concatenate([self._vectors, rows]) if len(self) else rows

    def search(self, queries: npt.ArrayLike, k: int) -> Hits:
        """Find the ``min(k, n)`` largest inner products per query, best first.

        Equal scores are ordered by row, so that results do not depend on the block size.
        """
        check_count(k)
        rows = check_vectors(queries, self._width)
        k = min(k, len(self))
        indices = np.empty((len(rows), k), dtype=np.int64)
        scores = np.empty((len(rows), k), dtype=np.float32)
        step = max(1, self.block_bytes // max(1, 12 * len(self)))
        for start in range(0, len(rows) if k else 0, step):
            block = slice(start, start + step)
            indices[block], scores[block] = top_k(rows[block] @ self._vectors.T, k)
        return Hits(indices, scores)

    def stored(self) -> dict[str, Array]:
        """Return the vectors."""
        return {"vectors": self._vectors}

    @property
    def _width(self) -> int | None:
        """Dimension of the vectors; None until it is known."""
        return self._vectors.shape[1] if len(self) else self.width


def top_k(similarity: Array, k: int) -> tuple[Array, Array]:
    """Return columns and values of the k largest entries per row of ``(q, n)``; ties by column."""
    if k == 0:
        return np.zeros((len(similarity), 0), np.int64), np.zeros((len(similarity), 0), np.float32)
    smallest_kept = -np.partition(-similarity, k - 1, axis=1)[:, k - 1:k]
    above = similarity > smallest_kept
    # of the entries equal to the k-th value keep the first columns, as many as there is room for
    tied = similarity == smallest_kept
    room = k - above.sum(axis=1, keepdims=True)
    is_top = above | (tied & (np.cumsum(tied, axis=1) <= room))
    columns = np.nonzero(is_top)[1].reshape(len(similarity), k)            # ascending per row
    values = np.take_along_axis(similarity, columns, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")
    return (np.take_along_axis(columns, order, axis=1),
            np.take_along_axis(values, order, axis=1))
