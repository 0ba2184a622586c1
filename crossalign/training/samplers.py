"""Samplers: all batches of an epoch, as row numbers drawn at once on the device.

A sampler is a frozen dataclass with ``epoch(n, labels, generator) -> (steps, batch)`` int64; the
indices are on the generator's device.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

ENOUGH = 400
"""Number of batches that few samples are learned from, whatever the number of epochs."""


def enough_epochs(rows: int, batch_size: int, least: int, steps: int = ENOUGH) -> int:
    """Return the number of epochs over so many rows that takes ``steps`` batches, or the least
    number of epochs if that is more; also without any row.
    """
    batches = math.ceil(rows / batch_size)
    return max(least, math.ceil(steps / batches)) if batches else least


class Sampler(Protocol):
    """Interface of samplers as the loop uses it."""

    def epoch(self, n: int, labels: Tensor | None, generator: torch.Generator) -> Tensor:
        """Draw the row numbers ``(steps, batch)`` int64 of one epoch over n samples."""


@dataclass(frozen=True)
class Shuffle:
    """A permutation cut into batches.

    The rows that are left over are made a whole batch with the first rows of another permutation
    that are not among them, so that every batch has the same size and no row twice. If there are
    fewer samples than ``batch_size``, a batch is all of them.
    """

    batch_size: int

    def __post_init__(self) -> None:
        _at_least_one("batch_size", self.batch_size)

    def epoch(self, n: int, labels: Tensor | None, generator: torch.Generator) -> Tensor:
        """Draw the row numbers ``(ceil(n / batch), batch)`` of one epoch."""
        batch = min(self.batch_size, n)
        steps = math.ceil(n / batch)
        order = _permutation(n, generator)
        if steps * batch > n:
            again = _permutation(n, generator)
            is_used = torch.zeros(n, dtype=torch.bool, device=again.device)
            is_used[order[(steps - 1) * batch :]] = True
            again = again[~is_used[again]]
            order = torch.cat([order, again[: steps * batch - n]])
        return order.view(steps, batch)


@dataclass(frozen=True)
class Independent:
    """Batches drawn independently: each of ``ceil(n / batch)`` is a draw without replacement.

    CADA-VAE's authors do so (Schoenfeld et al., CVPR 2019): in one epoch a sample may come several
    times or not at all.
    """

    batch_size: int

    def __post_init__(self) -> None:
        _at_least_one("batch_size", self.batch_size)

    def epoch(self, n: int, labels: Tensor | None, generator: torch.Generator) -> Tensor:
        """Draw the row numbers ``(ceil(n / batch), batch)`` of one epoch."""
        batch = min(self.batch_size, n)
        return _distinct(math.ceil(n / batch), batch, n, generator)


@dataclass(frozen=True)
class PairsFirst:
    """Batches of pairs with other rows beside them, for data whose first rows are the pairs.

    An epoch goes over the pairs once, as `Shuffle` does. Each batch also has ``others`` of the
    remaining rows, or all if they are fewer, which are drawn without replacement for it alone.
    """

    pairs: int
    batch_size: int
    others: int

    def __post_init__(self) -> None:
        for name in ("pairs", "batch_size", "others"):
            _at_least_one(name, getattr(self, name))

    def epoch(self, n: int, labels: Tensor | None, generator: torch.Generator) -> Tensor:
        """Draw the row numbers ``(ceil(pairs / batch), batch + others)`` of one epoch."""
        paired = Shuffle(self.batch_size).epoch(self.pairs, None, generator)
        rest = n - self.pairs
        beside = _distinct(len(paired), min(self.others, rest), rest, generator) if rest else \
            paired[:, :0]
        return torch.cat([paired, self.pairs + beside], dim=1)


@dataclass(frozen=True)
class ClassBalanced:
    """Batches of P classes with K samples each; rows of a class stand together.

    Each class's samples are shuffled once per epoch and dealt in turn, starting over when they run
    out, so a batch holds a sample twice only if its class has fewer than K. An epoch has
    ``ceil(n / (P K))`` batches.
    """

    classes_per_batch: int
    samples_per_class: int

    def __post_init__(self) -> None:
        _at_least_one("classes_per_batch", self.classes_per_batch)
        _at_least_one("samples_per_class", self.samples_per_class)

    def epoch(self, n: int, labels: Tensor | None, generator: torch.Generator) -> Tensor:
        """Draw the row numbers ``(ceil(n / (P K)), P * K)`` of one epoch.

        Raises
        ------
        ValueError
            Without labels, or with fewer than P classes.
        """
        P, K = self.classes_per_batch, self.samples_per_class
        if labels is None:
            raise ValueError("sampler: ClassBalanced needs labels and the data has none; give "
                             "labels or use Shuffle.")
        shuffled = _permutation(n, generator)
        _, codes, counts = torch.unique(labels, return_inverse=True, return_counts=True)
        if len(counts) < P:
            raise ValueError(f"classes_per_batch: got {P} and the data has {len(counts)} classes; "
                             "give at most that many.")
        decks = shuffled[codes[shuffled].argsort(stable=True)]  # (n,) class after class
        starts = counts.cumsum(0) - counts
        steps = math.ceil(n / (P * K))
        keys = torch.rand((steps, len(counts)), generator=generator, device=generator.device)
        codes_drawn = keys.topk(P, dim=1).indices.flatten()  # (steps * P,) class codes
        dealt = _occurrence(codes_drawn, len(counts))[:, None] * K
        position = (dealt + torch.arange(K, device=codes_drawn.device)) % counts[codes_drawn, None]
        return decks[starts[codes_drawn, None] + position].view(steps, P * K)


def _permutation(n: int, generator: torch.Generator) -> Tensor:
    return torch.randperm(n, generator=generator, device=generator.device)


def _distinct(rows: int, width: int, n: int, generator: torch.Generator) -> Tensor:
    """Draw numbers below n ``(rows, width)``, each row uniformly without replacement."""
    if width * width > n:  # two in a row would often coincide
        return torch.stack([_permutation(n, generator)[:width] for _ in range(rows)])
    draw = torch.randint(n, (rows, width), generator=generator, device=generator.device)
    while True:
        ordered = draw.sort(dim=1).values
        bad = (ordered[:, 1:] == ordered[:, :-1]).any(dim=1).nonzero().flatten()
        if len(bad) == 0:
            return draw
        draw[bad] = torch.randint(n, (len(bad), width), generator=generator,
                                  device=generator.device)


def _occurrence(codes: Tensor, n_codes: int) -> Tensor:
    """Count how often the code at each place ``(m,)`` came before it."""
    order = codes.argsort(stable=True)
    counts = codes.bincount(minlength=n_codes)
    first = (counts.cumsum(0) - counts)[codes[order]]
    before = torch.empty_like(codes)
    before[order] = torch.arange(len(codes), device=codes.device) - first
    return before


def _at_least_one(name: str, value: int) -> None:
    if value < 1:
        raise ValueError(f"{name}: got {value}; give at least 1.")
