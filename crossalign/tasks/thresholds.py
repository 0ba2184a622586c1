"""Thresholds: the least confidence of an answer, chosen on validation samples.

A sample is answered if its confidence reaches the threshold, so samples of equal confidence pass
together. A threshold lies halfway between two confidences, so that rounding does not matter, and is
-inf where every sample is answered.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def threshold_at_coverage(confidence: npt.ArrayLike, coverage: float) -> float:
    """Return the highest threshold that at least a share of the samples reaches.

    Parameters
    ----------
    confidence : (n,) float
        Confidences of validation samples.
    coverage : float
        Share of samples to answer at least, in (0, 1].

    Raises
    ------
    ValueError
        If the coverage is out of range or there is no sample.
    """
    if not 0 < coverage <= 1:
        raise ValueError(f"coverage: got {coverage}; give a share above 0 and up to 1.")
    values, answered = _levels(confidence)
    return _below(values, int(np.searchsorted(answered, coverage * answered[-1] - 1e-9)))


def threshold_at_risk(confidence: npt.ArrayLike, wrong: npt.ArrayLike, risk: float) -> float:
    """Return the lowest threshold at which at most a share of the answers is wrong.

    The share is that of these samples, without a margin for chance.

    Parameters
    ----------
    confidence : (n,) float
        Confidences of validation samples.
    wrong : (n,) bool
        Whether the best class of a sample is not its label.
    risk : float
        Share of answers that may be wrong, in [0, 1].

    Raises
    ------
    ValueError
        If the risk is out of range, there is no sample, or no threshold keeps to it.
    """
    if not 0 <= risk <= 1:
        raise ValueError(f"risk: got {risk}; give a share between 0 and 1.")
    values, answered = _levels(confidence)
    errors = np.cumsum(np.bincount(np.searchsorted(-values, -np.asarray(confidence)),
                                   weights=np.asarray(wrong, dtype=np.float64)))
    levels = np.flatnonzero(errors <= risk * answered + 1e-9)
    if len(levels) == 0:
        best = int(np.argmin(errors / answered))
        raise ValueError(f"risk: got {risk}, and the least that any threshold has is "
                         f"{errors[best] / answered[best]:.3g}; allow that, or choose another "
                         "confidence.")
    return _below(values, int(levels[-1]))


def _levels(confidence: npt.ArrayLike) -> tuple[Array, Array]:
    """Return the distinct confidences, highest first, and how many samples reach each."""
    sure = np.asarray(confidence, dtype=np.float64)
    if sure.ndim != 1 or sure.size == 0 or np.isnan(sure).any():
        raise ValueError(f"confidence: shape {sure.shape} with {int(np.isnan(sure).sum())} NaN; "
                         "give (n,) numbers of at least one validation sample.")
    values, counts = np.unique(-sure, return_counts=True)
    return -values, np.cumsum(counts)


def _below(values: Array, level: int) -> float:
    """Return a threshold between a level and the next lower one; -inf under the lowest."""
    if level == len(values) - 1:
        return -np.inf
    upper, lower = float(values[level]), float(values[level + 1])
    middle = upper / 2 + lower / 2
    return middle if lower < middle else upper
