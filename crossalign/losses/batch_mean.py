"""Means over a batch that may be empty: a term over no pair costs nothing.

A plain mean of nothing is NaN, which ends training.
"""

from __future__ import annotations

import torch
from torch import Tensor


def batch_mean(values: Tensor) -> Tensor:
    """Return the mean of all ``values``, a scalar; for no value 0, on their graph."""
    return values.mean() if values.numel() else values.sum()


def no_pairs(*samples: Tensor) -> Tensor:
    """Return 0, a scalar on the graph of samples ``(n, ...)`` that cannot be compared."""
    return torch.stack([rows[:0].sum() for rows in samples]).sum()
