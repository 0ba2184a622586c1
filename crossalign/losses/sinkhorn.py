"""Entropic transport between two samples: its debiased cost, and its plan."""

from __future__ import annotations

import math
import warnings

import torch
from torch import Tensor

from crossalign.losses.batch_mean import no_pairs
from crossalign.losses.pairwise import squared_distances

ROUNDS, TOLERANCE = 10, 1e-3
"""Most rounds of `log_plan`, and the error of row sums at which they end."""
STEPS = 10
"""Number of steps in a round of `log_plan` that are not on logarithms."""


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


def log_plan(affinity: Tensor, epsilon: float, rounds: int = ROUNDS,
             tolerance: float = TOLERANCE) -> Tensor:
    """Return log P ``(n, m)`` of the plan P that maximises ``sum P affinity + epsilon H(P)``.

    Its rows sum to 1/n and its columns to 1/m (Cuturi, NeurIPS 2013). A round is a step on
    logarithms, so that nothing overflows, and ten on what that leaves (Schmitzer, SIAM J. Sci.
    Comput. 2019). Rounds end when row sums are wrong by less than ``tolerance`` of what they should
    be, on average; a plan that is worse after the last is told in a warning.
    """
    plan, error = log_plan_so_far(affinity, epsilon, rounds, tolerance)
    if error >= tolerance:
        warnings.warn(f"affinity: sums of the plan are wrong by {100 * error:.2g} % on average "
                      f"after {rounds} rounds; a larger epsilon converges sooner.", stacklevel=2)
    return plan


def log_plan_so_far(affinity: Tensor, epsilon: float, rounds: int = ROUNDS,
                    tolerance: float = TOLERANCE) -> tuple[Tensor, float]:
    """Return `log_plan`, converged or not, and how wrong its row sums are on average, as a
    share.
    """
    n, m = affinity.shape
    logits = affinity / epsilon
    rows, columns = logits.new_zeros(n, 1), logits.new_zeros(1, m)
    tiny = torch.finfo(logits.dtype).tiny ** 0.5
    for done in range(rounds + 1):
        rows = -math.log(n) - torch.logsumexp(logits + columns, dim=1, keepdim=True)
        columns = -math.log(m) - torch.logsumexp(logits + rows, dim=0, keepdim=True)
        plan = (logits + rows + columns).exp()
        error = float((n * plan.sum(dim=1) - 1).abs().mean())
        if error < tolerance or done == rounds:
            break
        left, right = logits.new_ones(n), logits.new_ones(m)
        for _ in range(STEPS):
            left = 1 / (n * (plan @ right)).clamp_min(tiny)
            right = 1 / (m * (left @ plan)).clamp_min(tiny)
        rows, columns = rows + left.log()[:, None], columns + right.log()[None, :]
    return logits + rows + columns, error
