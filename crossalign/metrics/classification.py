"""Accuracy of zero-shot and generalized zero-shot classification.

Xian, Lampert, Schiele and Akata, "Zero-Shot Learning - A Comprehensive Evaluation of the Good, the
Bad and the Ugly", TPAMI 2018, section 4: accuracy is averaged over classes, not over items, and the
generalized setting reports the harmonic mean of accuracy on seen and on unseen classes.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Real

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossalign.arrays import as_numbers
from crossalign.metrics.checks import Array, as_codes, as_labels, as_scores, check_same_length


def per_class_accuracy(
    labels: ArrayLike, predictions: ArrayLike, classes: ArrayLike | None = None
) -> float:
    """Compute the mean over classes of the fraction of a class's items that are predicted right.

    acc = (1/|Y|) sum over c in Y of correct_c / n_c. A class
    without items is dropped with a warning; it never counts as zero.

    Parameters
    ----------
    labels : (n,)
        True classes.
    predictions : (n,)
        Predicted classes; any value that is not the label is wrong.
    classes : (C,), optional
        Classes to average over; by default those that occur in `labels`.

    Returns
    -------
    float
        A fraction in [0, 1].

    Raises
    ------
    ValueError
        Lengths differ, nothing to score, NaN, or a label outside `classes`.
    """
    labels = as_labels("labels", labels)
    accuracies = class_accuracies(
        labels, predictions, np.unique(labels) if classes is None else classes
    )
    empty = int(np.isnan(accuracies).sum())
    if empty:
        warnings.warn(f"{empty} of {len(accuracies)} {NO_ITEMS}", stacklevel=2)
    return float(np.nanmean(accuracies))


NO_ITEMS = "classes have no items and are left out of the per-class accuracy"
"""Text of the warning of `per_class_accuracy`."""


@contextmanager
def candidates_without_items() -> Iterator[None]:
    """Suppress the warning about classes without items, for callers that count them elsewhere."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=f".*{NO_ITEMS}")
        yield


def class_accuracies(
    labels: ArrayLike, predictions: ArrayLike, classes: ArrayLike
) -> NDArray[np.float64]:
    """Compute the fraction of each class's items that are predicted right.

    Parameters
    ----------
    labels : (n,)
        True classes.
    predictions : (n,)
        Predicted classes.
    classes : (C,)
        Distinct classes, in the order of the result.

    Returns
    -------
    ndarray
        (C,) fractions in [0, 1]; NaN for a class without items.

    Raises
    ------
    ValueError
        Lengths differ, nothing to score, NaN, repeated classes, or a label outside `classes`.
    """
    written = as_labels("labels", labels)
    labels, predictions, classes = as_codes(
        labels=written, predictions=predictions, classes=classes
    )
    check_same_length("labels", labels, "predictions", predictions)
    position = _positions(labels, classes, written)
    items = np.bincount(position, minlength=len(classes))
    correct = np.bincount(position[labels == predictions], minlength=len(classes))
    accuracies = np.full(len(classes), np.nan)
    np.divide(correct, items, out=accuracies, where=items > 0)
    return accuracies


def micro_accuracy(labels: ArrayLike, predictions: ArrayLike) -> float:
    """Compute the fraction of items that are predicted right; every item counts once.

    It favours large classes; the zero-shot literature reports `per_class_accuracy`.

    Parameters
    ----------
    labels : (n,)
        True classes.
    predictions : (n,)
        Predicted classes.

    Returns
    -------
    float
        A fraction in [0, 1].

    Raises
    ------
    ValueError
        Lengths differ, nothing to score, or NaN.
    """
    labels, predictions = as_codes(labels=labels, predictions=predictions)
    check_same_length("labels", labels, "predictions", predictions)
    return float(np.mean(labels == predictions))


def harmonic_mean(u: float, s: float) -> float:
    """Compute H = 2 u s / (u + s), and 0 where u + s = 0.

    Over several runs report the mean of the H of each run, not the H of the mean accuracies.

    Parameters
    ----------
    u : float
        Accuracy on unseen classes.
    s : float
        Accuracy on seen classes, in the same unit.

    Returns
    -------
    float
        H in the unit of its arguments.

    Raises
    ------
    ValueError
        A negative or NaN argument.
    """
    if not all(isinstance(value, Real) and value >= 0 for value in (u, s)):
        raise ValueError(f"u, s: got {u!r} and {s!r}; give two accuracies that are not negative.")
    return 0.0 if u + s == 0 else float(2 * u * s / (u + s))


def gzsl_scores(
    scores_seen: ArrayLike,
    labels_seen: ArrayLike,
    scores_unseen: ArrayLike,
    labels_unseen: ArrayLike,
    seen: ArrayLike,
    gamma: float = 0.0,
) -> dict[str, float]:
    """Compute T1, U, S and H from the class scores of the two test sets.

    The first of several classes with equal scores wins. Classes without test items are dropped with
    a warning.

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
    gamma : float
        Penalty subtracted from the scores of seen classes in U, S and H (calibrated stacking);
        default 0. It does not change T1.

    Returns
    -------
    dict
        Fractions in [0, 1]: `T1`, per-class accuracy on unseen items among unseen classes only; `U`
        and `S`, per-class accuracy on unseen and on seen items among all classes; `H`, the harmonic
        mean of U and S.

    Raises
    ------
    ValueError
        Shapes disagree, NaN, a seen label in the unseen test set or the reverse, or classes that
        are all seen or all unseen.
    """
    scores_seen, labels_seen, scores_unseen, labels_unseen, seen = check_gzsl(
        scores_seen, labels_seen, scores_unseen, labels_unseen, seen
    )
    penalty = gamma * seen  # (C,)
    columns = np.arange(len(seen))
    among_unseen = columns[~seen][scores_unseen[:, ~seen].argmax(axis=1)]  # (n_u,)
    t1 = per_class_accuracy(labels_unseen, among_unseen, columns[~seen])
    with candidates_without_items():  # the same empty classes as above
        u = per_class_accuracy(
            labels_unseen, (scores_unseen - penalty).argmax(axis=1), columns[~seen]
        )
    s = per_class_accuracy(labels_seen, (scores_seen - penalty).argmax(axis=1), columns[seen])
    return {"T1": t1, "U": u, "S": s, "H": harmonic_mean(u, s)}


def check_gzsl(
    scores_seen: ArrayLike,
    labels_seen: ArrayLike,
    scores_unseen: ArrayLike,
    labels_unseen: ArrayLike,
    seen: ArrayLike,
) -> tuple[NDArray[np.float64], Array, NDArray[np.float64], Array, NDArray[np.bool_]]:
    """Return the arguments of `gzsl_scores` as arrays that agree with each other.

    Raises
    ------
    ValueError
        See `gzsl_scores`.
    """
    is_seen = as_seen(seen)
    arrays: list[Array] = []
    for side, own, raw_scores, raw_labels in (
        ("seen", is_seen, scores_seen, labels_seen),
        ("unseen", ~is_seen, scores_unseen, labels_unseen),
    ):
        scores = as_scores(f"scores_{side}", raw_scores)
        labels = as_labels(f"labels_{side}", raw_labels)
        check_same_length(f"scores_{side}", scores, f"labels_{side}", labels)
        if scores.shape[1] != len(is_seen):
            raise ValueError(
                f"scores_{side}: got {scores.shape[1]} columns for the {len(is_seen)} classes of "
                "seen; give one column per class."
            )
        outside = np.setdiff1d(labels, np.flatnonzero(own))
        if outside.size:
            raise ValueError(
                f"labels_{side}: got {outside[0]}, which is not the column of a class that is "
                f"{side}; give column numbers of {side} classes."
            )
        arrays += [scores, labels]
    return arrays[0], arrays[1], arrays[2], arrays[3], is_seen


def as_seen(seen: ArrayLike, both: bool = True) -> NDArray[np.bool_]:
    """Return `seen` as a (C,) bool array, with both kinds of class unless told otherwise.

    Raises
    ------
    ValueError
        Not a one-dimensional bool array, or all classes of one kind.
    """
    array = as_numbers("seen", seen)
    if array.ndim != 1 or array.dtype != np.bool_:
        raise ValueError(
            f"seen: got shape {array.shape} and dtype {array.dtype}; give one bool per class."
        )
    if both and (array.all() or not array.any()):
        raise ValueError(
            f"seen: got {int(array.sum())} of {array.size} classes; "
            "give at least one seen and one unseen class."
        )
    return array


def _positions(labels: Array, classes: Array, written: Array) -> NDArray[np.intp]:
    """Find the position of each label in `classes`, (n,); an error shows the label as written."""
    order = np.argsort(classes, kind="stable")
    ordered = classes[order]
    if (ordered[1:] == ordered[:-1]).any():
        raise ValueError(f"classes: got {len(classes)}, with repeats; give each class once.")
    place = np.searchsorted(ordered, labels).clip(max=len(classes) - 1)
    outside = ordered[place] != labels
    if outside.any():
        raise ValueError(
            f"labels: got {written[outside][0]}, which is not in classes; "
            "add it to classes or drop those items."
        )
    return np.asarray(order[place], dtype=np.intp)
