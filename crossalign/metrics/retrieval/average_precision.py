"""Average precision of one ranked list, with a named denominator and averaged ties.

AP@k = (1/D) sum over the relevant positions i <= k of P@i. Four denominators D are in use under the
one name "mAP": with relevant items at ranks 2, 3, 6 and 10 of 10, AP@5 is .292, .292, .583 or .233.

Items of equal score have no order. Sorting them as they come makes the number depend on the order
of rows in a file, so the default is the expected AP over all orders of the tied items: McSherry and
Najork, "Computing Information Retrieval Performance Measures Efficiently in the Presence of Tied
Scores", ECIR 2008. Take a tie of n items, r of them relevant, that starts after t items, b of them
relevant: the i-th place of the tie is relevant with probability r/n and then has b + 1 + (i - 1)(r
- 1)/(n - 1) relevant items up to it on average.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import digamma, gammaln

from crossalign.arrays import as_numbers
from crossalign.metrics.checks import Array, as_floats, check_choice, check_k, check_same_length
from crossalign.metrics.retrieval.ranked_list import (
    RankedList,
    number,
    pack,
    pack_in_order,
    ranked_list,
    sort_keys,
)

DENOMINATORS = ("relevant", "min", "hits", "k")
TIES = ("expected", "stable")


def average_precision(
    relevance: ArrayLike,
    scores: ArrayLike | None = None,
    k: int | None = None,
    denominator: str = "relevant",
    ties: str = "expected",
) -> float:
    """Compute the average precision of one query.

    Parameters
    ----------
    relevance : (g,)
        Relevance of each gallery item, 0 or 1.
    scores : (g,), optional
        Scores, higher is better; None if `relevance` is already in ranked order.
    k : int, optional
        Cut-off: number of first positions that count. By default the whole gallery is ranked
        (AP@all).
    denominator : {"relevant", "min", "hits", "k"}
        Divisor of the sum. "relevant", the default, is the number R of relevant items in the
        gallery; "min" is min(R, k); "hits" is the number of relevant items among the first k; "k"
        is k. Without k the first three are R.
    ties : {"expected", "stable"}
        Treatment of equal scores. "expected", the default, is the mean over all orders of tied
        items; "stable" is the order given.

    Returns
    -------
    float
        A fraction in [0, 1], float64; NaN if no item is relevant. With "hits" it is 0 if none of
        the first k is relevant.

    Raises
    ------
    ValueError
        Shapes disagree, NaN or infinity in scores, relevance that is not 0 or 1, an unknown option,
        or denominator "k" without k.
    """
    check_options(k, denominator, ties)
    relevant = _as_relevance(relevance)
    if scores is None:
        keys = number(relevant)
    else:
        checked = _as_query_scores(scores, relevant)
        keys = (pack if ties == "expected" else pack_in_order)(checked, relevant)
    total = int(relevant.sum())
    if total == 0:
        return float("nan")
    return expected_average_precision(ranked_list(sort_keys(keys, k)), total, k, denominator)


def expected_average_precision(
    ranked: RankedList, total: int, k: int | None, denominator: str
) -> float:
    """Compute the expected AP over the orders of each tie, in float64.

    Parameters
    ----------
    ranked : RankedList
        Relevant items and ties of the query, at least up to position k.
    total : int
        Number R >= 1 of relevant items in the gallery.
    k : int or None
        Cut-off: number of first positions that count; None for all.
    denominator : str
        Divisor of the sum, one of `DENOMINATORS`.
    """
    hits = _hits_up_to(ranked, k)
    precision = np.zeros(hits + 1)  # at each hit, and a 0 that ends the last tie
    np.divide(np.arange(1.0, hits + 1), ranked.hits[:hits] + 1, out=precision[:hits])
    expected = float(precision.sum())
    if len(ranked.first):
        expected -= _sum_in_ties(precision, ranked)
        places = ranked.size if k is None else np.clip(k - ranked.start, 0, ranked.size)  # (t,)
        in_ties = _expected_in_ties(ranked, places)
        cut = np.flatnonzero((places > 0) & (places < ranked.size))
        if denominator == "hits" and len(cut):
            before = expected + float(in_ties[: cut[0]].sum())
            return _expected_per_hit(ranked, int(cut[0]), int(places[cut[0]]), before)
        expected += float(in_ties.sum())
    if denominator == "hits":
        return expected / hits if hits else 0.0
    if k is None or denominator == "relevant":
        return expected / total
    return expected / (min(total, k) if denominator == "min" else k)


def check_options(k: int | None, denominator: str, ties: str) -> None:
    """Raise ValueError unless the options of average precision agree.

    Raises
    ------
    ValueError
        k is not positive, an option is unknown, or denominator "k" lacks a k.
    """
    check_k(k)
    check_choice("denominator", denominator, DENOMINATORS)
    check_choice("ties", ties, TIES)
    if denominator == "k" and k is None:
        raise ValueError("denominator: got 'k' and k is None; give k, or denominator='relevant'.")


def _hits_up_to(ranked: RankedList, k: int | None) -> int:
    """Count the relevant items among the first k, in the worst order of ties."""
    return len(ranked.hits) if k is None else int(np.searchsorted(ranked.hits, k))


def _sum_in_ties(precision: NDArray[np.float64], ranked: RankedList) -> float:
    """Sum the precision over the hits that lie in mixed ties, with the 0 after the last hit."""
    bounds = np.empty(2 * len(ranked.first), np.intp)
    bounds[0::2], bounds[1::2] = ranked.first, ranked.first + ranked.n_relevant
    np.minimum(bounds, len(precision) - 1, out=bounds)
    return float(np.add.reduceat(precision, bounds)[0::2].sum())


def _expected_in_ties(ranked: RankedList, places: Array) -> NDArray[np.float64]:
    """Compute the expected sum of P@i rel_i over the first `places` of each mixed tie: (t,).

    sum_i 1/(t + i) is a difference of digammas, and so the sum over places is in closed form.
    """
    start, size, count = ranked.start, ranked.size, ranked.n_relevant
    harmonic = digamma(start + places + 1.0) - digamma(start + 1.0)
    slope = (count - 1) / (size - 1)  # a mixed tie has at least two items
    inner = (ranked.first + 1) * harmonic + slope * (places - (start + 1) * harmonic)
    return np.asarray(count / size * inner)


def _expected_per_hit(ranked: RankedList, tie: int, places: int, before: float) -> float:
    """Compute the expected AP@k divided by its hits, if k falls inside a mixed tie.

    The number x of relevant items on the tie's `places` that make the cut is hypergeometric; given
    x they are spread evenly over those places.

    Parameters
    ----------
    ranked : RankedList
        Relevant items and ties of the query.
    tie : int
        Number of the tie that k cuts.
    places : int
        Number of its items before the cut-off.
    before : float
        Expected sum of precision at the hits before the tie.
    """
    start, size, count = (
        int(field[tie]) for field in (ranked.start, ranked.size, ranked.n_relevant)
    )
    first = int(ranked.first[tie])
    x = np.arange(max(0, places - (size - count)), min(count, places) + 1.0)
    log_ways = _log_choose(count, x) + _log_choose(size - count, places - x)
    chance = np.exp(log_ways - log_ways.max())
    harmonic = digamma(start + places + 1.0) - digamma(start + 1.0)
    slope = (x - 1) / max(places - 1, 1)
    within = x / places * ((first + 1) * harmonic + slope * (places - (start + 1) * harmonic))
    hits = first + x
    per_hit = np.where(hits > 0, (before + within) / np.maximum(hits, 1), 0.0)
    return float(chance @ per_hit / chance.sum())


def _log_choose(n: int, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute the log of n choose x."""
    return np.asarray(gammaln(n + 1.0) - gammaln(x + 1.0) - gammaln(n - x + 1.0))


def _as_relevance(relevance: ArrayLike) -> NDArray[np.bool_]:
    """Return `relevance` as a (g,) bool array."""
    array = as_numbers("relevance", relevance)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(
            f"relevance: got shape {array.shape}; give a non-empty one-dimensional array."
        )
    if array.dtype != np.bool_ and not np.isin(array, (0, 1)).all():
        raise ValueError("relevance: got values other than 0 and 1; give one bit per gallery item.")
    return array.astype(np.bool_)


def _as_query_scores(scores: ArrayLike, relevant: Array) -> Array:
    """Return `scores` as a (g,) float array without NaN or infinity."""
    array = as_numbers("scores", scores)
    if array.ndim != 1:
        raise ValueError(f"scores: got shape {array.shape}; give one score per gallery item.")
    check_same_length("scores", array, "relevance", relevant)
    array = as_floats("scores", array).astype(np.float64)
    if not np.isfinite(array).all():
        raise ValueError("scores: got NaN or infinity; give every gallery item a finite score.")
    return array
