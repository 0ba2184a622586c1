"""The expectation behind the perturbed top-K, and its derivative, without one-hot vectors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

CHUNK = 2**21  # values perturbed at a time, 8 MB of them


class SmoothedTopK(torch.autograd.Function):
    """Mean indicators of the top k of perturbed scores; see `crossalign.networks.topk`.

    What a draw selected is kept as cells: where in the flat result, one column wider than n for the
    slots that stay empty, each selected token is counted.
    """

    @staticmethod
    def forward(ctx: Any, scores: Tensor, k: int, noise: Tensor | torch.Generator, samples: int,
                sigma: float, pool: str | None, grad: str, antithetic: bool) -> Tensor:
        """``(b, k, n)``, or ``(b, n)`` when pooled, of ``(b, n)``."""
        b, n = scores.shape
        ctx.noise, ctx.samples, ctx.sigma, ctx.grad = noise, samples, sigma, grad
        ctx.signs = (1, -1) if antithetic else (1,)
        ctx.state = None if isinstance(noise, Tensor) else noise.get_state()
        counts: Any = 0
        kept = []
        for z in _draws(noise, scores, samples // len(ctx.signs)):           # (b, s, n)
            for sign in ctx.signs:
                values = torch.add(scores[:, None], z, alpha=sign * sigma).view(-1, n)
                found, cells = count_columns(top_columns(values, k).view(b, -1, k), n, pool)
                counts = counts + found
                kept.append(cells)
        ctx.save_for_backward(*kept)
        mean: Tensor = counts.to(scores.dtype) / samples
        return mean

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Any:
        """``(b, n)``: what a draw selected, weighted by its gradient, times its noise."""
        noise = ctx.noise
        if ctx.state is not None:
            noise = torch.Generator(noise.device)
            noise.set_state(ctx.state)
        b, n = len(gradient), gradient.shape[-1]
        flat = nn.functional.pad(gradient, (0, 1)).reshape(-1)               # empty slots get 0
        total = gradient.new_zeros(b, n)
        kept = iter(ctx.saved_tensors)
        for z in _draws(noise, total, ctx.samples // len(ctx.signs)):
            for sign in ctx.signs:
                cells = next(kept)                                           # (b, s, k)
                picked = sign * flat.index_select(0, cells.view(-1)).view(cells.shape)
                if ctx.grad == "full":
                    total[:, None].baddbmm_(picked.sum(dim=2)[:, None], z)
                else:
                    columns = (cells % (n + 1)).clamp_max_(n - 1).long()
                    picked *= z.gather(2, columns)
                    total.scatter_add_(1, columns.view(b, -1), picked.view(b, -1))
        return (total / (ctx.samples * ctx.sigma), *[None] * 7)


def top_columns(values: Tensor, k: int) -> Tensor:
    """Columns ``(rows, k)`` of the k largest of ``(rows, n)``, ascending.

    Of equal values the first columns are taken; -inf is never taken, and the slots it leaves empty
    hold n, at the end.
    """
    rows, n = values.shape
    kth = _kth_largest(values, k).clamp_min(torch.finfo(values.dtype).min)
    chosen = values >= kth[:, None]
    flat = _nonzero(chosen)
    if len(flat) == rows * k:
        return flat.view(rows, k) - torch.arange(0, rows * n, n, device=values.device)[:, None]
    # a tie at the k-th value, or fewer than k finite values
    odd = chosen.sum(dim=1) != k
    best = values[odd].sort(dim=1, descending=True, stable=True)
    columns = torch.empty(rows, k, dtype=torch.int64, device=values.device)
    columns[odd] = best.indices.masked_fill_(best.values == -torch.inf, n)[:, :k].sort().values
    columns[~odd] = chosen[~odd].nonzero()[:, 1].view(-1, k)
    return columns


def count_columns(columns: Tensor, n: int, pool: str | None) -> tuple[Tensor, Tensor]:
    """How often columns ``(b, s, k)`` name each of n, and the cells ``(b, s, k)`` counted in.

    Counts are ``(b, k, n)``, or ``(b, n)`` when pooled.
    """
    b, _, k = columns.shape
    shape = (b, n + 1) if pool == "sum" else (b, k, n + 1)
    size = b * (n + 1) if pool == "sum" else b * k * (n + 1)
    first = torch.arange(0, size, n + 1, device=columns.device).view(b, 1, -1)
    cells = (columns + first).to(torch.int32 if size < 2**31 else torch.int64)
    return torch.bincount(cells.view(-1), minlength=size).view(shape)[..., :n], cells


def _draws(noise: Tensor | torch.Generator, like: Tensor, samples: int) -> Iterator[Tensor]:
    """Noise ``(b, s, n)``, some samples at a time."""
    b, n = like.shape
    step = max(1, CHUNK // max(1, b * n))
    for start in range(0, samples, step):
        s = min(step, samples - start)
        yield (noise[:, start:start + s] if isinstance(noise, Tensor) else
               torch.randn(b, s, n, generator=noise, device=noise.device)).to(like)


def _kth_largest(values: Tensor, k: int) -> Tensor:
    """``(rows,)``; NumPy partitions an array several times as fast as torch does."""
    if values.device.type == "cpu":
        at = values.shape[1] - k
        return torch.from_numpy(np.partition(values.numpy(), at, axis=1)[:, at].copy())
    return values.topk(k, dim=1).values[:, -1]


def _nonzero(chosen: Tensor) -> Tensor:
    """Flat places of True, ascending."""
    if chosen.device.type == "cpu":
        return torch.from_numpy(np.flatnonzero(chosen.numpy()))
    return chosen.view(-1).nonzero()[:, 0]
