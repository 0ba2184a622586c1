"""Fits of features that stay on disk against fits of the same features in memory.

    python benchmarks/fit_from_disk.py [--quick] [--json] [--only TEXT] [--repeats N]

Two modalities of random features are written to a temporary folder, about one gigabyte in all. The
inputs of ours are memory maps, so pages that the system keeps of the file count as resident and go
when they are wanted elsewhere; those of the reference are read before the measurement begins, so
its peak is what the fit adds to a gigabyte. In a child process whose heap may hold .3 GB beside
its libraries (RLIMIT_DATA), RidgeMap is fitted once more from disk.
"""

import atexit
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from harness import Case, main

from crossalign.models import CCA, GFZSL, LCALE, RidgeMap
from crossalign.types import Classes, Views

SEED = 0
CLASSES = 100
HEAP = 300_000_000


class Inputs(NamedTuple):
    """The same samples on disk and in memory."""

    disk: Views
    memory: Views
    classes: Classes


MODELS: dict[str, Callable[[], Any]] = {
    "RidgeMap": RidgeMap, "CCA": CCA, "GFZSL": GFZSL,
    "LCALE, one epoch": lambda: LCALE(epochs=1, hidden=(256, 128), batch_size=512)}


@cache
def folder() -> Path:
    """A temporary folder, gone when the process ends."""
    path = Path(tempfile.mkdtemp(prefix="fit_from_disk_"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def write(where: Path, n: int) -> None:
    """Features of 512 and 128 columns in which classes differ, some thousand rows at a time."""
    rng = np.random.default_rng(SEED)
    centres = {m: rng.normal(size=(CLASSES, d)) for m, d in (("image", 512), ("text", 128))}
    for m, of_class in centres.items():
        array = np.lib.format.open_memmap(where / f"{m}.npy", "w+", np.float32,
                                          (n, of_class.shape[1]))
        for i in range(0, n, 8192):
            rows = np.arange(i, min(i + 8192, n))
            array[rows] = of_class[rows % CLASSES] + rng.normal(size=(len(rows), array.shape[1]))
        array.flush()


def opened(where: Path) -> tuple[Views, Classes]:
    """The samples, memory-mapped."""
    data = {m: np.load(where / f"{m}.npy", mmap_mode="r") for m in ("image", "text")}
    side = np.random.default_rng(SEED).normal(size=(CLASSES, 16)).astype(np.float32)
    return (Views(data, np.arange(len(data["image"])) % CLASSES),
            Classes(side, np.ones(CLASSES, dtype=bool)))


def case(name: str, n: int, in_memory: bool) -> Case:
    """One model."""
    def setup() -> Inputs:
        if not (folder() / "text.npy").exists():
            write(folder(), n)
        disk, classes = opened(folder())
        memory = Views({m: np.array(disk[m]) for m in disk.modalities}, disk.labels)
        MODELS[name]().fit(disk[np.arange(2 * CLASSES)], classes=classes)      # libraries loaded
        return Inputs(disk, memory, classes)

    def fit(views: Views, classes: Classes) -> Any:
        return MODELS[name]().fit(views, classes=classes)

    def agree(ours: Any, reference: Any) -> None:
        rows = np.random.default_rng(1).normal(size=(5, 512)).astype(np.float32)
        answers = [m.decision_function(rows) if isinstance(m, GFZSL) else
                   m.embed(rows, "image") @ m.embed(rows, "image").T for m in (ours, reference)]
        np.testing.assert_allclose(answers[0], answers[1], rtol=1e-3, atol=1e-3)

    gigabytes = n * 640 * 4 / 1e9
    return Case(f"{name}, {n} rows, {gigabytes:.2f} GB", setup,
                lambda given: fit(given.disk, given.classes),
                (lambda given: fit(given.memory, given.classes)) if in_memory else None,
                "in memory" if in_memory else None, check=agree if in_memory else None, repeats=1)


def cases(quick: bool) -> Sequence[Case]:
    """Every model from disk and from memory."""
    return [case(name, 20_000 if quick else 400_000, True) for name in MODELS]


def limited(quick: bool) -> Sequence[str]:
    """Whether RidgeMap is fitted where no more than `HEAP` bytes are to be had."""
    write(folder(), 20_000 if quick else 400_000)
    done = subprocess.run([sys.executable, __file__, "--limited", str(folder())], text=True,
                          capture_output=True, check=False)
    return [done.stdout.strip() or f"RidgeMap under a limit failed: {done.stderr[-500:]}"]


def fit_limited(where: Path) -> None:
    """Fit RidgeMap with a limit on the heap."""
    views, classes = opened(where)
    RidgeMap().fit(views[np.arange(2 * CLASSES)], classes=classes)
    held = int(Path("/proc/self/status").read_text().split("VmData:")[1].split()[0]) * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (held + HEAP, held + HEAP))
    RidgeMap().fit(views, classes=classes)
    print(f"RidgeMap from disk: {len(views)} rows fitted with {HEAP / 1e9} GB of heap at most")


if __name__ == "__main__":
    if "--limited" in sys.argv:
        fit_limited(Path(sys.argv[-1]))
    else:
        main("Fits from disk", cases, seed=SEED, notes=limited,
             packages=("numpy", "scipy", "scikit-learn", "torch"))
