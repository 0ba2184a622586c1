"""Rotary positions: attention that knows how far apart two tokens are, and in which order."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

BASE = 100.0
"""Base of the wavelengths of the rotations, which are from 2 pi to almost 2 pi times it, in tokens;
the 10,000 of the paper is for texts of thousands of words, and clips have tens of frames.
"""


def rotated(x: Tensor, positions: Tensor, base: float = BASE) -> Tensor:
    """Rotate vectors by angles that grow with their positions.

    Columns i and i + d/2 are a plane, turned by ``position * base ** (-2 i / d)``, so that the
    product of two rotated vectors depends on the difference of their positions alone (Su et al.,
    "RoFormer", 2021, equation 34).

    Parameters
    ----------
    x : (..., t, d)
        Vectors, d even.
    positions : (..., t)
        Position of each, such as the number of its frame.
    base : float
        Base of the wavelengths; default `BASE`.
    """
    half = x.shape[-1] // 2
    speeds = base ** (-torch.arange(half, device=x.device, dtype=torch.float32) / half)
    angles = positions[..., None].to(torch.float32) * speeds                      # (..., t, d/2)
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)


class RotaryLayer(nn.Module):
    """Transformer layer, normalised first, whose queries and keys are rotated by their positions.

    A token's position is its number among the real tokens of its sample. The layer is called as
    ``nn.TransformerEncoderLayer`` is.

    Parameters
    ----------
    dim : int
        Width of the tokens; a head has ``dim / heads``, an even number.
    heads : int
        Number of heads.
    dropout : float
        Dropout probability behind attention and behind the hidden layer.

    Raises
    ------
    ValueError
        If the heads do not divide the width, or their own width is odd.
    """

    def __init__(self, dim: int, heads: int, dropout: float = 0.1) -> None:
        super().__init__()
        if dim % heads or dim // heads % 2:
            raise ValueError(f"heads={heads} for the width dim={dim} leaves no planes to turn; "
                             "give heads whose width dim / heads is even")
        self.heads = heads
        self.attention_norm, self.hidden_norm = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.query_key_value = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)
        self.hidden = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Dropout(dropout),
                                    nn.Linear(2 * dim, dim))
        self.dropout = nn.Dropout(dropout)

    def scores(self, query: Tensor, key: Tensor, positions: Tensor) -> Tensor:
        """Compute scaled products ``(n, h, t, t)`` of queries and keys ``(n, h, t, d)`` at
        positions ``(n, t)``.
        """
        places = positions[:, None]                                               # (n, 1, t)
        products: Tensor = rotated(query, places) @ rotated(key, places).transpose(-1, -2)
        return products / math.sqrt(query.shape[-1])

    def forward(self, rows: Tensor, src_key_padding_mask: Tensor) -> Tensor:
        """Put tokens ``(n, t, dim)`` in context; not looked at where the mask ``(n, t)`` is
        True.
        """
        positions = (~src_key_padding_mask).cumsum(dim=1)                         # (n, t)
        query, key, value = (
            part.reshape(*part.shape[:2], self.heads, -1).transpose(1, 2)         # (n, h, t, d)
            for part in self.query_key_value(self.attention_norm(rows)).chunk(3, dim=-1))
        scores = self.scores(query, key, positions)
        scores = scores.masked_fill(src_key_padding_mask[:, None, None], -torch.inf)
        seen = (scores.softmax(dim=-1) @ value).transpose(1, 2).flatten(2)        # (n, t, dim)
        rows = rows + self.dropout(self.out(seen))
        result: Tensor = rows + self.dropout(self.hidden(self.hidden_norm(rows)))
        return result
