"""Chance level of retrieval: the score of a random ranking, below which a result says nothing."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import digamma

from crossalign.metrics.checks import Array
from crossalign.metrics.retrieval.mean_over_queries import mean_over_queries
from crossalign.metrics.retrieval.relevance import Relevance


def chance_average_precision(n_gallery: int, n_relevant: int) -> float:
    """Compute the expected AP@all of a uniformly random ranking.

    E[AP] = (1/M) [ (R - 1)/(M - 1) (M - H_M) + H_M ] for M gallery items of which R are relevant,
    H_M the M-th harmonic number: the McSherry-Najork expectation with the whole gallery tied.

    Parameters
    ----------
    n_gallery : int
        Number M of gallery items, at least 1.
    n_relevant : int
        Number R of relevant items, from 1 to M.

    Returns
    -------
    float
        A fraction in (0, 1].

    Raises
    ------
    ValueError
        `n_relevant` is not between 1 and `n_gallery`.
    """
    whole = all(isinstance(n, int | np.integer) for n in (n_gallery, n_relevant))
    if not whole or not 1 <= n_relevant <= n_gallery:
        raise ValueError(
            f"n_relevant: got {n_relevant!r} in a gallery of {n_gallery!r}; give 1 to n_gallery."
        )
    return float(_chance(np.asarray(n_gallery), np.asarray(n_relevant)))


def chance_map(
    query_labels: ArrayLike, gallery_labels: ArrayLike, *, exclude_self: bool = False
) -> float:
    """Compute the expected mAP@all of random rankings, for these labels.

    Parameters
    ----------
    query_labels : (q,) or (q, L)
        Classes of the queries; columns of 0 and 1 where an item has several.
    gallery_labels : (g,) or (g, L)
        Classes of the gallery, likewise; an item is relevant if the two have a class in common.
    exclude_self : bool
        Whether to remove gallery item i for query i, as in `mean_average_precision`; default False.

    Returns
    -------
    float
        The mean over the queries that have a relevant item (the others are left out with a
        warning); NaN if none has.

    Raises
    ------
    ValueError
        Labels are empty or not one-dimensional, or exclude_self with q != g.
    """
    relevance = Relevance(query_labels, gallery_labels)
    relevant = relevance.counts(exclude_self)  # (q,)
    size = relevance.shape[1] - exclude_self
    chance = np.full(len(relevant), np.nan)
    chance[relevant > 0] = _chance(np.asarray(size), relevant[relevant > 0])
    return float(mean_over_queries(chance))


def _chance(size: Array, relevant: Array) -> NDArray[np.float64]:
    """Evaluate the closed form elementwise; the harmonic number is computed by digamma."""
    m, r = size.astype(np.float64), relevant.astype(np.float64)
    harmonic = digamma(m + 1) + np.euler_gamma
    slope = (r - 1) / np.maximum(m - 1, 1)
    return np.asarray((slope * (m - harmonic) + harmonic) / m)
