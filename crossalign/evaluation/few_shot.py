"""A report of few-shot recognition: scores over the number of samples per new class."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import clone

from crossalign.evaluation.kept import kept, work_of
from crossalign.evaluation.protocols.few_shot_curve import (
    ROWS,
    FewShotChoice,
    FewShotCurve,
    choose_few_shot,
    few_shot_curve,
)
from crossalign.evaluation.report import Report
from crossalign.evaluation.runs import check_runs, each_run, seeded, timed
from crossalign.evaluation.selection import fit_on
from crossalign.evaluation.settled import declared, of_runs
from crossalign.tasks.few_shot import FewShot
from crossalign.types import Benchmark

KS = (1, 2, 5, 10)
"""Samples per class where nothing is asked for, as far as the smallest class has them."""
BASELINE = "latent features"
METRICS = ("T1", "H")


def evaluate_few_shot(model: Any, bench: Benchmark, seeds: int | Iterable[int] = 1, *,
                      ks: Sequence[int] | None = None, draws: int = 10, baseline: bool = False,
                      callbacks: Sequence[Any] = (), log: Callable[[str], None] | None = None,
                      keep: str | Path | None = None) -> Report:
    """Mean T1 and H of a model's few-shot curve over runs, for every row of `few_shot_curve`.

    Run k fits the model with seed k twice, on the training classes of validation and on all of
    them: the first chooses kappa and gamma, the second is scored. Scores are named
    ``T1@5 update``, a metric, samples per new class and a row; each is the mean over draws.

    Parameters
    ----------
    model : aligner
        Not changed, nor are its hyper-parameters.
    bench : Benchmark
        Of task ``gzsl``, with a validation split.
    seeds : int or iterable of int
    ks : integers, optional
        By default those of `KS` that leave every class a sample to score.
    draws : int
    baseline : bool
        Also the softmax on codes of CADA-VAE, of a model that draws codes; this takes minutes.
    callbacks, log, keep
        As in `evaluate`.

    Returns
    -------
    Report
        Of the runs that were finished, where Ctrl-C came after the first.

    Raises
    ------
    ValueError
        If the model does not embed samples, the benchmark is of another task or has no validation
        split, or ``ks`` ask for more samples than a class has.
    """
    if bench.task != "gzsl":
        raise ValueError(f"bench: {bench.name} is of task {bench.task}; few samples of new classes "
                         "need one of task gzsl.")
    FewShot(model)                                        # refuses what does not embed, untrained
    rows = [row for row in ROWS if row != BASELINE or baseline]
    ks = _possible(bench) if ks is None else tuple(ks)

    asked = check_runs(seeds, bench)
    work = None if keep is None else work_of(model, bench)

    def one_run(seed: int) -> dict[str, Any]:
        candidate, part = seeded(model, seed), bench.run(seed)
        facts = {} if work is None else work(seed, params=candidate.get_params(), ks=ks,
                                             draws=draws, rows=rows)

        def build() -> dict[str, Any]:
            fitted, curve, chosen = _one_run(candidate, part, ks, draws, rows, callbacks)
            return {"protocol": declared(part, fitted, chosen=()), "curve": curve.scores,
                    "kappas": chosen.kappas}

        return dict(kept(keep, f"few-shot-{seed}", facts, lambda: timed(build), log))

    runs, results, interruption = each_run(asked, one_run, log)
    curves = [FewShotCurve(tuple(ks), run["curve"]) for run in results]
    found = [{f"{metric}@{k} {row}": float(scores[metric][:, i].mean())
              for row, scores in curve.scores.items() for metric in METRICS
              for i, k in enumerate(ks)} for curve in curves]
    kappas = ", ".join(f"{kappa:g} for {row}" for row, kappa in results[0]["kappas"].items())
    return Report.from_runs(
        found, model=model.cli_name, data=bench.name, task="few_shot",
        params=seeded(model, runs[-1]).get_params(),
        protocol=of_runs([run["protocol"] for run in results], asked, bench),
        selection=f"kappa {kappas} and gammas chosen on validation classes of every run, here of "
                  f"the first; means over {draws} draws{interruption}",
        seconds=sum(run["seconds"] for run in results), seeds=runs,
        artefacts={"few_shot": {"ks": list(ks), "curves": _joined(curves)}})


def _one_run(candidate: Any, part: Benchmark, ks: Sequence[int], draws: int, rows: Sequence[str],
             callbacks: Sequence[Any]) -> tuple[Any, FewShotCurve, FewShotChoice]:
    validation = part.validation()
    if validation is None:
        raise ValueError(f"bench: {part.name} has no validation split, from which kappa comes; use "
                         "protocols.few_shot_curve with a kappa of your own.")
    trial = fit_on(clone(candidate), validation, "gzsl", callbacks)
    chosen = choose_few_shot(trial, validation, _possible(validation, ks), rows=rows)
    fitted = fit_on(candidate, part, "gzsl", callbacks)
    return fitted, few_shot_curve(fitted, part, ks, draws, chosen=chosen, rows=rows), chosen


def _possible(bench: Benchmark, ks: Sequence[int] = KS) -> tuple[int, ...]:
    """Those of ``ks`` that leave a sample of every unseen class to score; the first at least."""
    _, counts = np.unique(bench["test_unseen"].truth, return_counts=True)
    return tuple(k for k in ks if k < counts.min()) or tuple(ks[:1])


def _joined(curves: Sequence[FewShotCurve]) -> dict[str, dict[str, npt.NDArray[Any]]]:
    """Draws of all runs in one, by row and metric."""
    return {row: {metric: np.concatenate([curve.scores[row][metric] for curve in curves])
                  for metric in METRICS} for row in curves[0].scores}
