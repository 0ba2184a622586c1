"""Hyper-parameters and gamma from the validation benchmark, and from nothing else."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone

from crossalign.evaluation.protocols import SCORERS, Outcome
from crossalign.evaluation.sureness import Settings, choose_confidences
from crossalign.pace import Log, Pace
from crossalign.types import Benchmark, Views

OBJECTIVES = {"gzsl": "H", "zsl": "T1", "retrieval": "mAP", "transfer": "accuracy"}
"""What selection maximises, by task."""


@dataclass(frozen=True)
class Choice:
    """What validation chose.

    Attributes
    ----------
    params : mapping
        Chosen hyper-parameters.
    gamma : float or None
        Calibration of seen classes, for ``gzsl``.
    how : str
        One sentence for the report.
    tried : list of (params, objective)
    confidences : mapping
        For ``gzsl``; see `sureness`.
    """

    params: dict[str, Any]
    gamma: float | None
    how: str
    tried: list[tuple[dict[str, Any], float]] = field(default_factory=list)
    confidences: Settings = field(default_factory=dict)


def choose(model: Any, bench: Benchmark, task: str, grid: Mapping[str, Sequence[Any]],
           callbacks: Sequence[Any] = (), log: Log | None = None) -> Choice:
    """Fit every point of ``grid`` on the validation benchmark of ``bench`` and keep the best.

    The objective is H at its best gamma for ``gzsl``, T1 for ``zsl``, mean mAP for
    ``retrieval``. The first of equal points wins. Without a validation benchmark the model's own
    parameters and gamma 0 are kept, and the choice says so.
    """
    validation = bench.validation()
    if validation is None:
        why = bench.protocol.get("no_validation", "the data has no validation split")
        return Choice({}, None, _nothing(model, task, why, log))
    idle = model.idle(validation["train"]) if "train" in validation.splits else ()
    grid = {name: values for name, values in grid.items() if name not in idle}
    if task == "transfer" or getattr(model, "oracle", False) or (not grid and task != "gzsl"):
        return Choice({}, None, f"nothing was selected: fixed hyper-parameters{_epoch(model)}")
    points = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    best: tuple[dict[str, Any], Outcome] | None = None
    tried = []
    candidates = clone(model).fit_path(validation["train"], points, classes=validation.classes,
                                       callbacks=callbacks)
    if log is not None:
        log(f"choosing on validation classes, {len(points)} "
            f"setting{'s' * (len(points) != 1)}")
    pace = Pace(log, "tried", len(points), "settings")
    for params, candidate in zip(points, candidates, strict=True):
        outcome = SCORERS[task](candidate, validation)
        tried.append((params, outcome.objective))
        if best is None or outcome.objective > best[1].objective:
            best = params, outcome
        pace(len(tried))
    assert best is not None
    params, found = best
    gamma = found.gamma
    chosen = ", ".join(f"{k}={v}" for k, v in params.items())
    parts = [f"{chosen} of {len(points)} settings"] if params else []
    parts += [f"gamma {gamma:.4g}"] if gamma is not None else []
    what = OBJECTIVES[task]
    how = (f"{' and '.join(parts)} chosen on validation classes "
           f"({what} {100 * found.objective:.1f} there){_epoch(model)}")
    if ends := at_the_end(params, grid):
        how += f"; {' and '.join(ends)}, so a wider grid may do better"
        if log is not None:
            log(" and ".join(ends))
    sure = ({} if task != "gzsl" or gamma is None else
            choose_confidences(found.evidence["head"], validation, gamma))
    return Choice(params, gamma, how, tried, sure)


def _nothing(model: Any, task: str, why: str, log: Log | None) -> str:
    """What a report says where nothing can be chosen; aloud where scores suffer from it."""
    if task != "gzsl" or getattr(model, "oracle", False):
        return f"nothing was selected: {why}"
    said = (f"nothing was selected and nothing was calibrated: {why}, so gamma is 0 and unseen "
            "classes are seldom chosen; give the benchmark a validation_split")
    warnings.warn(f"bench: {said}.", stacklevel=4)
    if log is not None:
        log(said)
    return said


def at_the_end(params: Mapping[str, Any], grid: Mapping[str, Sequence[Any]]) -> list[str]:
    """Which chosen numbers are the smallest or largest of three or more that were tried."""
    found = []
    for name, value in params.items():
        tried = [v for v in grid[name] if isinstance(v, int | float) and not isinstance(v, bool)]
        if len(set(tried)) > 2 and value in (min(tried), max(tried)):
            which = "smallest" if value == min(tried) else "largest"
            found.append(f"{name}={value} is the {which} that was tried")
    return found


def _epoch(model: Any) -> str:
    return "; last epoch" if "epochs" in model.get_params() else ""


def fit_on(model: Any, bench: Benchmark, task: str, callbacks: Sequence[Any] = (),
           checkpoint: str | Path | None = None) -> Any:
    """Fit a model on the part of a benchmark that its task trains on."""
    options = {"checkpoint": checkpoint} if model.resumable and checkpoint is not None else {}
    if getattr(model, "oracle", False):
        return model.fit(_test_samples(bench), classes=bench.classes)
    if task == "transfer":
        return model.fit(bench["pairs"].with_labels(None), callbacks=callbacks, **options)
    return model.fit(bench["train"], classes=bench.classes, callbacks=callbacks, **options)


def _test_samples(bench: Benchmark) -> Any:
    """All test samples in one, for the oracle row."""
    if bench.task not in ("gzsl", "zsl"):
        raise ValueError(f"model: the class-mean oracle is a ceiling for gzsl, not for "
                         f"{bench.task}; choose another model.")
    parts = [views for split, views in bench.splits.items() if split.startswith("test_")]
    modality = parts[0].modalities[0]
    return Views({modality: np.concatenate([p[modality] for p in parts])},
                 np.concatenate([p.labels for p in parts]))
