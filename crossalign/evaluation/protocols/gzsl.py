"""Generalized zero-shot recognition: all classes are candidates, seen and unseen ones.

`ZSL` is for benchmarks that test no seen class; its T1 is that of `GZSL`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from crossalign.evaluation.confidence import add_confidences, add_sets
from crossalign.evaluation.figures.maps import cross_modal, latent
from crossalign.evaluation.figures.recognition import recognition
from crossalign.evaluation.figures.tokens import tokens
from crossalign.evaluation.protocols.base import (
    NOTHING,
    Metric,
    Outcome,
    Protocol,
    Settings,
)
from crossalign.evaluation.protocols.recognition_scores import (
    best_epoch_on_test,
    calibration,
    outcome_of,
    score_gzsl,
    score_zsl,
)
from crossalign.evaluation.protocols.unlabelled import (
    MODES,
    adapted,
    apart,
    check_mode,
    choose_adaptation,
    tests_of,
    told,
)
from crossalign.models.catalog import serves
from crossalign.tasks.class_em import moves, way_of
from crossalign.types import Benchmark, Views

T1 = Metric("T1", "unseen classes, chosen among unseen classes only")


@dataclass(frozen=True)
class GZSL(Protocol):
    """Recognition of test samples among all classes.

    Parameters
    ----------
    best_epoch : bool
        Whether to report ``H_best_epoch_diagnostic`` too; see `best_epoch_on_test`.
    adapt : {"heldout", "transductive"}, optional
        Mode in which unlabelled test samples move the unseen classes, see
        `protocols.unlabelled`; default None, they do not.
    adapt_by : mapping of parameter to value, optional
        Parameters of `tasks.ClassEM` in that adaptation, as ``{"balance": 0.0}`` for plain EM; by
        default validation classes choose, see `protocols.unlabelled`.
    """

    best_epoch: bool = False
    adapt: str | None = None
    adapt_by: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_mode(self.adapt, self.adapt_by)

    name: ClassVar[str] = "gzsl"
    benchmark: ClassVar[str] = "gzsl"
    title: ClassVar[str] = "Recognition of classes never seen"
    sentence: ClassVar[str] = (
        "Every test sample is recognised among all classes, seen and unseen; no sample of an "
        "unseen class was in training.")
    tested: ClassVar[tuple[str, ...]] = ("test_seen", "test_unseen")
    objective: ClassVar[str] = "H"
    metrics: ClassVar[tuple[Metric, ...]] = (
        T1,
        Metric("U", "unseen classes, chosen among all classes"),
        Metric("S", "seen classes, chosen among all classes"),
        Metric("H", "harmonic mean of U and S in every run"),
        Metric("U_raw", "U without calibration"),
        Metric("S_raw", "S without calibration"),
        Metric("H_raw", "H without calibration"),
        Metric("AUSUC", "area under the seen-unseen curve, over all calibrations"),
        Metric("H_max_diagnostic",
               "H at the best calibration in hindsight; a ceiling, not a result", None),
        Metric("H_best_epoch_diagnostic",
               "H_raw at the epoch that is best on test; a diagnostic, not a result", None),
        Metric("T1_base", "T1 without adaptation"), Metric("U_base", "U without adaptation"),
        Metric("S_base", "S without adaptation"), Metric("H_base", "H without adaptation"),
        Metric("AUSUC_base", "AUSUC without adaptation"),
        Metric("AURC", "wrong answers on average when only the surest are given; lower is better",
               "lower"),
        Metric("AURC_tempered",
               "the same, with temperatures that follow the model's own variances", "lower"),
        Metric("ECE", "gap between how sure it is and how often right; lower is better", "lower"),
        Metric("sigma_error", "rank correlation of a sample's variance with its being wrong",
               None, least=-1.0),
        Metric("coverage_seen", "seen classes: samples whose set of classes, made to hold the "
               "right one in 90 %, does", None),
        Metric("coverage_unseen", "the same of unseen classes", None),
        Metric("set_size_seen", "seen classes: share of all classes in such a set; lower is better",
               "lower"),
        Metric("set_size_unseen", "the same of unseen classes; lower is better", "lower"))
    headlines: ClassVar[tuple[str, ...]] = ("H", "H_base", "U", "S", "T1", "AUSUC")
    columns: ClassVar[tuple[str, ...]] = ("T1", "U", "S", "H", "H_base", "U_raw", "S_raw",
                                          "H_raw", "AUSUC")
    calibrates: ClassVar[bool] = True
    needs_calibration: ClassVar[bool] = True
    heads: ClassVar[bool] = True

    def check_model(self, model: Any) -> None:
        """Raise ValueError if a model scores no classes."""
        if not serves(type(model), self.name):
            raise ValueError(f"model: {model.cli_name} knows no classes, which {self.name} needs; "
                             "choose another, as eszsl or cada_vae.")

    def ceiling_samples(self, bench: Benchmark) -> Views:
        """Return all test samples."""
        return all_tests(bench)

    def score(self, fitted: Any, bench: Benchmark, settings: Settings = NOTHING) -> Outcome:
        """Score at the chosen ``gamma``, with the chosen ``confidences`` and ``sets``."""
        outcome = score_gzsl(fitted, bench, settings.get("gamma"))
        if self.adapt is not None:
            outcome, settings = self._adapted(outcome, bench, settings)
        add_confidences(outcome, settings.get("confidences") or {}, bench)
        add_sets(outcome, settings.get("sets") or {}, bench)
        if self.best_epoch:
            outcome.scores.update(best_epoch_on_test(fitted, bench))
        return outcome

    def _adapted(self, base: Outcome, bench: Benchmark,
                 settings: Settings) -> tuple[Outcome, Settings]:
        """Return the outcome after adaptation and its settings.

        Scores without adaptation stand beside, as ``H_base`` and so on.
        """
        assert self.adapt is not None
        chosen, outcome = settings.get("adaptation") or {}, base
        if moves(chosen):
            head, before = base.details["head"], settings.get("gamma") or 0.0
            rows = adapted(head, apart(head, tests_of(bench), self.adapt), way_of(chosen), before)
            settings = {**settings, **chosen}
            outcome = outcome_of(head, bench, rows, settings["gamma"])
        scores = {f"{name}_base": base.scores[name] for name in ("T1", "U", "S", "H", "AUSUC")}
        per_class = {f"{name}_base": base.per_class[name] for name in ("T1", "U", "S")}
        return replace(outcome, scores={**outcome.scores, **scores},
                       per_class={**outcome.per_class, **per_class}), settings

    def trial(self, fitted: Any, validation: Benchmark) -> Outcome:
        """Score a candidate at its own best gamma, by which it would be calibrated."""
        return score_gzsl(fitted, validation)

    def calibrate(self, outcome: Outcome, validation: Benchmark) -> dict[str, Any]:
        """Return ``gamma``, ``confidences``: threshold and temperature of each, ``sets``: the
        limits of `Conformal`, and ``gamma_by_share``: pairs of a share of items of unseen classes
        and the gamma for it; with `adapt` also ``adaptation``, see `choose_adaptation`.
        """
        chosen = calibration(outcome, validation)
        if self.adapt is None:
            return chosen
        head, gamma = outcome.details["head"], outcome.gamma or 0.0
        found = choose_adaptation(outcome, validation, self.adapt, self.adapt_by)
        if moves(found):
            tests = apart(head, tests_of(validation), self.adapt)
            rows = adapted(head, tests, way_of(found), gamma)
            found |= calibration(outcome_of(head, validation, rows, None), validation)
        return {**chosen, "adaptation": found}

    def describe(self, settings: Settings) -> str:
        """Say which gamma was chosen."""
        calibration = f"gamma {settings['gamma']:.4g}"
        return (calibration if self.adapt is None else
                f"{calibration}; {told(self.adapt, settings['adaptation'])}; both")

    def without_validation(self, model: Any, reason: str,
                           log: Callable[[str], None] | None) -> str:
        """Say that nothing was calibrated, with a warning."""
        if model.oracle:
            return super().without_validation(model, reason, log)
        said = (f"nothing was selected and nothing was calibrated: {reason}, so gamma is 0 and "
                "unseen classes are seldom chosen; give the benchmark a validation_split")
        warnings.warn(f"bench: {said}.", stacklevel=4)
        if log is not None:
            log(said)
        return said

    def stated(self) -> dict[str, Any]:
        """Return the mode of adaptation."""
        return {} if self.adapt is None else {"adaptation": MODES[self.adapt]}

    def saw_test(self, bench: Benchmark) -> bool | None:
        """Tell whether the scored samples were adapted on."""
        return self.adapt == "transductive"

    def figures(self, fitted: Any, bench: Benchmark, outcome: Outcome) -> dict[str, Any]:
        """Return curves, accuracies and confusions of classes, hits, and maps of the space."""
        return {**super().figures(fitted, bench, outcome),
                **recognition_figures(fitted, bench, outcome, self.tested)}


@dataclass(frozen=True)
class ZSL(Protocol):
    """Recognition of test samples of unseen classes, for a benchmark without others."""

    name: ClassVar[str] = "zsl"
    benchmark: ClassVar[str] = "zsl"
    title: ClassVar[str] = "Recognition among unseen classes"
    sentence: ClassVar[str] = (
        "Test samples of unseen classes are recognised among unseen classes only.")
    tested: ClassVar[tuple[str, ...]] = ("test_unseen",)
    objective: ClassVar[str] = "T1"
    metrics: ClassVar[tuple[Metric, ...]] = (T1,)
    headlines: ClassVar[tuple[str, ...]] = ("T1",)
    columns: ClassVar[tuple[str, ...]] = ("T1",)
    heads: ClassVar[bool] = True

    check_model = GZSL.check_model
    ceiling_samples = GZSL.ceiling_samples

    def check_benchmark(self, bench: Benchmark) -> None:
        """Raise ValueError if a benchmark is of another task."""
        if bench.task == "gzsl":
            raise ValueError(f"task: {bench.name!r} tests seen classes too, and T1 of gzsl is the "
                             "score of zsl; leave the task out.")
        super().check_benchmark(bench)

    def score(self, fitted: Any, bench: Benchmark, settings: Settings = NOTHING) -> Outcome:
        """Score T1."""
        return score_zsl(fitted, bench)

    def figures(self, fitted: Any, bench: Benchmark, outcome: Outcome) -> dict[str, Any]:
        """Return accuracies and confusions of classes, hits, and maps of the space."""
        return {**super().figures(fitted, bench, outcome),
                **recognition_figures(fitted, bench, outcome, self.tested)}


def recognition_figures(fitted: Any, bench: Benchmark, outcome: Outcome,
                        tested: Sequence[str]) -> dict[str, Any]:
    """Return the arrays of figures of recognition on some splits."""
    parts = [bench[split] for split in tested]
    return {**recognition(bench, outcome), **latent(fitted, bench, parts, classes=True),
            **tokens(fitted, parts[-1], bench.classes.names), **cross_modal(fitted, bench, parts)}


def all_tests(bench: Benchmark) -> Views:
    """Return the test samples of all splits in one, for a model that is a ceiling."""
    parts = [views for split, views in bench.splits.items() if split.startswith("test_")]
    modality = parts[0].modalities[0]
    return Views({modality: np.concatenate([part[modality] for part in parts])},
                 np.concatenate([part.truth for part in parts]))
