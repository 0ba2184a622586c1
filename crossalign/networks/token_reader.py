"""Readers: token rows of one modality put in context, before anything is pooled."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from crossalign.networks.rotary import RotaryLayer

READERS = ("linear", "gru", "attention", "rotary")


class TokenReader(nn.Module):
    """Layers that turn standardised tokens into rows of one width that know their context.

    ``"linear"``: a linear layer and layer normalisation, for the tokens of a network that has seen
    the whole sample, such as the cells of a VGG feature map. ``"gru"``: a bidirectional GRU before
    those, for words without context. ``"attention"``: a Transformer layer (Vaswani et al. 2017,
    normalised first) after them, for patches without context. ``"rotary"``: the same with rotary
    positions, for the frames of a clip, whose order counts.

    Parameters
    ----------
    width : int
        Width of the tokens.
    dim : int
        Width of the result.
    kind : {"linear", "gru", "attention", "rotary"}
        Kind of reader; default ``"linear"``.
    heads : int
        Number of heads of the Transformer layer; default 4.
    dropout : float
        Dropout probability of the Transformer layer; default 0.1.

    Attributes
    ----------
    shift, scale : (width,)
        Standardisation: tokens are read as ``(x - shift) / scale``; 0 and 1 at first, saved with
        the weights.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, width: int, dim: int, kind: str = "linear", heads: int = 4,
                 dropout: float = 0.1) -> None:
        super().__init__()
        if kind not in READERS:
            raise ValueError(f"kind={kind!r} is unknown; give one of {', '.join(READERS)}")
        self.register_buffer("shift", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))
        self.gru = (nn.GRU(width, dim // 2, batch_first=True, bidirectional=True)
                    if kind == "gru" else None)
        self.project = nn.Linear(width if self.gru is None else 2 * (dim // 2), dim)
        self.norm = nn.LayerNorm(dim)
        self.layer: nn.Module | None = None
        if kind == "attention":
            self.layer = nn.TransformerEncoderLayer(dim, heads, 2 * dim, dropout, "gelu",
                                                    batch_first=True, norm_first=True)
        elif kind == "rotary":
            self.layer = RotaryLayer(dim, heads, dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Read tokens ``(n, t, width)`` as rows ``(n, t, dim)``; zeros where ``mask (n, t)`` is
        False.

        Padding has no influence on the rest.
        """
        x = (x - self.shift) / self.scale
        if self.gru is not None:
            x = self._in_order(self.gru, x, mask)
        rows: Tensor = self.norm(self.project(x))
        if self.layer is not None:
            rows = self.layer(rows, src_key_padding_mask=padding(mask))
        return rows.masked_fill(~mask[..., None], 0)

    @staticmethod
    def _in_order(gru: nn.GRU, x: Tensor, mask: Tensor) -> Tensor:
        """Return the GRU's output at every token, wherever the padding stands among them."""
        order = (~mask).to(torch.uint8).argsort(dim=1, stable=True)[..., None]   # (n, t, 1)
        lengths = mask.sum(dim=1).clamp_min(1).cpu()
        packed = pack_padded_sequence(x.gather(1, order.expand_as(x)), lengths, batch_first=True,
                                      enforce_sorted=False)
        output, _ = pad_packed_sequence(gru(packed)[0], batch_first=True, total_length=x.shape[1])
        return torch.zeros_like(output).scatter(1, order.expand_as(output), output)


def real_tokens(x: Tensor, mask: Tensor | None) -> Tensor:
    """Return the mask ``(n, t)`` of tokens ``(n, t, d)``: all are real where None is given."""
    return x.new_ones(x.shape[:2], dtype=torch.bool) if mask is None else mask


def padding(mask: Tensor) -> Tensor:
    """Return ``(n, t)``, True where attention must not look; nowhere in a sample without tokens."""
    return ~mask & mask.any(dim=1, keepdim=True)


def token_mean(rows: Tensor, mask: Tensor) -> Tensor:
    """Return the mean ``(n, d)`` of rows ``(n, t, d)`` where ``mask (n, t)``; 0 if there is
    none.
    """
    total = rows.masked_fill(~mask[..., None], 0).sum(dim=1)
    return total / mask.sum(dim=1, keepdim=True).clamp_min(1)
