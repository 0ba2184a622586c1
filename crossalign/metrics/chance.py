"""What a random ranking scores: the row below which a retrieval result says nothing."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import digamma

from crossalign.metrics.checks import Array, as_codes, check_same_length
from crossalign.metrics.query_mean import mean_over_queries


def chance_average_precision(n_gallery: int, n_relevant: int) -> float:
    """Expected AP@all of a uniformly random ranking.

    E[AP] = (1/M) [ (R - 1)/(M - 1) (M - H_M) + H_M ] for M gallery items of which R are relevant,
    H_M the M-th harmonic number: the McSherry-Najork expectation with the whole gallery tied.

    Parameters
    ----------
    n_gallery
        M >= 1.
    n_relevant
        R, from 1 to M.

    Returns
    -------
    float
        A fraction in (0, 1].

    Raises
    ------
    ValueError
        `n_relevant` is not between 1 and `n_gallery`.
    """
    if not 1 <= n_relevant <= n_gallery:
        raise ValueError(
            f"n_relevant is {n_relevant} in a gallery of {n_gallery}; give 1 to n_gallery"
        )
    return float(_chance(np.asarray(n_gallery), np.asarray(n_relevant)))


def chance_map(
    query_labels: ArrayLike, gallery_labels: ArrayLike, *, exclude_self: bool = False
) -> float:
    """Expected mAP@all of random rankings, for these labels.

    Parameters
    ----------
    query_labels
        (q,) classes of the queries.
    gallery_labels
        (g,) classes of the gallery; an item is relevant if the classes are equal.
    exclude_self
        Gallery item i is removed for query i, as in `mean_average_precision`.

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
    queries, gallery = as_codes("query_labels", query_labels, "gallery_labels", gallery_labels)
    if exclude_self:
        check_same_length("query_labels", queries, "gallery_labels", gallery)
    relevant = count_relevant(queries, gallery, exclude_self)  # (q,)
    size = len(gallery) - exclude_self
    chance = np.full(len(queries), np.nan)
    chance[relevant > 0] = _chance(np.asarray(size), relevant[relevant > 0])
    return float(mean_over_queries(chance))


def count_relevant(queries: Array, gallery: Array, exclude_self: bool = False) -> NDArray[np.intp]:
    """Gallery items that share each query's label, without item i for query i if asked: (q,)."""
    names, counts = np.unique(gallery, return_counts=True)
    place = np.searchsorted(names, queries).clip(max=len(names) - 1)
    relevant = np.where(names[place] == queries, counts[place], 0)
    return np.asarray(relevant - (queries == gallery) if exclude_self else relevant, dtype=np.intp)


def _chance(size: Array, relevant: Array) -> NDArray[np.float64]:
    """The closed form, elementwise; the harmonic number by digamma."""
    m, r = size.astype(np.float64), relevant.astype(np.float64)
    harmonic = digamma(m + 1) + np.euler_gamma
    slope = (r - 1) / np.maximum(m - 1, 1)
    return np.asarray((slope * (m - harmonic) + harmonic) / m)
