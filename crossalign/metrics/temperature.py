"""Temperature of scores: the divisor that makes their softmax a probability."""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from crossalign.metrics.checks import Array


def likeliest_temperature(scores: Array, columns: Array, within: tuple[float, float],
                          tolerance: float = 1e-7) -> float:
    """Find the T for which ``softmax(scores / T)`` gives the right classes the largest likelihood.

    Temperature scaling (Guo et al., ICML 2017, section 4.2). The loss has a single minimum in T.

    Parameters
    ----------
    scores : (n, C) float
        Scores, finite for the right classes; -inf elsewhere stands for an impossible class.
    columns : (n,) integers
        Right classes, as columns of the scores.
    within : pair of float
        Least and largest T of the search.
    tolerance : float
        Error of log T; default 1e-7.
    """
    shifted = scores - scores[np.arange(len(scores)), columns][:, None]

    def loss(log_t: float) -> float:
        return float(logsumexp(shifted / np.exp(log_t), axis=1).mean())

    low, high = np.log(within)
    return float(np.exp(minimize_scalar(loss, bounds=(low, high), method="bounded",
                                        options={"xatol": tolerance}).x))
