"""Precision at a cut-off and along recall, averaged over queries; items of equal class are
relevant.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossalign.arrays import as_numbers
from crossalign.metrics.checks import check_k
from crossalign.metrics.retrieval.mean_over_queries import mean_over_queries
from crossalign.metrics.retrieval.query_blocks import measure_queries
from crossalign.metrics.retrieval.ranked_list import RankedList
from crossalign.metrics.retrieval.relevance import Relevance
from crossalign.metrics.retrieval.score_sources import ScoreSource


class PrecisionRecallCurve(NamedTuple):
    """Interpolated precision over recall.

    Attributes
    ----------
    recall : (r,) float64
        Fractions, the grid.
    precision : (r,) float64
        Fractions, non-increasing.
    """

    recall: NDArray[np.float64]
    precision: NDArray[np.float64]


def precision_at_k(
    similarity: ArrayLike | ScoreSource,
    query_labels: ArrayLike,
    gallery_labels: ArrayLike,
    *,
    k: int,
    exclude_self: bool = False,
    block: int | None = None,
) -> float:
    """Compute the mean share of the query's class among the first k gallery items.

    If items tie across the cut-off, the expected number of relevant ones counts. The divisor is k
    even if the gallery is smaller. Queries without a relevant item are left out with a warning.

    Parameters
    ----------
    similarity : (q, g) or callable
        Scores, higher is better; see `average_precisions`.
    query_labels : (q,) or (q, L)
        Classes of the queries; columns of 0 and 1 where an item has several.
    gallery_labels : (g,) or (g, L)
        Classes of the gallery, likewise; an item is relevant if it has a class in common with the
        query.
    k : int
        Cut-off: number of first positions that count.
    exclude_self : bool
        Whether to remove gallery item i for query i; default False.
    block : int, optional
        Number of queries per block; by default as many as fit 8 MiB of scores, 32 at least.

    Returns
    -------
    float
        A fraction in [0, 1]; NaN if no query has a relevant item.

    Raises
    ------
    ValueError
        Shapes disagree, NaN or infinity in the scores, k not positive, or
        exclude_self with q != g.
    """
    check_k(k, required=True)
    relevance = Relevance(query_labels, gallery_labels)

    def measure(ranked: RankedList, total: int) -> float:
        return _expected_hits(ranked, k) / k

    precisions = measure_queries(
        similarity, relevance, measure, k=k, exclude_self=exclude_self, block=block
    )[:, 0]
    return float(mean_over_queries(precisions))


def precision_recall_curve(
    similarity: ArrayLike | ScoreSource,
    query_labels: ArrayLike,
    gallery_labels: ArrayLike,
    *,
    recall: ArrayLike | None = None,
    exclude_self: bool = False,
    block: int | None = None,
) -> PrecisionRecallCurve:
    """Compute the interpolated precision on a grid of recall, averaged over queries.

    The interpolated precision of a query at recall r is its highest precision at any score
    threshold whose recall is at least r (Manning, Raghavan and Schuetze, "Introduction to
    Information Retrieval", section 8.4). Items of equal score pass a threshold together, so the
    order of rows does not matter. Queries without a relevant item are left out with a warning.

    Parameters
    ----------
    similarity : (q, g) or callable
        Scores, higher is better; see `average_precisions`.
    query_labels : (q,) or (q, L)
        Classes of the queries; columns of 0 and 1 where an item has several.
    gallery_labels : (g,) or (g, L)
        Classes of the gallery, likewise; an item is relevant if it has a class in common with the
        query.
    recall : (r,), optional
        Increasing fractions in [0, 1]; by default 0, .01, ..., 1.
    exclude_self : bool
        Whether to remove gallery item i for query i; default False.
    block : int, optional
        Number of queries per block; by default as many as fit 8 MiB of scores, 32 at least.

    Returns
    -------
    PrecisionRecallCurve
        The curve; its precision is NaN if no query has a relevant item.

    Raises
    ------
    ValueError
        Shapes disagree, NaN or infinity in the scores, a recall outside [0, 1] or not increasing,
        or exclude_self with q != g.
    """
    grid = _as_recall(recall)
    relevance = Relevance(query_labels, gallery_labels)

    def measure(ranked: RankedList, total: int) -> NDArray[np.float64]:
        # within a tie the hits come last, so the last hit of a tie stands at its threshold, and the
        # hits before it have a lower precision that the running maximum passes over
        precision = np.arange(1.0, total + 1) / (ranked.hits + 1)  # (R,)
        highest = np.maximum.accumulate(precision[::-1])[::-1]
        needed = np.ceil(grid * total - 1e-9).astype(np.intp).clip(min=1)  # hits for that recall
        return np.asarray(highest[needed - 1])

    precision = mean_over_queries(
        measure_queries(
            similarity, relevance, measure, width=len(grid), exclude_self=exclude_self, block=block
        )
    )
    return PrecisionRecallCurve(grid, precision)


def _expected_hits(ranked: RankedList, k: int) -> float:
    """Compute the expected number of relevant items among the first k, over the orders of ties."""
    hits = int(np.searchsorted(ranked.hits, k))
    places = k - ranked.start
    cut = np.flatnonzero((places > 0) & (places < ranked.size))
    if not len(cut):
        return float(hits)
    tie = int(cut[0])
    return float(ranked.first[tie] + ranked.n_relevant[tie] * places[tie] / ranked.size[tie])


def _as_recall(recall: ArrayLike | None) -> NDArray[np.float64]:
    """Return the recall grid, (r,)."""
    if recall is None:
        return np.linspace(0, 1, 101)
    grid = as_numbers("recall", recall).astype(np.float64, copy=False)
    inside = grid.ndim == 1 and grid.size > 0 and bool(((grid >= 0) & (grid <= 1)).all())
    if not inside or (np.diff(grid) <= 0).any():
        raise ValueError(f"recall: got {grid}; give increasing fractions between 0 and 1.")
    return grid
