"""Scores of a space on test: those of its model, and beside them those of the frozen space."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from crossalign import models
from crossalign.evaluation import score_fitted
from crossalign.evaluation.fitted import fit_for
from crossalign.evaluation.protocols import Protocol
from crossalign.space.choice import FROZEN
from crossalign.types import Benchmark

GUESSES = 2.0
"""Accuracy on unseen classes, in that of guessing, below which words tell little of them; of few
classes it is the middle between guessing and knowing.
"""
Scores = dict[str, dict[str, float]]
"""Scores by metric, under ``scores``, and where there is a frozen space ``scores_frozen``."""


def scores_on_test(fitted: Any, bench: Benchmark, task: Protocol, one_space: bool,
                   log: Callable[[str], None]) -> Scores:
    """Return the scores of a fitted model, and of the space that its encoders make.

    The latter is `models.FrozenDualEncoder`, calibrated on validation classes as every model. It
    says whether learning was worth it.

    Parameters
    ----------
    fitted : Fitted
        Fitted model.
    bench : Benchmark
        Benchmark of one run.
    task : Protocol
        Task that is scored.
    one_space : bool
        Whether encoders make one space of pictures and texts.
    log : callable
        Function called with a line for each.
    """
    found = {"scores": _scores(fitted, bench, task)}
    frozen = fitted.model.cli_name == FROZEN and bench.task != "vqa"   # answers are learned
    log(f"on test: {_told(found['scores'])}" + ", of the frozen space, nothing learned" * frozen)
    if one_space:
        found["scores_frozen"] = found["scores"] if frozen else _scores(
            fit_for(models.get(FROZEN)(), bench, task=task), bench, task)
        if not frozen:
            log(f"beside it the frozen space, nothing learned: {_told(found['scores_frozen'])}")
    return found


def guessing(scores: dict[str, float], bench: Benchmark) -> str | None:
    """Say where words tell little more of unseen classes than a guess would; None elsewhere.

    Parameters
    ----------
    scores : mapping of metric to fraction
        Scores on test.
    bench : Benchmark
        Benchmark that they are of.
    """
    unseen = int(bench.classes.unseen.sum())
    if "T1" not in scores or not unseen or (
            scores["T1"] >= min(GUESSES / unseen, (1 + 1 / unseen) / 2)):
        return None
    return (f"of {unseen} unseen classes {100 * scores['T1']:.1f} % are told by their texts, and "
            f"{100 / unseen:.1f} % by guessing: with these encoders words say little of pictures; "
            "name networks, or others, with --encoder and --text-encoder when building, and of a "
            "classifier the names of its outputs, with --output-names own if its files hold them")


def _scores(fitted: Any, bench: Benchmark, task: Protocol) -> dict[str, float]:
    """Return the scores that count."""
    report = score_fitted(fitted, bench, pictures=False)
    return {metric: round(report.scores[metric]["mean"], 4) for metric in
            task.headlines_of(list(report.scores)) if metric in report.scores}


def _told(scores: dict[str, float]) -> str:
    return ", ".join(f"{metric} {100 * value:.1f}" for metric, value in scores.items())
