"""Few-shot recognition: scores over the number of samples of each new class.

The curve, its rows and what validation chooses for them are in `few_shot_curve`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from crossalign.evaluation.protocols.base import (
    NOTHING,
    Metric,
    Outcome,
    Protocol,
    Settings,
)
from crossalign.evaluation.protocols.few_shot_curve import (
    DRAWS,
    KS,
    ROWS,
    FewShotChoice,
    check_draws,
    choose_few_shot,
    few_shot_curve,
)
from crossalign.types import Benchmark

BASELINE = "latent features"
MAIN = "update"
"""Row that cards and tables show."""


@dataclass(frozen=True)
class FewShotRecognition(Protocol):
    """Recognition of test samples with k samples of each unseen class.

    Scores are named ``T1@5 update``: a metric, samples per new class and a row of `ROWS`; each is
    the mean over draws. A model is fitted twice in every run: on the training classes of
    validation, where kappa and gamma are chosen, and on all of them. Its hyper-parameters stay.

    Parameters
    ----------
    ks : tuple of int, optional
        Numbers of samples per class; default those of `KS` that leave every class a sample to
        score.
    draws : int
        Number of draws of the samples; default `DRAWS`.
    baseline : bool
        Whether to score the softmax on codes of CADA-VAE too, for a model that draws codes; this
        takes minutes.
    """

    ks: tuple[int, ...] | None = None
    draws: int = DRAWS
    baseline: bool = False

    name: ClassVar[str] = "few_shot"
    benchmark: ClassVar[str] = "gzsl"
    title: ClassVar[str] = "A few samples of each new class"
    sentence: ClassVar[str] = (
        "Side information predicts where a new class lies, and k samples of it correct that; "
        "samples that were never drawn are recognised.")
    tested: ClassVar[tuple[str, ...]] = ("test_seen", "test_unseen")
    objective: ClassVar[str] = "T1"
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("T1", "unseen classes, chosen among unseen classes only"),
        Metric("H", "harmonic mean of unseen and seen classes, chosen among all classes"))
    headlines: ClassVar[tuple[str, ...]] = tuple(f"H@{k} {MAIN}" for k in KS)
    columns: ClassVar[tuple[str, ...]] = ()
    tunes: ClassVar[bool] = False
    calibrates: ClassVar[bool] = True
    needs_calibration: ClassVar[bool] = True
    each_run: ClassVar[bool] = True

    @property
    def note(self) -> str:
        """Say over how many draws scores are means."""
        return f"means over {self.draws} draws"

    @property
    def rows(self) -> tuple[str, ...]:
        """Rows that are scored."""
        return tuple(row for row in ROWS if row != BASELINE or self.baseline)

    def check_benchmark(self, bench: Benchmark) -> None:
        """Raise ValueError for another task or more samples than a class has."""
        super().check_benchmark(bench)
        check_draws(self._ks(bench), self.draws, bench)

    def trial(self, fitted: Any, validation: Benchmark) -> Outcome:
        """Choose kappa and gamma; the objective is T1 of the whole posterior."""
        choice = choose_few_shot(fitted, validation, _possible(validation, self._ks(validation)),
                                 rows=self.rows)
        return Outcome({}, max(choice.tried[MAIN].values()), details={"chosen": choice})

    def calibrate(self, outcome: Outcome, validation: Benchmark) -> dict[str, Any]:
        """Return ``kappas`` by row, and ``gammas`` by row and samples per class."""
        choice: FewShotChoice = outcome.details["chosen"]
        return {"kappas": choice.kappas, "gammas": choice.gammas}

    def describe(self, settings: Settings) -> str:
        """Say which kappas were chosen."""
        kappas = ", ".join(f"{kappa:g} for {row}" for row, kappa in settings["kappas"].items())
        return f"kappa {kappas} and gammas"

    def without_validation(self, model: Any, reason: str,
                           log: Callable[[str], None] | None) -> str:
        """Refuse to score without a choice of kappa."""
        raise ValueError(f"bench: {reason}, and kappa comes from validation; use "
                         "protocols.few_shot_curve with a kappa of your own.")

    def score(self, fitted: Any, bench: Benchmark, settings: Settings = NOTHING) -> Outcome:
        """Score the curve with the chosen kappas and gammas.

        Raises
        ------
        ValueError
            If none were chosen.
        """
        if "kappas" not in settings:
            raise ValueError(f"model: kappa comes from validation, and {fitted.cli_name} was not "
                             "fitted for few_shot; use evaluation.fit_for with task='few_shot'.")
        ks = self._ks(bench)
        curve = few_shot_curve(fitted, bench, ks, self.draws, rows=self.rows,
                               chosen=FewShotChoice(settings["kappas"], settings["gammas"]))
        scores = {f"{metric.name}@{k} {row}": float(values[metric.name][:, i].mean())
                  for row, values in curve.scores.items() for metric in self.metrics
                  for i, k in enumerate(ks)}
        return Outcome(scores, float(np.mean(curve.scores[MAIN]["T1"])), details={"curve": curve})

    def figures(self, fitted: Any, bench: Benchmark, outcome: Outcome) -> dict[str, Any]:
        """Return the curves of every row, with all draws."""
        curve = outcome.details["curve"]
        return {**super().figures(fitted, bench, outcome), "few_shot": {
            "ks": list(curve.ks),
            "curves": {row: {metric.name: scores[metric.name] for metric in self.metrics}
                       for row, scores in curve.scores.items()}}}

    def merge_figures(self, runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Return the figures of the first run with the draws of all."""
        several = [run["few_shot"]["curves"] for run in runs]
        curves = {row: {metric: np.concatenate([curve[row][metric] for curve in several])
                        for metric in found} for row, found in several[0].items()}
        return {**runs[0], "few_shot": {**runs[0]["few_shot"], "curves": curves}}

    def metric(self, name: str) -> Metric | None:
        """Return the metric of a score at k samples of a row."""
        base, _, rest = name.partition("@")
        metric, (k, _, row) = super().metric(base), rest.partition(" ")
        if metric is None or not rest:
            return None
        return replace(metric, name=name, meaning=f"{metric.meaning}; k = {k}, {row}")

    def headlines_of(self, scores: Sequence[str]) -> list[str]:
        """Return H of the whole posterior for every k that was scored; never none."""
        own = [name for name in scores if name.startswith("H@") and name.endswith(f" {MAIN}")]
        return own or super().headlines_of(scores)

    def columns_of(self, scores: Sequence[str]) -> list[str]:
        """Return T1 and H of the whole posterior."""
        return [name for name in scores if name.endswith(f" {MAIN}")]

    def _ks(self, bench: Benchmark) -> tuple[int, ...]:
        return _possible(bench) if self.ks is None else tuple(self.ks)


def _possible(bench: Benchmark, ks: Sequence[int] = KS) -> tuple[int, ...]:
    """Return those of ``ks`` that leave a sample of every unseen class to score; the first at
    least.
    """
    _, counts = np.unique(bench["test_unseen"].truth, return_counts=True)
    return tuple(k for k in ks if k < counts.min()) or tuple(ks[:1])
