"""The demo: five stories on the built-in letters, a page to look at, and a space to try.

The stories are the suite ``demo``. Every model is tuned on validation classes or has fixed
hyper-parameters; the budgets are small so that all of it ends within minutes on two cores.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from crossalign.cores import usable_cores
from crossalign.data_options import DEFAULT, DataOptions
from crossalign.evaluation import Report
from crossalign.recipes.run_suite import run_suite
from crossalign.recipes.suite import load_suite

MINUTES = "two to three minutes on two quiet cores"
"""Time that the demo takes; the README says so too."""
NEEDS = f"needs {MINUTES}, 2 GB of memory, 80 MB of disk and no network"
"""Sentence printed before the demo starts."""


MODEL = "cca"
"""Model of the space, which is fitted within seconds."""


def run_demo(out: Path, log: Callable[[str], None]) -> list[Report]:
    """Run the stories, print a table each, and write ``report.html`` and the JSON reports; then
    build a space in ``letters`` beside them.

    Models are fitted side by side, one per core.

    Raises
    ------
    ValueError
        If the place of the space holds something else; before anything is run.
    """
    from crossalign.space import build_space
    from crossalign.space.folder import check_space_target

    place = out / "letters"
    check_space_target(place)
    started, suite = time.perf_counter(), load_suite("demo")
    workers = min(usable_cores(), len(suite.runs))
    log(f"{len(suite.runs)} models, {workers} at a time; {NEEDS}")
    shown = run_suite(suite, out, jobs=workers, keep=False, log=log)
    log("a space of the letters, to search and to draw for")
    build_space(DataOptions(data=DEFAULT), place, models=[MODEL], replace=True, questions=True,
                log=log)
    seconds = time.perf_counter() - started
    print(f"\nReport with pictures: {out / 'report.html'}  ({seconds:.0f} s)")
    print(f"\n{served(place)}")
    return shown


def served(place: Path) -> str:
    """Return what to type to draw a letter that was never trained on, and find it."""
    ready = find_spec("fastapi") is not None and find_spec("uvicorn") is not None
    return "\n".join([
        "Draw a letter that no model was trained on, and find it:",
        *([] if ready else ["  pip install 'crossalign[serve]'"]),
        f"  crossalign serve {shlex.quote(str(place))}",
        f'  crossalign search {shlex.quote(str(place))} "e with tilde"'])
