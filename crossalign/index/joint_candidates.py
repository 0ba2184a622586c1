"""Candidates: the items that are worth an exact joint similarity."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from crossalign.index.base import Index
from crossalign.index.joint_projection import fit_projection
from crossalign.index.joint_similarity import Array, Factors, augmented, tangent_slopes

STRIP = 2048  # items scored at a time: their scores stay in cache


class Scanned:
    """Short vectors of all items, scored by cosine and tanh."""

    def __init__(self, items: Factors, error: float) -> None:
        self._projection = fit_projection(items, error)
        self._items = self._projection.shorten(items, query=False)

    def candidates(self, queries: Factors, count: int) -> list[Array]:
        """Return the rows of the ``count`` best items for every query's exact factors."""
        return scan(self._projection.shorten(queries, query=True), self._items, count)


class United:
    """Short vectors in an inner-product index, searched once for each tangent of tanh."""

    def __init__(self, items: Factors, error: float,
                 inner: Callable[[int], Index], slopes: int) -> None:
        self._projection = fit_projection(items, error)
        vectors = augmented(self._projection.shorten(items, query=False))
        self._index, self._slopes = inner(vectors.shape[1]), tangent_slopes(slopes)
        self._index.add(vectors)

    def candidates(self, queries: Factors, count: int) -> list[Array]:
        """Return the rows found for any slope, for every query's exact factors."""
        short = self._projection.shorten(queries, query=True)
        rows = np.hstack([self._index.search(augmented(short, slope), count).indices
                           for slope in self._slopes])
        return [np.unique(row[row >= 0]) for row in rows]


def scan(queries: Factors, items: Factors, count: int, margin: float = 0.0) -> list[Array]:
    """Return the rows of the ``count`` best items for every query, and those within ``margin`` of
    the last.

    Scores are in single precision: the cosine of an item plus ``2 / (1 + exp(2 J))``.
    """
    scores = np.empty((len(queries.offsets), len(items.offsets)), np.float32)
    labels = -2.0 * queries.labels
    mine, theirs = (2.0 * side.offsets.astype(np.float32) for side in (queries, items))
    for start in range(0, len(theirs), STRIP):
        strip = slice(start, start + STRIP)
        j = labels @ items.labels[strip].T                                   # becomes 2 J
        j += theirs[strip]
        j += mine[:, None]
        np.clip(j, 0.0, 80.0, out=j)                                         # exp(80) is finite
        np.exp(j, out=j)
        j += 1.0
        np.divide(2.0, j, out=j)
        np.add(j, queries.embeddings @ items.embeddings[strip].T, out=scores[:, strip])
    return [best(row, count, margin) for row in scores]


def best(scores: Array, count: int, margin: float) -> Array:
    """Return the places, ascending, of the ``count`` highest of ``(n,)`` and of all within
    ``margin``.
    """
    if count >= len(scores):
        return np.arange(len(scores))
    last = len(scores) - count
    return np.flatnonzero(scores >= np.partition(scores, last)[last] - margin)
