"""Runs of a model: fit and score it several times, and report how."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crossalign.evaluation.kept import kept, work_of
from crossalign.evaluation.protocols import Outcome, Protocol, resolve
from crossalign.evaluation.report import Report
from crossalign.evaluation.seeds import check_runs, each_run, seeded
from crossalign.evaluation.selection import Selection, fit_on, select
from crossalign.evaluation.settled import of_runs, protocol_of
from crossalign.models.embedded_once import embedded_once
from crossalign.types import Benchmark


def evaluate(model: Any, bench: Benchmark, seeds: int | Iterable[int] = 1, *,
             task: str | Protocol | None = None, tune: bool | Mapping[str, Sequence[Any]] = True,
             callbacks: Sequence[Any] = (), log: Callable[[str], None] | None = None,
             pictures: bool = True, keep: str | Path | None = None) -> Report:
    """Return mean and spread of a model's scores over runs, with the protocol they rest on.

    Run k uses seed k and, if the benchmark has several class splits, the k-th split. Every choice
    is made on the benchmark's validation classes: once for a benchmark with one official split
    (with the first seed), except for ``few_shot``, and anew for every class split otherwise. The
    model is then fitted again on all training samples and scored once.

    Parameters
    ----------
    model : estimator
        Model to evaluate; it is not changed, every run fits a clone.
    bench : Benchmark
        Benchmark to evaluate on.
    seeds : int or iterable of int
        Number of runs, or their seeds; default 1.
    task : str or Protocol, optional
        Name of a task, or one with options, such as ``protocols.Retrieval(bits=64)``; default the
        benchmark's own. ``few_shot`` is scored on a ``gzsl`` benchmark.
    tune : bool or mapping
        Whether to try the model's ``search_space`` on validation, default True; or a mapping of
        your own to try. The calibration of the task, such as gamma, is chosen in any case.
    callbacks : sequence
        Callbacks passed to every ``fit``; default none.
    log : callable, optional
        Function that receives one line per step.
    pictures : bool
        Whether to hold the arrays of figures, from the first run; default True.
    keep : folder, optional
        Folder in which the selection and every finished run are saved. A run is not repeated if it
        is there already, of the same data, parameters and code. Default None.

    Returns
    -------
    Report
        Report of all runs, or after Ctrl-C of the runs that were finished, at least one.

    Raises
    ------
    ValueError
        If the task does not fit the benchmark or the model, or the benchmark has no such runs.
    """
    task = resolve(model, bench, task)
    asked = check_runs(seeds, bench)
    work = _Work(model, bench, task, grid_of(model, tune), asked[0], callbacks, log, pictures, keep)
    runs, results, interruption = each_run(asked, work.run, log)
    protocol = of_runs([run["protocol"] for run in results], asked, bench)
    if task.needs_calibration and not (work.last.settings or model.oracle):
        protocol["uncalibrated"] = True
    return Report.from_runs(
        [run["scores"] for run in results], model=model.cli_name, data=bench.name, task=task.name,
        params=results[-1]["params"], selection=work.told(len(runs)) + interruption,
        protocol=protocol, seeds=runs, seconds=work.seconds + sum(r["seconds"] for r in results),
        per_class=together([run["by_class"] for run in results], protocol),
        artefacts=task.merge_figures([run["figures"] for run in results]) if pictures else {})


@dataclass
class _Work:
    """Runs of one evaluation, each from the folder ``keep`` if it was finished before."""

    model: Any
    bench: Benchmark
    task: Protocol
    grid: Mapping[str, Sequence[Any]]
    first: int
    callbacks: Sequence[Any]
    log: Callable[[str], None] | None
    pictures: bool
    keep: str | Path | None
    chosen: dict[int, Selection] = field(default_factory=dict)
    last: Selection = field(init=False)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self.work = None if self.keep is None else work_of(self.model, self.bench)

    def run(self, seed: int) -> dict[str, Any]:
        """Return parameters, scores, protocol and figures of the run of one seed."""
        part, candidate = self.bench.run(seed), seeded(self.model, seed)
        anew = self.bench.resplit is not None or self.task.each_run
        chooser = seed if anew else self.first
        if chooser not in self.chosen:
            self.chosen[chooser] = self._select(chooser, candidate, part)
        self.last = self.chosen[chooser]
        candidate.set_params(**self.last.params)
        drawn = self.pictures and (seed == self.first or self.task.each_run)
        done = self._part("seed", seed, lambda: self._scored(candidate, part, drawn, seed),
                          chooser=chooser, pictures=drawn)
        return {"params": candidate.plain_params(), **done}

    def told(self, runs: int) -> str:
        """Say for the report what was chosen in so many runs."""
        how = self.last.how
        if self.last.tried and len(self.chosen) > 1 and runs > 1:
            each = "class split" if self.bench.resplit is not None else "run"
            how = f"for every {each} on its own validation classes; the last: {how}"
        return f"{how}; {self.task.note}" if self.task.note else how

    def _select(self, seed: int, candidate: Any, part: Benchmark) -> Selection:
        found = self._part("choice", seed, lambda: {"choice": vars(select(
            candidate, part, self.task.seeded(seed), self.grid, self.callbacks, self.log))})
        self.seconds += found["seconds"]
        return Selection(**found["choice"])

    def _scored(self, candidate: Any, part: Benchmark, drawn: bool, seed: int) -> dict[str, Any]:
        fitted = fit_on(candidate, part, self.task, self.callbacks)
        once = embedded_once(fitted)
        outcome = self.task.seeded(seed).score(once, part, self.last.settings)
        return {"scores": outcome.scores, "by_class": by_class(outcome, part.classes.names),
                "protocol": protocol_of(part, fitted, self.task, chosen=self.last.params),
                "figures": self.task.figures(once, part, outcome) if drawn else {}}

    def _part(self, name: str, run: int, build: Callable[[], dict[str, Any]],
              **more: Any) -> dict[str, Any]:
        """Return the result of ``build()`` and its ``seconds``, built once for the same work."""
        facts = {} if self.work is None else self.work(
            run, task=self.task.facts, grid=self.grid,
            params=seeded(self.model, run).plain_params(), **more)
        return dict(kept(self.keep, f"{name}-{run}", facts, lambda: timed(build), self.log))


def grid_of(model: Any, tune: bool | Mapping[str, Sequence[Any]]) -> Mapping[str, Sequence[Any]]:
    """Return the grid for validation: the model's search space, a mapping of your own, or nothing.

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
    """Return the scores of every class in one run, by score and in plain types."""
    return {score: {"classes": [names[c] for c in classes], "runs": [values.round(6).tolist()],
                    **({} if counts is None else {"weights": counts.tolist()})}
            for score, (classes, values, counts) in outcome.per_class.items()}


def together(runs: Sequence[Mapping[str, Mapping[str, Any]]],
             protocol: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Join the scores of every class in runs of one split; return nothing if there are several
    splits.
    """
    if not protocol["leaks"]["single_class_split"]:
        return {}
    return {score: {**part, "runs": [run[score]["runs"][0] for run in runs]}
            for score, part in runs[0].items()}


def timed(build: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return the result of ``build()``, and the ``seconds`` that it took."""
    started = time.perf_counter()
    return {**build(), "seconds": time.perf_counter() - started}
