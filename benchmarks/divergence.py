"""Sliced 2-Wasserstein distance with its gradient, against POT's and against Sinkhorn's.

The work is two samples of n rows in 64 dimensions, sliced along 64 directions that are given, value
and gradient to both samples. No method that sorts does less than the two products that project, the
sort of 2 x 64 x n numbers with the place each came from, and the two products that carry the slopes
back. The lines below the table time these alone, and give how time grows from n = 1,024 to 8,192,
and how value and gradient vary over draws of the directions, by kind of direction.

References: `ot.sliced_wasserstein_distance` with the same directions, squared and times d, in torch
with its gradient, which must agree; the debiased Sinkhorn divergence of this library, another
divergence, up to n = 1,024.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from harness import Case, cores, main
from torch import Tensor

from crossalign.losses import sinkhorn_divergence, sliced_w2
from crossalign.sampling import directions

SEED = 0
WIDTH = SLICES = 64
SIZES = (256, 1_024, 8_192)
SINKHORN_UP_TO = 1_024
ROWS = 8_192  # of a sample, over the calls that are timed together


class Pair(NamedTuple):
    """Two samples that want gradients, and unit rows to slice along."""

    x: Tensor
    y: Tensor
    along: Tensor


def cases(quick: bool) -> list[Case]:
    """POT at every size, at two unequal ones, and Sinkhorn at the smaller sizes."""
    sizes = SIZES[:2] if quick else SIZES
    return [*(_pot(n, n) for n in sizes), _pot(sizes[-1], sizes[-1] - 100),
            *(_against_sinkhorn(n) for n in sizes if n <= SINKHORN_UP_TO)]


def notes(quick: bool) -> list[str]:
    """The floor, the growth and the spread over draws."""
    torch.set_num_threads(cores())
    return [*(_floor(n) for n in (SIZES[:2] if quick else SIZES)), _growth(), *_spread(quick)]


def _pot(n: int, m: int) -> Case:
    size, calls = f"{n:,}" if n == m else f"{n:,} and {m:,}", ROWS // n
    return Case(name=f"n = {size}, {calls} times, against POT", setup=lambda: _make(n, m),
                ours=_times(_ours, calls), reference=_times(_pots, calls),
                reference_name="POT, same directions", check=_agree, repeats=7)


def _against_sinkhorn(n: int) -> Case:
    calls = ROWS // n
    return Case(name=f"n = {n:,}, {calls} times, against Sinkhorn (once, time scaled)",
                setup=lambda: _make(n, n), ours=_times(_ours, calls), reference=_sinkhorn,
                reference_name="debiased Sinkhorn, 50 iterations", reference_scale=calls,
                repeats=3)


def _make(n: int, m: int) -> Pair:
    """A correlated sample and a skewed one; imports what the contenders need."""
    import ot  # noqa: F401

    torch.set_num_threads(cores())
    generator = torch.Generator().manual_seed(SEED)
    mix = torch.randn(WIDTH, WIDTH, generator=generator) / WIDTH**0.5
    x = torch.randn(n, WIDTH, generator=generator) @ mix
    y = 0.5 * torch.randn(m, WIDTH, generator=generator).exp()
    along = directions(torch.randn(SLICES, WIDTH, generator=generator))
    return Pair(x.requires_grad_(), y.requires_grad_(), along)


def _times(call: Callable[[Pair], Any], times: int) -> Callable[[Pair], Any]:
    """The last of several calls."""
    return lambda pair: [call(pair) for _ in range(times)][-1]


def _ours(pair: Pair) -> tuple[Tensor, ...]:
    return _with_gradient(sliced_w2(pair.x, pair.y, pair.along), pair)


def _pots(pair: Pair) -> tuple[Tensor, ...]:
    import ot

    distance = ot.sliced_wasserstein_distance(pair.x, pair.y, projections=pair.along.T)
    return _with_gradient(WIDTH * distance**2, pair)


def _sinkhorn(pair: Pair) -> tuple[Tensor, ...]:
    return _with_gradient(sinkhorn_divergence(pair.x, pair.y), pair)


def _with_gradient(value: Tensor, pair: Pair) -> tuple[Tensor, ...]:
    return value.detach(), *torch.autograd.grad(value, (pair.x, pair.y))


def _agree(ours: Any, reference: Any) -> None:
    """Same value and gradients, up to projections equal in float32, whose order is arbitrary."""
    torch.testing.assert_close(ours[0], reference[0], rtol=1e-4, atol=0.0)
    for a, b in zip(ours[1:], reference[1:], strict=True):
        assert float((a - b).norm() / b.norm()) < 1e-2


def _floor(n: int) -> str:
    """Products and sorts alone, at the rates of this machine."""
    pair = _make(n, n)
    rows = pair.x.detach()
    projected = pair.along @ rows.T
    slopes = projected.T.contiguous()
    product = _best(lambda: pair.along @ rows.T) + _best(lambda: slopes @ pair.along)
    keys = projected.numpy()
    sort = _best(lambda: keys.copy().sort(axis=1))
    ours = _best(lambda: _ours(pair))
    wide = projected.double().numpy()
    with_places = _best(lambda: wide.copy().sort(axis=1))
    pairs = _best(lambda: torch.sort(projected, dim=1))
    halves = (keys.view(np.uint32) >> np.uint32(16)).astype(np.uint16)
    counted = 2 * _best(lambda: halves.argsort(axis=1, kind="stable"))
    least = min(with_places, counted)
    return (f"floor at n = {n:,} on {cores()} cores: products {2e3 * product:.2f} ms, "
            f"{2 * SLICES * n:,} 32-bit keys sorted in {2e3 * sort:.2f} ms, 64-bit keys that hold "
            f"the place too in {2e3 * with_places:.2f} ms, by counting of 16 bits and again of 16 "
            f"in {2e3 * counted:.2f} ms (torch.sort {2e3 * pairs:.2f} ms); "
            f"products and the faster of the two {2e3 * (product + least):.2f} ms, ours "
            f"{1e3 * ours:.2f} ms")


def _growth() -> str:
    small, large = SIZES[1:]
    seconds = []
    for n in (small, large):
        pair = _make(n, n)
        seconds.append(_best(lambda pair=pair: _ours(pair)))
    found = math.log(seconds[1] / seconds[0], large / small)
    expected = math.log(large * math.log(large) / (small * math.log(small)), large / small)
    return (f"time grows as n^{found:.2f} from n = {small:,} to {large:,} "
            f"(n log n: n^{expected:.2f})")


def _spread(quick: bool) -> list[str]:
    """Value and gradient at n = 256 over draws, against 100,000 independent directions."""
    draws, blocks = (50, 25) if quick else (300, 100)
    pair = _make(SIZES[0], SIZES[0])
    generator = torch.Generator().manual_seed(SEED + 1)

    def one(count: int, kind: str) -> tuple[float, Tensor]:
        along = directions(torch.randn(count, WIDTH, generator=generator), kind)
        value, gradient, _ = _ours(pair._replace(along=along))
        return float(value), gradient.flatten()

    many = [one(1_000, "iid") for _ in range(blocks)]
    exact = torch.stack([gradient for _, gradient in many]).mean(dim=0)
    lines = [f"{1_000 * blocks:,} directions: value {sum(v for v, _ in many) / blocks:.2f}; over "
             f"{draws} draws of 16, 64, 256 directions:"]
    for kind in ("orthogonal", "iid", "sobol"):
        parts = []
        for count in (16, 64, 256):
            drawn = [one(count, kind) for _ in range(draws)]
            values = torch.tensor([value for value, _ in drawn])
            cosine = sum(float(torch.cosine_similarity(gradient, exact, dim=0))
                         for _, gradient in drawn) / draws
            parts.append(f"{values.std():.2f}/{cosine:.2f}")
        lines.append(f"  {kind}: sd of the value / cosine to the exact gradient {', '.join(parts)}")
    return lines


def _best(call: Any) -> float:
    """Least seconds of fifteen calls."""
    seconds = []
    for _ in range(15):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


if __name__ == "__main__":
    main(f"Sliced W2 and its gradient, {WIDTH} dimensions, {SLICES} directions", cases, seed=SEED,
         packages=("torch", "numpy", "POT"), notes=notes)
