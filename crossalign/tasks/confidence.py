"""Confidence in an answer, from the scores of all classes, and the temperature of the scores.

    max_probability  max_c p_c, p = softmax(s)    Hendrycks & Gimpel, ICLR 2017; the baseline
    margin           s_(1) - s_(2)                the best class before the second best
    energy           log sum_c exp(s_c)           Liu et al., NeurIPS 2020, eq. 4 without its sign

All take scores ``s / T``. A head's scores may be cosines, log-densities or regressions, so without
a temperature T their softmax means nothing. T is one number for all, or differs from sample to
sample with what a model says of its uncertainty.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import logsumexp

from crossalign.metrics.temperature import likeliest_temperature

Array = npt.NDArray[Any]

RANGE = 1e3
"""Factor of the search: T lies between the spread of the scores divided by this and multiplied by
it.
"""


def max_probability(scores: npt.ArrayLike) -> Array:
    """Return the largest softmax probability ``(n,)`` of scores ``(n, C)``."""
    s = np.asarray(scores, dtype=np.float64)
    return np.asarray(1 / np.exp(s - s.max(axis=1, keepdims=True)).sum(axis=1))


def margin(scores: npt.ArrayLike) -> Array:
    """Subtract the second best score from the best, ``(n,)``, of scores ``(n, C)``.

    Raises
    ------
    ValueError
        If there is a single class.
    """
    s = np.asarray(scores, dtype=np.float64)
    if s.shape[1] < 2:
        raise ValueError(f"scores: shape {s.shape} has no second best class; give two or more.")
    top = np.partition(s, -2, axis=1)
    return np.asarray(top[:, -1] - top[:, -2])


def energy(scores: npt.ArrayLike) -> Array:
    """Return the log of the summed exponentials ``(n,)`` of scores ``(n, C)``: the negative free
    energy.

    Raises
    ------
    ValueError
        If the scores are log-probabilities, whose sum is one for every sample.
    """
    total = np.asarray(logsumexp(np.asarray(scores, dtype=np.float64), axis=1))
    if np.abs(total).max(initial=0.0) < 1e-4 and len(total):
        raise ValueError("scores: they are log-probabilities, of which every sample has the same "
                         "energy; choose the confidence 'max_probability'.")
    return total


CONFIDENCES: dict[str, Callable[[npt.ArrayLike], Array]] = {
    "max_probability": max_probability, "margin": margin, "energy": energy}
"""Functions from scores alone to confidences, by name."""


def temperature(scores: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Find the T for which ``softmax(scores / T)`` gives the labels the largest likelihood.

    See `metrics.temperature`: one number, no change of the best class.

    Parameters
    ----------
    scores : (n, C) float
        Scores of validation samples.
    labels : (n,) integers
        Classes of the samples, as columns of the scores.

    Returns
    -------
    float
        Temperature T, in the unit of the scores. If every sample is right, the likelihood grows as
        T falls and T is merely small: all probabilities round to one.

    Raises
    ------
    ValueError
        If shapes disagree, a label is not a column, or scores are infinite or all equal.
    """
    s, y = _checked(scores, labels)
    spread = _spread(s)
    return likeliest_temperature(s, y, (spread / RANGE, spread * RANGE))


WIDEST = 30.0
"""Largest absolute logarithm of a temperature."""


def varying_temperature(scores: npt.ArrayLike, labels: npt.ArrayLike,
                        spreads: npt.ArrayLike) -> Array:
    """Find the coefficients of ``log T = b_0 + b_1 u_1 + ... + b_k u_k`` with the largest
    likelihood.

    The same as `temperature`, with a T for every sample that depends on k measures of its
    uncertainty: the heteroscedastic classification of Kendall & Gal (NeurIPS 2017, section 3.2)
    after training, with k + 1 numbers instead of a network. It starts from the one T for all, so
    its likelihood is never lower.

    Parameters
    ----------
    scores : (n, C) float
        Scores of validation samples.
    labels : (n,) integers
        Classes of the samples, as columns of the scores.
    spreads : (n, k) float
        Measures of uncertainty, logarithms of variances.

    Returns
    -------
    coefficients : (k + 1,) float64
        Coefficients b.

    Raises
    ------
    ValueError
        As `temperature`, or if spreads are not finite.
    """
    s, y = _checked(scores, labels)
    u = np.asarray(spreads, dtype=np.float64)
    if u.ndim != 2 or len(u) != len(s) or not np.isfinite(u).all():
        raise ValueError(f"spreads: shape {u.shape} for {len(s)} samples; give finite (n, k).")
    shifted = s - s[np.arange(len(s)), y][:, None]
    middle = u.mean(axis=0)

    columns = np.column_stack([np.ones(len(u)), u - middle])                # (n, k + 1)

    def loss(b: Array) -> tuple[float, Array]:
        scaled = shifted / from_logarithms(columns @ b)[:, None]
        total = logsumexp(scaled, axis=1, keepdims=True)
        slope = -(np.exp(scaled - total) * scaled).sum(axis=1)              # of log T
        return float(total.mean()), slope @ columns / len(u)

    start = np.r_[np.log(temperature(s, y)), np.zeros(u.shape[1])]
    optimum = minimize(loss, start, jac=True, method="BFGS")
    return np.asarray(np.r_[optimum.x[0] - middle @ optimum.x[1:], optimum.x[1:]])


def from_logarithms(log_temperatures: Array) -> Array:
    """Return temperatures, between exp(-30) and exp(30).

    Where validation scores tell classes apart without a fault, the likelihood has no maximum and
    one temperature goes to zero.
    """
    return np.asarray(np.exp(np.clip(log_temperatures, -WIDEST, WIDEST)))


def _checked(scores: npt.ArrayLike, labels: npt.ArrayLike) -> tuple[Array, Array]:
    """Return scores ``(n, C)`` in float64 and the right columns ``(n,)``."""
    s, y = np.asarray(scores, dtype=np.float64), np.asarray(labels)
    if s.ndim != 2 or y.shape != s.shape[:1] or len(y) == 0:
        raise ValueError(f"labels: shape {y.shape} for scores of shape {s.shape}; give (n,) and "
                         "(n, C).")
    if y.min() < 0 or y.max() >= s.shape[1]:
        raise ValueError(f"labels: {y.min()}..{y.max()} outside the {s.shape[1]} columns of the "
                         "scores; leave samples of other classes out.")
    if not np.isfinite(s).all() or _spread(s) == 0:
        raise ValueError("scores: infinite or the same for every class; give finite scores that "
                         "tell classes apart.")
    return s, y


def _spread(scores: Array) -> float:
    """Return the deviation of scores ``(n, C)`` from the mean of their row."""
    return float((scores - scores.mean(axis=1, keepdims=True)).std())
