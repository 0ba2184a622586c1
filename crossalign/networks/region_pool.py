"""Token rows as one vector: by attention to regions, or by their mean."""

from __future__ import annotations

import math

from torch import Tensor, nn

from crossalign.networks.attention import RegionAttention
from crossalign.networks.token_reader import token_mean

HEADS = 4
"""Number of attention heads, or its largest common divisor with the width."""


class RegionPool(nn.Module):
    """A linear layer on every token, then `RegionAttention` over them.

    Parameters
    ----------
    width : int
        Width of the tokens.
    dim : int
        Width of the result.
    """

    def __init__(self, width: int, dim: int) -> None:
        super().__init__()
        self.project = nn.Sequential(nn.Linear(width, dim), nn.GELU())
        self.attention = RegionAttention(dim, math.gcd(HEADS, dim))

    def forward(self, x: Tensor) -> Tensor:
        """Pool tokens ``(n, t, width)`` to rows ``(n, dim)``; tokens of zeros are padding."""
        rows: Tensor = self.attention(self.project(x), (x != 0).any(dim=2))
        return rows

    def weights(self, x: Tensor) -> Tensor:
        """Return the attention ``(n, t)`` to tokens, see `RegionAttention.weights`."""
        return self.attention.weights(self.project(x), (x != 0).any(dim=2))


def as_vectors(x: Tensor) -> Tensor:
    """Return ``(n, d)`` as it is, and for tokens ``(n, t, d)`` the mean of those that are not
    zeros.
    """
    return x if x.ndim == 2 else token_mean(x, (x != 0).any(dim=2))
