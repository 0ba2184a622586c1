"""Open-set recognition: items of known classes told from items of classes never described.

A score says how likely an item is of a known class, and an item is accepted if its score reaches a
threshold. Accepting a known item is a true positive, accepting an unknown one a false positive.
Items of equal score pass a threshold together, so nothing here depends on the order of items.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossalign.arrays import as_numbers
from crossalign.metrics.checks import check_same_length
from crossalign.metrics.selective import as_vector


def auroc(known_scores: ArrayLike, unknown_scores: ArrayLike) -> float:
    """Estimate the probability that a known item outscores an unknown one; a tie counts half.

    It equals the area under the curve of true over false positives (Hanley and McNeil, Radiology
    1982; Hendrycks and Gimpel, ICLR 2017, for the task).

    Parameters
    ----------
    known_scores : (n,)
        Scores of items of known classes, higher is likelier known; infinity is allowed.
    unknown_scores : (m,)
        Scores of items of unknown classes.

    Returns
    -------
    float
        A fraction in [0, 1]; 1/2 for scores that know nothing.

    Raises
    ------
    ValueError
        One of the two is empty, not one-dimensional, or contains NaN.
    """
    known, unknown = _two(known_scores, unknown_scores)
    return float(_beaten(known, unknown).mean())


def fpr_at_tpr(known_scores: ArrayLike, unknown_scores: ArrayLike, tpr: float = 0.95) -> float:
    """Find the share of unknown items accepted by the highest threshold that accepts `tpr` of the
    known.

    FPR at 95 % TPR of Liang, Li and Srikant, "Enhancing the Reliability of Out-of-distribution
    Image Detection in Neural Networks", ICLR 2018. The curve is not interpolated: the threshold is
    the score of a known item.

    Parameters
    ----------
    known_scores : (n,)
        Scores of items of known classes, higher is likelier known.
    unknown_scores : (m,)
        Scores of items of unknown classes.
    tpr : float
        Least share of known items to accept, in (0, 1]; default 0.95.

    Returns
    -------
    float
        A fraction in [0, 1], lower is better.

    Raises
    ------
    ValueError
        Scores as in `auroc`, or `tpr` outside (0, 1].
    """
    known, unknown = _two(known_scores, unknown_scores)
    if not 0 < tpr <= 1:
        raise ValueError(f"tpr: got {tpr}; give a share above 0 and up to 1.")
    accepted = int(np.ceil(tpr * len(known) - 1e-9))
    threshold = np.sort(known)[-accepted]
    return float(np.mean(unknown >= threshold))


def oscr(known_scores: ArrayLike, correct: ArrayLike, unknown_scores: ArrayLike) -> float:
    """Compute the area under the open-set classification rate: right *and* accepted over false
    positives.

    Dhamija, Gunther and Boult, "Reducing Network Agnostophobia", NeurIPS 2018, section 4: as the
    threshold falls, the share of known items that are accepted and rightly named is drawn over the
    share of unknown items that are accepted. The area by trapezoids is the probability that a known
    item is rightly named and has a higher score than an unknown one; a tie counts half.

    Parameters
    ----------
    known_scores : (n,)
        Scores of items of known classes, higher is likelier known.
    correct : (n,) bool
        Right answers: True where the class of the known item is named rightly.
    unknown_scores : (m,)
        Scores of items of unknown classes.

    Returns
    -------
    float
        A fraction from 0 to the accuracy on known items; `auroc` if all are right.

    Raises
    ------
    ValueError
        Scores as in `auroc`, lengths differ, or `correct` is not bool.
    """
    known, unknown = _two(known_scores, unknown_scores)
    right = as_numbers("correct", correct)
    if right.ndim != 1 or right.dtype != np.bool_:
        raise ValueError(
            f"correct: got shape {right.shape} and dtype {right.dtype}; give one bool per item."
        )
    check_same_length("known_scores", known, "correct", right)
    return float((_beaten(known, unknown) * right).mean())


def _beaten(known: NDArray[np.float64], unknown: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute for each known item the share of unknown items below it, (n,); a tie counts half."""
    ordered = np.sort(unknown)
    below = np.searchsorted(ordered, known, side="left")
    up_to = np.searchsorted(ordered, known, side="right")
    return np.asarray((below + up_to) / (2 * len(unknown)))


def _two(
    known_scores: ArrayLike, unknown_scores: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return both score arrays, checked."""
    return as_vector("known_scores", known_scores), as_vector("unknown_scores", unknown_scores)
