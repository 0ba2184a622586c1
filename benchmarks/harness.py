"""What every benchmark here shares: fair timing, peak memory, a table and one JSON object.

A benchmark is a file that runs alone and ends in `main(title, cases, ...)`, `cases(quick)` being a
list of `Case`. Time is the median over interleaved runs (ours, reference, ours, reference, ...), so
that a machine that slows down slows both; the first pair of runs is not timed and their results
must agree. Peak memory is measured in a fresh process per contender: the high-water mark of
resident memory during one call, minus what was resident once the inputs and the contender's
libraries were there.

    python benchmarks/NAME.py [--quick] [--json] [--only TEXT] [--repeats N]

With `--json` standard output is one object and everything else goes to standard error.
"""

import argparse
import contextlib
import gc
import importlib.metadata
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from crossalign.cores import usable_cores as cores
from crossalign.instructions import numpy_sets

Contender = Callable[[Any], Any]


@dataclass(frozen=True)
class Case:
    """Two ways to the same result.

    Attributes
    ----------
    name
        Unique; says what the sizes are, and what was scaled if anything was.
    setup
        Makes the inputs and imports what the contenders need.
    ours
        Called with the inputs.
    reference
        Called with the inputs; None if there is nothing to compare with.
    reference_name
        What the reference is.
    reference_scale
        The reference's time is multiplied by it, for a reference that does a part of the work;
        its memory is not.
    check
        Called with both results; raises AssertionError if they disagree.
    repeats
        Timed runs of each.
    amount, unit
        What one call makes, as 32 and "words", of which rates a second are reported; None without.
    """

    name: str
    setup: Callable[[], Any]
    ours: Contender
    reference: Contender | None = None
    reference_name: str | None = None
    reference_scale: float = 1.0
    check: Callable[[Any, Any], None] | None = None
    repeats: int = 5
    amount: float | None = None
    unit: str | None = None


def main(
    title: str,
    cases: Callable[[bool], Sequence[Case]],
    *,
    seed: int,
    packages: Sequence[str] = ("numpy",),
    notes: Callable[[bool], Sequence[str]] | None = None,
) -> None:
    """Run the cases the command line asks for and print them.

    Parameters
    ----------
    title
        Heads the table.
    cases
        From `quick`, True for sizes that take seconds, to cases.
    seed
        Printed; the setups must use it.
    packages
        Distributions whose versions are part of the result.
    notes
        From `quick` to lines printed below the table.
    """
    options = _options()
    chosen = [c for c in cases(options.quick) if options.only.lower() in c.name.lower()]
    if options.peak is not None:
        case = next(c for c in chosen if c.name == options.peak[0])
        print(peak_of(case, options.peak[1]))
        return
    told = Console(stderr=True)
    told.print(
        f"{title}; seed {seed}; load average {os.getloadavg()[0]:.1f} at the start",
        soft_wrap=True,
        highlight=False,
    )
    results = []
    for case in chosen:
        told.print(f"  {case.name} ...", soft_wrap=True, highlight=False)
        results.append(_measure(case, options))
    report = {"machine": machine(), "versions": versions(packages), "cases": results}
    out = told if options.json else Console()
    if options.json:
        print(json.dumps(report, indent=1))
    else:
        _print_table(out, title, report)
    for note in notes(options.quick) if notes is not None else ():
        out.print(note, soft_wrap=True, highlight=False)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Run this benchmark.")
    parser.add_argument("--quick", action="store_true", help="small sizes, a few seconds")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--only", default="", metavar="TEXT", help="cases whose name has TEXT")
    parser.add_argument("--repeats", type=int, help="timed runs of each contender")
    parser.add_argument("--peak", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


def _measure(case: Case, options: argparse.Namespace) -> dict[str, Any]:
    """One entry of `cases`."""
    ours, reference = times(case, options.repeats or case.repeats)
    scaled = None if reference is None else reference * case.reference_scale
    return {
        "name": case.name,
        "ours_s": ours,
        "reference": case.reference_name,
        "reference_s": scaled,
        "ratio": None if scaled is None else scaled / ours,
        "unit": case.unit,
        "ours_rate": None if case.amount is None else case.amount / ours,
        "reference_rate": (
            None if case.amount is None or scaled is None else case.amount / scaled
        ),
        "ours_peak_mb": _peak_in_fresh_process(case, "ours", options.quick),
        "reference_peak_mb": (
            None
            if case.reference is None
            else _peak_in_fresh_process(case, "reference", options.quick)
        ),
    }


def times(case: Case, repeats: int) -> tuple[float, float | None]:
    """Median seconds of each contender over interleaved runs, after a run of each to check."""
    inputs = case.setup()
    contenders = [case.ours] if case.reference is None else [case.ours, case.reference]
    answers = [contender(inputs) for contender in contenders]
    if case.check is not None:
        case.check(*answers)
    del answers
    seconds: list[list[float]] = [[] for _ in contenders]
    for _ in range(repeats):
        for contender, spent in zip(contenders, seconds, strict=True):
            gc.collect()
            start = time.perf_counter()
            contender(inputs)
            spent.append(time.perf_counter() - start)
    return median(seconds[0]), median(seconds[1]) if case.reference is not None else None


def _peak_in_fresh_process(case: Case, contender: str, quick: bool) -> float:
    """Megabytes (10^6 bytes) that one call needs beyond its inputs."""
    command = [sys.executable, sys.argv[0], "--peak", case.name, contender]
    done = subprocess.run(
        command + ["--quick"] * quick, stdout=subprocess.PIPE, text=True, check=True
    )
    return round(float(done.stdout) / 1e6, 1)


def peak_of(case: Case, contender: str) -> int:
    """Bytes of resident memory that one call adds at its highest, in this process."""
    call = case.ours if contender == "ours" else case.reference
    assert call is not None
    inputs = case.setup()
    gc.collect()
    _forget_high_water()
    before = resident()
    call(inputs)
    return _high_water() - before


def resident() -> int:
    """Bytes that this process has resident now; where the system does not say, the most so far."""
    return _status_bytes("VmRSS") or _high_water()


def _forget_high_water() -> None:
    """Let the high-water mark start anew, where the system can (Linux)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _high_water() -> int:
    """The most bytes this process has had resident.

    `getrusage` is the fallback: on Linux its mark survives `exec`, so a child starts with its
    parent's.
    """
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return _status_bytes("VmHWM") or peak * (1 if sys.platform == "darwin" else 1024)


def _status_bytes(field: str) -> int:
    """A size from the process's status file, in bytes; 0 where there is none."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
    return 0


def machine() -> dict[str, Any]:
    """What the numbers were measured on."""
    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return {
        "cpu": model,
        "cores": cores(),
        "threads": int(os.environ.get("OMP_NUM_THREADS", cores())),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "instructions": instructions(),
        "load_average": round(os.getloadavg()[0], 2),
    }


def instructions() -> str:
    """The vector instructions that this process's libraries use, each by its own word for them.

    To see what a lesser processor would give, take some away before the start:
    ``ATEN_CPU_CAPABILITY=avx2`` from torch, ``MKL_ENABLE_INSTRUCTIONS=AVX2`` from its products,
    ``NPY_DISABLE_CPU_FEATURES=X86_V4,AVX512_ICL,AVX512_SPR`` from NumPy.
    """
    from threadpoolctl import threadpool_info

    said = [f"NumPy {' '.join(numpy_sets())}"]
    if "torch" in sys.modules:
        said.append(f"torch {sys.modules['torch'].backends.cpu.get_cpu_capability()}")
    said += sorted({f"OpenBLAS {library['architecture']}" for library in threadpool_info()
                    if library["internal_api"] == "openblas"})
    if limit := os.environ.get("MKL_ENABLE_INSTRUCTIONS"):
        said.append(f"MKL at most {limit}")
    return "; ".join(said)


def versions(packages: Sequence[str]) -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in packages:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    return found


def _print_table(console: Console, title: str, report: dict[str, Any]) -> None:
    table = Table(title=title)
    table.add_column("case", min_width=26, overflow="fold")
    table.add_column("reference", overflow="fold")
    for heading in ("ours s", "ref. s", "ratio", "ours MB", "ref. MB"):
        table.add_column(heading, justify="right", no_wrap=True)
    for case in report["cases"]:
        table.add_row(
            case["name"],
            case["reference"] or "",
            *(
                "" if case[key] is None else f"{case[key]:.{digits}f}"
                for key, digits in (
                    ("ours_s", 3),
                    ("reference_s", 3),
                    ("ratio", 1),
                    ("ours_peak_mb", 0),
                    ("reference_peak_mb", 0),
                )
            ),
        )
    console.print(table)
    for case in report["cases"]:
        if case["ours_rate"] is not None:
            rates = [f"{case[f'{who}_rate']:,.0f}" for who in ("ours", "reference")
                     if case[f"{who}_rate"] is not None]
            console.print(f"{case['name']}: {' and '.join(rates)} {case['unit']} a second",
                          soft_wrap=True, highlight=False)
    for part in ("machine", "versions"):
        line = ", ".join(f"{name} {value}" for name, value in report[part].items())
        console.print(line, soft_wrap=True, highlight=False)
