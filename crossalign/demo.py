"""The demo: five stories on the built-in letters, and one page to look at.

The stories are the suite ``demo``. Every model is tuned on validation classes or has fixed
hyper-parameters; the budgets are small so that all of it ends within minutes on two cores.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from crossalign.cores import usable_cores
from crossalign.evaluation import Report
from crossalign.recipes.run_suite import run_suite
from crossalign.recipes.suite import load_suite

MINUTES = "two to three minutes on two quiet cores"
"""Time that the demo takes; the README says so too."""
NEEDS = f"needs {MINUTES}, 2 GB of memory, 5 MB of disk and no network"
"""Sentence printed before the demo starts."""


def run_demo(out: Path, log: Callable[[str], None]) -> list[Report]:
    """Run the stories, print a table each, and write ``report.html`` and the JSON reports.

    Models are fitted side by side, one per core.
    """
    started, suite = time.perf_counter(), load_suite("demo")
    workers = min(usable_cores(), len(suite.runs))
    log(f"{len(suite.runs)} models, {workers} at a time; {NEEDS}")
    shown = run_suite(suite, out, jobs=workers, keep=False, log=log)
    seconds = time.perf_counter() - started
    print(f"\nReport with pictures: {out / 'report.html'}  ({seconds:.0f} s)")
    return shown
