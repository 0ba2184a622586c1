"""Plans of optimal transport between two sets, from the scores of their members."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

ROUNDS = 30
"""Number of rounds in which rows and columns are brought to their sums."""
TOGETHER = 10
"""Number of rounds between which shares are not computed anew from their logarithms."""


def entropic_plan(scores: npt.ArrayLike, temperature: float, rounds: int = ROUNDS) -> Array:
    """Assign rows to columns in shares ``(n, m)``: rows sum to 1 / n and columns to 1 / m.

        P = argmin_P  <P, -scores> + temperature sum P (log P - 1)

    under these sums, by Sinkhorn's iteration (Cuturi, NeurIPS 2013), whose potentials are taken
    into the logarithms now and then so that no share underflows for good. Columns have their sums
    after any number of rounds, rows once it has converged.

    Parameters
    ----------
    scores : (n, m)
        Scores, larger is likelier.
    temperature : float
        Difference of scores by which shares differ by a factor of e, above 0.
    rounds : int
        Number of rounds; default 30.
    """
    logits = np.asarray(scores) / temperature
    n, m = logits.shape
    rows = -logits.max(axis=1)
    columns = np.zeros(m, logits.dtype)
    for start in range(0, rounds, TOGETHER):
        shares = np.exp(logits + rows[:, None] + columns)
        v = np.ones(m, logits.dtype)
        for _ in range(min(TOGETHER, rounds - start)):
            u = 1 / (n * np.maximum(shares @ v, np.finfo(logits.dtype).tiny))
            v = 1 / (m * np.maximum(u @ shares, np.finfo(logits.dtype).tiny))
        rows, columns = rows + np.log(u), columns + np.log(v)
    return np.asarray(np.exp(logits + rows[:, None] + columns))
