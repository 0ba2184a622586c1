"""Distance of decoded rows from their targets."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def reconstruction(decoded: Tensor, target: Tensor, norm: str = "l1") -> Tensor:
    """Sum ``|decoded - target|`` (``"l1"``) or its square (``"l2"``) over dimensions, a scalar.

    Both are ``(n, d)``; the sum is averaged over the batch, 0 for an empty one. L1 is CADA-VAE's
    and ACMR's, squared L2 is eq. 2 of LCALE under a unit Gaussian likelihood (up to the constant
    factor 1/2).
    """
    distance = functional.l1_loss if norm == "l1" else functional.mse_loss
    return distance(decoded, target, reduction="sum") / max(len(decoded), 1)
