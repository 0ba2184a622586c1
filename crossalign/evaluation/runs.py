"""Fit and score a model over several runs, and say how."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import index
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from sklearn.base import clone

from crossalign.evaluation.artefacts import collect
from crossalign.evaluation.kept import kept, work_of
from crossalign.evaluation.protocols import SCORERS, Outcome, best_epoch_on_test
from crossalign.evaluation.report import Report
from crossalign.evaluation.selection import Choice, choose, fit_on
from crossalign.evaluation.settled import declared, of_runs
from crossalign.evaluation.sureness import Settings, score_confidences
from crossalign.models.catalog import serves
from crossalign.models.trained_classes import trained_unseen
from crossalign.types import Benchmark

Result = TypeVar("Result")
CHOICE = "choice"
"""What `fit_for` keeps what was chosen as."""


def evaluate(model: Any, bench: Benchmark, seeds: int | Iterable[int] = 1, *,
             task: str | None = None, tune: bool | Mapping[str, Sequence[Any]] = True,
             callbacks: Sequence[Any] = (), log: Callable[[str], None] | None = None,
             pictures: bool = True, best_epoch: bool = False, bits: int | None = None,
             keep: str | Path | None = None) -> Report:
    """Mean and spread of a model's scores over runs, with the protocol they rest on.

    Run k uses seed k and, where the benchmark has several class splits, the k-th split. Whatever is
    chosen is chosen on the benchmark's validation classes: once for a benchmark with one official
    split (with the first seed), anew for every class split otherwise. The model is then fitted
    again on all training samples and scored once.

    Parameters
    ----------
    model : estimator
        Not changed; every run fits a clone.
    bench : Benchmark
    seeds : int or iterable of int
        How many runs, or which.
    task : {"gzsl", "zsl", "retrieval", "transfer"}, optional
        The benchmark's own by default; ``zsl`` is scored on a ``gzsl`` benchmark too.
    tune : bool or mapping
        Try the model's ``search_space`` on validation, a mapping of your own, or nothing. Gamma is
        chosen in any case.
    callbacks : sequence
        Passed to every ``fit``.
    log : callable, optional
        Receives one line per step.
    pictures : bool
        Keep what a page draws, from the first run.
    best_epoch : bool
        Also report ``H_best_epoch_diagnostic``; see `protocols.best_epoch_on_test`.
    bits : int, optional
        Also score retrieval by binary codes of so many bits; see `tasks.binary_codes`.
    keep : folder, optional
        What was chosen and every run are written here when done, and not made again where they
        are here already, of the same data, parameters and code.

    Returns
    -------
    Report
        Of the runs that were finished, where Ctrl-C came after the first.

    Raises
    ------
    ValueError
        If the task does not fit the benchmark or the model, or the benchmark has no such runs.
    """
    task = resolve_task(model, bench, task)
    options = code_options(task, bits)
    if best_epoch and task != "gzsl":
        raise ValueError(f"best_epoch: is a diagnostic of gzsl, and the task is {task}; leave it "
                         "out.")
    asked = check_runs(seeds, bench)
    grid = grid_of(model, tune)
    work = None if keep is None else work_of(model, bench)
    chosen: dict[int, dict[str, Any]] = {}

    def part_of_work(name: str, run: int, build: Callable[[], Any], **more: Any) -> Any:
        facts = {} if work is None else work(run, task=task, grid=grid,
                                             params=seeded(model, run).get_params(), **more)
        return kept(keep, f"{name}-{run}", facts, build, log)

    def one_run(seed: int) -> tuple[dict[str, Any], Choice, dict[str, Any]]:
        part, candidate = bench.run(seed), seeded(model, seed)
        chooser = seed if bench.resplit is not None else asked[0]
        if chooser not in chosen:
            chosen[chooser] = part_of_work("choice", chooser, lambda: timed(
                lambda: {"choice": vars(choose(candidate, part, task, grid, callbacks, log))}))
        choice, first = Choice(**chosen[chooser]["choice"]), seed == asked[0]
        candidate.set_params(**choice.params)

        def build() -> dict[str, Any]:
            fitted = fit_on(candidate, part, task, callbacks)
            outcome = SCORERS[task](fitted, part, choice.gamma, **options)
            _add_sureness(outcome, choice.confidences, part, choice.gamma)
            if best_epoch:
                outcome.scores.update(best_epoch_on_test(fitted, part))
            return {"scores": outcome.scores, "by_class": by_class(outcome, part.classes.names),
                    "protocol": declared(part, fitted, chosen=choice.params, bits=bits),
                    "artefacts": collect(fitted, part, task, outcome) if first and pictures else {}}

        done = part_of_work("seed", seed, lambda: timed(build), chooser=chooser, bits=bits,
                            best_epoch=best_epoch, pictures=first and pictures)
        return candidate.get_params(), choice, done

    runs, results, interruption = each_run(asked, one_run, log)
    params, last, _ = results[-1]
    protocol = of_runs([run["protocol"] for _, _, run in results], asked, bench)
    if task == "gzsl" and last.gamma is None and not getattr(model, "oracle", False):
        protocol["uncalibrated"] = True
    how = last.how
    if last.tried and bench.resplit is not None and len(runs) > 1:
        how = f"for every class split on its own validation classes; the last: {how}"
    done = [result for _, _, result in results]
    return Report.from_runs(
        [run["scores"] for run in done], model=model.cli_name, data=bench.name, task=task,
        params=params, selection=how + interruption, protocol=protocol,
        seconds=sum(part["seconds"] for part in [*done, *chosen.values()]), seeds=runs,
        per_class=together([run["by_class"] for run in done], protocol),
        artefacts=done[0]["artefacts"])


def grid_of(model: Any, tune: bool | Mapping[str, Sequence[Any]]) -> Mapping[str, Sequence[Any]]:
    """What is tried on validation: the model's search space, a mapping of one's own, or nothing.

    Raises
    ------
    ValueError
        For what is no parameter of the model, or no list of values.
    """
    if tune is True:
        return dict(model.grid())
    known = model.get_params()
    for name, values in (tune or {}).items():
        if name not in known:
            raise ValueError(f"tune: {name!r} is no parameter of {model.cli_name}; choose among "
                             f"{sorted(known)}.")
        if isinstance(values, str) or not isinstance(values, Sequence) or not values:
            raise ValueError(f"tune: got {values!r} for {name!r}; give a list of values.")
    return tune or {}


def by_class(outcome: Outcome, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The scores of every class in one run, by score and in plain types."""
    return {score: {"classes": [names[c] for c in classes], "runs": [values.round(6).tolist()],
                    **({} if counts is None else {"weights": counts.tolist()})}
            for score, (classes, values, counts) in outcome.per_class.items()}


def together(runs: Sequence[Mapping[str, Mapping[str, Any]]],
             protocol: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The scores of every class in runs of one split; nothing where there are several splits."""
    if not protocol["leaks"]["single_class_split"]:
        return {}
    return {score: {**part, "runs": [run[score]["runs"][0] for run in runs]}
            for score, part in runs[0].items()}


def timed(build: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What ``build()`` gives, and the ``seconds`` that it took."""
    started = time.perf_counter()
    return {**build(), "seconds": time.perf_counter() - started}


MOST_RUNS = 100_000


def check_runs(seeds: int | Iterable[int], bench: Benchmark) -> list[int]:
    """The runs that are asked for, once it is sure that the benchmark has them.

    Raises
    ------
    ValueError
        For no run, the same twice, or a class split that there is not.
    """
    if isinstance(seeds, int) and seeds > MOST_RUNS:
        raise ValueError(f"seeds: got {seeds}; ask for {MOST_RUNS} runs at most.")
    try:
        asked = [index(seed) for seed in
                 (seeds if isinstance(seeds, Iterable) else range(index(seeds)))]
    except TypeError:
        raise ValueError(f"seeds: got {seeds!r}; give a number of runs, or which, as whole "
                         "numbers.") from None
    if not asked:
        raise ValueError(f"seeds: got {seeds!r}; ask for at least one run.")
    if len(set(asked)) < len(asked):
        raise ValueError(f"seeds: got {seeds!r}, in which a run stands twice; give each once.")
    for run in {min(asked), max(asked)}:
        reason = bench.lacks(run)
        if reason is not None:
            raise ValueError(f"seeds: {len(asked)} asked for, up to class split {run} of "
                             f"{bench.name!r}; {reason}. Give fewer --seeds.")
    return asked


def each_run(asked: Sequence[int], one_run: Callable[[int], Result],
             log: Callable[[str], None] | None) -> tuple[list[int], list[Result], str]:
    """What ``one_run(seed)`` gives for each of these.

    Returns the seeds, the results and what a report says of an interruption: Ctrl-C after the first
    run leaves those that were finished.
    """
    results: list[Result] = []
    for number, seed in enumerate(asked, start=1):
        if log is not None:
            log(f"run {number} of {len(asked)}")
        try:
            results.append(one_run(seed))
        except KeyboardInterrupt:
            if not results:
                raise
            return (list(asked[:len(results)]), results,
                    f"; interrupted after {len(results)} of {len(asked)} runs")
    return list(asked), results, ""


def score_fitted(model: Any, bench: Benchmark, *, task: str | None = None,
                 gamma: float | None = None, run: int = 0, pictures: bool = True,
                 bits: int | None = None) -> Report:
    """Score a model that is fitted already, for example one loaded from a folder.

    ``gamma`` must come from validation; `fit_for` stores it with the model. ``bits`` is as in
    `evaluate`.

    Raises
    ------
    ValueError
        If the benchmark's task or modalities do not fit the model, or the model was trained on a
        class that the benchmark holds as unseen.
    """
    started = time.perf_counter()
    task = resolve_task(model, bench, task)
    part = bench.run(run)
    check_trained(model, part)
    outcome = SCORERS[task](model, part, gamma, **code_options(task, bits))
    if task == "gzsl":
        _add_sureness(outcome, getattr(model, "confidences_", {}), part, gamma)
    artefacts = collect(model, part, task, outcome) if pictures else {}
    return Report.from_runs(
        [outcome.scores], model=model.cli_name, data=bench.name, task=task,
        params=model.get_params(),
        protocol={**declared(part, model, bits=bits), **_other_split(model, part)},
        selection=getattr(model, "selection_", "the model was fitted elsewhere"),
        seconds=time.perf_counter() - started, seeds=[run],
        per_class=by_class(outcome, part.classes.names), artefacts=artefacts)


def check_trained(model: Any, bench: Benchmark) -> None:
    """Raise ValueError if a model was trained on a class that a benchmark holds as unseen.

    An oracle, which is marked as one, may be.
    """
    known = ([] if getattr(model, "oracle", False) else
             trained_unseen(getattr(model, "trained_on_", {}), bench))
    if known:
        raise ValueError(f"model: it was trained on {len(known)} of the classes that "
                         f"{bench.name!r} holds as unseen, as {known[0]!r}; score it on the split "
                         "that it was fitted for, or fit it anew on this one.")


def _other_split(model: Any, bench: Benchmark) -> dict[str, Any]:
    """What a protocol says where `fit_for` fitted a model on another split than is scored."""
    fitted_on = getattr(model, "protocol_", {}).get("split_id")
    if fitted_on == bench.protocol.get("split_id") or fitted_on is None:
        return {}
    return {"model_of_another_split": True, "model_split_id": fitted_on}


def fit_for(model: Any, bench: Benchmark, *, task: str | None = None,
            tune: bool | Mapping[str, Sequence[Any]] = True, run: int = 0,
            callbacks: Sequence[Any] = (), log: Callable[[str], None] | None = None,
            checkpoint: str | Path | None = None) -> Any:
    """A clone of the model, chosen on validation and fitted on one run's training part.

    What was chosen is kept in the folder ``checkpoint`` and, where the model can, its training
    after every epoch; both go on from there. The result carries ``gamma_``, ``confidences_``,
    ``selection_``, ``run_``, ``task_`` and ``protocol_``, which are saved with it.
    """
    task = resolve_task(model, bench, task)
    part = bench.run(run)
    grid = grid_of(model, tune)
    facts = {} if checkpoint is None else work_of(model, bench)(
        run, task=task, grid=grid, params=model.get_params())
    choice = Choice(**kept(checkpoint, CHOICE, facts, lambda: vars(
        choose(model, part, task, grid, callbacks, log)), log))
    fitted = fit_on(clone(model).set_params(**choice.params), part, task, callbacks, checkpoint)
    fitted.gamma_ = choice.gamma
    fitted.confidences_ = choice.confidences
    fitted.selection_ = choice.how
    fitted.run_ = run
    fitted.task_ = task
    fitted.protocol_ = dict(part.protocol)
    return fitted


def _add_sureness(outcome: Outcome, settings: Settings, bench: Benchmark,
                  gamma: float | None) -> None:
    """AURC and its kin, where validation has chosen for them."""
    if settings:
        seen, _, unseen, _ = outcome.evidence["parts"]
        found, outcome.evidence["rejection"] = score_confidences(
            settings, outcome.evidence["head"], bench, gamma or 0.0,
            np.concatenate([seen, unseen]))
        outcome.scores.update(found)


def seeded(model: Any, seed: int) -> Any:
    """A clone of the model whose randomness, if it has any, comes from ``seed``."""
    fresh = clone(model)
    return fresh.set_params(random_state=seed) if "random_state" in fresh.get_params() else fresh


def code_options(task: str, bits: int | None) -> dict[str, int]:
    """What a scoring function is told of binary codes.

    Raises
    ------
    ValueError
        For codes of no bits, or of another task than retrieval.
    """
    if bits is None:
        return {}
    if task != "retrieval" or bits < 1:
        raise ValueError(f"bits: got {bits} for {task}; codes of one bit or more are for "
                         "retrieval.")
    return {"bits": bits}


def resolve_task(model: Any, bench: Benchmark, task: str | None) -> str:
    """The task to score, once it is sure that the benchmark and the model are made for it.

    Raises
    ------
    ValueError
        If one of them is not.
    """
    if isinstance(model, type) or not hasattr(model, "cli_name"):
        raise ValueError(f"model: got {model!r}; give an estimator, as models.ESZSL() is.")
    task = bench.task if task is None else task
    if task not in SCORERS:
        raise ValueError(f"task: got {task!r}; choose one of {sorted(SCORERS)}.")
    if task != bench.task and (task, bench.task) != ("zsl", "gzsl"):
        raise ValueError(f"task: {bench.name!r} is for {bench.task}, not {task}; choose a "
                         "benchmark of that task.")
    suited = serves(type(model), task)
    if task in ("retrieval", "transfer") and not suited:
        raise ValueError(f"model: {model.cli_name} does not embed samples, which {task} needs; "
                         "choose an aligner, as cca or lcale.")
    if not suited:
        raise ValueError(f"model: {model.cli_name} knows no classes, which {task} needs; choose "
                         "another, as eszsl or cada_vae.")
    return task
