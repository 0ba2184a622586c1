"""Seeding of an epoch: random numbers that depend on the seed, the epoch and the rank alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def seed_epoch(generator: torch.Generator, seed: int, epoch: int, rank: int) -> None:
    """Seed the explicit generator alike on all ranks, and torch's global one per rank.

    Batches and noise come from the explicit generator, dropout from the global one.
    """
    generator.manual_seed(_derived(seed, epoch, 0))
    torch.manual_seed(_derived(seed, epoch, 1 + rank))


@contextmanager
def own_global_state(device: torch.device) -> Iterator[None]:
    """Restore torch's global random states when the block ends."""
    gpus = [] if device.index is None or device.type != "cuda" else [device.index]
    with torch.random.fork_rng(devices=gpus):
        yield


def _derived(*words: int) -> int:
    return int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0])
