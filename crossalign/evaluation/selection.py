"""Hyper-parameters and calibration from the validation benchmark, and from nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from crossalign.evaluation.candidates import candidates, refusals
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
    refused : str or None
        Why validation could try nothing; None where it did, or there was nothing to try.
    """

    params: dict[str, Any]
    settings: dict[str, Any]
    how: str
    tried: list[tuple[dict[str, Any], float]] = field(default_factory=list)
    refused: str | None = None


def select(model: Any, bench: Benchmark, task: Protocol, grid: Grid,
           callbacks: Sequence[Any] = (), log: Log | None = None, draws: int = 1) -> Selection:
    """Fit every point of ``grid`` on the validation benchmark of ``bench`` and return the best.

    The objective is the task's; the first of equal points wins. A point whose fit raises ValueError
    is left out, and the selection names it with the reason. Without a validation benchmark the
    model's own parameters stay, nothing is calibrated, and the selection says so; also where the
    fit is refused of a model that has nothing to be tuned.

    With several ``draws`` of validation classes, as far as the data has them, the objective is the
    mean over them, and the settings are those of the draw whose objective is the median: of few
    classes, one draw says little.

    Raises
    ------
    ValueError
        If every point is refused, with the sentence of the last; or if scoring refuses.
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
    found = [_tried(model, one, task, points, callbacks, log) for one in drawn]
    refused = [one for trials in found for one in trials.refused]
    places = set(range(len(points))).intersection(*(trials.objectives for trials in found))
    if not places:
        if grid or task.needs_calibration:
            raise refused[-1][1]
        why = str(refused[-1][1])
        return Selection({}, {}, f"nothing was selected, as validation refused: {why}", [], why)
    means = {place: float(np.mean([trials.objectives[place] for trials in found]))
             for place in sorted(places)}
    best = max(means, key=means.__getitem__)
    each = [trials.objectives[best] for trials in found]
    middle = int(np.argsort(each, kind="stable")[len(each) // 2])
    outcome = found[middle].best
    if outcome is None or found[middle].place != best:       # on that draw another point is best
        outcome = _tried(model, drawn[middle], task, [points[best]], callbacks, None).best
    assert outcome is not None
    params, objective = points[best], means[best]
    settings = task.calibrate(outcome, drawn[middle])
    tried = [(points[place], mean) for place, mean in means.items()]
    how = _sentence(model, task, params, settings, objective, len(points), len(drawn))
    if ends := at_the_end(params, grid):
        how += f"; {' and '.join(ends)}, so a wider grid may do better"
        if log is not None:
            log(" and ".join(ends))
    if refused:
        how += f"; {refusals(refused)}"
    return Selection(params, settings, how, tried)


def _open(model: Any, validation: Benchmark, task: Protocol, grid: Grid) -> Grid:
    """Return the part of a grid that the task tunes and that matters on these samples."""
    if not task.tunes:
        return {}
    idle = task.idle(model, validation, grid)
    return {name: values for name, values in grid.items() if name not in idle}


class _Trials(NamedTuple):
    """Objectives of points on one benchmark by their place, the place and the outcome of the best,
    and the points that were refused.
    """

    objectives: dict[int, float]
    place: int
    best: Outcome | None
    refused: list[tuple[dict[str, Any], ValueError]]


def _tried(model: Any, validation: Benchmark, task: Protocol, points: Sequence[dict[str, Any]],
           callbacks: Sequence[Any], log: Log | None) -> _Trials:
    """Fit and score every point; the outcome of the best alone is held."""
    objectives: dict[int, float] = {}
    place, best, refused = -1, None, []
    try:
        samples, classes = training_of(model, validation, task)
    except ValueError as error:
        return _Trials({}, place, None, [(params, error) for params in points])
    with Pace(log, "tried", len(points), "settings") as pace:
        for at, (params, candidate) in enumerate(candidates(model, samples, points, classes,
                                                            callbacks)):
            if isinstance(candidate, ValueError):
                refused.append((params, candidate))
                if log is not None and len(points) > 1:
                    log(refusals(refused[-1:]))
            else:
                outcome = task.trial(embedded_once(candidate), validation)
                objectives[at] = outcome.objective
                if best is None or outcome.objective > best.objective:
                    place, best = at, outcome
            pace(at + 1)
    return _Trials(objectives, place, best, refused)


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
