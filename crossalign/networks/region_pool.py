"""Token rows as one vector: by attention to regions, or by their mean."""

from __future__ import annotations

import math

from torch import Tensor, nn

from crossalign.networks.attention import RegionAttention
from crossalign.networks.token_reader import real_tokens, token_mean

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

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Pool tokens ``(n, t, width)`` where ``mask (n, t)`` is True to rows ``(n, dim)``."""
        rows: Tensor = self.attention(self.project(x), mask)
        return rows

    def weights(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the attention ``(n, t)`` to tokens, see `RegionAttention.weights`."""
        return self.attention.weights(self.project(x), mask)


def as_vectors(x: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return ``(n, d)`` as it is, and for tokens ``(n, t, d)`` the mean of the real ones."""
    return x if x.ndim == 2 else token_mean(x, real_tokens(x, mask))
