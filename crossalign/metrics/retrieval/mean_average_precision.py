"""Mean average precision over any number of queries, in the memory of one block of scores.

A gallery item is relevant to a query if their classes are equal. Everything that "mAP" leaves open
is an argument: the depth (`k`), the divisor (`denominator`), the treatment of equal scores (`ties`)
and whether a query may find itself (`exclude_self`). `average_precision` describes the first three.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossalign.metrics.retrieval.average_precision import check_options, expected_average_precision
from crossalign.metrics.retrieval.mean_over_queries import mean_over_queries
from crossalign.metrics.retrieval.query_blocks import measure_queries
from crossalign.metrics.retrieval.ranked_list import RankedList
from crossalign.metrics.retrieval.relevance import Relevance
from crossalign.metrics.retrieval.score_sources import ScoreSource


def mean_average_precision(
    similarity: ArrayLike | ScoreSource,
    query_labels: ArrayLike,
    gallery_labels: ArrayLike,
    *,
    k: int | None = None,
    denominator: str = "relevant",
    ties: str = "expected",
    exclude_self: bool = False,
    block: int | None = None,
) -> float:
    """Average `average_precisions` over the queries that have a relevant item.

    The others are left out with a warning that counts them; if there are only others, the result is
    NaN. Arguments and errors are those of `average_precisions`.

    Returns
    -------
    float
        A fraction in [0, 1], float64.
    """
    precisions = average_precisions(
        similarity,
        query_labels,
        gallery_labels,
        k=k,
        denominator=denominator,
        ties=ties,
        exclude_self=exclude_self,
        block=block,
    )
    return float(mean_over_queries(precisions))


def average_precisions(
    similarity: ArrayLike | ScoreSource,
    query_labels: ArrayLike,
    gallery_labels: ArrayLike,
    *,
    k: int | None = None,
    denominator: str = "relevant",
    ties: str = "expected",
    exclude_self: bool = False,
    block: int | None = None,
) -> NDArray[np.float64]:
    """Compute the average precision of every query.

    Parameters
    ----------
    similarity : (q, g) or callable
        Scores, higher is better (negate distances): a matrix, memory-mapped if need be; or a
        callable ``(start, stop) -> (stop - start, g)`` that gives those of some queries, as
        `cosine`, `dot` and `euclidean` make it of embeddings.
    query_labels : (q,) or (q, L)
        Classes of the queries; columns of 0 and 1 where an item has several.
    gallery_labels : (g,) or (g, L)
        Classes of the gallery, likewise; an item is relevant if it has a class in common with the
        query.
    k : int, optional
        Cut-off: number of first positions that count. By default the whole gallery is ranked
        (AP@all).
    denominator : {"relevant", "min", "hits", "k"}
        Divisor of the sum, see `average_precision`; default "relevant".
    ties : {"expected", "stable"}
        Treatment of equal scores. "expected", the default, is the mean over all their orders, in
        closed form; "stable" is the order of the gallery rows, for comparison with code that sorts
        (several times slower).
    exclude_self : bool
        Whether to remove gallery item i for query i, where queries and gallery are the same items
        in the same order; default False.
    block : int, optional
        Number of queries per block; by default as many as fit 8 MiB of scores, 32 at least.

    Returns
    -------
    ndarray
        (q,) float64 fractions; NaN for a query without a relevant item.

    Raises
    ------
    ValueError
        Shapes disagree, NaN or infinity in the scores, an unknown option, denominator "k" without
        k, or exclude_self with q != g.
    """
    check_options(k, denominator, ties)
    relevance = Relevance(query_labels, gallery_labels)

    def measure(ranked: RankedList, total: int) -> float:
        return expected_average_precision(ranked, total, k, denominator)

    return measure_queries(
        similarity, relevance, measure, k=k, ties=ties, exclude_self=exclude_self, block=block
    )[:, 0]
