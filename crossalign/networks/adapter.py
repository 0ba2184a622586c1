"""Encoding of one modality: features to a diagonal Gaussian."""

from __future__ import annotations

import torch
from torch import Tensor, nn

LOGVAR_START = -3.0
LOGVAR_RANGE = (-8.0, 2.0)


class Adapter(nn.Sequential):
    """``Linear -> LayerNorm -> GELU``, then dropout, on rows ``(n, d)`` or tokens ``(n, t, d)``.

    Parameters
    ----------
    width : int
        Input width.
    hidden : int
        Output width; default 256.
    dropout : float
        Dropout probability, default 0; at 0 there is no dropout layer.
    """

    def __init__(self, width: int, hidden: int = 256, dropout: float = 0.0) -> None:
        layers = [nn.Linear(width, hidden), nn.LayerNorm(hidden), nn.GELU()]
        super().__init__(*layers, *([nn.Dropout(dropout)] if dropout > 0 else []))


class GaussianHead(nn.Module):
    """Mean and log-variance of a code: ``W_mu h`` and ``clamp(W_s h - 3, -8, 2)``, with biases.

    The log-variance is ``log sigma^2``, natural, as in `GaussianEncoder` (HIB: Oh et al. 2019;
    PCME: Chun et al. 2021). A standard deviation thus starts near .22 and stays between .018 and
    2.7. The offset of -3 is a constant added to an ordinary bias, so that `initialise` and weight
    decay leave it in place.

    Parameters
    ----------
    hidden : int
        Input width.
    latent : int
        Width d of the code.
    skip : int
        Width of raw features that are added to the mean through a linear map; default 0 for no such
        map.
    """

    def __init__(self, hidden: int, latent: int, skip: int = 0) -> None:
        super().__init__()
        self.mean = nn.Linear(hidden, latent)
        self.logvar = nn.Linear(hidden, latent)
        self.skip = nn.Linear(skip, latent, bias=False) if skip > 0 else None

    def forward(self, h: Tensor, raw: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance ``(n, d)`` for rows ``(n, hidden)`` and raw ``(n, skip)``.

        Raises a ValueError if the head has a skip and ``raw`` is not given, or the other way round.
        """
        if (raw is None) is not (self.skip is None):
            raise ValueError(f"raw={None if raw is None else 'a tensor'} goes with a head of "
                             f"skip={0 if raw is None else 'its width'}; give both or neither")
        mean: Tensor = self.mean(h)
        if self.skip is not None:
            mean = mean + self.skip(raw)
        return mean, torch.clamp(self.logvar(h) + LOGVAR_START, *LOGVAR_RANGE)

    def start_linear(self, path: Tensor) -> None:
        """Set the mean to the linear map ``path (latent, skip)`` of the raw features, to begin
        with.

        Raises a ValueError if the head has no skip.
        """
        if self.skip is None:
            raise ValueError("skip=0 leaves no linear path to start from; give the raw width")
        with torch.no_grad():
            self.mean.weight.zero_()
            self.mean.bias.zero_()
            self.skip.weight.copy_(path)
