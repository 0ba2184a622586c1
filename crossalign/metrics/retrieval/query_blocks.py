"""The sweep that every ranking metric shares: threads over blocks of queries, rows within a block.

A block of scores is one matrix product and the only large array; each of its rows is then packed,
sorted and measured while it is in cache. NumPy lets go of the interpreter lock in products and in
sorts, so one thread per core works on its own block, with the product's own threads held at one.
Memory is one block per core, whatever the number of queries.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossalign.arrays import as_numbers
from crossalign.cores import one_thread, usable_cores
from crossalign.metrics.checks import Array, as_floats
from crossalign.metrics.retrieval.ranked_list import (
    RankedList,
    pack,
    pack_in_order,
    ranked_list,
    sort_keys,
)
from crossalign.metrics.retrieval.relevance import Relevance
from crossalign.metrics.retrieval.score_sources import EmbeddingScores, ScoreSource, score_source

BLOCK_BYTES = 2**23  # of float32 scores: two such blocks fit a last-level cache
MIN_ROWS = 32  # below it a matrix product is slow
MASK_BYTES = 2**24  # of relevance masks to keep, one per class
Measure = Callable[[RankedList, int], float | NDArray[np.float64]]


def measure_queries(
    similarity: ArrayLike | ScoreSource,
    relevance: Relevance,
    measure: Measure,
    *,
    width: int = 1,
    k: int | None = None,
    ties: str = "expected",
    exclude_self: bool = False,
    block: int | None = None,
) -> NDArray[np.float64]:
    """Apply `measure(ranked list, R)` to every query that has R > 0 relevant items.

    Parameters
    ----------
    similarity : (q, g) or callable
        Scores, higher is better, or a callable that gives them by blocks.
    relevance : Relevance
        Relevance of g gallery items to q queries.
    measure : callable
        Function from one query's ranked list to a number, or to `width` numbers.
    width : int
        Number of values that the measure gives; default 1.
    k : int, optional
        Number of first positions that the measure looks at; default all.
    ties : {"expected", "stable"}
        Treatment of equal scores, see `average_precisions`; default "expected".
    exclude_self : bool
        Whether to remove gallery item i for query i; default False.
    block : int, optional
        Number of queries per block; by default as many as fit 8 MiB of scores, 32 at least.

    Returns
    -------
    ndarray
        (q, width) float64; NaN for a query without relevant items.

    Raises
    ------
    ValueError
        Scores of a wrong shape, NaN or infinite, a block that is not positive, or exclude_self with
        q != g.
    """
    n_queries, size = relevance.shape
    source = score_source(similarity, n_queries, size)
    sweep = _Sweep(source, relevance, measure, k, ties, exclude_self)
    results = np.full((n_queries, width), np.nan)
    step = _block_rows(block, size)
    starts = range(0, n_queries, step)
    workers = min(usable_cores(), len(starts))
    if workers == 1:
        for start in starts:
            sweep.measure_block(start, results[start : start + step])
        return results
    with one_thread(), ThreadPoolExecutor(workers) as pool:
        jobs = [
            pool.submit(sweep.measure_block, start, results[start : start + step])
            for start in starts
        ]
        try:
            for job in jobs:
                job.result()
        except BaseException:  # do not finish the sweep for an error or an interrupt
            pool.shutdown(cancel_futures=True)
            raise
    return results


class _Sweep:
    """Settings shared by all blocks; `measure_block` runs in several threads at once."""

    def __init__(
        self,
        source: ScoreSource,
        relevance: Relevance,
        measure: Measure,
        k: int | None,
        ties: str,
        exclude_self: bool,
    ) -> None:
        self.source, self.in_range = source, isinstance(source, EmbeddingScores)
        self.codes, self.size = relevance.codes, relevance.shape[1]
        self.relevant = lru_cache(max(1, MASK_BYTES // (4 * self.size)))(relevance.row)
        self.measure, self.k = measure, k
        self.pack = pack if ties == "expected" else pack_in_order
        self.exclude_self = exclude_self
        self.total = relevance.counts(exclude_self)  # (q,)

    def measure_block(self, start: int, results: NDArray[np.float64]) -> None:
        """Measure the queries `start`, `start + 1`, ... into the rows of `results`."""
        block = self.source(start, start + len(results))
        scores = _checked_block(block, len(results), self.size)
        for row, row_scores in enumerate(scores):
            query = start + row
            if self.total[query] == 0:
                continue
            relevant = self.relevant(int(self.codes[query]))
            removed = query if self.exclude_self else None
            keys = sort_keys(self.pack(row_scores, relevant, removed, self.in_range), self.k)
            results[row] = self.measure(ranked_list(keys), int(self.total[query]))


def _checked_block(scores: ArrayLike, rows: int, size: int) -> Array:
    """Return a (rows, size) block of float scores, checked."""
    array = as_numbers("similarity", scores)
    if array.shape != (rows, size):
        raise ValueError(
            f"similarity: got a block of shape {array.shape} for {rows} queries and {size} gallery "
            "items; give one score for each pair."
        )
    return as_floats("similarity", array)


def _block_rows(block: int | None, size: int) -> int:
    """Return the number of queries per block."""
    if block is None:
        return max(MIN_ROWS, BLOCK_BYTES // (4 * size))
    if isinstance(block, bool) or not isinstance(block, int | np.integer) or block < 1:
        raise ValueError(f"block: got {block!r}; give a positive number of queries, or None.")
    return int(block)
