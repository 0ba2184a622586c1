"""Prototypes of the classes seen in training, and of other classes by attention to them."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

SAME = 1e-6
"""Squared distance between two unit rows of side information below which they are one class."""
LOGVAR_START = -3.0


class ClassMemory(nn.Module):
    """A learned Gaussian for every seen class, and attention by side information to all of them.

    A class that was not seen is an affine combination of those that were: with unit rows of side
    information A, kernel ``k(a, b) = exp(-g |a - b|^2)`` and K = k(A, A),

        mean(a) = m + k(a, A) (K + l I)^-1 (P - m),     m the mean of the prototypes P,

    which is the kernel regression of `GFZSL` (Verma & Rai 2017) in a latent space that is learned.
    Its log-variance is combined in the same way. To the variance is added the uncertainty at a of a
    Gaussian process with this kernel, ``1 - k(a, A) (K + l I)^-1 k(A, a)`` times the variance of
    the prototypes.

    Parameters
    ----------
    side : (C, a)
        Side information of the seen classes.
    latent : int
        Width d of the prototypes.
    sharpness : float
        Sharpness g of the kernel; default 1.
    ridge : float
        Ridge l of the regression; default 0.1.
    """

    side: Tensor

    def __init__(self, side: Tensor, latent: int, sharpness: float = 1.0,
                 ridge: float = 0.1) -> None:
        super().__init__()
        self.sharpness, self.ridge = sharpness, ridge
        self.register_buffer("side", normalize(side, dim=1))
        self.prototypes = nn.Parameter(torch.zeros(len(side), latent))
        self.logvars = nn.Parameter(torch.zeros(len(side), latent))

    def forward(self, side: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance ``(n, d)`` of classes with side information ``(n, a)``.

        A seen class, recognised by its side information, has the prototype that was learned.
        """
        queries = normalize(side, dim=1)
        mean, logvar = self._attend(queries, torch.arange(len(self.side), device=side.device))
        distance, nearest = (2 - 2 * queries @ self.side.T).min(dim=1)
        is_seen = (distance < SAME)[:, None]
        return (torch.where(is_seen, normalize(self.prototypes[nearest], dim=1), mean),
                torch.where(is_seen, self.logvars[nearest] + LOGVAR_START, logvar))

    def rehearse(self, order: Tensor, held: int) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance ``(C, d)`` of the seen classes, some as if they were not
        seen.

        The first ``held`` of ``order (C,)`` are made by attention to the others.
        """
        mean, logvar = normalize(self.prototypes, dim=1), self.logvars + LOGVAR_START
        if held == 0:
            return mean, logvar
        hidden = order[:held]
        guess = self._attend(self.side[hidden], order[held:])
        return mean.index_copy(0, hidden, guess[0]), logvar.index_copy(0, hidden, guess[1])

    def _attend(self, queries: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
        side, prototypes = self.side[classes], self.prototypes[classes]
        gram = self._kernel(side, side)
        gram.diagonal().add_(self.ridge)
        seen = self._kernel(queries, side)                                     # (n, C)
        weights = torch.linalg.solve(gram, seen, left=False)
        uncertainty = (1 - (weights * seen).sum(dim=1, keepdim=True)).clamp_min(0)
        centre = prototypes.mean(dim=0)
        spread = (prototypes - centre).square().mean()
        mean = centre + weights @ (prototypes - centre)
        middle = self.logvars[classes].mean(dim=0)
        logvar = LOGVAR_START + middle + weights @ (self.logvars[classes] - middle)
        variance = logvar.exp() + uncertainty * spread * prototypes.shape[1]
        return normalize(mean, dim=1), variance.log()

    def _kernel(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.exp(2 * self.sharpness * (a @ b.T - 1))
