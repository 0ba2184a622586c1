"""Bounds by which classes known by a text may be lifted beside classes that have pictures.

The text of a new class gives scores to pictures of the other classes, and none of its own are
needed to tell how many it would take: as a detector that is set by its false alarms alone
(Neyman-Pearson), it is lifted as far as the others keep nine tenths of what they have right.
Several such classes share the tenth, each with the same share of its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
KEPT = 0.9
"""Share of their accuracy that classes with pictures keep beside all others."""
ROUNDING = 1e-9
"""Share of the weight that a sum of weights may be off by rounding."""


def lifts(margins: Array, weights: Array, kept: float = KEPT) -> Array:
    """Return the largest numbers ``(k,)`` that may be added to the scores of k classes.

    Parameters
    ----------
    margins : (n, k)
        Best score of each picture among the classes with pictures, less its score of each new
        class.
    weights : (n,)
        Weights of the pictures, positive for those that are right among the former.
    kept : float
        Share of the weight that no new class takes; default 0.9.
    """
    right = weights > 0
    margins, weights = margins[right], weights[right] / max(weights[right].sum(), ROUNDING)
    if not len(margins):
        return np.zeros(margins.shape[1])
    order = np.argsort(margins, axis=0, kind="stable")                         # (n, k)
    ordered = np.take_along_axis(margins, order, axis=0)
    lost = np.cumsum(weights[order], axis=0)                                   # (n, k)
    shares = np.stack([of[np.searchsorted(row, own, side="right") - 1] for of, row, own in
                       zip(lost.T, ordered.T, margins.T, strict=True)], axis=1)
    level = _level(shares.min(axis=1), weights, 1 - kept)
    return np.array([_between(row, int(np.sum(of <= level))) for row, of in zip(
        ordered.T, np.sort(shares, axis=0).T, strict=True)])


def _level(shares: Array, weights: Array, most: float) -> float:
    """Return the largest share of each class at which all together take ``most`` of the weight,
    where a picture is taken at the share ``(n,)``.
    """
    order = np.argsort(shares, kind="stable")
    taken = np.cumsum(weights[order])
    last = np.searchsorted(shares[order], shares[order], side="right") - 1     # equal ones together
    fair = taken[last] <= most + ROUNDING
    return float(shares[order][fair].max(initial=-1.0))


def _between(ordered: Array, taken: int) -> float:
    """Return the middle between the last margin that is taken and the next; just below the first if
    none is.
    """
    following = ordered[min(taken, len(ordered) - 1)]
    if taken == 0:
        return float(np.nextafter(following, -np.inf))
    return float(ordered[taken - 1] / 2 + following / 2)
