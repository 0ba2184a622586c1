"""Training of each network on a GPU, against the same on this machine's CPU.

Samples of CUB's sizes for ACMR and FusionNet-QSMA, pairs of the same features with texts for LCALE,
196 cells and 20 words for FGAN, whose widths are those of its paper. Small networks are bound by
launches of kernels, not by arithmetic, and half precision brings them nothing. Epochs are timed
inside a fit: fitting a class memory or a teacher, once and on the CPU, is not in them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from harness import cores, instructions
from rich.console import Console
from rich.table import Table

from crossalign import models
from crossalign.training import Callback
from crossalign.types import Classes, Views

SEED = 0
CLASSES, SEEN, SIDE = 200, 150, 312
Maker = Callable[[int], Views]


class LastEpoch(Callback):
    """How fast the last epoch was."""

    rate = 0.0

    def on_epoch(self, state: Any) -> None:
        """Remember it."""
        self.rate = state.samples_per_second


def _labels(n: int) -> Any:
    return np.arange(n) // 4 % SEEN


def _features(n: int) -> Views:
    rng = np.random.default_rng(SEED)
    return Views({"image": rng.standard_normal((n, 2048), dtype=np.float32)}, _labels(n))


def _pairs(n: int) -> Views:
    rng = np.random.default_rng(SEED)
    return Views({"image": _features(n)["image"],
                  "text": rng.standard_normal((n, 300), dtype=np.float32)}, _labels(n))


def _tokens(n: int) -> Views:
    rng = np.random.default_rng(SEED)
    return Views({"image": rng.standard_normal((n, 196, 512), dtype=np.float32),
                  "text": rng.standard_normal((n, 20, 300), dtype=np.float32)}, _labels(n))


WORK: Mapping[str, tuple[Any, Mapping[str, Any], Maker, int]] = {
    "ACMR": (models.ACMR, {"head__epochs": 1}, _features, 7_000),
    "FusionNet-QSMA, recognition": (models.FusionNetQSMA, {"head__epochs": 1}, _features, 7_000),
    "FusionNet-QSMA, retrieval": (models.FusionNetQSMA, {}, _pairs, 7_000),
    "LCALE": (models.LCALE, {"head__epochs": 1}, _pairs, 2_000),
    "FGAN, batch 16": (models.FGAN, {}, _tokens, 800),
    "FGAN, batch 64": (models.FGAN, {"batch_size": 64, "per_class": 4}, _tokens, 1_600)}
"""Model, parameters other than the defaults, samples and how many of them."""


def rate(name: str, views: Views, device: str, epochs: int, precision: str = "32-true") -> float:
    """Samples a second in the last of so many epochs."""
    model, own, _, _ = WORK[name]
    side = np.random.default_rng(SEED).standard_normal((CLASSES, SIDE), dtype=np.float32)
    last = LastEpoch()
    model(**own, epochs=epochs, device=device, precision=precision).fit(
        views, classes=Classes(side, np.arange(CLASSES) < SEEN), callbacks=[last])
    return last.rate


def main() -> None:
    """Print the table: the last of four epochs on the GPU, the only one on the CPU."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--quick", action="store_true", help="a tenth of the samples")
    options.add_argument("--only", default="", metavar="TEXT", help="models whose name has TEXT")
    chosen = options.parse_args()
    if not torch.cuda.is_available():
        print("train_on_gpu: torch finds no GPU here.")
        return
    table = Table(title=f"samples/s in training; {torch.cuda.get_device_name()}, {cores()} cores, "
                        f"torch {torch.__version__}, seed {SEED}")
    table.add_column("model")
    for heading in ("32-true", "bf16-mixed", "CPU", "ratio", "GPU MB"):
        table.add_column(heading, justify="right")
    for name, (_, _, make, n) in WORK.items():
        if chosen.only.lower() not in name.lower():
            continue
        views = make(n // (10 if chosen.quick else 1))
        half = rate(name, views, "cuda", 4, "bf16-mixed")
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        full = rate(name, views, "cuda", 4)
        memory = torch.cuda.max_memory_allocated() / 1e6
        slow = rate(name, views, "cpu", 1)
        print(f"{name}: {full:,.0f} on the GPU, {slow:,.0f} on the CPU", file=sys.stderr)
        table.add_row(name, f"{full:,.0f}", f"{half:,.0f}", f"{slow:,.0f}", f"{full / slow:.1f}",
                      f"{memory:,.0f}")
    Console().print(table)
    print(f"CPU: {instructions()}")


if __name__ == "__main__":
    main()
