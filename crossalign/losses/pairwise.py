"""Squared distances between all rows of two batches."""

from __future__ import annotations

from torch import Tensor


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """Compute ``|x_i - y_j|^2`` for ``x (n, d)`` and ``y (m, d)``, ``(n, m)``, by one product.

    It is never negative, and differentiable where two rows coincide.
    """
    norms = x.square().sum(dim=1)[:, None] + y.square().sum(dim=1)[None, :]
    return (norms - 2 * x @ y.T).clamp_min(0)
