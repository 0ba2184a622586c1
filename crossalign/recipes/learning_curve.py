"""A learning curve written to a folder: a report of every point, the numbers and the figure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from crossalign.data.supervision import Supervision
from crossalign.evaluation.learning_curve import (
    Contender,
    LearningCurve,
    Value,
    heading,
    learning_curve,
    metric_of,
    named,
)
from crossalign.evaluation.seeds import check_runs
from crossalign.files import replacing, write_text
from crossalign.types import Benchmark


def run_learning_curve(models: Mapping[str, Contender], bench: Benchmark,
                       values: Sequence[Value], supervision: Supervision, *,
                       axis: str = "pairs", seeds: int = 1, metric: str | None = None,
                       out: Path | None = None, callbacks: Sequence[Any] = (),
                       log: Any = None) -> LearningCurve:
    """Measure a learning curve; write it, as far as it has come, after every point.

    The folder ``out`` then holds ``points/ROW-VALUE.json`` (reports), ``learning_curve.json``,
    ``.svg`` and ``.png``; every finished run is saved in ``runs`` and not repeated for the same
    work. After Ctrl-C the curve is returned with the points that were finished.

    Raises
    ------
    ValueError
        As `learning_curve`; or where every model refused, with the first one's sentence.
    KeyboardInterrupt
        If not one point was finished.
    """
    score = metric_of(bench, metric)
    curve = LearningCurve(bench.name, score, tuple(values), check_runs(seeds, bench), supervision,
                          axis)
    try:
        for point in learning_curve(models, bench, values, supervision, seeds, axis=axis,
                                    callbacks=callbacks, log=log,
                                    keep=None if out is None else out / "runs"):
            curve.add(point)
            if out is not None:
                if point.report is not None:
                    file = re.sub(r"[^\w.-]+", "-", f"{point.row}-{named(point.value)}")
                    point.report.save(out / "points" / f"{file}.json")
                _write(curve, out)
    except KeyboardInterrupt:
        if not curve.rows:
            raise
        curve.interrupted = True
    refusals = [sentence for of in curve.refused.values() for sentence in of.values()]
    if len(refusals) == len(models) * len(values):
        raise ValueError(refusals[0])
    return curve


def _write(curve: LearningCurve, out: Path) -> None:
    """Write the numbers and the figure."""
    from crossalign.pages import plots

    told = curve.to_dict()
    write_text(out / "learning_curve.json", json.dumps(told, indent=2) + "\n")
    figure = plots.learning_curve(curve.rows, curve.values, axis=curve.axis, metric=curve.metric,
                                  title=heading(told))
    for suffix in ("svg", "png"):
        with replacing(out / f"learning_curve.{suffix}") as draft:
            figure.savefig(draft, format=suffix, dpi=170)
