"""Number of threads of a step: one, and another for every `WORK` operations."""

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
    """Return the number of threads for a step of that many learning parameters and batch rows.

    A step takes about six operations for each parameter and row: two forward, four backward.
    """
    return min(available, max(1, int(6.0 * parameters * rows / WORK)))


@contextmanager
def few_threads(parameters: int, rows: int) -> Iterator[None]:
    """Limit torch to the threads of `step_threads`; a user's OMP_NUM_THREADS is obeyed."""
    before = torch.get_num_threads()
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(step_threads(parameters, rows, before))
    try:
        yield
    finally:
        torch.set_num_threads(before)
