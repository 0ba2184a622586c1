"""An ablation written to a folder: a report of every row, the curves, and a page of all of it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from crossalign.evaluation.ablation import (
    Curve,
    ablation_table,
    module_rows,
    sweep,
)
from crossalign.evaluation.protocols import get
from crossalign.evaluation.report import Report
from crossalign.files import replacing, write_text
from crossalign.pace import Log
from crossalign.types import Benchmark


def run_ablation(model: Any, bench: Benchmark, rows: Mapping[str, Mapping[str, Any]],
                 sweeps: Mapping[str, Sequence[float]], out: Path, *, seeds: int = 1,
                 curve_seeds: int = 1, published: Mapping[str, Mapping[Any, float]] | None = None,
                 callbacks: Sequence[Any] = (), log: Log | None = None) -> None:
    """Run rows and curves one after the other, each written to the folder ``out`` as soon as it is
    done.

    The folder then holds ``rows/NAME.json`` (reports), ``curves.json``, ``sensitivity.svg`` and
    ``ablation.html``, which shows all of it; the table is printed. Every finished run is saved in
    ``runs`` and not repeated for the same work.
    """
    reports: dict[str, Report] = {}
    for name, report in module_rows(model, bench, rows, seeds, callbacks=callbacks, log=log,
                                    keep=out / "runs"):
        reports[name] = report
        file = re.sub(r"[^\w.-]+", "-", name)  # a row's name is not a path
        report.save(out / "rows" / f"{file}.json")
        _page(reports, {}, out)
        print(f"\n{ablation_table(reports, _columns(report), published)}", flush=True)
    curves: dict[str, Curve] = {}
    for parameter, values in sweeps.items():
        curves[parameter] = sweep(model, bench, parameter, values, curve_seeds,
                                  callbacks=callbacks, log=log, keep=out / "runs")
        write_text(out / "curves.json", json.dumps(
            {name: curve.to_dict() for name, curve in curves.items()}, indent=2) + "\n")
        _page(reports, drawn(curves, model if published else None), out)
        print(f"{parameter}: {curves[parameter].chosen:g} chosen on validation", flush=True)
    if log is not None:
        log(f"wrote {out / 'ablation.html'}")


def _columns(report: Report) -> list[str]:
    """Return the metrics that the table of rows shows."""
    return get(report.task)().columns_of(list(report.scores))


def drawn(curves: Mapping[str, Curve], model: Any) -> dict[str, dict[str, Any]]:
    """Return curves in the form of `plots.sensitivity`, with the values of a model set as in its
    paper.
    """
    return {name: {"values": c.values, "validation": c.validation, "test": c.test,
                   "chosen": c.chosen, "paper": getattr(model, name, None)}
            for name, c in curves.items()}


def _page(reports: Mapping[str, Report], curves: Mapping[str, Any], out: Path) -> None:
    """Write the page of all results so far, under the last row, which is the whole model."""
    from crossalign.pages import plots, write_page

    if curves:
        with replacing(out / "sensitivity.svg") as draft:
            plots.sensitivity(curves).savefig(draft, format="svg")
    if reports:
        last = list(reports.values())[-1]
        metrics = _columns(last)
        last.artefacts = {"sensitivity": dict(curves), "rows": [
            {"model": name, **{m: report.scores[m] for m in metrics}}
            for name, report in reports.items()]}
        write_page(last, out / "ablation.html")
