"""How many threads a step may use: one, and another for every so much work."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

WORK = 4e9
"""Operations of a step that each thread should have.

Threads wait for each other hundreds of times in a step. Where another program holds a core, each
wait lasts until the system gives that core back, some milliseconds, so a small step on all cores
is tens of times slower there than on one; and on a quiet machine it gains little by them.
"""


def step_threads(parameters: int, rows: int, available: int) -> int:
    """Threads for a step that learns so many parameters from a batch of so many rows.

    A step takes about six operations for each parameter and row: two forward, four backward.
    """
    return min(available, max(1, int(6.0 * parameters * rows / WORK)))


@contextmanager
def few_threads(parameters: int, rows: int) -> Iterator[None]:
    """Hold torch to the threads of `step_threads`; an OMP_NUM_THREADS of the user's is obeyed."""
    before = torch.get_num_threads()
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(step_threads(parameters, rows, before))
    try:
        yield
    finally:
        torch.set_num_threads(before)
