"""Selective prediction: a confidence that points out wrong answers, and the gain of not answering.

Geifman, Uziel and El-Yaniv, "Bias-Reduced Uncertainty Estimation for Deep Neural Classifiers", ICLR
2019: answer the most confident share of the items (the *coverage*) and look at the mean loss of
those answers (the *risk*). The area under risk over coverage, AURC, judges a confidence without
choosing a threshold; it also falls with plain accuracy, so the *excess* over the area of a
confidence that puts every right answer before every wrong one, E-AURC, judges the order alone.

Items of equal confidence have no order: the curve is its expected value over their orders.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossalign.arrays import as_numbers
from crossalign.metrics.checks import check_same_length


class RiskCoverageCurve(NamedTuple):
    """Risk over coverage, one point per item answered.

    Attributes
    ----------
    coverage : (n,) float64
        Fractions 1/n, 2/n, ..., 1 of the items.
    risk : (n,) float64
        Mean loss of the items answered, in the unit of the loss; the last value is the mean loss of
        all.
    """

    coverage: NDArray[np.float64]
    risk: NDArray[np.float64]


def risk_coverage_curve(confidence: ArrayLike, errors: ArrayLike) -> RiskCoverageCurve:
    """Compute the expected mean loss of the k most confident items, for every k.

    risk_k = (1/k) sum over the k most confident items of their loss. If k falls inside a tie, the
    tie's items count by their mean loss, which is the expectation over their orders.

    Parameters
    ----------
    confidence : (n,)
        Confidence in each answer, higher is surer; only the order matters, infinity is allowed.
    errors : (n,)
        Errors, True where the answer is wrong, or any loss of each answer.

    Returns
    -------
    RiskCoverageCurve
        The curve, which does not depend on the order of the items.

    Raises
    ------
    ValueError
        Lengths differ, nothing to score, NaN, or an infinite loss.
    """
    sure, losses = as_vector("confidence", confidence), as_losses("errors", errors)
    check_same_length("confidence", sure, "errors", losses)
    _, tie, size = np.unique(-sure, return_inverse=True, return_counts=True)
    expected = np.repeat(np.bincount(tie, weights=losses) / size, size)  # (n,), surest first
    answered = np.arange(1, len(losses) + 1)
    return RiskCoverageCurve(answered / len(losses), np.cumsum(expected) / answered)


def aurc(confidence: ArrayLike, errors: ArrayLike) -> float:
    """Compute the area under the risk-coverage curve, the mean of its n risks (Geifman et al. 2019,
    3).

    Parameters
    ----------
    confidence : (n,)
        Confidence in each answer, higher is surer.
    errors : (n,)
        Errors, True where the answer is wrong, or any loss of each answer.

    Returns
    -------
    float
        In the unit of the loss, lower is better; a fraction in [0, 1] for right and wrong.
        A confidence that knows nothing has the mean loss of all items.

    Raises
    ------
    ValueError
        See `risk_coverage_curve`.
    """
    return float(risk_coverage_curve(confidence, errors).risk.mean())


def excess_aurc(confidence: ArrayLike, errors: ArrayLike) -> float:
    """Compute AURC minus that of the best order of the same answers (E-AURC, Geifman et al. 2019).

    The best order is by the loss itself. Its area is computed and not approximated: for a share r
    of wrong answers it tends to r + (1 - r) ln(1 - r), the paper's formula, as n grows.

    Parameters
    ----------
    confidence : (n,)
        Confidence in each answer, higher is surer.
    errors : (n,)
        Errors, True where the answer is wrong, or any loss of each answer.

    Returns
    -------
    float
        A number >= 0 up to rounding, lower is better; 0 if every right answer is surer than every
        wrong one.

    Raises
    ------
    ValueError
        See `risk_coverage_curve`.
    """
    return aurc(confidence, errors) - aurc(-as_losses("errors", errors), errors)


def rank_correlation(uncertainty: ArrayLike, error: ArrayLike) -> float:
    """Compute Spearman's rank correlation of an uncertainty and the error it should predict.

    Equal values share their mean rank.

    Parameters
    ----------
    uncertainty : (n,)
        Uncertainty of each answer, such as the total variance of a latent Gaussian; higher is less
        sure.
    error : (n,)
        Errors, True where the answer is wrong, or any loss of each answer.

    Returns
    -------
    float
        A number in [-1, 1]; 1 if the two have the same order, NaN if one of them is constant.

    Raises
    ------
    ValueError
        Lengths differ, nothing to score, NaN, or an infinite loss.
    """
    from scipy.stats import spearmanr

    unsure, losses = as_vector("uncertainty", uncertainty), as_losses("error", error)
    check_same_length("uncertainty", unsure, "error", losses)
    if (unsure == unsure[0]).all() or (losses == losses[0]).all():
        return float("nan")
    return float(spearmanr(unsure, losses).statistic)


def as_vector(name: str, values: ArrayLike) -> NDArray[np.float64]:
    """Return `values` as a non-empty (n,) float64 array without NaN.

    Raises
    ------
    ValueError
        Not one-dimensional, empty, or NaN inside.
    """
    array = as_numbers(name, values).astype(np.float64, copy=False)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"{name}: got shape {array.shape}; give a non-empty (n,) array.")
    if np.isnan(array).any():
        raise ValueError(f"{name}: got NaN; give every item a number.")
    return array


def as_losses(name: str, values: ArrayLike) -> NDArray[np.float64]:
    """Return `values` as a finite vector, see `as_vector`.

    Raises
    ------
    ValueError
        As `as_vector`, or infinity inside.
    """
    array = as_vector(name, values)
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: got infinity; give every item a finite loss.")
    return array
