"""Kullback-Leibler divergence of a diagonal Gaussian from the standard normal."""

from __future__ import annotations

from torch import Tensor

from crossalign.losses.batch_mean import batch_mean


def kl_standard_normal(mean: Tensor, logvar: Tensor) -> Tensor:
    """Compute ``KL(N(mean, exp(logvar)) || N(0, I))``, a scalar in nats.

    ``-1/2 sum(1 + logvar - mean^2 - exp(logvar))`` over the latent dimensions of ``(n, d)`` (Kingma
    & Welling 2014, appendix B), averaged over the batch; 0 for an empty batch.
    """
    return -0.5 * batch_mean((1 + logvar - mean.square() - logvar.exp()).sum(dim=1))
