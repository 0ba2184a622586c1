"""Instance-level retrieval: each query looks for its own counterpart, not for its class.

A caption has one image, and an image may have five captions: if several gallery items have the
query's id, the best placed of them counts. These numbers are not comparable with class-level
precision.
"""

import numpy as np
from numpy.typing import ArrayLike

from crossalign.metrics.checks import as_labels, check_k
from crossalign.metrics.retrieval.mean_over_queries import mean_over_queries
from crossalign.metrics.retrieval.query_blocks import measure_queries
from crossalign.metrics.retrieval.ranked_list import RankedList
from crossalign.metrics.retrieval.relevance import Relevance
from crossalign.metrics.retrieval.score_sources import ScoreSource


def recall_at_k(
    similarity: ArrayLike | ScoreSource,
    query_ids: ArrayLike | None = None,
    gallery_ids: ArrayLike | None = None,
    *,
    k: int,
    block: int | None = None,
) -> float:
    """Compute the fraction of queries with a counterpart among the first k gallery items (R@k).

    If items tie across the cut-off, the probability that a counterpart is before it counts. Queries
    without a counterpart in the gallery are left out with a warning.

    Parameters
    ----------
    similarity : (q, g) or callable
        Scores, higher is better; see `average_precisions`.
    k : int
        Cut-off: number of first positions that count.
    query_ids : (q,), optional
        Identity of each query: the thing that it shows. None if row i pairs with row i.
    gallery_ids : (g,), optional
        Identity of each gallery item; None exactly if `query_ids` is None.
    block : int, optional
        Number of queries per block; by default as many as fit 8 MiB of scores, 32 at least.

    Returns
    -------
    float
        A fraction in [0, 1]; NaN if no query has a counterpart.

    Raises
    ------
    ValueError
        Shapes disagree, NaN or infinity in the scores, k not positive, only
        one of the ids, or no ids and q != g.
    """
    check_k(k, required=True)
    relevance = _relevance(*_paired_ids(similarity, query_ids, gallery_ids))

    def measure(ranked: RankedList, total: int) -> float:
        start, size, count = _first_tie(ranked)
        return _chance_of_any(size, count, min(max(k - start, 0), size))

    recalls = measure_queries(similarity, relevance, measure, k=k, block=block)[:, 0]
    return float(mean_over_queries(recalls))


def median_rank(
    similarity: ArrayLike | ScoreSource,
    query_ids: ArrayLike | None = None,
    gallery_ids: ArrayLike | None = None,
    *,
    block: int | None = None,
) -> float:
    """Compute the median over queries of the rank of the best placed counterpart (MedR).

    Ranks start at 1; a counterpart that ties with other items has its expected rank. Queries
    without a counterpart in the gallery are left out with a warning.

    Parameters
    ----------
    similarity : (q, g) or callable
        Scores, higher is better; see `average_precisions`.
    query_ids : (q,), optional
        Identity of each query: the thing that it shows. None if row i pairs with row i.
    gallery_ids : (g,), optional
        Identity of each gallery item; None exactly if `query_ids` is None.
    block : int, optional
        Number of queries per block; by default as many as fit 8 MiB of scores, 32 at least.

    Returns
    -------
    float
        A rank from 1 to g; NaN if no query has a counterpart.

    Raises
    ------
    ValueError
        Shapes disagree, NaN or infinity in the scores, only one of the ids,
        or no ids and q != g.
    """
    relevance = _relevance(*_paired_ids(similarity, query_ids, gallery_ids))

    def measure(ranked: RankedList, total: int) -> float:
        start, size, count = _first_tie(ranked)
        return start + (size + 1) / (count + 1)

    ranks = measure_queries(similarity, relevance, measure, block=block)[:, 0]
    return float(mean_over_queries(ranks, mean=np.median))


def _relevance(query_ids: ArrayLike, gallery_ids: ArrayLike) -> Relevance:
    """Return the relevance of counterparts: gallery items with the query's id."""
    names = ("query_ids", "gallery_ids")
    for name, ids in zip(names, (query_ids, gallery_ids), strict=True):
        as_labels(name, ids)
    return Relevance(query_ids, gallery_ids, names)


def _first_tie(ranked: RankedList) -> tuple[int, int, int]:
    """Return start, size and relevant items of the tie with the best placed relevant item.

    A relevant item that ties with no irrelevant one is a tie of one; a list without hits (all
    beyond the cut-off) is an empty tie.
    """
    if not len(ranked.hits):
        return 0, 0, 0
    if len(ranked.first) and ranked.first[0] == 0:
        return int(ranked.start[0]), int(ranked.size[0]), int(ranked.n_relevant[0])
    return int(ranked.hits[0]), 1, 1


def _chance_of_any(size: int, count: int, places: int) -> float:
    """Compute the probability that one of `count` out of `size` items is among the first
    `places`.
    """
    if places > size - count:
        return 1.0
    earlier = np.arange(count)
    return float(1.0 - np.prod((size - earlier - places) / (size - earlier)))


def _paired_ids(
    similarity: ArrayLike | ScoreSource, query_ids: ArrayLike | None, gallery_ids: ArrayLike | None
) -> tuple[ArrayLike, ArrayLike]:
    """Return the ids given, or row numbers if none are."""
    if query_ids is not None and gallery_ids is not None:
        return query_ids, gallery_ids
    if query_ids is not None or gallery_ids is not None:
        missing = "query_ids" if query_ids is None else "gallery_ids"
        raise ValueError(f"{missing}: got None beside the other ids; give both or neither.")
    shape = getattr(similarity, "shape", None) if callable(similarity) else np.shape(similarity)
    if shape is None or len(shape) != 2 or shape[0] != shape[1]:
        raise ValueError(
            f"query_ids: got None for scores of shape {shape}; give query_ids and gallery_ids, or "
            "paired rows."
        )
    return np.arange(shape[0]), np.arange(shape[1])
