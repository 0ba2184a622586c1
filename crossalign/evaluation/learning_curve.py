"""Learning curve: a score of several models over the number of training pairs, or the share that
is wrong.

Every point is a whole `evaluate` under its own supervision, with all choices made on validation
classes under the same one. Run k of every model and every point has the same class split, and its
pairs are nested: see `data.supervision`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from crossalign.data.supervision import ALL, Supervision, supervised
from crossalign.evaluation.comparison import share_of_test
from crossalign.evaluation.protocols import get, resolve
from crossalign.evaluation.report import Report
from crossalign.evaluation.row_differences import (
    RowDifferences,
    difference_cell,
    row_differences,
)
from crossalign.evaluation.runs import evaluate
from crossalign.evaluation.seeds import check_runs
from crossalign.pace import Log
from crossalign.sentences import nearest
from crossalign.tables import aligned, percent
from crossalign.types import Benchmark

Array = npt.NDArray[Any]

CHANCE = "chance"
"""Name of the row of random embeddings, which learns nothing and is scored once."""


class Contender(NamedTuple):
    """Model of a row, and the grid that validation chooses from."""

    model: Any
    grid: Mapping[str, Sequence[Any]]


AXES = ("pairs", "wrong")
"""Arguments of `Supervision` that a curve can be over."""
Value = int | float | None


class Point(NamedTuple):
    """Report of a row at a number of pairs, None for all, or at a share of wrong ones; or the
    sentence with which it refused.
    """

    row: str
    value: Value
    report: Report | None
    refusal: str = ""


@dataclass
class LearningCurve:
    """Scores of several models over the number of pairs, or the share of them that is wrong.

    Attributes
    ----------
    data, metric : str
        Names of the data and of the score.
    values : K numbers
        Numbers of pairs, None for all; or shares of wrong pairs.
    seeds : list of int
        Runs.
    supervision : Supervision
        All that is the same for every point.
    axis : {"pairs", "wrong"}
        Argument of the supervision that the values are of; default ``"pairs"``.
    rows : mapping of row to (runs, K)
        Fractions; NaN where a model refused, or has not been run.
    refused : mapping of row to mapping of value to str
        Sentences of models that could not learn from so little.
    interrupted : bool
        Whether Ctrl-C ended it before all points were done.
    split_id : list of str
        Class split of every run; empty before the first point.
    test_share : float, optional
        Size of the test part over that of the training part, in units that the splits divide.
    """

    data: str
    metric: str
    values: tuple[Value, ...]
    seeds: list[int]
    supervision: Supervision
    axis: str = "pairs"
    rows: dict[str, Array] = field(default_factory=dict)
    refused: dict[str, dict[str, str]] = field(default_factory=dict)
    interrupted: bool = False
    split_id: list[str | None] = field(default_factory=list)
    test_share: float | None = None

    def add(self, point: Point) -> None:
        """Add a point; one of `CHANCE` stands at every value.

        Raises
        ------
        ValueError
            If its report does not have the score.
        """
        values = self.rows.setdefault(point.row, np.full((len(self.seeds), len(self.values)),
                                                         np.nan))
        places = slice(None) if point.row == CHANCE else [self.values.index(point.value)]
        if point.report is None:
            self.refused.setdefault(point.row, {})[named(point.value)] = point.refusal
        elif self.metric not in point.report.scores:
            raise ValueError(f"metric: {point.row} on {self.data} has no {self.metric!r}; "
                             f"{nearest(self.metric, point.report.scores)}")
        else:
            values[:, places] = np.array(point.report.scores[self.metric]["runs"])[:, None]
            splits = point.report.protocol.get("split_id")
            self.split_id = splits if isinstance(splits, list) else [splits] * len(self.seeds)
            self.test_share = share_of_test(point.report.protocol)

    def differences(self) -> RowDifferences | None:
        """Compare the first model with each of the others; return None if there are no two."""
        rows = {row: values for row, values in self.rows.items() if row != CHANCE}
        if len(rows) < 2:
            return None
        return row_differences(rows, next(iter(rows)), self.split_id, self.test_share)

    def __str__(self) -> str:
        lines = [["", *(column(self.axis, value) for value in self.values)]]
        for row, values in self.rows.items():
            sd = values.std(axis=0, ddof=1) if len(values) > 1 else np.zeros(len(self.values))
            lines.append([row, *("-" if np.isnan(m) else percent(m, s, len(values))
                                 for m, s in zip(values.mean(axis=0), sd, strict=True))])
        facts = self.stated()
        under = ", ".join(f"{name} {value}" for name, value in facts.items())
        return "\n".join([f"{self.metric} (%) on {self.data}: {under}", "", *aligned(lines),
                          *self._told_differences()])

    def _told_differences(self) -> list[str]:
        """Return the lines that tell whether the first model is above another; none of one run."""
        found = self.differences() if len(self.seeds) > 1 else None
        if found is None:
            return []
        tested = {one.method for of in found.others.values() for one in of if one is not None}
        lines = [["", *(column(self.axis, value) for value in self.values)],
                 *([row, *map(difference_cell, of)] for row, of in found.others.items())]
        return ["", f"{found.row} minus (points, 95 % interval, p): {'; '.join(sorted(tested))}",
                "", *aligned(lines)]

    def stated(self) -> dict[str, Any]:
        """Return what holds for every point: labels, other rows, wrong pairs or the number of
        pairs, number of runs.
        """
        given = self.supervision
        facts = {"labels": given.labels, "unpaired": _count(given.unpaired),
                 "pairs": _count(given.pairs), "wrong": given.wrong, "runs": len(self.seeds)}
        return {name: value for name, value in facts.items() if name != self.axis}

    def to_dict(self) -> dict[str, Any]:
        """Return all of it in plain JSON types; None where there is no score."""
        rows = {row: {"mean": _plain(values.mean(axis=0)),
                      "runs": [_plain(run) for run in values]}
                for row, values in self.rows.items()}
        return {"data": self.data, "metric": self.metric, **self.stated(), "seeds": self.seeds,
                "axis": self.axis, self.axis: [_count(value) for value in self.values],
                "split_id": self.split_id, "test_share": self.test_share, "rows": rows,
                "refused": self.refused,
                "differences": None if (found := self.differences()) is None else found.to_dict()}


def learning_curve(models: Mapping[str, Contender], bench: Benchmark, values: Sequence[Value],
                   supervision: Supervision, seeds: int = 1, *, axis: str = "pairs",
                   callbacks: Sequence[Any] = (), log: Log | None = None,
                   keep: Path | None = None) -> Iterator[Point]:
    """Yield the points of a learning curve as soon as each is done, chance first.

    Parameters
    ----------
    models : mapping of row to Contender
        Models and the grids that validation chooses from.
    bench : Benchmark
        Benchmark for retrieval, with all its pairs.
    values : K numbers
        Numbers of pairs, None for all; or shares of wrong pairs.
    supervision : Supervision
        Everything but these.
    seeds : int
        Number of runs; default 1.
    axis : {"pairs", "wrong"}
        Argument of the supervision that the values are of; default ``"pairs"``.
    callbacks : sequence
        Callbacks of every fit.
    log : callable, optional
        Function that receives one line per step.
    keep : folder, optional
        Folder in which every finished run is saved, and is not repeated for the same work.

    Raises
    ------
    ValueError
        If a value stands twice, there are fewer pairs, or a model does not suit the benchmark.
    KeyboardInterrupt
        After Ctrl-C, also if some runs of the point were finished: they are in ``keep``.
    """
    from crossalign.models import Chance

    if not values or len(set(values)) < len(values):
        raise ValueError(f"{axis}: got {','.join(map(named, values)) or 'none'}; give numbers, "
                         "each once.")
    parts = {value: supervised(bench, _with(supervision, axis, value)) for value in values}
    check_runs(seeds, bench)
    for contender in models.values():
        resolve(contender.model, bench)
    scored = partial(evaluate, seeds=seeds, callbacks=callbacks, log=log, pictures=False, keep=keep)
    yield Point(CHANCE, None, _whole(scored(Chance(), bench, tune=False), seeds))
    for number, (value, part) in enumerate(parts.items()):
        for place, (row, (model, grid)) in enumerate(models.items(), start=1):
            if log is not None:
                done = number * len(models) + place
                log(f"{row}, {column(axis, value)}: point {done} of {len(parts) * len(models)}")
            try:
                point = Point(row, value, _whole(scored(model, part, tune=grid), seeds))
            except ValueError as error:
                point = Point(row, value, None, str(error))
                if log is not None:
                    log(f"{row}, {column(axis, value)}: refused. {error}")
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
        raise ValueError(f"metric: got {name!r}; {nearest(name, known)}")
    return task.objective if name is None else name


def named(value: Value) -> str:
    """Write a number of pairs or a share of them."""
    return f"{_count(value)}"


def column(axis: str, value: Value) -> str:
    """Write the head of a value's column."""
    if axis == "wrong":
        return f"{100 * float(value or 0):g} % wrong"
    return f"{named(value)} pair{'s' * (value != 1)}"


def heading(told: Mapping[str, Any]) -> str:
    """Write what the JSON of a curve is of: its data, the side of training rows that is labelled,
    and the number of pairs of a curve over something else.
    """
    sides = {"none": "no labels", "both": "labels on both sides", "one": "labels on the first side"}
    labels = sides.get(told["labels"], f"labels of {told['labels']}")
    pairs = "" if told["axis"] == "pairs" else f", {told['pairs']} pair{'s' * (told['pairs'] != 1)}"
    return f"{told['data']}: {labels}{pairs}"


def _with(supervision: Supervision, axis: str, value: Value) -> Supervision:
    """Return the supervision of a point.

    Raises
    ------
    ValueError
        If the axis is unknown.
    """
    if axis not in AXES:
        raise ValueError(f"axis: got {axis!r}; {nearest(axis, AXES)}")
    given: dict[str, Any] = {axis: value}
    return replace(supervision, **given)


def _count(value: Value) -> int | float | str:
    return ALL if value is None else value


def _plain(values: Array) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in values]
