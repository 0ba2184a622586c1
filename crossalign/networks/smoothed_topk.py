"""Expectation of the perturbed top-K, and its derivative, without one-hot vectors."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

CHUNK, CHUNK_ON_GPU = 2**21, 2**26
"""Values perturbed at a time: 8 MB of them stay in a cache, 256 MB keep a GPU busy."""
TRIALS, SURE = 40, 8
"""Trials of a cut at the most, and those before every other one halves what is left."""


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
        noise = _drawn_once(noise, scores, samples, antithetic)
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
    """Mark what reaches the cut of its row; the few rows without a cut are sorted."""
    rows, n = values.shape
    cut = cuts(values, k)
    is_top = torch.from_numpy(np.greater_equal(values.numpy(), cut[:, None].numpy()))
    odd = cut.isnan()
    if not odd.any():
        flat = torch.from_numpy(np.flatnonzero(is_top.numpy()))
        return flat.view(rows, k) - torch.arange(0, rows * n, n)[:, None]
    best = values[odd].sort(dim=1, descending=True, stable=True)
    columns = torch.empty(rows, k, dtype=torch.int64)
    columns[odd] = best.indices.masked_fill_(best.values == -torch.inf, n)[:, :k].sort().values
    columns[~odd] = is_top[~odd].nonzero()[:, 1].view(-1, k)
    return columns


def cuts(values: Tensor, k: int) -> Tensor:
    """Find a number that exactly k of each row ``(rows, n)`` reach, ``(rows,)``, NaN if not found.

    Any number between the k-th and the next will do. It is searched between the ends of a row,
    where the count of what reaches it, interpolated, would be k (regula falsi). A trial compares
    and sums, which is fast on every processor; a partition is fast only where NumPy has one for
    the processor's vectors. There is none to find where values tie for the k-th place, or fewer
    than k are finite.
    """
    low, more = _least(values)
    high, fewer = values.amax(dim=1), torch.ones_like(more)
    cut = low.where(more == k, torch.nan)
    found, at, marks = cut.clone(), torch.arange(len(values)), torch.empty_like(values)
    wanted = (more > k) & (low < high)
    for step in range(TRIALS):
        if 2 * int(wanted.sum()) <= len(at):  # cheaper to copy the rest than to try all again
            left = torch.nonzero(wanted)[:, 0]
            found.index_copy_(0, at, cut)
            values, low, high, more, fewer, at, cut = (
                z.index_select(0, left) for z in (values, low, high, more, fewer, at, cut))
        if not len(at):
            break
        share = 0.5 if step > SURE and step % 2 else (more - k) / (more - fewer)
        trial = torch.lerp(low, high, share)
        reached = torch.ge(values, trial[:, None], out=marks[:len(at)]).sum(dim=1)
        cut = trial.where(reached == k, cut)
        wanted, many = cut.isnan(), reached > k
        low, more = trial.where(many, low), reached.where(many, more)
        high, fewer = high.where(many, trial), fewer.where(many, reached)
    return found.index_copy_(0, at, cut)


def _least(values: Tensor) -> tuple[Tensor, Tensor]:
    """Return the least finite number of each row ``(rows, n)``, and how many reach it."""
    least = values.amin(dim=1)
    if not torch.isneginf(least).any():
        return least, torch.full_like(least, values.shape[1])
    finite = values > -torch.inf
    return values.where(finite, torch.inf).amin(dim=1), finite.sum(dim=1).to(values.dtype)


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


def _drawn_once(noise: Tensor | torch.Generator, like: Tensor, samples: int,
                antithetic: bool) -> Tensor | torch.Generator:
    """Draw the noise at once if a chunk on a CPU holds it, where drawing takes longer than the
    rest; otherwise return what was given.
    """
    shape = (len(like), samples // 2 if antithetic else samples, like.shape[1])
    if isinstance(noise, Tensor) or like.device.type != "cpu" or math.prod(shape) > CHUNK:
        return noise
    return torch.randn(shape, generator=noise, device=noise.device).to(like)


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
            z.neg_()
