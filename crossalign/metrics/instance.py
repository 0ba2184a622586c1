"""Instance-level retrieval: each query looks for its own counterpart, not for its class.

A caption has one image, an image may have five captions; several gallery items with the query's id
are several right answers, of which the best placed counts. These numbers are not comparable with
class-level precision.
"""

import numpy as np
from numpy.typing import ArrayLike

from crossalign.metrics.checks import as_labels, check_k
from crossalign.metrics.query_blocks import measure_queries
from crossalign.metrics.query_mean import mean_over_queries
from crossalign.metrics.ranked_list import RankedList
from crossalign.metrics.relevance import Relevance
from crossalign.metrics.similarity import EmbeddingScores, ScoreSource


def recall_at_k(
    queries: ArrayLike,
    gallery: ArrayLike,
    *,
    k: int,
    query_ids: ArrayLike | None = None,
    gallery_ids: ArrayLike | None = None,
    similarity: str = "cosine",
    block: int | None = None,
) -> float:
    """Fraction of queries with a counterpart among the first k gallery items (R@k).

    Of items that tie across the cut-off, it is the probability that a counterpart makes it.
    Queries without a counterpart in the gallery are left out with a warning.

    Parameters
    ----------
    queries
        (q, d) embeddings.
    gallery
        (g, d) embeddings.
    k
        Cut-off.
    query_ids
        (q,) what each query is a view of; None if row i pairs with row i.
    gallery_ids
        (g,) the same for the gallery; None exactly if `query_ids` is None.
    similarity
        "cosine", "dot" or "euclidean".
    block
        Queries per block; by default as many as fit 8 MiB of scores, 32 at least.

    Returns
    -------
    float
        A fraction in [0, 1]; NaN if no query has a counterpart.

    Raises
    ------
    ValueError
        Shapes disagree, NaN or infinity in embeddings, k not positive, an unknown similarity, only
        one of the ids, or no ids and q != g.
    """
    return recall_at_k_from_similarity(
        EmbeddingScores(queries, gallery, similarity),
        *_paired_ids(query_ids, gallery_ids, len(np.asarray(queries)), len(np.asarray(gallery))),
        k=k,
        block=block,
    )


def recall_at_k_from_similarity(
    similarity: ArrayLike | ScoreSource,
    query_ids: ArrayLike,
    gallery_ids: ArrayLike,
    *,
    k: int,
    block: int | None = None,
) -> float:
    """`recall_at_k` of scores that exist.

    Parameters
    ----------
    similarity
        (q, g) scores, higher is better, or a callable that gives them by blocks; see
        `average_precisions_from_similarity`.
    query_ids
        (q,) what each query is a view of.
    gallery_ids
        (g,) the same for the gallery.
    k
        Cut-off.
    block
        Queries per block.

    Returns
    -------
    float
        A fraction in [0, 1]; NaN if no query has a counterpart.

    Raises
    ------
    ValueError
        Shapes disagree, NaN or infinity in the scores, or k not positive.
    """
    check_k(k, required=True)
    relevance = _relevance(query_ids, gallery_ids)

    def measure(ranked: RankedList, total: int) -> float:
        start, size, count = _first_tie(ranked)
        return _chance_of_any(size, count, min(max(k - start, 0), size))

    recalls = measure_queries(similarity, relevance, measure, k=k, block=block)[:, 0]
    return float(mean_over_queries(recalls))


def median_rank(
    queries: ArrayLike,
    gallery: ArrayLike,
    *,
    query_ids: ArrayLike | None = None,
    gallery_ids: ArrayLike | None = None,
    similarity: str = "cosine",
    block: int | None = None,
) -> float:
    """Median over queries of the rank of the best placed counterpart (MedR).

    Ranks start at 1; where the counterpart ties with other items it is its expected rank. Queries
    without a counterpart in the gallery are left out with a warning.

    Parameters
    ----------
    queries
        (q, d) embeddings.
    gallery
        (g, d) embeddings.
    query_ids
        (q,) what each query is a view of; None if row i pairs with row i.
    gallery_ids
        (g,) the same for the gallery; None exactly if `query_ids` is None.
    similarity
        "cosine", "dot" or "euclidean".
    block
        Queries per block; by default as many as fit 8 MiB of scores, 32 at least.

    Returns
    -------
    float
        A rank from 1 to g; NaN if no query has a counterpart.

    Raises
    ------
    ValueError
        Shapes disagree, NaN or infinity in embeddings, an unknown similarity, only one of the ids,
        or no ids and q != g.
    """
    return median_rank_from_similarity(
        EmbeddingScores(queries, gallery, similarity),
        *_paired_ids(query_ids, gallery_ids, len(np.asarray(queries)), len(np.asarray(gallery))),
        block=block,
    )


def median_rank_from_similarity(
    similarity: ArrayLike | ScoreSource,
    query_ids: ArrayLike,
    gallery_ids: ArrayLike,
    *,
    block: int | None = None,
) -> float:
    """`median_rank` of scores that exist.

    Parameters
    ----------
    similarity
        (q, g) scores, higher is better, or a callable that gives them by blocks; see
        `average_precisions_from_similarity`.
    query_ids
        (q,) what each query is a view of.
    gallery_ids
        (g,) the same for the gallery.
    block
        Queries per block.

    Returns
    -------
    float
        A rank from 1 to g; NaN if no query has a counterpart.

    Raises
    ------
    ValueError
        Shapes disagree, or NaN or infinity in the scores.
    """
    relevance = _relevance(query_ids, gallery_ids)

    def measure(ranked: RankedList, total: int) -> float:
        start, size, count = _first_tie(ranked)
        return start + (size + 1) / (count + 1)

    ranks = measure_queries(similarity, relevance, measure, block=block)[:, 0]
    return float(mean_over_queries(ranks, mean=np.median))


def _relevance(query_ids: ArrayLike, gallery_ids: ArrayLike) -> Relevance:
    """Gallery items with the query's id are its counterparts."""
    names = ("query_ids", "gallery_ids")
    for name, ids in zip(names, (query_ids, gallery_ids), strict=True):
        as_labels(name, ids)
    return Relevance(query_ids, gallery_ids, names)


def _first_tie(ranked: RankedList) -> tuple[int, int, int]:
    """Start, size and relevant items of the tie that holds the best placed relevant item.

    A relevant item that ties with no irrelevant one is a tie of one; a list without hits (all
    beyond the cut-off) is an empty tie.
    """
    if not len(ranked.hits):
        return 0, 0, 0
    if len(ranked.first) and ranked.first[0] == 0:
        return int(ranked.start[0]), int(ranked.size[0]), int(ranked.n_relevant[0])
    return int(ranked.hits[0]), 1, 1


def _chance_of_any(size: int, count: int, places: int) -> float:
    """Probability that one of `count` out of `size` items is among the first `places`."""
    if places > size - count:
        return 1.0
    earlier = np.arange(count)
    return float(1.0 - np.prod((size - earlier - places) / (size - earlier)))


def _paired_ids(
    query_ids: ArrayLike | None, gallery_ids: ArrayLike | None, n_queries: int, n_gallery: int
) -> tuple[ArrayLike, ArrayLike]:
    """The ids given, or row numbers if none are."""
    if query_ids is not None and gallery_ids is not None:
        return query_ids, gallery_ids
    if query_ids is not None or gallery_ids is not None:
        missing = "query_ids" if query_ids is None else "gallery_ids"
        raise ValueError(f"{missing} is None and the other ids are given; give both or neither")
    if n_queries != n_gallery:
        raise ValueError(
            f"query_ids is None for {n_queries} queries and {n_gallery} gallery items; "
            "give query_ids and gallery_ids, or paired rows"
        )
    return np.arange(n_queries), np.arange(n_gallery)
