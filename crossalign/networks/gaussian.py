"""Encoder to a diagonal Gaussian, and sampling from it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from crossalign.networks.mlp import MLP

SAMPLERS = ("textbook", "author")


class GaussianEncoder(nn.Module):
    """Hidden layers with ReLU, then linear heads for mean and log-variance.

    Parameters
    ----------
    width : int
        Input width.
    hidden : sequence of int
        Widths of the hidden layers, at least one.
    latent : int
        Width of the latent space.
    """

    def __init__(self, width: int, hidden: Sequence[int], latent: int) -> None:
        super().__init__()
        self.body = nn.Sequential(MLP(width, hidden), nn.ReLU())
        self.mean = nn.Linear(hidden[-1], latent)
        self.logvar = nn.Linear(hidden[-1], latent)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance, ``(n, latent)`` each, of rows ``(n, width)``."""
        weight = torch.cat([self.mean.weight, self.logvar.weight])           # one product, not two
        bias = torch.cat([self.mean.bias, self.logvar.bias])
        mean, logvar = nn.functional.linear(self.body(x), weight, bias).chunk(2, dim=1)
        return mean, logvar


def noise_width(sampler: str, latent: int) -> int:
    """Return how many columns of noise a sampler needs per row."""
    return 1 if sampler == "author" else latent


def reparametrise(mean: Tensor, logvar: Tensor, noise: Tensor, sampler: str) -> Tensor:
    """Turn standard normal noise into a sample of ``N(mean, exp(logvar))`` (Kingma & Welling 2014).

    ``"textbook"`` is ``mean + exp(logvar / 2) * noise`` with noise ``(n, d)``. ``"author"`` is the
    formula in the public code of CADA-VAE and ACMR, ``mean + exp(logvar) * noise`` with one noise
    value per row, ``(n, 1)``, shared by all dimensions; published numbers rest on it.
    """
    scale = logvar if sampler == "author" else 0.5 * logvar
    return mean + torch.exp(scale) * noise
