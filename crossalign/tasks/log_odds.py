"""Log-odds of what is said: ``log p - log(1 - p)``, how it stands against all else together.

Near certainty a probability and its logarithm hardly change, whatever is seen: from p = 0.9999 on,
the logarithm can rise by no more than 0.0001. The log-odds go on as evidence does, as far as scores
reach. They are computed from scores, never from a probability that was rounded to one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import log_expit, logsumexp

Array = npt.NDArray[Any]
LEAST = -50.0
"""Log-odds of what cannot happen, as of a word that may not be said."""


def log_odds(scores: npt.ArrayLike, column: int) -> Array:
    """Return the log-odds ``(n,)`` of one of C things that exclude each other.

    Parameters
    ----------
    scores : (n, C) float
        Scores whose softmax is the probabilities: log-probabilities, or logits over a temperature.
    column : int
        Column of the thing.

    Raises
    ------
    ValueError
        If there is no other thing.
    """
    s = np.asarray(scores, dtype=np.float64)
    if s.shape[1] < 2:
        raise ValueError(f"scores: shape {s.shape}, and what is alone is always certain; give two "
                         "columns or more.")
    others = logsumexp(np.delete(s, column, axis=1), axis=1)
    return np.asarray(s[:, column] - others)


def log_odds_of_all(each: npt.ArrayLike) -> Array:
    """Return the log-odds ``(n,)`` that all of t things happen, of each the log-odds ``(n, t)``
    after those before it happened.

    With the probabilities p, ``1 - p_1 ... p_t`` is the sum of ``p_1 ... p_(i - 1) (1 - p_i)``:
    that the first i - 1 happen and the i-th does not.
    """
    odds = np.maximum(np.asarray(each, dtype=np.float64), LEAST)
    happened = np.cumsum(log_expit(odds), axis=1)                              # (n, t)
    before = np.pad(happened, ((0, 0), (1, 0)))[:, :-1]
    missed = logsumexp(before + log_expit(-odds), axis=1)
    return np.asarray(happened[:, -1] - missed)
