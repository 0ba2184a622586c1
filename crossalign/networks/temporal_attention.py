"""Temporal attention: the frames of a clip as one vector that knows their order."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from crossalign.networks.token_reader import TokenReader, padding


class TemporalAttention(nn.Module):
    """Frames in context, by a `TokenReader` with rotary positions, and then their weighted mean.

    Every head weighs the frames by scores of its own, a softmax over the real ones (attention
    pooling, Yang et al. 2016, equations 5 to 7, without the hidden layer).

    Parameters
    ----------
    width : int
        Width of a frame.
    dim : int
        Width of the result.
    heads : int
        Number of heads of either attention; default 4.
    dropout : float
        Dropout probability; default 0.1.
    """

    def __init__(self, width: int, dim: int, heads: int = 4, dropout: float = 0.1) -> None:
        super().__init__()
        self.reader = TokenReader(width, dim, "rotary", heads, dropout)
        self.norm = nn.LayerNorm(dim)
        self.score = nn.Linear(dim, heads)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Pool frames ``(n, f, width)``, real where ``mask (n, f)``, to ``(n, dim)``; 0 for
        none.
        """
        rows = self.norm(self.reader(x, mask))
        scores = self.score(rows).masked_fill(padding(mask)[..., None], -torch.inf)
        weights = scores.softmax(dim=1)                                           # (n, f, heads)
        parts = rows.reshape(*weights.shape, -1)                                  # (n, f, h, d)
        pooled: Tensor = (weights[..., None] * parts).sum(dim=1).flatten(1)
        return pooled.masked_fill(~mask.any(dim=1, keepdim=True), 0)
