"""A softmax classifier on latent codes, trained as CADA-VAE and ACMR train their own.

The layer is linear, so its gradient is written out: ``x^T (softmax(x W) - onehot(y)) / B``. A step
is then two small products and one update, without a graph.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from crossalign.networks import initialise
from crossalign.training import Shuffle

Array = npt.NDArray[Any]


def softmax_path(codes: Array, labels: Array, n_classes: int, *, epochs: int,
                 batch_size: int = 32, lr: float = 1e-3, betas: tuple[float, float] = (0.5, 0.999),
                 seed: int = 0) -> Iterator[tuple[Array, Array]]:
    """Train a softmax on codes ``(n, d)``; yield weights ``(d, C)`` and biases ``(C,)`` after every
    epoch.

    Adam (Kingma & Ba 2015) on shuffled batches from a Xavier start. Defaults are those of
    CADA-VAE's final classifier.
    """
    generator = torch.Generator().manual_seed(seed)
    start = nn.Linear(codes.shape[1], n_classes)
    initialise(start, generator, "xavier")
    x = torch.from_numpy(np.pad(codes, ((0, 0), (0, 1)), constant_values=1).astype(np.float32))
    y = torch.from_numpy(np.asarray(labels, dtype=np.int64))
    weights = torch.cat([start.weight.detach().T, start.bias.detach()[None]]).contiguous()
    first, second, denominator = (torch.zeros_like(weights) for _ in range(3))
    sampler, step = Shuffle(batch_size), 0
    for _ in range(epochs):
        order = sampler.epoch(len(x), None, generator)                       # (steps, B)
        targets = y[order][:, :, None]
        for rows, target in zip(x[order], targets, strict=True):             # (B, d + 1), (B, 1)
            step += 1
            error = torch.mm(rows, weights).softmax(dim=1)
            error.scatter_add_(1, target, error.new_full(target.shape, -1.0))
            gradient = torch.mm(rows.T, error).div_(len(rows))
            first.lerp_(gradient, 1 - betas[0])
            second.lerp_(gradient.square_(), 1 - betas[1])
            torch.sqrt(second, out=denominator)
            denominator.div_(math.sqrt(1 - betas[1]**step)).add_(1e-8)
            weights.addcdiv_(first, denominator, value=-lr / (1 - betas[0]**step))
        yield weights[:-1].numpy().copy(), weights[-1].numpy().copy()


def balanced_rows(labels: Array, per_class: int) -> Array:
    """Return ``per_class`` row numbers of every class, its rows in order and repeated as needed."""
    return np.concatenate([np.resize(np.flatnonzero(labels == c), per_class)
                           for c in np.unique(labels)])
