"""Residual match: a small network that moves rows until they are distributed as others are.

    y(x) = x + W_2 relu(W_1 x + b_1) + b_2,     minimise  D({y(x_i)}, {t_j})

D is a divergence of two samples, see `losses.qsma`. No row is told which other one is its own.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from crossalign.models.rows import Array

BATCH = 512
"""Most rows of each sample that a step looks at."""


def fit_residual(x: Array, target: Array, *, divergence: str, steps: int, hidden: int, lr: float,
                 seed: int) -> dict[str, Array]:
    """Train the network on rows ``(n, d)`` and ``(m, d)``; return its weights for `moved`.

    Parameters
    ----------
    x, target : array
        Rows to move, and rows of the distribution that they should have.
    divergence : str
        One of `losses.qsma.MARGINALS`.
    steps : int
        Number of steps of Adam.
    hidden : int
        Number of hidden units.
    lr : float
        Learning rate.
    seed : int
        Seed of weights, batches and slicing directions.

    Returns
    -------
    dict
        ``W1 (d, h)``, ``b1 (h,)``, ``W2 (h, d)`` and ``b2 (d,)``, float32; ``W2`` and ``b2`` begin
        at zero.
    """
    import torch

    from crossalign.losses import marginal_divergence

    rng = torch.Generator().manual_seed(seed)
    d = x.shape[1]
    sides = [torch.from_numpy(np.asarray(rows, dtype=np.float32)) for rows in (x, target)]
    weights = {"W1": torch.randn(d, hidden, generator=rng) / d**0.5, "b1": torch.zeros(hidden),
               "W2": torch.zeros(hidden, d), "b2": torch.zeros(d)}
    for w in weights.values():
        w.requires_grad_()
    adam = torch.optim.Adam(list(weights.values()), lr=lr)
    for _ in range(steps):
        a, b = (rows if len(rows) <= BATCH else
                rows[torch.randint(len(rows), (BATCH,), generator=rng)] for rows in sides)
        inner = torch.relu(a @ weights["W1"] + weights["b1"])
        y = a + inner @ weights["W2"] + weights["b2"]
        noise = torch.randn(d, d, generator=rng)
        adam.zero_grad()
        marginal_divergence([y, b], noise, divergence).backward()  # type: ignore[no-untyped-call]
        adam.step()
    return {name: w.detach().numpy() for name, w in weights.items()}


def moved(x: Array, weights: Mapping[str, Array]) -> Array:
    """Move rows ``(n, d)`` by the weights of `fit_residual`."""
    inner = np.maximum(x @ weights["W1"] + weights["b1"], 0)
    return np.asarray(x + inner @ weights["W2"] + weights["b2"])
