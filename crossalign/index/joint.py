"""Search by the joint similarity of FGAN, among all items or among candidates that are found
first.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import numpy.typing as npt

from crossalign.cores import one_thread, usable_cores
from crossalign.index.base import Index, Where, check_vectors
from crossalign.index.joint_candidates import Scanned, United, best, scan
from crossalign.index.joint_similarity import (
    Array,
    Factors,
    exact_factors,
    joint_rows,
    label_similarity,
)
from crossalign.index.local import LocalIndex
from crossalign.types import Hits

MARGIN = 1e-3  # of a single-precision score, far above its error
PART = 4096    # rows normalised at a time, in double precision
OFFSET = 2     # single-precision places that hold a double-precision number


class JointIndex(LocalIndex):
    """Neighbours by ``cos(e_a, e_b) + tanh(-J(p_a, p_b))`` (see `joint_similarity`).

    Vectors are rows ``[embedding | logits]``, ``(n, width + labels)``; log-probabilities are logits
    too. All items are scored, or candidates are found by scores of `fit_projection`'s short
    vectors; they are ranked by the exact similarity in double precision, equal ones by J and then
    by row. Short of candidates missed, both give the same.

    Keeps ``width + 2 * labels`` single-precision numbers per item.

    Parameters
    ----------
    width : int
        Dimension of the embeddings.
    labels : int
        Number of labels.
    error : float
        Root mean square error of short vectors over near items, in the cosine and in tanh(-J); it
        decides how short they are. Default 0.01.
    candidates : int, optional
        Number of candidates per query, at least three times k; by default all items are scored.
    inner : callable, optional
        Function from a width to an index, such as ``ExactIndex``, that finds the candidates, once
        for each of ``slopes`` tangents of tanh, the union of which is ranked. By default all short
        vectors are scored with tanh itself, which costs one pass. A graph (HNSW) does not suit:
        lengths of these vectors differ by a factor of ten, and one graph cannot serve all slopes.
    slopes : int
        Number of tangents to use with ``inner``; default 3.
    block_bytes : int
        Size of the scores held by each thread in a search, in bytes; default 32 MiB.
    """

    measure = "joint similarity"

    def __init__(self, width: int, labels: int, *, error: float = 0.01,
                 candidates: int | None = None, inner: Callable[[int], Index] | None = None,
                 slopes: int = 3, block_bytes: int = 32 << 20) -> None:
        self.width, self.labels = width, labels
        self.error, self.candidates = error, candidates
        self.inner, self.slopes, self.block_bytes = inner, slopes, block_bytes
        self._start()

    def search(self, queries: npt.ArrayLike, k: int, where: Where | None = None, *,
               exact: bool = False) -> Hits:
        """Find the ``min(k, n)`` most similar items of every query, best first.

        With ``exact``, with a filter and after a removal all items in question are scored, as they
        are without ``candidates``. With candidates the first search after an `add` fits the short
        vectors to all items.

        Raises
        ------
        ValueError
            If k is below one, or rows do not have ``width + labels`` finite columns.
        """
        return self._search(queries, k, where, partial(self._nearest, exact=exact))

    @property
    def _row_width(self) -> int:
        return self.width + 2 * self.labels + OFFSET

    def _restart(self) -> None:
        self._wide = Factors(np.zeros((0, self.width), np.float32),
                             np.zeros((0, 2 * self.labels), np.float32), np.zeros(0))
        self._short: Scanned | United | None = None

    def _encode(self, vectors: npt.ArrayLike) -> Array:
        factors = self._factors(vectors, query=False)
        offsets = factors.offsets.astype(np.float64)[:, None].view(np.float32)
        return np.hstack([factors.embeddings, factors.labels, offsets])

    def _queries(self, vectors: npt.ArrayLike) -> Factors:
        return self._factors(vectors, query=True)

    def _grow(self, rows: Array) -> None:
        if rows.shape[1] != self._row_width:
            raise ValueError(f"rows of {rows.shape[1]} numbers for width {self.width} and "
                             f"{self.labels} labels")
        e, labels, offsets = np.split(rows, [self.width, self.width + 2 * self.labels], axis=1)
        new = e, labels, np.ascontiguousarray(offsets).view(np.float64)[:, 0]
        self._wide = Factors(*(np.concatenate(pair) for pair in zip(self._wide, new, strict=True)))
        self._short = None

    def _rows(self, slots: Array) -> Array:
        e, labels, offsets = (values[slots] for values in self._wide)
        return np.hstack([e, labels, offsets[:, None].view(np.float32)])

    def _nearest(self, queries: Factors, k: int, slots: Array | None, *,
                 exact: bool = False) -> tuple[Array, Array]:
        items = self._wide if slots is None else Factors(*(x[slots] for x in self._wide))
        exact = exact or slots is not None or self.candidates is None
        count = k if exact else max(self.candidates or 0, 3 * k)
        if not exact and count < len(items.offsets) and self._short is None:
            fitted = self._wide, self.error
            self._short = (Scanned(*fitted) if self.inner is None
                           else United(*fitted, self.inner, self.slopes))
        candidates = self._candidates(queries, items, count, exact)
        found = np.empty((len(candidates), k), np.int64)
        scores = np.empty((len(candidates), k), np.float32)

        def fill(i: int) -> None:
            query = Factors(*(values[i] for values in queries))
            found[i], scores[i] = _rank(query, items, candidates[i], k)

        with one_thread(), ThreadPoolExecutor(usable_cores()) as pool:
            list(pool.map(fill, range(len(candidates))))
        return found if slots is None else slots[found], scores

    def _factors(self, vectors: npt.ArrayLike, *, query: bool) -> Factors:
        rows = check_vectors(vectors, self.width + self.labels)
        parts = [rows[start:start + PART] for start in range(0, max(1, len(rows)), PART)]
        factors = [exact_factors(joint_rows(part[:, :self.width], part[:, self.width:]),
                                 query=query) for part in parts]
        return Factors(*(np.concatenate(values) for values in zip(*factors, strict=True)))

    def _candidates(self, queries: Factors, items: Factors, count: int,
                    exact: bool) -> list[Array]:
        """Return the items to rank for every query; a thread scores a block of queries at a
        time.
        """
        q, n = len(queries.offsets), len(items.offsets)
        if count >= n:
            return [np.arange(n)] * q
        if isinstance(self._short, United) and not exact:
            return self._short.candidates(queries, count)

        def block_of(start: int) -> list[Array]:
            block = Factors(*(values[start:start + step] for values in queries))
            if exact:
                return scan(block, items, count, MARGIN)
            assert self._short is not None
            return self._short.candidates(block, count)

        step = max(1, min(-(-q // usable_cores()), self.block_bytes // (4 * n)))
        with one_thread(), ThreadPoolExecutor(usable_cores()) as pool:
            return [found for block in pool.map(block_of, range(0, q, step)) for found in block]


def _rank(query: Factors, items: Factors, candidates: Array, k: int) -> tuple[Array, Array]:
    """Return the k best of the ``candidates``, ``(k,)``, and their similarity."""
    e, labels, offsets = (values[candidates] for values in items)
    rough, _ = _pairs(query, Factors(e, labels, offsets))
    nearest = best(rough, k, MARGIN)
    exact = Factors(e[nearest].astype(np.float64), labels[nearest].astype(np.float64),
                    offsets[nearest])
    similarity, divergence = _pairs(query, exact)
    order = np.lexsort((nearest, divergence, -similarity))[:k]
    return candidates[nearest[order]], similarity[order] - 1.0


def _pairs(query: Factors, items: Factors) -> tuple[Array, Array]:
    """Return Sim + 1 and J of a query and each item, ``(m,)``; products have the items'
    precision.
    """
    divergence = np.maximum(query.offsets + items.offsets - items.labels @ query.labels, 0.0)
    return items.embeddings @ query.embeddings + label_similarity(divergence), divergence
