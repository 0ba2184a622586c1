"""Exact inner-product search by blocked matrix products."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.types import Hits

Array = npt.NDArray[Any]


class ExactIndex:
    """Keeps vectors in memory and compares every query with all of them.

    Parameters
    ----------
    width : int
        Dimension of the vectors.
    block_bytes : int
        Upper bound of the scratch memory of a search.
    """

    def __init__(self, width: int, block_bytes: int = 64 << 20) -> None:
        self.width = width
        self.block_bytes = block_bytes
        self._vectors = np.zeros((0, width), dtype=np.float32)

    def __len__(self) -> int:
        return len(self._vectors)

    def add(self, vectors: npt.ArrayLike) -> None:
        """Append ``(n, width)`` vectors; their rows continue the numbering."""
        self._vectors = np.concatenate([self._vectors, check_vectors(vectors, self.width)])

    def search(self, queries: npt.ArrayLike, k: int) -> Hits:
        """The ``min(k, n)`` largest inner products per query, best first.

        Equal scores are ordered by row, so that results do not depend on the block size.
        """
        check_count(k)
        rows = check_vectors(queries, self.width)
        k = min(k, len(self))
        indices = np.empty((len(rows), k), dtype=np.int64)
        scores = np.empty((len(rows), k), dtype=np.float32)
        step = max(1, self.block_bytes // max(1, 12 * len(self)))
        for start in range(0, len(rows), step):
            block = slice(start, start + step)
            indices[block], scores[block] = top_k(rows[block] @ self._vectors.T, k)
        return Hits(indices, scores)


def top_k(similarity: Array, k: int) -> tuple[Array, Array]:
    """Columns and values of the k largest entries per row of ``(q, n)``; ties by column."""
    if k == 0:
        return np.zeros((len(similarity), 0), np.int64), np.zeros((len(similarity), 0), np.float32)
    smallest_kept = -np.partition(-similarity, k - 1, axis=1)[:, k - 1:k]
    above = similarity > smallest_kept
    # of the entries equal to the k-th value keep the first columns, as many as there is room for
    tied = similarity == smallest_kept
    room = k - above.sum(axis=1, keepdims=True)
    kept = above | (tied & (np.cumsum(tied, axis=1) <= room))
    columns = np.nonzero(kept)[1].reshape(len(similarity), k)            # ascending per row
    values = np.take_along_axis(similarity, columns, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")
    return (np.take_along_axis(columns, order, axis=1),
            np.take_along_axis(values, order, axis=1))


def check_count(k: int) -> None:
    """Raise ValueError unless ``k`` is a number of neighbours."""
    if not isinstance(k, int | np.integer) or isinstance(k, bool) or k < 1:
        raise ValueError(f"k: got {k!r}; ask for at least one neighbour, as a whole number.")


def check_vectors(vectors: npt.ArrayLike, width: int) -> Array:
    """Finite float32 rows of the right width.

    Raises
    ------
    ValueError
        If the shape is not ``(n, width)`` or a value is NaN or infinite.
    """
    rows = np.ascontiguousarray(vectors, dtype=np.float32)
    if rows.ndim != 2 or rows.shape[1] != width:
        raise ValueError(f"vectors: shape {rows.shape}; give (n, {width}).")
    if not np.isfinite(rows).all():
        bad = int(np.flatnonzero(~np.isfinite(rows).all(axis=1))[0])
        raise ValueError(f"vectors: row {bad} holds NaN or infinity; repair or drop it.")
    return rows
