"""A hidden layer that is gated by another one."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class GatedMLP(nn.Module):
    """A gated linear unit with ReLU as its gate, and a linear layer: ``W3 (relu(W1 x) * W2 x)``.

    The alignment head of SAIL (Zhang et al., CVPR 2025; Shazeer 2020 for the unit), which leaves
    the gate's function open.

    Parameters
    ----------
    width, hidden, out : int
        Widths of inputs, of the hidden layer and of outputs.
    dropout : float
        Dropout probability of the hidden layer; default 0.
    """

    def __init__(self, width: int, hidden: int, out: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.both = nn.Linear(width, 2 * hidden)
        self.drop = nn.Dropout(dropout)
        self.last = nn.Linear(hidden, out)

    def forward(self, x: Tensor) -> Tensor:
        """Return rows ``(n, out)`` of rows ``(n, width)``."""
        gate, value = self.both(x).chunk(2, dim=1)
        result: Tensor = self.last(self.drop(functional.relu(gate) * value))
        return result
