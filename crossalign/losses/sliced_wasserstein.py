"""Sliced 2-Wasserstein distance between two samples."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import torch
from torch import Tensor

from crossalign.instructions import sorts_by_vectors
from crossalign.losses.batch_mean import no_pairs


def sliced_w2(x: Tensor, y: Tensor, directions: Tensor) -> Tensor:
    """Compute the squared sliced 2-Wasserstein distance of ``x (n, d)`` and ``y (m, d)``, a scalar.

    ``d * mean_l W2^2(<directions_l, x>, <directions_l, y>)`` over unit rows ``directions (L, d)``
    (Rabin et al. 2011; Bonneel et al. 2015, where the factor d is missing). With the factor it is
    on the scale of the distance itself: two samples that differ by a shift v are ``|v|^2`` apart,
    exactly so along orthonormal directions with L = d, and in the mean over directions it is never
    larger than ``W2^2(x, y)``.

    In one dimension the optimal coupling joins equal quantiles. With n != m the quantile functions
    are compared on all steps of both, and nothing is resampled. The cost is ``O(L (n + m) log(n +
    m))``, the memory ``O(L (n + m))``. The gradient reaches ``x`` and ``y``, not the directions.
    The result is 0 if a sample has no row.

    Raises
    ------
    ValueError
        If widths differ.
    """
    if not x.shape[1] == y.shape[1] == directions.shape[1]:
        raise ValueError(f"directions: shape {tuple(directions.shape)} for samples of width "
                         f"{x.shape[1]} and {y.shape[1]}; give the three the same width")
    if not len(x) or not len(y):
        return no_pairs(x, y)
    x, y = (z.float() if z.dtype in (torch.bfloat16, torch.float16) else z for z in (x, y))
    with torch.autocast(x.device.type, enabled=False):
        result: Tensor = _SlicedW2.apply(  # type: ignore[no-untyped-call]
            x, y, directions.detach().to(x))
    return result


class _SlicedW2(torch.autograd.Function):
    """Sliced distance that keeps only the permutations and the weighted gaps of coupled
    quantiles.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, directions: Tensor) -> Any:
        """Compute the distance."""
        left, order_x = _sort(directions @ x.T)                              # (L, n)
        right, order_y = _sort(directions @ y.T)                             # (L, m)
        ranks_x = ranks_y = None
        masses: Tensor | float = 1 / len(x)
        if len(x) != len(y):
            ranks_x, ranks_y, masses = _coupling(len(x), len(y), x)
            left, right = left.index_select(1, ranks_x), right.index_select(1, ranks_y)
        gaps = left.sub_(right)                                              # (L, k)
        weighted = gaps * (masses * (directions.shape[1] / len(directions)))
        ctx.save_for_backward(directions, weighted, order_x, ranks_x, order_y, ranks_y)
        return gaps.mul_(weighted).sum()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        """Compute the gradients ``(n, d)`` and ``(m, d)``."""
        directions, weighted, *coupled = ctx.saved_tensors
        results: list[Tensor | None] = []
        for order, ranks, sign in ((*coupled[:2], 2), (*coupled[2:], -2)):
            if not ctx.needs_input_grad[len(results)]:
                results.append(None)
                continue
            empty = weighted.new_zeros(order.shape)
            ranked = weighted if ranks is None else empty.index_add(1, ranks, weighted)
            slopes = empty.scatter_add_(1, order, ranked)
            results.append(slopes.T @ (directions * (sign * gradients[0])))
        return (*results, None)


def _sort(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Sort rows ``(L, n)`` in ascending order, and give the column that each value came from."""
    if rows.device.type != "cpu" or rows.dtype != torch.float32:
        return torch.sort(rows, dim=1)
    return _sort_wide(rows) if sorts_by_vectors() else _sort_by_digits(rows)


def _sort_wide(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Sort float32 rows where NumPy sorts numbers by vector instructions.

    They are widened to float64, the column is written into the low bits that the widening left
    empty, and the whole is sorted, several times faster than a sort of pairs. Rounding back to
    float32 drops the column.
    """
    keys = rows.double()
    bits = keys.view(torch.int64)
    bits |= torch.arange(rows.shape[1])
    keys.numpy().sort(axis=1)
    values = keys.float()
    bits &= 2**29 - 1
    return values, bits.clamp_(max=rows.shape[1] - 1)                        # NaN loses its column


def _sort_by_digits(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Sort float32 rows where comparing numbers one by one is all that a processor can.

    The bits of a float32, the lower ones turned over if it is negative, are in the order of the
    number. Their halves are sorted one after the other, which of 16 bits NumPy does by counting.
    """
    bits = rows.contiguous().view(torch.int32)
    digits = (bits ^ ((bits >> 31) | -2**31)).view(torch.int16).view(*rows.shape, 2)
    low, high = digits.unbind(2) if sys.byteorder == "little" else digits.flip(2).unbind(2)
    by_low = _by_counting(low)
    order = by_low.gather(1, _by_counting(high.gather(1, by_low)))
    return rows.gather(1, order), order


def _by_counting(halves: Tensor) -> Tensor:
    """Return the stable order of rows ``(L, n)`` of unsigned 16-bit numbers, kept as int16."""
    return torch.from_numpy(halves.numpy().view(np.uint16).argsort(axis=1, kind="stable"))


def _coupling(n: int, m: int, like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the quantile coupling of n points with m: ranks on either side, and the masses they
    share.
    """
    steps = [torch.arange(1, a + 1, device=like.device) * b for a, b in ((n, m), (m, n))]
    ends = torch.unique(torch.cat(steps))                                    # (k,), of n m
    masses = torch.diff(ends, prepend=ends.new_zeros(1))
    starts = ends - masses
    return starts // m, starts // n, masses.to(like.dtype) / (n * m)
