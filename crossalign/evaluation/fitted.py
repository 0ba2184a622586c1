"""The two halves of an evaluation: fit a model for later, and score one that is fitted."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sklearn.base import clone

from crossalign.data.noted import digits_fact
from crossalign.evaluation.kept import kept, work_of
from crossalign.evaluation.protocols import (
    Protocol,
    benchmark_of,
    resolve,
    with_options,
)
from crossalign.evaluation.report import Report
from crossalign.evaluation.runs import by_class, grid_of
from crossalign.evaluation.selection import Selection, fit_on, select
from crossalign.evaluation.settled import protocol_of
from crossalign.models.catalog import serves
from crossalign.models.embedded_once import embedded_once
from crossalign.models.trained_classes import trained_unseen
from crossalign.preprocessing.pooling import has_tokens
from crossalign.tasks import Fitted, ZeroShot
from crossalign.types import Benchmark, Classes, Views

CHOICE = "choice"
"""Name under which `fit_for` saves its selection."""


def score_fitted(model: Any, bench: Benchmark, *, task: str | Protocol | None = None,
                 gamma: float | None = None, run: int | None = None,
                 pictures: bool = True) -> Report:
    """Score a model that is fitted already, for example one loaded from a folder.

    Parameters
    ----------
    model : Fitted or fitted estimator
        Result of `fit_for`, or any fitted model.
    bench : Benchmark
        Benchmark to score on.
    task : str or Protocol, optional
        Task, see `evaluate`; default the one that the model was fitted for, or on benchmarks of
        another task the benchmark's own.
    gamma : float, optional
        Calibration from validation; default the one that comes with the model.
    run : int, optional
        Class split, for a benchmark with several; default the one that `fit_for` fitted on.
    pictures : bool
        Whether to hold the arrays of figures; default True.

    Raises
    ------
    ValueError
        If the benchmark's task or modalities do not fit the model, or the model was trained on a
        class that the benchmark holds as unseen.
    """
    started = time.perf_counter()
    if task is None and isinstance(model, Fitted):
        task = task_of(model, bench)
    task = resolve(model.model if isinstance(model, Fitted) else model, bench, task)
    fitted = model if isinstance(model, Fitted) else Fitted(model)
    model, run = fitted.model, fitted.run if run is None else run
    part = bench.run(run)
    if has_tokens(part["train"], fitted.pools):
        from crossalign.data.time_pooling import pooled  # with torch, for these data alone

        part = pooled(part, fitted.pools)
    check_trained(model, part)
    settings = {**fitted.settings_for(task.name), **({} if gamma is None else {"gamma": gamma})}
    once = embedded_once(model)
    outcome = task.score(once, part, settings)
    return Report.from_runs(
        [outcome.scores], model=model.cli_name, data=bench.name, task=task.name,
        params=model.plain_params(),
        protocol={**protocol_of(part, model, task), **_other_split(fitted, part),
                  **digits_fact(bench)},
        selection=fitted.selection,
        seconds=time.perf_counter() - started, seeds=[run],
        per_class=by_class(outcome, part.classes.names),
        artefacts=task.figures(once, part, outcome) if pictures else {})


def task_of(fitted: Fitted, bench: Benchmark, name: str | None = None,
            **options: Any) -> Protocol:
    """Return the task to score a model on, with the options it was fitted for where none are given.

    Parameters
    ----------
    fitted : Fitted
        Fitted model.
    bench : Benchmark
        Benchmark to score on.
    name : str, optional
        Name of the task; default the one that the model was fitted for, or on benchmarks of
        another one their own.
    **options
        Options of the task; None where they are not given.

    Raises
    ------
    ValueError
        For an option that the task does not have.
    """
    if name is None:
        name = fitted.task if benchmark_of(fitted.task) == bench.task else bench.task
    given = {key: value for key, value in options.items() if value not in (None, False)}
    kept_options = fitted.options if name == fitted.task else {}
    return with_options(name, **{**kept_options, **given})


def check_trained(model: Any, bench: Benchmark) -> None:
    """Raise ValueError if a model was trained on a class that is unseen in a benchmark.

    An oracle, which is marked as one, may be.
    """
    unseen = ([] if model.oracle else
              trained_unseen(getattr(model, "trained_on_", {}), bench))
    if unseen:
        raise ValueError(f"model: it was trained on {len(unseen)} of the classes that "
                         f"{bench.name!r} holds as unseen, as {unseen[0]!r}; score it on the split "
                         "that it was fitted for, or fit it anew on this one.")


def _other_split(fitted: Fitted, bench: Benchmark) -> dict[str, Any]:
    """Return the note of a protocol if `fit_for` fitted a model on another split than is scored."""
    fitted_on = fitted.protocol.get("split_id")
    if fitted_on == bench.protocol.get("split_id") or fitted_on is None:
        return {}
    return {"model_of_another_split": True, "model_split_id": fitted_on}


def fit_for(model: Any, bench: Benchmark, *, task: str | Protocol | None = None,
            tune: bool | Mapping[str, Sequence[Any]] = True, run: int = 0,
            callbacks: Sequence[Any] = (), log: Callable[[str], None] | None = None,
            checkpoint: str | Path | None = None) -> Fitted:
    """Fit a clone of the model on one run's training part, with all choices made on validation.

    The choices are saved in the folder ``checkpoint`` and, if the model can, its training after
    every epoch; both resume from there. Where the task is to recognise classes the result does so,
    calibrated.
    """
    task = resolve(model, bench, task)
    part = bench.run(run)
    grid = grid_of(model, tune)
    facts = {} if checkpoint is None else work_of(model, bench)(
        run, task=task.facts, grid=grid, params=model.plain_params())
    choice = Selection(**kept(checkpoint, CHOICE, facts, lambda: vars(
        select(model, part, task, grid, callbacks, log)), log))
    return fit_chosen(model, part, task, choice, run=run, callbacks=callbacks,
                      checkpoint=checkpoint)


def fit_chosen(model: Any, part: Benchmark, task: Protocol, choice: Selection, *, run: int = 0,
               callbacks: Sequence[Any] = (), checkpoint: str | Path | None = None) -> Fitted:
    """Fit a clone of the model on a class split with the choices that validation made for it."""
    fitted = fit_on(clone(model).set_params(**choice.params), part, task, callbacks, checkpoint)
    return answering(fitted, part, (part["train"], part.classes), task, choice, run)


def answering(fitted: Any, part: Benchmark, training: tuple[Views, Classes], task: Protocol,
              choice: Selection, run: int = 0) -> Fitted:
    """Return a fitted model with its choices; where classes are recognised, with a head for that.

    ``training`` are the samples and classes that the head is prepared on, those of ``part`` or
    more.
    """
    recogniser, gamma = None, choice.settings.get("gamma")
    if part.task == "gzsl" and serves(type(fitted), "gzsl"):
        recogniser = ZeroShot(fitted, gamma=0.0 if gamma is None else gamma).fit(*training)
    return Fitted(fitted, task.name, recogniser, choice.settings, choice.how, run,
                  dict(part.protocol), options=asdict(task), pools=dict(part.pools))
