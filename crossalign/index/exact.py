"""Exact inner-product search by blocked matrix products."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from crossalign.cores import one_thread, usable_cores
from crossalign.index.base import Array, check_vectors
from crossalign.index.local import LocalIndex

FEW = 8
"""Number of queries up to which a search is as quick as the vectors can be read."""
SHARE = 1 << 24
"""Numbers of vectors of which a thread takes that many, or more where cores are few."""


class ExactIndex(LocalIndex):
    """Vectors in memory, or on the disk and mapped; a search compares every query with all of
    them.

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
        self._start()

    @property
    def _row_width(self) -> int:
        return int(self._vectors.shape[1])

    def _restart(self) -> None:
        self._vectors: Array = np.zeros((0, self.width or 0), dtype=np.float32)

    def _encode(self, vectors: npt.ArrayLike) -> Array:
        return check_vectors(vectors, self._vectors.shape[1] if len(self._vectors) else self.width)

    def _grow(self, rows: Array) -> None:
        self._vectors = np.concatenate([self._vectors, rows]) if len(self._vectors) else rows

    def _map(self, rows: Array, start: int) -> None:
        if self.width not in (None, rows.shape[1]):
            raise ValueError(f"folder: rows of {rows.shape[1]} numbers for an index of width "
                             f"{self.width}; save the index again.")
        self._vectors = rows

    def _rows(self, slots: Array) -> Array:
        return self._vectors[slots]

    def _nearest(self, queries: Array, k: int, slots: Array | None) -> tuple[Array, Array]:
        find = nearest_of_few if len(queries) <= FEW else nearest_products
        return find(queries, self._vectors, k, slots, self.block_bytes)


def nearest_of_few(queries: Array, vectors: Array, k: int, slots: Array | None = None,
                   block_bytes: int = 64 << 20) -> tuple[Array, Array]:
    """Find what `nearest_products` finds for few queries, in threads with a share of vectors each.

    Each product has one thread, and threads meet once: those of one product that wait for each
    other are slow on a busy machine.
    """
    n = len(vectors) if slots is None else len(slots)
    parts = min(usable_cores(), n, -(-n * vectors.shape[1] // SHARE))
    with one_thread():
        if parts < 2:
            return nearest_products(queries, vectors, k, slots, block_bytes)
        ends = [n * part // parts for part in range(parts + 1)]

        def of(part: int) -> tuple[Array, Array]:
            some = slice(ends[part], ends[part + 1])
            most = min(k, some.stop - some.start)
            if slots is not None:
                return nearest_products(queries, vectors, most, slots[some], block_bytes)
            found, scores = nearest_products(queries, vectors[some], most, None, block_bytes)
            return found + some.start, scores

        with ThreadPoolExecutor(parts) as pool:
            best = zip(*pool.map(of, range(parts)), strict=True)
            found, scores = (np.hstack(side) for side in best)
    kept, scores = top_k(scores, k)
    return np.take_along_axis(found, kept, axis=1), scores


def nearest_products(queries: Array, vectors: Array, k: int, slots: Array | None = None,
                     block_bytes: int = 64 << 20) -> tuple[Array, Array]:
    """Find the largest inner products of queries ``(q, w)`` and some of the vectors ``(n, w)``.

    Parameters
    ----------
    queries, vectors : array
        Rows in single precision.
    k : int
        Number of results per query, at most that of the vectors.
    slots : array, optional
        Rows of the vectors to look at, ascending; by default all.
    block_bytes : int
        Upper bound of the scratch memory, in bytes; default 64 MiB.

    Returns
    -------
    slots, scores : (q, k) int64, (q, k) float32
        Rows of the vectors and products, the largest first, equal ones by row, so that they do not
        depend on the size of a block.
    """
    found = np.empty((len(queries), k), dtype=np.int64)
    scores = np.empty((len(queries), k), dtype=np.float32)
    n = len(vectors) if slots is None else len(slots)
    strip = n if slots is None else max(1, block_bytes // max(1, 8 * vectors.shape[1]))
    step = max(1, block_bytes // max(1, 12 * min(n, strip)))
    for start in range(0, len(queries) if k else 0, step):
        block = slice(start, start + step)
        rows = queries[block]
        best = np.zeros((len(rows), 0), np.int64), np.zeros((len(rows), 0), np.float32)
        for first in range(0, n, strip):
            part = vectors if slots is None else vectors[slots[first:first + strip]]
            best = _better(best, rows @ part.T, first, k)
        found[block], scores[block] = best if slots is None else (slots[best[0]], best[1])
    return found, scores


def _better(best: tuple[Array, Array], similarity: Array, first: int, k: int) -> tuple[
        Array, Array]:
    """Return the k best of earlier places and of those from ``first`` on, equal ones by place."""
    columns, values = top_k(similarity, min(k, similarity.shape[1]))
    columns += first
    if not best[0].shape[1]:
        return columns, values
    columns, values = (np.hstack(pair) for pair in zip(best, (columns, values), strict=True))
    kept, values = top_k(values, min(k, values.shape[1]))
    return np.take_along_axis(columns, kept, axis=1), values


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
