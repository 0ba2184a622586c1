"""Expectation of the perturbed top-K, and its derivative, without one-hot vectors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

CHUNK, CHUNK_ON_GPU = 2**21, 2**26
"""Values perturbed at a time: 8 MB of them stay in a cache, 256 MB keep a GPU busy."""


class SmoothedTopK(torch.autograd.Function):
    """Mean indicators of the top k of perturbed scores; see `crossalign.networks.topk`.

    The tokens that a draw selected are stored as cells: the position in the flat result where each
    selected token is counted. That result is one column wider than n, for the slots that stay
    empty.
    """

    @staticmethod
    def forward(ctx: Any, scores: Tensor, k: int, noise: Tensor | torch.Generator, samples: int,
                sigma: float, pool: str | None, grad: str, antithetic: bool) -> Tensor:
        """Return ``(b, k, n)``, or ``(b, n)`` when pooled, for scores ``(b, n)``."""
        b, n = scores.shape
        ctx.noise, ctx.samples, ctx.sigma, ctx.grad = noise, samples, sigma, grad
        ctx.antithetic = antithetic
        ctx.state = None if isinstance(noise, Tensor) else noise.get_state()
        counts: Any = 0
        cells_of_draws = []
        for z in _draws(noise, scores, samples, antithetic):                 # (b, s, n)
            values = torch.add(scores[:, None], z, alpha=sigma).view(-1, n)
            count, cells = count_columns(top_columns(values, k).view(b, -1, k), n, pool)
            counts = counts + count
            cells_of_draws.append(cells)
        ctx.save_for_backward(*cells_of_draws)
        mean: Tensor = counts.to(scores.dtype) / samples
        return mean

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Any:
        """Return ``(b, n)``: each draw's selection, weighted by its gradient, times the draw's
        noise.
        """
        noise = ctx.noise
        if ctx.state is not None:
            noise = torch.Generator(noise.device)
            noise.set_state(ctx.state)
        b, n = len(gradient), gradient.shape[-1]
        flat = nn.functional.pad(gradient, (0, 1)).reshape(-1)               # empty slots get 0
        total = gradient.new_zeros(b, n)
        draws = _draws(noise, total, ctx.samples, ctx.antithetic)
        for z, cells in zip(draws, ctx.saved_tensors, strict=True):          # (b, s, n), (b, s, k)
            picked = flat.index_select(0, cells.view(-1)).view(cells.shape)
            if ctx.grad == "full":
                total[:, None].baddbmm_(picked.sum(dim=2)[:, None], z)
            else:
                columns = (cells % (n + 1)).clamp_max_(n - 1).long()
                picked *= z.gather(2, columns)
                total.scatter_add_(1, columns.view(b, -1), picked.view(b, -1))
        return (total / (ctx.samples * ctx.sigma), *[None] * 7)


def top_columns(values: Tensor, k: int) -> Tensor:
    """Return the columns ``(rows, k)`` of the k largest of ``(rows, n)``, ascending.

    Among equal values the first columns are taken; -inf is never taken, and the slots it leaves
    empty hold n, at the end.
    """
    return _top_on_cpu(values, k) if values.device.type == "cpu" else _top_on_gpu(values, k)


def _top_on_cpu(values: Tensor, k: int) -> Tensor:
    """Use NumPy's partition, which is several times as fast as torch's."""
    rows, n = values.shape
    kth = torch.from_numpy(np.partition(values.numpy(), n - k, axis=1)[:, n - k].copy())
    is_top = values >= kth.clamp_min(torch.finfo(values.dtype).min)[:, None]
    flat = torch.from_numpy(np.flatnonzero(is_top.numpy()))
    if len(flat) == rows * k:
        return flat.view(rows, k) - torch.arange(0, rows * n, n)[:, None]
    # a tie at the k-th value, or fewer than k finite values
    odd = is_top.sum(dim=1) != k
    best = values[odd].sort(dim=1, descending=True, stable=True)
    columns = torch.empty(rows, k, dtype=torch.int64)
    columns[odd] = best.indices.masked_fill_(best.values == -torch.inf, n)[:, :k].sort().values
    columns[~odd] = is_top[~odd].nonzero()[:, 1].view(-1, k)
    return columns


def _top_on_gpu(values: Tensor, k: int) -> Tensor:
    """Write every selected column to the slot of its rank; no shape depends on a value."""
    rows, n = values.shape
    kth = values.kthvalue(n - k + 1, dim=1, keepdim=True).values.clamp_min(
        torch.finfo(values.dtype).min)
    above, level = values > kth, values == kth
    at_level = k - above.sum(dim=1, keepdim=True)
    is_top = above | (level & (level.cumsum(dim=1) <= at_level))
    slots = torch.where(is_top, is_top.cumsum(dim=1) - 1, k)                 # the last is for none
    columns = torch.full((rows, k + 1), n, device=values.device)
    positions = torch.arange(n, device=values.device).expand(rows, n)
    return columns.scatter_(1, slots, positions)[:, :k]


def count_columns(columns: Tensor, n: int, pool: str | None) -> tuple[Tensor, Tensor]:
    """Count how often columns ``(b, s, k)`` name each of n, and return the cells ``(b, s, k)``
    counted.

    Counts are ``(b, k, n)``, or ``(b, n)`` when pooled.
    """
    b, _, k = columns.shape
    shape = (b, n + 1) if pool == "sum" else (b, k, n + 1)
    size = b * (n + 1) if pool == "sum" else b * k * (n + 1)
    first = torch.arange(0, size, n + 1, device=columns.device).view(b, 1, -1)
    cells = (columns + first).to(torch.int32 if size < 2**31 else torch.int64)
    flat = cells.view(-1)
    if columns.device.type == "cpu":
        counts = torch.bincount(flat, minlength=size)
    else:  # bincount asks the device for the largest
        counts = torch.zeros(size, dtype=torch.int32, device=columns.device)
        counts.index_add_(0, flat, torch.ones_like(flat, dtype=torch.int32))
    return counts.view(shape)[..., :n], cells


def _draws(noise: Tensor | torch.Generator, like: Tensor, samples: int,
           antithetic: bool) -> Iterator[Tensor]:
    """Yield noise ``(b, s, n)``, some samples at a time; if antithetic, only half of it is
    drawn.
    """
    b, n = like.shape
    on_cpu = like.device.type == "cpu"
    step = max(1, (CHUNK if on_cpu else CHUNK_ON_GPU) // max(1, b * n))
    count = samples // 2 if antithetic else samples
    for start in range(0, count, step):
        s = min(step, count - start)
        z = (noise[:, start:start + s] if isinstance(noise, Tensor) else
             torch.randn(b, s, n, generator=noise, device=noise.device)).to(like)
        if antithetic and not on_cpu:  # one pass, as launches take the time there
            yield torch.cat([z, -z], dim=1)
            continue
        yield z
        if antithetic:
            yield z.neg_()
