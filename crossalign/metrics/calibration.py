"""Calibrated stacking and the seen-unseen trade-off curve.

Chao, Changpinyo, Gong and Sha, "An Empirical Study and Analysis of Generalized Zero-Shot Learning
for Object Recognition in the Wild", ECCV 2016: a classifier that knows seen classes well scores
them too high, so gamma is subtracted from the scores of seen classes. Sweeping gamma
trades accuracy on seen classes (S) for accuracy on unseen ones (U); the area under that curve,
AUSUC, judges a model without choosing gamma.

Nothing is swept on a grid here. An item changes sides at one value of gamma, its *breakpoint*
max(seen scores) - max(unseen scores), and before and after it the winner is the best class of one
side, so sorting the breakpoints gives the exact curve in O(n log n).
"""

from numbers import Real
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossalign.metrics.checks import Array, as_scores
from crossalign.metrics.classification import as_seen, check_gzsl, per_class_accuracy


class SeenUnseenCurve(NamedTuple):
    """Accuracy on seen and unseen classes as steps in gamma, from minus to plus infinity.

    Step i holds for gamma[i] < gamma < gamma[i + 1], the last one up to infinity. At a breakpoint
    itself the scores of a seen and an unseen class tie; the curve gives the tie to the unseen
    class, which makes its steps closed on the left.

    Attributes
    ----------
    gamma : (m,) float64
        Start of each step, increasing; gamma[0] = -inf.
    unseen : (m,) float64
        Per-class accuracy on unseen classes, fractions, non-decreasing.
    seen : (m,) float64
        Per-class accuracy on seen classes, fractions, non-increasing.
    """

    gamma: NDArray[np.float64]
    unseen: NDArray[np.float64]
    seen: NDArray[np.float64]


def calibrated_stacking(scores: ArrayLike, seen: ArrayLike, gamma: float) -> NDArray[np.float64]:
    """Subtract gamma from the scores of seen classes.

    Parameters
    ----------
    scores : (n, C)
        Class scores, higher is likelier.
    seen : (C,) bool
        Seen classes: True for those that occur in training.
    gamma : float
        Penalty on seen classes, in the unit of the scores.

    Returns
    -------
    ndarray
        (n, C) float64.

    Raises
    ------
    ValueError
        Shapes disagree, or NaN in scores or gamma.
    """
    array = as_scores("scores", scores)
    is_seen = as_seen(seen, both=False)
    if array.shape[1] != len(is_seen):
        raise ValueError(
            f"scores: got {array.shape[1]} columns for the {len(is_seen)} classes of seen; "
            "give one column per class."
        )
    if not isinstance(gamma, Real) or np.isnan(float(gamma)):
        raise ValueError(f"gamma: got {gamma}; give a number.")
    return np.where(is_seen, array - gamma, array)


def seen_unseen_curve(
    scores_seen: ArrayLike,
    labels_seen: ArrayLike,
    scores_unseen: ArrayLike,
    labels_unseen: ArrayLike,
    seen: ArrayLike,
) -> SeenUnseenCurve:
    """Trace the exact trade-off between U and S over every gamma.

    Only items that are right among the classes of their own side have a step: an unseen item turns
    right and a seen item turns wrong at its breakpoint, each by 1 / (number of classes with items x
    items of its class). Items of equal breakpoint share a step. Within a side, the first of several
    classes with equal scores wins.

    Parameters
    ----------
    scores_seen : (n_s, C)
        Scores of the test items of seen classes, higher is likelier.
    labels_seen : (n_s,)
        Classes of these items, as columns of the scores.
    scores_unseen : (n_u, C)
        Scores of the test items of unseen classes.
    labels_unseen : (n_u,)
        Classes of these items, as columns of the scores.
    seen : (C,) bool
        Seen classes: True for those that occur in training.

    Returns
    -------
    SeenUnseenCurve
        The curve, with as many steps as there are distinct breakpoints, plus one.

    Raises
    ------
    ValueError
        As `gzsl_scores`, or an item without a finite score on each side.
    """
    scores_seen, labels_seen, scores_unseen, labels_unseen, is_seen = check_gzsl(
        scores_seen, labels_seen, scores_unseen, labels_unseen, seen
    )
    lost_at, lost = _turning_items("scores_seen", scores_seen, labels_seen, is_seen, is_seen)
    won_at, won = _turning_items("scores_unseen", scores_unseen, labels_unseen, is_seen, ~is_seen)
    gamma, step = np.unique(np.concatenate([lost_at, won_at]), return_inverse=True)
    loss = np.bincount(step[: len(lost)], weights=lost, minlength=len(gamma))  # (m - 1,)
    gain = np.bincount(step[len(lost) :], weights=won, minlength=len(gamma))  # (m - 1,)
    return SeenUnseenCurve(
        gamma=np.concatenate([[-np.inf], gamma]),
        unseen=np.concatenate([[0.0], np.cumsum(gain)]),
        seen=np.concatenate([np.cumsum(loss[::-1])[::-1], [0.0]]),
    )


def ausuc(curve: SeenUnseenCurve) -> float:
    """Compute the area under the seen-unseen curve, S over U, by trapezoids.

    Parameters
    ----------
    curve : SeenUnseenCurve
        Curve from `seen_unseen_curve`.

    Returns
    -------
    float
        A fraction in [0, 1]; 1 when every item is right on its own side and no seen item turns
        before an unseen one.
    """
    return float(np.trapezoid(curve.seen, curve.unseen))


def best_gamma(curve: SeenUnseenCurve, unseen_share: float | None = None) -> float:
    """Choose the gamma with the largest H, or with the most right answers, on validation data.

    It is the middle of a step, so that a small change of the scores does not cross a breakpoint;
    among several steps with the same H it is the widest, then the first.

    Parameters
    ----------
    curve : SeenUnseenCurve
        Curve of validation items: choosing gamma on test items is choosing a hyper-parameter on
        test items.
    unseen_share : float, optional
        Share w of items of unseen classes where gamma will be used; w U + (1 - w) S then counts.
        By default H counts.

    Returns
    -------
    float
        A finite gamma in the unit of the scores; 0 if H is zero for every gamma.

    Raises
    ------
    ValueError
        If the share is not within [0, 1].
    """
    if unseen_share is not None:
        if not 0 <= unseen_share <= 1:
            raise ValueError(f"unseen_share: got {unseen_share}; give a share from 0 to 1.")
        return _middle(curve, unseen_share * curve.unseen + (1 - unseen_share) * curve.seen)
    total = curve.unseen + curve.seen
    h = np.zeros_like(total)
    np.divide(2 * curve.unseen * curve.seen, total, out=h, where=total > 0)
    return 0.0 if h.max() == 0 else _middle(curve, h)


def _middle(curve: SeenUnseenCurve, values: NDArray[np.float64]) -> float:
    """Return the middle of the widest step with the largest of the values ``(m,)``.

    The first and the last step are as wide as all others together.
    """
    if len(curve.gamma) == 1:
        return 0.0
    inner = curve.gamma[1:]
    width = float(inner[-1] - inner[0])
    ends = np.concatenate([[inner[0] - width], inner, [inner[-1] + width]])      # (m + 1,)
    best = np.flatnonzero(values >= values.max() * (1 - 1e-12))
    widest = best[np.argmax(ends[best + 1] - ends[best])]
    return float(ends[widest] / 2 + ends[widest + 1] / 2)


def _turning_items(
    name: str,
    scores: NDArray[np.float64],
    labels: Array,
    seen: NDArray[np.bool_],
    own: NDArray[np.bool_],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return breakpoints and weights of the items that are right among their `own` classes."""
    columns = np.flatnonzero(own)
    among_own = columns[scores[:, own].argmax(axis=1)]  # (n,)
    per_class_accuracy(labels, among_own, columns)  # warns of classes without items
    items = np.bincount(labels, minlength=len(own))
    right = among_own == labels
    breakpoints = (scores[:, seen].max(axis=1) - scores[:, ~seen].max(axis=1))[right]
    if not np.isfinite(breakpoints).all():
        raise ValueError(
            f"{name}: got an item whose best seen or unseen score is infinite; "
            "give each item a finite score for one class of each side."
        )
    return breakpoints, 1.0 / (np.count_nonzero(items) * items[labels[right]])
