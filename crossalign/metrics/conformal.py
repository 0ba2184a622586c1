"""Conformal prediction: thresholds that keep a promised share, and sets that hold the right class.

A measure of strangeness of right answers on validation gives the threshold: what is no stranger
than a share of these is let in (split conformal prediction; Vovk, Gammerman and Shafer, 2005,
section 4.2). The promise holds for further items that could be swapped with those of validation.
Items of a class that validation has not seen cannot be swapped with its items, but the classes
with each other: see ``groups`` of `conformal_quantile`.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossalign.arrays import as_numbers
from crossalign.metrics.checks import as_labels, as_scores, check_same_length
from crossalign.metrics.selective import as_vector


def conformal_quantile(
    values: ArrayLike, coverage: float, groups: ArrayLike | None = None
) -> float:
    """Find the threshold that a further value stays below with a promised probability.

    Without groups it is the ceil((n + 1) coverage)-th smallest value: for n + 1 exchangeable values
    the last is at most that with probability at least ``coverage`` (Lei et al., JASA 2018, theorem
    2.2). With groups, the further value is of a group that is not among them. Then each of K groups
    counts 1 / (K + 1), spread evenly over its values, and the last share is at infinity: the
    promise holds if the groups are exchangeable (hierarchical conformal prediction; Lee, Barber and
    Willett, arXiv 2306.06342, section 3).

    Parameters
    ----------
    values : (n,)
        Strangeness of right answers, larger is stranger; infinity is allowed.
    coverage : float
        Least probability that is promised, in (0, 1).
    groups : (n,), optional
        Labels of groups, as classes; default None, every value is a group of its own.

    Returns
    -------
    float
        The threshold, one of the values; infinity if there are too few to promise so much, fewer
        than coverage / (1 - coverage).

    Raises
    ------
    ValueError
        Lengths differ, NaN or nothing inside, or `coverage` out of range.
    """
    strange = as_vector("values", values)
    if not 0 < coverage < 1:
        raise ValueError(f"coverage: got {coverage}; give a share between 0 and 1, as 0.9.")
    count = len(strange)
    weights = np.ones(count)
    if groups is not None:
        labels = as_labels("groups", groups)
        check_same_length("values", strange, "groups", labels)
        _, rows, sizes = np.unique(labels, return_inverse=True, return_counts=True)
        count, weights = len(sizes), 1 / sizes[rows]
    order = np.argsort(strange, kind="stable")
    reached = np.cumsum(weights[order])  # in groups, of count + 1
    needed = coverage * (count + 1) - 1e-9
    place = int(np.searchsorted(reached, needed))
    return float(strange[order[place]]) if place < len(strange) else math.inf


def least_groups(coverage: float) -> int:
    """Return the number of groups, or values, from which on `conformal_quantile` promises."""
    return math.ceil(coverage / (1 - coverage) - 1e-9)


def standardised_margins(scores: ArrayLike) -> NDArray[np.float64]:
    """Subtract every score from the best of its item, in standard deviations of the item's scores.

    A measure of strangeness without a temperature: neither the unit of the scores changes it, nor
    further classes that score low, both of which change a probability.

    Parameters
    ----------
    scores : (n, C)
        Scores, higher is likelier.

    Returns
    -------
    (n, C) float64
        Numbers >= 0, and 0 for the best class; 0 for all if an item's scores are equal.

    Raises
    ------
    ValueError
        Not two-dimensional, without a class, or NaN or infinity inside.
    """
    array = as_scores("scores", scores)
    if array.shape[1] == 0 or not np.isfinite(array).all():
        raise ValueError(
            f"scores: got shape {array.shape} or infinity; give a finite number for each class."
        )
    spread = array.std(axis=1, keepdims=True)
    below = array.max(axis=1, keepdims=True) - array
    return np.asarray(below / np.where(spread > 0, spread, 1.0))


def set_coverage(sets: ArrayLike, labels: ArrayLike) -> float:
    """Compute the mean over classes of the share of their items whose set holds the right class.

    Parameters
    ----------
    sets : (n, C) bool
        Classes in the set of every item.
    labels : (n,) int
        Right classes, as columns.

    Returns
    -------
    float
        A fraction; classes without items are left out.

    Raises
    ------
    ValueError
        Shapes disagree, sets are not bool, or a label is not a column.
    """
    held, truth = _as_sets(sets), as_labels("labels", labels)
    check_same_length("sets", held, "labels", truth)
    outside = np.setdiff1d(truth, np.arange(held.shape[1]))
    if outside.size:
        raise ValueError(
            f"labels: got {outside[0]}, which is not one of the {held.shape[1]} columns of sets; "
            "give column numbers."
        )
    counts = np.bincount(truth)
    right = np.bincount(truth, weights=held[np.arange(len(truth)), truth])
    return float((right[counts > 0] / counts[counts > 0]).mean())


def set_size(sets: ArrayLike) -> float:
    """Compute the mean number of classes in a set ``(n, C)`` bool, as a share of all C.

    Raises
    ------
    ValueError
        Sets are not bool, or there is none.
    """
    return float(_as_sets(sets).mean())


def _as_sets(sets: ArrayLike) -> NDArray[np.bool_]:
    """Return `sets` as a non-empty (n, C) bool array."""
    array = as_numbers("sets", sets)
    if array.ndim != 2 or array.size == 0 or array.dtype != np.bool_:
        raise ValueError(
            f"sets: got shape {array.shape} and dtype {array.dtype}; give one bool per item and "
            "class."
        )
    return array
