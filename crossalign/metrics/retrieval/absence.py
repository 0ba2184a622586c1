"""Absence: does the best of a gallery say that the query has an answer there, or that it has none.

The best of many items is similar by chance alone, and the more items, the more so. A query's match
is therefore as strong as its best score stands out from the scores of all items.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossalign.metrics.checks import as_scores
from crossalign.metrics.retrieval.relevance import Relevance
from crossalign.metrics.retrieval.score_sources import ScoreSource, score_source

BLOCK = 256


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


def match_strengths(
    similarity: ArrayLike | ScoreSource, query_labels: ArrayLike, gallery_labels: ArrayLike
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
        whole[start:stop] = match_strength(block)
        for row, code in enumerate(relevance.codes[start:stop]):
            others = block[row, relevance.row(int(code)) == 0]
            if len(others) > 1:
                absent[start + row] = match_strength(others[None])[0]
    return Strengths(whole, absent)
