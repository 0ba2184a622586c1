"""Ablation: the worth of each part of a model, and the effect of its weights.

`module_rows` evaluates a model with parts switched off, one report per row. `sweep` varies one
hyper-parameter: its value is judged on validation classes, and the test score stands beside it
without having any say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import clone

from crossalign.evaluation.kept import kept, work_of
from crossalign.evaluation.protocols import Protocol, resolve
from crossalign.evaluation.report import Report
from crossalign.evaluation.runs import evaluate
from crossalign.evaluation.seeds import check_runs, seeded
from crossalign.evaluation.selection import fit_on, select
from crossalign.pace import Log
from crossalign.tables import aligned, percent
from crossalign.types import Benchmark


@dataclass(frozen=True)
class Curve:
    """Scores over the values of one hyper-parameter.

    Attributes
    ----------
    parameter : str
        Name of the hyper-parameter.
    values : (k,)
        Values tried.
    validation, test : (runs, k)
        Scores as fractions: the objective on validation classes, and the same metric on test with
        the calibration that validation chose.
    metric : str
        Name of the metric.
    """

    parameter: str
    values: npt.NDArray[np.float64]
    validation: npt.NDArray[np.float64]
    test: npt.NDArray[np.float64]
    metric: str

    @property
    def chosen(self) -> float:
        """Value with the best mean on validation."""
        return float(self.values[self.validation.mean(axis=0).argmax()])

    def to_dict(self) -> dict[str, Any]:
        """Return the curve in plain JSON types."""
        return {"parameter": self.parameter, "metric": self.metric, "chosen": self.chosen,
                "values": self.values.tolist(), "validation": self.validation.tolist(),
                "test": self.test.tolist()}


def module_rows(model: Any, bench: Benchmark, rows: Mapping[str, Mapping[str, Any]],
                seeds: int = 1, *, task: str | Protocol | None = None,
                callbacks: Sequence[Any] = (), log: Log | None = None,
                keep: Path | None = None) -> Iterator[tuple[str, Report]]:
    """Yield a report for each row of changed parameters, as soon as it is done.

    Every row chooses its calibration on validation classes and leaves its hyper-parameters as they
    are. ``keep`` is as in `evaluate`.

    Raises
    ------
    ValueError
        If there is no row, or a row names a parameter that the model does not have.
    """
    if not rows:
        raise ValueError(f"rows: {model.cli_name} declares no ablation; give rows of parameters.")
    for name, params in rows.items():
        if log is not None:
            log(f"{name}: {', '.join(f'{k}={v}' for k, v in params.items()) or 'complete'}")
        report = evaluate(clone(model).set_params(**params), bench, seeds, task=task, tune=False,
                          callbacks=callbacks, log=log, pictures=False, keep=keep)
        yield name, report
        if len(report.seeds) < seeds:  # broken off after the first run
            raise KeyboardInterrupt


def sweep(model: Any, bench: Benchmark, parameter: str, values: Sequence[float],
          seeds: int = 1, *, task: str | Protocol | None = None, callbacks: Sequence[Any] = (),
          log: Log | None = None, keep: Path | None = None) -> Curve:
    """Score validation and test over the values of one hyper-parameter.

    Every point is written to the folder ``keep`` when done, as `evaluate` does.

    Raises
    ------
    ValueError
        If the benchmark has no validation classes, or the model no such parameter.
    """
    task = resolve(model, bench, task)
    validation = np.zeros((seeds, len(values)))
    test = np.zeros_like(validation)
    work = None if keep is None else work_of(model, bench)
    for run in check_runs(seeds, bench):
        for i, value in enumerate(values):
            candidate = seeded(model, run).set_params(**{parameter: value})
            facts = {} if work is None else work(run, task=task.facts, parameter=parameter,
                                                 params=candidate.plain_params())
            validation[run, i], test[run, i] = kept(
                keep, f"{parameter}-{value:g}-{run}", facts,
                partial(_point, candidate, bench.run(run), task, parameter, callbacks), log)
            if log is not None:
                log(f"{parameter}={value:g}, run {run + 1} of {seeds}: {task.objective} "
                    f"{percent(validation[run, i])} on validation, {percent(test[run, i])} on test")
    return Curve(parameter, np.asarray(values, dtype=np.float64), validation, test,
                 task.objective)


def _point(candidate: Any, part: Benchmark, task: Protocol, parameter: str,
           callbacks: Sequence[Any]) -> tuple[float, float]:
    """Return the validation and test score of a model at its value of a parameter."""
    if part.validation_split is None:
        raise ValueError(f"data: {part.name!r} has no validation classes to judge {parameter} by; "
                         "give data with train_loc and val_loc.")
    choice = select(candidate, part, task, {parameter: [getattr(candidate, parameter)]}, callbacks)
    if not choice.tried:
        raise ValueError(f"task: nothing is chosen for {task.name} with {candidate.cli_name}, so "
                         f"{parameter} has no curve; leave it out of the sweeps.")
    fitted = fit_on(candidate, part, task, callbacks)
    scores = task.score(fitted, part, choice.settings).scores
    return float(choice.tried[0][1]), float(scores[task.objective])


def ablation_table(reports: Mapping[str, Report], metrics: Sequence[str],
                   published: Mapping[str, Mapping[Any, float]] | None = None) -> str:
    """Write rows by name, with metrics in percent (mean and sd over runs) and published H if there
    is one.
    """
    published = published or {}
    header = ["", *metrics, *(["published H"] if published else [])]
    lines = [header]
    for name, report in reports.items():
        cells = [report.cell(m) for m in metrics]
        paper_h = published.get(name, {}).get("H")
        lines.append([name, *cells, *(["" if paper_h is None else percent(paper_h / 100)]
                                      if published else [])])
    return "\n".join(aligned(lines))
