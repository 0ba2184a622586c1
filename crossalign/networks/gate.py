"""Gate on a latent Gaussian that depends on all of it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from crossalign.networks.mlp import MLP


class InformationGate(nn.Module):
    """Weights in (0, 1), made of mean and log-variance, that scale both (ACMR, eq. 5).

    ``sigmoid(MLP([mean | logvar]))`` with one hidden layer multiplies both. The paper writes it as
    a marginal probability; the authors' code, which this is, reads the ``2 d`` inputs in an order
    that may be drawn anew for every batch.

    Parameters
    ----------
    latent : int
        Width d of the latent space.
    hidden : int
        Width of the hidden layer; default 99.
    """

    def __init__(self, latent: int, hidden: int = 99) -> None:
        super().__init__()
        self.weigh = MLP(2 * latent, [hidden, latent])

    def forward(self, mean: Tensor, logvar: Tensor,
                order: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return gated mean and log-variance ``(n, d)``; ``order (2 d,)`` permutes the inputs."""
        both = torch.cat([mean, logvar], dim=1)                              # (n, 2 d)
        weights = self.weigh(both if order is None else both[:, order]).sigmoid()
        return weights * mean, weights * logvar
