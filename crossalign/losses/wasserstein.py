"""Closed-form 2-Wasserstein distance between diagonal Gaussians."""

from __future__ import annotations

from torch import Tensor

from crossalign.losses.batch_mean import batch_mean


def gaussian_w2(mean_a: Tensor, std_a: Tensor, mean_b: Tensor, std_b: Tensor,
                eps: float = 1e-12) -> Tensor:
    """Compute ``sqrt(|mean_a - mean_b|^2 + |std_a - std_b|^2 + eps)`` per pair of rows, batch mean.

    All are ``(n, d)``. It is the diagonal case of Givens & Shortt (1984); LCALE eq. 5, CADA-VAE eq.
    5, ACMR eq. 8. ``eps`` keeps the gradient finite where the two Gaussians coincide; without it
    the gradient of the square root is NaN there.
    """
    squared = (mean_a - mean_b).square().sum(dim=1) + (std_a - std_b).square().sum(dim=1)
    return batch_mean((squared + eps).sqrt())
