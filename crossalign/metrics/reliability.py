"""Reliability of probabilities: do they agree with the share of right answers."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossalign.metrics.checks import (
    Array,
    as_labels,
    as_scores,
    check_choice,
    check_same_length,
)
from crossalign.metrics.selective import as_vector

BINNINGS = ("equal_width", "equal_mass")


def expected_calibration_error(
    probabilities: ArrayLike, labels: ArrayLike, bins: int = 15, binning: str = "equal_width"
) -> float:
    """Compute the mean gap between a classifier's confidence and its accuracy (ECE).

    ECE = sum over bins b of |b|/n |accuracy(b) - confidence(b)|, where an item's confidence is its
    largest probability and bins are intervals of confidence closed on the right (Guo, Pleiss, Sun
    and Weinberger, "On Calibration of Modern Neural Networks", ICML 2017, eq. 3). Empty bins are
    skipped. The first of several classes with equal probabilities is the prediction.

    Parameters
    ----------
    probabilities : (n, C)
        Rows in [0, 1] that sum to one.
    labels : (n,)
        True classes, as columns.
    bins : int
        Number of bins; default 15.
    binning : {"equal_width", "equal_mass"}
        Kind of bins. "equal_width", the default, cuts [0, 1] evenly, as the paper; "equal_mass"
        cuts the items evenly (Nixon et al., "Measuring Calibration in Deep Learning", CVPR
        Workshops 2019), and items of equal confidence stay together.

    Returns
    -------
    float
        A fraction in [0, 1]; 0 if every bin is right as often as it says.

    Raises
    ------
    ValueError
        Shapes disagree, nothing to score, rows that are not probabilities, a label that is not a
        column, bins not positive, or an unknown binning.
    """
    chances, truth = _as_probabilities(probabilities), as_labels("labels", labels)
    check_same_length("probabilities", chances, "labels", truth)
    outside = np.setdiff1d(truth, np.arange(chances.shape[1]))
    if outside.size:
        raise ValueError(
            f"labels: got {outside[0]}, which is not one of the {chances.shape[1]} columns of "
            "probabilities; give column numbers."
        )
    sure = chances.max(axis=1).clip(max=1)
    return calibration_error(sure, chances.argmax(axis=1) == truth, bins, binning)


def calibration_error(
    confidences: ArrayLike, accuracies: ArrayLike, bins: int = 15, binning: str = "equal_width"
) -> float:
    """Compute the mean gap between the confidence of answers and their accuracy (ECE).

    It is `expected_calibration_error` of answers that are right in part, as those with which some
    people agree.

    Parameters
    ----------
    confidences : (n,)
        Confidence in each answer, in [0, 1].
    accuracies : (n,)
        Accuracy of each, in [0, 1]: 1 or True if it is right.
    bins, binning
        See `expected_calibration_error`.

    Returns
    -------
    float
        A fraction in [0, 1].

    Raises
    ------
    ValueError
        Lengths differ, nothing to score, values outside [0, 1], bins not positive, or an unknown
        binning.
    """
    check_choice("binning", binning, BINNINGS)
    if isinstance(bins, bool) or not isinstance(bins, int | np.integer) or bins < 1:
        raise ValueError(f"bins: got {bins!r}; give a positive integer.")
    sure, right = _fractions("confidences", confidences), _fractions("accuracies", accuracies)
    check_same_length("confidences", sure, "accuracies", right)
    shares = np.linspace(0, 1, bins + 1)[1:-1]
    cuts = shares if binning == "equal_width" else _quantiles(sure, shares)
    # |b| |accuracy(b) - confidence(b)| is the absolute sum of right - sure over the bin
    gaps = np.bincount(np.searchsorted(cuts, sure, side="left"), weights=right - sure)
    return float(np.abs(gaps).sum() / len(sure))


def _fractions(name: str, values: ArrayLike) -> NDArray[np.float64]:
    """Return values (n,) as float64; ValueError unless there are some, all in [0, 1]."""
    array = as_vector(name, values)
    if array.min() < 0 or array.max() > 1:
        raise ValueError(f"{name}: got {array.min():.4g} up to {array.max():.4g}; give fractions "
                         "in [0, 1].")
    return array


def _quantiles(values: NDArray[np.float64], shares: NDArray[np.float64]) -> Array:
    """Find the smallest values that at least each share of the values does not exceed."""
    return np.quantile(values, shares, method="inverted_cdf") if len(shares) else shares


def _as_probabilities(probabilities: ArrayLike) -> NDArray[np.float64]:
    """Return `probabilities` as (n, C) float64 rows in [0, 1] that sum to one, up to rounding."""
    array = as_scores("probabilities", probabilities)
    if array.size == 0:
        raise ValueError(f"probabilities: got shape {array.shape}; give rows and columns.")
    if (array < 0).any() or not np.allclose(array.sum(axis=1), 1, atol=1e-3):
        raise ValueError(
            f"probabilities: got rows that sum to {array.sum(axis=1).min():.4g} up to "
            f"{array.sum(axis=1).max():.4g} and a least value of {array.min():.4g}; give rows in "
            "[0, 1] that sum to one."
        )
    return array
