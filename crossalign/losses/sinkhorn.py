"""Debiased entropic transport between two samples."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from crossalign.losses.batch_mean import no_pairs
from crossalign.losses.pairwise import squared_distances


def sinkhorn_divergence(x: Tensor, y: Tensor, blur: float = 0.05, iterations: int = 50) -> Tensor:
    """Compute ``OT(x, y) - OT(x, x) / 2 - OT(y, y) / 2`` for ``x (n, d)`` and ``y (m, d)``, a
    scalar.

    OT is the dual value of entropic transport under the squared Euclidean cost, with the entropy
    relative to the product of the samples and a strength of ``blur`` times the median cost, which
    carries no gradient (Feydy et al. 2019). It tends to ``W2^2`` as ``blur`` tends to 0.

    Up to rounding it is never negative, after any number of iterations: the ascent of ``OT(x, y)``
    starts from the potentials of x and y against themselves, and there the divergence is already
    half a squared kernel norm. Potentials are constants in the gradient, which is that of the costs
    under the plans found (envelope theorem), exact once they have converged.

    The cost is ``O(iterations * (n m + n^2 + m^2))``: for samples of some hundreds. The result is 0
    if one of the two has no row.
    """
    if not len(x) or not len(y):
        return no_pairs(x, y)
    cross, own_x, own_y = squared_distances(x, y), squared_distances(x, x), squared_distances(y, y)
    with torch.no_grad():
        strength = blur * cross.median().clamp_min(1e-12)
        a, b = (_own_potential(cost, strength, iterations) for cost in (own_x, own_y))
        f, g = a, b
        for _ in range(iterations):
            f = _conjugate(cross, g, strength)
            g = _conjugate(cross.T, f, strength)
    return _dual(cross, f, g, strength) - 0.5 * (_dual(own_x, a, a, strength)
                                                 + _dual(own_y, b, b, strength))


def _own_potential(cost: Tensor, strength: Tensor, iterations: int) -> Tensor:
    """Find the potential ``(n,)`` of a sample against itself, by averaged steps."""
    potential = torch.zeros_like(cost[0])
    for _ in range(iterations):
        potential = 0.5 * (potential + _conjugate(cost, potential, strength))
    return potential


def _conjugate(cost: Tensor, potential: Tensor, strength: Tensor) -> Tensor:
    """Return the best potential ``(n,)`` of the rows, given that of the columns ``(m,)``."""
    soft = torch.logsumexp((potential - cost) / strength, dim=1)
    return strength * (math.log(cost.shape[1]) - soft)


def _dual(cost: Tensor, f: Tensor, g: Tensor, strength: Tensor) -> Tensor:
    """Compute the dual value of entropic transport, a lower bound at any potentials."""
    plan = ((f[:, None] + g[None, :] - cost) / strength).exp()               # times n m
    return f.mean() + g.mean() - strength * (plan.mean() - 1)
