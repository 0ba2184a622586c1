"""Stacks of linear layers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class MLP(nn.Sequential):
    """Linear layers with ReLU between them; the last layer is linear.

    Parameters
    ----------
    width : int
        Input width.
    outputs : sequence of int
        Output width of every layer, so ``MLP(300, [4096, 2048, 64])`` has three layers.
    dropout : float
        Dropout probability after every ReLU; default 0.
    """

    def __init__(self, width: int, outputs: Sequence[int], dropout: float = 0.0) -> None:
        layers: list[nn.Module] = []
        for i, out in enumerate(outputs):
            if i > 0:
                layers.append(nn.ReLU())
                if dropout > 0:
                    layers.append(nn.Dropout(dropout))
            layers.append(nn.Linear(width, out))
            width = out
        super().__init__(*layers)


def initialise(module: nn.Module, generator: torch.Generator, scheme: str = "torch") -> None:
    """Draw all weights anew from ``generator``.

    ``"torch"`` is PyTorch's own rule for linear layers, uniform within ``1/sqrt(fan_in)``;
    ``"xavier"`` is Xavier-uniform with gain 0.5 and zero biases (CADA-VAE, ACMR).
    """
    for layer in module.modules():
        if not isinstance(layer, nn.Linear):
            continue
        bound = layer.in_features**-0.5
        if scheme == "xavier":
            nn.init.xavier_uniform_(layer.weight, gain=0.5, generator=generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        else:
            _uniform(layer.weight, bound, generator)
            if layer.bias is not None:
                _uniform(layer.bias, bound, generator)


def _uniform(parameter: Tensor, bound: float, generator: torch.Generator) -> None:
    with torch.no_grad():
        parameter.uniform_(-bound, bound, generator=generator)
