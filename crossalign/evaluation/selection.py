"""Hyper-parameters and calibration from the validation benchmark, and from nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone

from crossalign.evaluation.protocols import Outcome, Protocol
from crossalign.evaluation.training_part import training_of
from crossalign.models.embedded_once import embedded_once
from crossalign.pace import Log, Pace
from crossalign.types import Benchmark

Grid = Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class Selection:
    """Hyper-parameters and settings that validation chose.

    Attributes
    ----------
    params : mapping
        Chosen hyper-parameters.
    settings : mapping
        Settings chosen by `Protocol.calibrate`, such as ``gamma``; empty if nothing was chosen.
    how : str
        One sentence for the report.
    tried : list of (params, objective)
        Points of the grid with their objectives.
    """

    params: dict[str, Any]
    settings: dict[str, Any]
    how: str
    tried: list[tuple[dict[str, Any], float]] = field(default_factory=list)


def select(model: Any, bench: Benchmark, task: Protocol, grid: Grid,
           callbacks: Sequence[Any] = (), log: Log | None = None, draws: int = 1) -> Selection:
    """Fit every point of ``grid`` on the validation benchmark of ``bench`` and return the best.

    The objective is the task's; the first of equal points wins. Without a validation benchmark the
    model's own parameters stay, nothing is calibrated, and the selection says so.

    With several ``draws`` of validation classes, as far as the data has them, the objective is the
    mean over them, and the settings are those of the draw whose objective is the median: of few
    classes, one draw says little.
    """
    validation = bench.validation()
    if validation is None:
        reason = bench.protocol.get("no_validation", "the data has no validation split")
        return Selection({}, {}, task.without_validation(model, reason, log))
    grid = _open(model, validation, task, grid)
    if model.oracle or not (grid or task.calibrates):
        return Selection({}, {}, f"nothing was selected: fixed hyper-parameters{_epoch(model)}")
    points = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    if log is not None:
        log(f"choosing on validation classes, {len(points)} setting{'s' * (len(points) != 1)}")
    drawn = [validation, *filter(None, map(bench.validation, range(1, draws)))]
    try:
        if len(drawn) == 1:
            params, outcome, tried = _best(model, validation, task, points, callbacks, log)
            objective, settings = outcome.objective, task.calibrate(outcome, validation)
        else:
            params, objective, settings, tried = _best_on_average(model, drawn, task, points,
                                                                  callbacks, log)
    except ValueError as error:                # too few samples for it, where all are enough
        if grid or task.needs_calibration:
            raise
        return Selection({}, {}, f"nothing was selected, as validation refused: {error}")
    how = _sentence(model, task, params, settings, objective, len(points), len(drawn))
    if ends := at_the_end(params, grid):
        how += f"; {' and '.join(ends)}, so a wider grid may do better"
        if log is not None:
            log(" and ".join(ends))
    return Selection(params, settings, how, tried)


def _open(model: Any, validation: Benchmark, task: Protocol, grid: Grid) -> Grid:
    """Return the part of a grid that the task tunes and that matters on these samples."""
    if not task.tunes:
        return {}
    idle = task.idle(model, validation, grid)
    return {name: values for name, values in grid.items() if name not in idle}


def _best(model: Any, validation: Benchmark, task: Protocol, points: Sequence[dict[str, Any]],
          callbacks: Sequence[Any], log: Log | None,
          ) -> tuple[dict[str, Any], Outcome, list[tuple[dict[str, Any], float]]]:
    """Return the best point, its outcome, and every point with its objective."""
    best: tuple[dict[str, Any], Outcome] | None = None
    tried = []
    samples, classes = training_of(model, validation, task)
    candidates = clone(model).fit_path(samples, points, classes=classes, callbacks=callbacks)
    with Pace(log, "tried", len(points), "settings") as pace:
        for params, candidate in zip(points, candidates, strict=True):
            outcome = task.trial(embedded_once(candidate), validation)
            tried.append((params, outcome.objective))
            if best is None or outcome.objective > best[1].objective:
                best = params, outcome
            pace(len(tried))
    assert best is not None
    return *best, tried


def _best_on_average(model: Any, drawn: Sequence[Benchmark], task: Protocol,
                     points: Sequence[dict[str, Any]], callbacks: Sequence[Any], log: Log | None,
                     ) -> tuple[dict[str, Any], float, dict[str, Any],
                                list[tuple[dict[str, Any], float]]]:
    """Return the best point over several benchmarks, its mean objective, the settings that the
    benchmark of the median objective chooses for it, and every point with its mean objective.
    """
    each = np.array([[value for _, value in _best(model, one, task, points, callbacks, log)[2]]
                     for one in drawn])                           # (benchmarks, points)
    means = each.mean(axis=0)
    best = int(means.argmax())
    middle = drawn[np.argsort(each[:, best], kind="stable")[len(drawn) // 2]]
    _, outcome, _ = _best(model, middle, task, [points[best]], callbacks, None)
    return (points[best], float(means[best]), task.calibrate(outcome, middle),
            list(zip(points, means.tolist(), strict=True)))


def _sentence(model: Any, task: Protocol, params: Mapping[str, Any], settings: Mapping[str, Any],
              objective: float, points: int, draws: int) -> str:
    """Say what was chosen, from how much, and how good it is on validation."""
    values = ", ".join(f"{name}={value}" for name, value in params.items())
    parts = [f"{values} of {points} settings"] if params else []
    parts += [task.describe(settings)] if settings else []
    where = "validation classes" if draws == 1 else f"{draws} draws of validation classes"
    there = "there" if draws == 1 else "there on average"
    return (f"{' and '.join(parts)} chosen on {where} "
            f"({task.objective} {100 * objective:.1f} {there}){_epoch(model)}")


def at_the_end(params: Mapping[str, Any], grid: Mapping[str, Sequence[Any]]) -> list[str]:
    """Return the names of chosen numbers that are the smallest or largest of three or more
    tried.
    """
    phrases = []
    for name, value in params.items():
        tried = [v for v in grid[name] if isinstance(v, int | float) and not isinstance(v, bool)]
        if len(set(tried)) > 2 and value in (min(tried), max(tried)):
            which = "smallest" if value == min(tried) else "largest"
            phrases.append(f"{name}={value} is the {which} that was tried")
    return phrases


def _epoch(model: Any) -> str:
    return "; last epoch" if "epochs" in model.get_params() else ""


def fit_on(model: Any, bench: Benchmark, task: Protocol, callbacks: Sequence[Any] = (),
           checkpoint: str | Path | None = None) -> Any:
    """Fit a model on the part of a benchmark that its task trains on."""
    options = {"checkpoint": checkpoint} if model.resumable and checkpoint is not None else {}
    if model.oracle:
        return model.fit(task.ceiling_samples(bench), classes=bench.classes)
    samples, classes = training_of(model, bench, task)
    return model.fit(samples, classes=classes, callbacks=callbacks, **options)
