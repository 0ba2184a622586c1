"""Absence: does the best of a gallery say that the query has an answer there, or that it has none.

The best of many items is similar by chance alone, and the more items, the more so. A query's match
is therefore as strong as its best score stands out from the scores of all items.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossalign.metrics.checks import as_scores, check_same_length
from crossalign.metrics.conformal import conformal_quantile
from crossalign.metrics.retrieval.relevance import Relevance
from crossalign.metrics.retrieval.score_sources import ScoreSource, score_source

BLOCK = 256
Strength = Callable[[NDArray[np.float64]], NDArray[np.float64]]
FALSE = 0.1
"""Share of queries without an answer in the gallery that may get one."""


class Strengths(NamedTuple):
    """Strengths of the matches of queries, with and without their answers in the gallery.

    Attributes
    ----------
    whole : (q,) float64
        Strengths in the whole gallery.
    absent : (q,) float64
        Strengths without the items of the query's class; NaN where fewer than two are left.
    """

    whole: NDArray[np.float64]
    absent: NDArray[np.float64]


def match_strength(scores: ArrayLike) -> NDArray[np.float64]:
    """Measure how far the best score of every query stands out from all of them.

    (max - mean) / std - sqrt(2 ln g): the best in standard deviations of the query's g scores, less
    what the largest of g normal numbers reaches (Cramer, Mathematical Methods of Statistics, 1946,
    section 28.6). A factor of a query's scores changes nothing, and the size of the gallery little.

    Parameters
    ----------
    scores : (q, g)
        Scores of the queries, higher is better; two items or more.

    Returns
    -------
    (q,) float64
        Strengths; about 0 for the best of chance.

    Raises
    ------
    ValueError
        Not two-dimensional, fewer than two items, or NaN or infinity inside.
    """
    array = as_scores("scores", scores)
    if array.shape[1] < 2 or not np.isfinite(array).all():
        raise ValueError(
            f"scores: got shape {array.shape} or infinity; give finite scores of two items or more."
        )
    spread = array.std(axis=1)
    above = array.max(axis=1) - array.mean(axis=1)
    by_chance = np.sqrt(2 * np.log(array.shape[1]))
    return np.asarray(above / np.where(spread > 0, spread, 1.0) - by_chance)


def match_cutoff(absent: ArrayLike, labels: ArrayLike, false: float = FALSE) -> float | None:
    """Choose the least strength of a match, so that few queries without an answer exceed it.

    Classes count alike, and the promise is for queries of further classes; with fewer than
    1 / `false` - 1 of them none can be given, and the cut-off is the largest strength among them.

    Parameters
    ----------
    absent : (q,)
        Strengths without the items of the query's class, see `match_strengths`; NaN is left out.
    labels : (q,)
        Classes of the queries.
    false : float
        Share of such queries that may exceed it, in (0, 1); default 0.1.

    Returns
    -------
    float or None
        The cut-off; None if there is no such query.

    Raises
    ------
    ValueError
        Lengths differ.
    """
    strengths, classes = np.asarray(absent, dtype=np.float64), np.asarray(labels)
    check_same_length("absent", strengths, "labels", classes)
    there = np.isfinite(strengths)
    if not there.any():
        return None
    known = strengths[there]
    return min(conformal_quantile(known, 1 - false, classes[there]), float(known.max()))


def match_strengths(
    similarity: ArrayLike | ScoreSource,
    query_labels: ArrayLike,
    gallery_labels: ArrayLike,
    strength: Strength = match_strength,
) -> Strengths:
    """Measure the strength of every query's match, and that after its class was taken out.

    Parameters
    ----------
    similarity : (q, g) or callable
        Scores, higher is better, or a callable that gives them by blocks.
    query_labels : (q,) or (q, L)
        Classes of the queries; columns of 0 and 1 where an item has several.
    gallery_labels : (g,) or (g, L)
        Classes of the gallery, likewise.
    strength : callable
        Function from scores ``(q, g)`` to strengths ``(q,)``; default `match_strength`.

    Returns
    -------
    Strengths

    Raises
    ------
    ValueError
        Shapes disagree, NaN or infinity inside, or a gallery of one item.
    """
    relevance = Relevance(query_labels, gallery_labels)
    queries, size = relevance.shape
    source = score_source(similarity, queries, size)
    whole, absent = np.empty(queries), np.full(queries, np.nan)
    for start in range(0, queries, BLOCK):
        stop = min(start + BLOCK, queries)
        block = np.asarray(source(start, stop), dtype=np.float64)
        whole[start:stop] = strength(block)
        for row, code in enumerate(relevance.codes[start:stop]):
            others = block[row, relevance.row(int(code)) == 0]
            if len(others) > 1:
                absent[start + row] = strength(others[None])[0]
    return Strengths(whole, absent)
