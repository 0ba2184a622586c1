"""The sweep that every ranking metric shares: scores by blocks, ranked lists by rows, by threads.

A block of scores is one matrix product and the only large array; each of its rows is then packed,
sorted and measured by a thread while the row is in cache (NumPy lets go of the interpreter lock in
both). Memory is one block, whatever the number of queries.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossalign.metrics.chance import count_relevant
from crossalign.metrics.checks import Array, as_floats, check_same_length
from crossalign.metrics.ranked_list import RankedList, pack, pack_in_order, ranked_list, sort_keys
from crossalign.metrics.similarity import ScoreSource, score_source

BLOCK_BYTES = 2**25
Measure = Callable[[RankedList, int], float | NDArray[np.float64]]


def measure_queries(
    similarity: ArrayLike | ScoreSource,
    query_labels: Array,
    gallery_labels: Array,
    measure: Measure,
    *,
    width: int = 1,
    k: int | None = None,
    ties: str = "expected",
    exclude_self: bool = False,
    block: int | None = None,
) -> NDArray[np.float64]:
    """Apply `measure(ranked list, R)` to every query that has R > 0 relevant items.

    Args:
        similarity: (q, g) scores, higher is better, or a callable that gives them by blocks.
        query_labels: (q,) integers.
        gallery_labels: (g,) integers; an item is relevant to a query if their labels are equal.
        measure: one query's ranked list to a number, or to `width` numbers.
        width: how many.
        k: the measure looks at the first k positions only.
        ties: "expected" or "stable".
        exclude_self: remove gallery item i for query i.
        block: queries per block; by default as many as fit 32 MiB of float32 scores.

    Returns:
        (q, width) float64; NaN for a query without relevant items.

    Raises:
        ValueError: scores of a wrong shape, NaN or infinite, a block that is not positive, or
            exclude_self with q != g.
    """
    size = len(gallery_labels)
    if exclude_self:
        check_same_length("query_labels", query_labels, "gallery_labels", gallery_labels)
    source = score_source(similarity, len(query_labels), size)
    sweep = _Sweep(query_labels, gallery_labels, measure, k, ties, exclude_self)
    results = np.full((len(query_labels), width), np.nan)
    step = _block_rows(block, size)
    workers = min(_cores(), max(1, size * min(step, len(query_labels)) // 2**16))
    with ThreadPoolExecutor(workers) as pool:
        for start in range(0, len(query_labels), step):
            stop = min(start + step, len(query_labels))
            scores = _checked_block(source(start, stop), stop - start, size)
            jobs = [
                pool.submit(sweep.rows, scores[low:high], start + low, results[start + low :])
                for low, high in _shares(stop - start, 4 * workers)
            ]
            for job in jobs:
                job.result()
    return results


class _Sweep:
    """What stays the same from row to row; `rows` may run in several threads at once."""

    def __init__(
        self,
        query_labels: Array,
        gallery_labels: Array,
        measure: Measure,
        k: int | None,
        ties: str,
        exclude_self: bool,
    ) -> None:
        self.query_labels, self.gallery_labels = query_labels, gallery_labels
        self.measure, self.k = measure, k
        self.pack = pack if ties == "expected" else pack_in_order
        self.exclude_self = exclude_self
        self.total = count_relevant(query_labels, gallery_labels, exclude_self)  # (q,)

    def rows(self, scores: Array, first: int, results: NDArray[np.float64]) -> None:
        """Measure the queries `first`, `first + 1`, ... of a (rows, g) block into `results`."""
        label, relevant = None, np.empty(0, np.bool_)
        for row, row_scores in enumerate(scores):
            query = first + row
            if self.total[query] == 0:
                continue
            if label is None or self.query_labels[query] != label:
                label = self.query_labels[query]
                relevant = self.gallery_labels == label  # (g,)
            removed = query if self.exclude_self else None
            keys = sort_keys(self.pack(row_scores, relevant, removed), self.k)
            results[row] = self.measure(ranked_list(keys), int(self.total[query]))


def _checked_block(scores: ArrayLike, rows: int, size: int) -> Array:
    """A (rows, size) block of float scores."""
    array = np.asarray(scores)
    if array.shape != (rows, size):
        raise ValueError(
            f"similarity gave a block of shape {array.shape} for {rows} queries and {size} gallery "
            "items; give one score for each pair"
        )
    return as_floats("similarity", array)


def _block_rows(block: int | None, size: int) -> int:
    """Queries per block."""
    if block is None:
        return max(1, BLOCK_BYTES // (4 * size))
    if isinstance(block, bool) or not isinstance(block, int | np.integer) or block < 1:
        raise ValueError(f"block is {block!r}; give a positive number of queries, or None")
    return int(block)


def _shares(rows: int, parts: int) -> Iterator[tuple[int, int]]:
    """Split range(rows) in at most `parts` nearly equal pieces."""
    edges = np.linspace(0, rows, min(parts, rows) + 1).astype(int)
    return zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)


def _cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
