"""Training beside a program that holds a core, against training alone.

Two cores or more are needed to tell. A step whose threads meet hundreds of times waits at each
meeting for a core that is taken; `training.threads` gives small steps one thread. The floor of the
ratio is set by the system: with as many busy programs as cores, a fair half.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from harness import Case, cores, main

from crossalign.models import ACMR, FGAN, LCALE, FusionNetQSMA
from crossalign.types import Classes, Views

SEED = 0
HOLD = "while True: pass"


def cases(quick: bool) -> list[Case]:
    """Networks of several sizes, with one other program and with one on every core."""
    epochs = 3 if quick else 12
    rows = {"image": 24, "text": 20}
    several: list[tuple[str, Callable[[], Any], Any]] = [
        (f"LCALE, 600 rows, {epochs} epochs", lambda: LCALE(epochs=epochs), _pairs(600, rows)),
        (f"FusionNet-QSMA, 1,200 rows, {epochs} epochs",
         lambda: FusionNetQSMA(epochs=epochs), _pairs(1_200, rows)),
        ("FGAN, 300 rows of tokens, 1 epoch", lambda: FGAN(epochs=1, dim=64, samples=50),
         _pairs(300, {"image": (16, 64), "text": (6, 32)})),
        ("ACMR, 1,500 rows, 2,048 features, 1 epoch", lambda: ACMR(epochs=1, batch_size=50),
         _pairs(1_500, {"image": 2_048})),
    ]
    found = []
    for name, build, views in several[:2] if quick else several:
        for busy in dict.fromkeys((1, cores())):
            found.append(Case(
                name=f"{name}, beside {busy} of {cores()} cores taken", setup=lambda v=views: v,
                ours=lambda v, b=build, n=busy: _fit_beside(b, v, n),
                reference=lambda v, b=build: _fit(b, v),
                reference_name="the same on a quiet machine", repeats=3))
    return found


def _fit_beside(build: Callable[[], Any], views: Views, busy: int) -> None:
    with _held(busy):
        _fit(build, views)


def _fit(build: Callable[[], Any], views: Views) -> None:
    model = build()
    if isinstance(model, ACMR):
        side = np.random.default_rng(SEED).normal(size=(20, 312))
        model.fit(views, classes=Classes(side, np.ones(20, bool)))
    else:
        model.fit(views)


@contextmanager
def _held(busy: int) -> Iterator[None]:
    """So many programs that compute without end."""
    programs = [subprocess.Popen([sys.executable, "-c", HOLD]) for _ in range(busy)]
    try:
        yield
    finally:
        for program in programs:
            program.kill()
            program.wait()


def _pairs(n: int, widths: dict[str, Any]) -> Views:
    rng = np.random.default_rng(SEED)
    return Views({m: rng.normal(size=(n, w) if isinstance(w, int) else (n, *w))
                  for m, w in widths.items()}, np.arange(n) % 20)


def _notes(quick: bool) -> list[str]:
    return ["a ratio of .5 is twice the quiet time; OMP_NUM_THREADS is "
            f"{os.environ.get('OMP_NUM_THREADS', 'not set')}, "
            f"{torch.get_num_threads()} threads at hand"]


if __name__ == "__main__":
    main("Training on a busy machine", cases, seed=SEED,
         packages=("torch", "numpy"), notes=_notes)
