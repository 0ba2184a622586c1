"""Prototypes of the classes seen in training, and of others by attention to them."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

SAME = 1e-6
"""Of two unit rows of side information, the squared distance below which they are one class."""
LOGVAR_START = -3.0


class ClassMemory(nn.Module):
    """A learned Gaussian for every seen class, and attention by side information to all of them.

    A class that was not seen is an affine combination of those that were: with unit rows of side
    information A, kernel ``k(a, b) = exp(-g |a - b|^2)`` and K = k(A, A),

        mean(a) = m + k(a, A) (K + l I)^-1 (P - m),     m the mean of the prototypes P,

    which is the kernel regression of `GFZSL` (Verma & Rai 2017) in a latent space that is learned.
    Its log-variance is combined in the same way; to the variance is added what a Gaussian process
    with this kernel and the variance of the prototypes does not know at a,
    ``1 - k(a, A) (K + l I)^-1 k(A, a)`` of it.

    Parameters
    ----------
    side : (C, a)
        Side information of the seen classes.
    latent : int
        d.
    sharpness : float
        g.
    ridge : float
        l.
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
        """Mean and log-variance ``(n, d)`` of classes with side information ``(n, a)``.

        A seen class, known by its side information, has what it learned.
        """
        asked = normalize(side, dim=1)
        mean, logvar = self._attend(asked, torch.arange(len(self.side), device=side.device))
        distance, nearest = (2 - 2 * asked @ self.side.T).min(dim=1)
        known = (distance < SAME)[:, None]
        return (torch.where(known, normalize(self.prototypes[nearest], dim=1), mean),
                torch.where(known, self.logvars[nearest] + LOGVAR_START, logvar))

    def rehearse(self, order: Tensor, held: int) -> tuple[Tensor, Tensor]:
        """Mean and log-variance ``(C, d)`` of the seen classes, some as if they were not seen.

        The first ``held`` of ``order (C,)`` are made by attention to the others.
        """
        mean, logvar = normalize(self.prototypes, dim=1), self.logvars + LOGVAR_START
        if held == 0:
            return mean, logvar
        hidden = order[:held]
        guess = self._attend(self.side[hidden], order[held:])
        return mean.index_copy(0, hidden, guess[0]), logvar.index_copy(0, hidden, guess[1])

    def _attend(self, asked: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        side, prototypes = self.side[known], self.prototypes[known]
        gram = self._kernel(side, side)
        gram.diagonal().add_(self.ridge)
        seen = self._kernel(asked, side)                                     # (n, C)
        weights = torch.linalg.solve(gram, seen, left=False)
        unknown = (1 - (weights * seen).sum(dim=1, keepdim=True)).clamp_min(0)
        centre = prototypes.mean(dim=0)
        spread = (prototypes - centre).square().mean()
        mean = centre + weights @ (prototypes - centre)
        middle = self.logvars[known].mean(dim=0)
        logvar = LOGVAR_START + middle + weights @ (self.logvars[known] - middle)
        variance = logvar.exp() + unknown * spread * prototypes.shape[1]
        return normalize(mean, dim=1), variance.log()

    def _kernel(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.exp(2 * self.sharpness * (a @ b.T - 1))
