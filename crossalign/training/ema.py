"""Exponential moving average of the weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class MovingAverage:
    """``average <- decay * average + (1 - decay) * weights`` after every batch.

    Parameters
    ----------
    parameters : sequence of nn.Parameter
        Parameters to average; buffers are used as they are.
    decay : float
        Decay of the average per batch, in [0, 1).

    Raises
    ------
    ValueError
        For a decay outside [0, 1).
    """

    def __init__(self, parameters: Sequence[nn.Parameter], decay: float) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"ema: got {decay}; give a decay in [0, 1), as 0.999.")
        self.parameters = list(parameters)
        self.average: list[Tensor] = [p.detach().clone() for p in self.parameters]
        self._update = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]

    def update(self) -> None:
        """Move the average towards the weights."""
        self._update(self.average, self.parameters, None)

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange the weights and their average."""
        for parameter, average in zip(self.parameters, self.average, strict=True):
            weights = parameter.clone()
            parameter.copy_(average)
            average.copy_(weights)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Use the average inside the block, and the weights again after it."""
        self.swap()
        try:
            yield
        finally:
            self.swap()
