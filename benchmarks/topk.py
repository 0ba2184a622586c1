"""Perturbed top-K, forward and backward, against one-hot vectors of every draw.

The work is FGAN's: 16 samples of 196 tokens, K of them selected in each of 1,000 perturbed copies
of the scores. One-hot vectors are 1,000 x K x 196 numbers per sample, first as the 64-bit integers
that `torch.nn.functional.one_hot` makes; the reference builds them as the public implementations
do, with the full Jacobian product or with the authors' diagonal of it. Ours keeps positions only.

Neither way can do without the noise and the selection; the lines below the table say what these
cost on this machine, for all draws and for antithetic ones, which need half the noise. With equal
noise the two ways must give equal indicators and gradients.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from harness import Case, cores, main
from torch import Tensor

from crossalign.networks.smoothed_topk import cuts
from crossalign.networks.topk import perturbed_topk

SEED = 0
TOKENS, SIGMA = 196, 0.05
KEPT = (19, 59)


class Problem(NamedTuple):
    """Scores, how many to keep, draws, and a gradient of the indicators."""

    scores: Tensor
    k: int
    samples: int
    gradient: Tensor


def cases(quick: bool) -> list[Case]:
    """Both numbers of tokens; the library's defaults, then one option changed at a time."""
    batch, samples = (2, 100) if quick else (16, 1_000)
    found = []
    for k in KEPT:
        for label, options in (("", {}), (", independent draws", {"antithetic": False}),
                               (", authors' gradient", {"grad": "author"}),
                               (", pooled", {"pool": "sum"})):
            found.append(_case(f"K = {k}{label}, batch {batch}, {samples:,} draws",
                               batch, k, samples, options))
    return found


def notes(quick: bool) -> list[str]:
    """What every way has to pay: the noise, and the selection."""
    batch, samples = (2, 100) if quick else (16, 1_000)
    torch.set_num_threads(cores())
    values = torch.empty(batch * samples, TOKENS)
    generator = torch.Generator().manual_seed(SEED)
    noise = min(_seconds(lambda: values.normal_(generator=generator)) for _ in range(5))
    lines = []
    for k in KEPT:
        topk = min(_seconds(lambda k=k: values.topk(k, sorted=False)) for _ in range(5))
        part = min(_seconds(lambda k=k: np.partition(values.numpy(), TOKENS - k, axis=1))
                   for _ in range(5))
        cut = min(_seconds(lambda k=k: cuts(values, k)) for _ in range(5))
        lines.append(f"K = {k} on {cores()} cores: noise {1e3 * noise:.1f} ms, half of it "
                     f"{500 * noise:.1f} ms; torch.topk {1e3 * topk:.1f} ms, numpy.partition "
                     f"{1e3 * part:.1f} ms, cuts, which ours uses, {1e3 * cut:.1f} ms")
    return lines


def _case(name: str, batch: int, k: int, samples: int, options: dict[str, Any]) -> Case:
    author = options.get("grad") == "author"
    pooled = options.get("pool") == "sum"

    def check(_ours: Any, _reference: Any) -> None:
        x = _make(batch, k, samples)
        noise = torch.randn(batch, samples, TOKENS, generator=torch.Generator().manual_seed(1))
        for a, b in zip(_ours_of(x, noise, options),
                        _one_hot(x, noise, author=author, pooled=pooled), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-3 * float(b.abs().max()))

    return Case(name=name, setup=lambda: _make(batch, k, samples),
                ours=lambda x: _ours_of(x, torch.Generator().manual_seed(SEED), options),
                reference=lambda x: _one_hot(x, None, author=author, pooled=pooled),
                reference_name="one-hot, " + ("authors' diagonal" if author else "full Jacobian"),
                check=check, repeats=5)


def _make(batch: int, k: int, samples: int) -> Problem:
    torch.set_num_threads(cores())
    generator = torch.Generator().manual_seed(SEED)
    return Problem(torch.rand(batch, TOKENS, generator=generator), k, samples,
                   torch.randn(batch, k, TOKENS, generator=generator))


def _ours_of(x: Problem, noise: Any, options: dict[str, Any]) -> tuple[Tensor, Tensor]:
    scores = x.scores.clone().requires_grad_()
    y = perturbed_topk(scores, x.k, noise, samples=x.samples, sigma=SIGMA, **options)
    y.backward(x.gradient[:, 0] if y.ndim == 2 else x.gradient)
    assert scores.grad is not None
    return y.detach(), scores.grad


def _one_hot(x: Problem, noise: Tensor | None, *, author: bool,
             pooled: bool) -> tuple[Tensor, Tensor]:
    """Expected indicators and the gradient of the scores."""
    if noise is None:
        noise = torch.randn(len(x.scores), x.samples, TOKENS,
                            generator=torch.Generator().manual_seed(SEED))
    best = torch.topk(x.scores[:, None] + SIGMA * noise, x.k, sorted=False).indices
    drawn = torch.nn.functional.one_hot(best.sort(dim=-1).values, TOKENS).float()
    y = drawn.mean(dim=1)                                                    # (b, k, n)
    gradient = x.gradient[:, :1].expand_as(y) if pooled else x.gradient
    scale = x.samples * SIGMA
    if author:
        diagonal = torch.einsum("bskn,bsn->bkn", drawn, noise) / scale
        return y, (gradient * diagonal).sum(dim=1)
    weights = torch.einsum("bkn,bskn->bs", gradient, drawn)
    return y.sum(dim=1) if pooled else y, torch.einsum("bs,bsn->bn", weights, noise) / scale


def _seconds(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


if __name__ == "__main__":
    main(f"Perturbed top-K of {TOKENS} tokens, forward and backward", cases, seed=SEED,
         packages=("numpy", "torch"), notes=notes)
