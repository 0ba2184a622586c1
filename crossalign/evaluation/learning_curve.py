"""Learning curve: a score of several models over the number of training pairs.

Every point is a whole `evaluate` under its own supervision, with all choices made on validation
classes under the same one. Run k of every model and every point has the same class split, and its
pairs are nested: see `data.supervision`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from crossalign.data.supervision import ALL, Supervision, supervised
from crossalign.evaluation.protocols import get, resolve
from crossalign.evaluation.report import Report
from crossalign.evaluation.runs import evaluate
from crossalign.evaluation.seeds import check_runs
from crossalign.tables import aligned, percent
from crossalign.types import Benchmark

Array = npt.NDArray[Any]
Log = Callable[[str], None]

CHANCE = "chance"
"""Name of the row of random embeddings, which learns nothing and is scored once."""


class Contender(NamedTuple):
    """Model of a row, and the grid that validation chooses from."""

    model: Any
    grid: Mapping[str, Sequence[Any]]


class Point(NamedTuple):
    """Report of a row at a number of pairs, None for all; or the sentence with which it refused."""

    row: str
    pairs: int | None
    report: Report | None
    refusal: str = ""


@dataclass
class LearningCurve:
    """Scores of several models over the number of pairs.

    Attributes
    ----------
    data, metric : str
        Names of the data and of the score.
    pairs : K integers or None
        Numbers of pairs; None for all.
    seeds : list of int
        Runs.
    supervision : Supervision
        Labels, other rows and wrong pairs, which are the same for all points.
    rows : mapping of row to (runs, K)
        Fractions; NaN where a model refused, or has not been run.
    refused : mapping of row to mapping of pairs to str
        Sentences of models that could not learn from so little.
    interrupted : bool
        Whether Ctrl-C ended it before all points were done.
    """

    data: str
    metric: str
    pairs: tuple[int | None, ...]
    seeds: list[int]
    supervision: Supervision
    rows: dict[str, Array] = field(default_factory=dict)
    refused: dict[str, dict[str, str]] = field(default_factory=dict)
    interrupted: bool = False

    def add(self, point: Point) -> None:
        """Add a point; one of `CHANCE` stands at every number of pairs.

        Raises
        ------
        ValueError
            If its report does not have the score.
        """
        values = self.rows.setdefault(point.row, np.full((len(self.seeds), len(self.pairs)),
                                                         np.nan))
        places = slice(None) if point.row == CHANCE else [self.pairs.index(point.pairs)]
        if point.report is None:
            self.refused.setdefault(point.row, {})[named(point.pairs)] = point.refusal
        elif self.metric not in point.report.scores:
            raise ValueError(f"metric: {point.row} on {self.data} has no {self.metric!r}; choose "
                             f"one of {list(point.report.scores)}.")
        else:
            values[:, places] = np.array(point.report.scores[self.metric]["runs"])[:, None]

    def __str__(self) -> str:
        lines = [["", *(f"{named(n)} pairs" for n in self.pairs)]]
        for row, values in self.rows.items():
            sd = values.std(axis=0, ddof=1) if len(values) > 1 else np.zeros(len(self.pairs))
            lines.append([row, *("-" if np.isnan(m) else percent(m, s, len(values))
                                 for m, s in zip(values.mean(axis=0), sd, strict=True))])
        facts = self.stated()
        under = ", ".join(f"{name} {value}" for name, value in facts.items())
        return "\n".join([f"{self.metric} (%) on {self.data}: {under}", "", *aligned(lines)])

    def stated(self) -> dict[str, Any]:
        """Return what holds for every point: labels, other rows, wrong pairs, number of runs."""
        other = self.supervision.unpaired
        return {"labels": self.supervision.labels,
                "unpaired": ALL if other is None else other, "wrong": self.supervision.wrong,
                "runs": len(self.seeds)}

    def to_dict(self) -> dict[str, Any]:
        """Return all of it in plain JSON types; None where there is no score."""
        rows = {row: {"mean": _plain(values.mean(axis=0)),
                      "runs": [_plain(run) for run in values]}
                for row, values in self.rows.items()}
        return {"data": self.data, "metric": self.metric, **self.stated(), "seeds": self.seeds,
                "pairs": [ALL if n is None else n for n in self.pairs], "rows": rows,
                "refused": self.refused}


def learning_curve(models: Mapping[str, Contender], bench: Benchmark, pairs: Sequence[int | None],
                   supervision: Supervision, seeds: int = 1, *, callbacks: Sequence[Any] = (),
                   log: Log | None = None, keep: Path | None = None) -> Iterator[Point]:
    """Yield the points of a learning curve as soon as each is done, chance first.

    Parameters
    ----------
    models : mapping of row to Contender
        Models and the grids that validation chooses from.
    bench : Benchmark
        Benchmark for retrieval, with all its pairs.
    pairs : K integers or None
        Numbers of pairs; None for all.
    supervision : Supervision
        Everything but the number of pairs.
    seeds : int
        Number of runs; default 1.
    callbacks : sequence
        Callbacks of every fit.
    log : callable, optional
        Function that receives one line per step.
    keep : folder, optional
        Folder in which every finished run is saved, and is not repeated for the same work.

    Raises
    ------
    ValueError
        If a number of pairs stands twice or is more than there are, or a model does not suit the
        benchmark.
    KeyboardInterrupt
        After Ctrl-C, also if some runs of the point were finished: they are in ``keep``.
    """
    from crossalign.models import Chance

    if not pairs or len(set(pairs)) < len(pairs):
        raise ValueError(f"pairs: got {','.join(map(named, pairs)) or 'none'}; give numbers, each "
                         "once.")
    parts = {n: supervised(bench, replace(supervision, pairs=n)) for n in pairs}
    check_runs(seeds, bench)
    for contender in models.values():
        resolve(contender.model, bench)
    scored = partial(evaluate, seeds=seeds, callbacks=callbacks, log=log, pictures=False, keep=keep)
    yield Point(CHANCE, None, _whole(scored(Chance(), bench, tune=False), seeds))
    for number, (n, part) in enumerate(parts.items()):
        for place, (row, (model, grid)) in enumerate(models.items(), start=1):
            if log is not None:
                done = number * len(models) + place
                log(f"{row}, {named(n)} pairs: point {done} of {len(parts) * len(models)}")
            try:
                point = Point(row, n, _whole(scored(model, part, tune=grid), seeds))
            except ValueError as error:
                point = Point(row, n, None, str(error))
                if log is not None:
                    log(f"{row}, {named(n)} pairs: refused. {error}")
            yield point


def _whole(report: Report, seeds: int) -> Report:
    """Return a report that has all of its runs; else go on with the interruption."""
    if len(report.seeds) < seeds:
        raise KeyboardInterrupt
    return report


def metric_of(bench: Benchmark, name: str | None = None) -> str:
    """Return the score to draw, by default the one that validation maximises.

    Raises
    ------
    ValueError
        If the task has no such score.
    """
    task = get(bench.task)
    known = [metric.name for metric in task.metrics if metric.better is not None]
    if name is not None and name not in known:
        raise ValueError(f"metric: got {name!r}; choose one of {known}.")
    return task.objective if name is None else name


def named(pairs: int | None) -> str:
    """Write a number of pairs."""
    return ALL if pairs is None else f"{pairs}"


def heading(data: str, labels: str) -> str:
    """Write what a curve is of: its data, and the side of training rows that is labelled."""
    sides = {"none": "no labels", "both": "labels on both sides", "one": "labels on the first side"}
    return f"{data}: {sides.get(labels, f'labels of {labels}')}"


def _plain(values: Array) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in values]
