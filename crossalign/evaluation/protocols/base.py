"""Base of the tasks of evaluation: needs, training, scores, choices on validation, and reports."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from crossalign.models.roles import Aligner
from crossalign.types import Benchmark, Classes, Views

Array = npt.NDArray[Any]
Settings = Mapping[str, Any]
"""Plain numbers by name that validation chose beside hyper-parameters, such as ``gamma``."""
NOTHING: Settings = MappingProxyType({})
"""Settings without any choice."""


@dataclass(frozen=True)
class Metric:
    """A score and its meaning.

    Attributes
    ----------
    name : str
        Name in reports; `Protocol.metric` says which names belong to it.
    meaning : str
        Meaning in a few words, for tables and pages.
    better : {"higher", "lower"} or None
        Direction of better models; None for bounds and diagnostics, by which none is ranked.
    least : float
        Smallest possible value: 0 for fractions, the default, -1 for correlations.
    most : float
        Largest possible value: 1, the default, or 10 for CIDEr.
    """

    name: str
    meaning: str
    better: Literal["higher", "lower"] | None = "higher"
    least: float = 0.0
    most: float = 1.0


@dataclass(frozen=True)
class Outcome:
    """Scores of one fitted model on one benchmark.

    Attributes
    ----------
    scores : mapping of metric to fraction
        Scores by metric.
    objective : float
        Objective: the number that selection on validation maximises.
    gamma : float or None
        The calibration that maximises H on this very benchmark; meant for validation benchmarks.
    details : mapping
        Arrays behind the scores, for calibration and figures.
    per_class : mapping of score to ``(classes (k,), values (k,), counts (k,))``
        Score of every class that has test samples, by row of the benchmark's classes. Counts are
        those of the samples, if these and not the classes count alike.
    """

    scores: dict[str, float]
    objective: float
    gamma: float | None = None
    details: dict[str, Any] = field(default_factory=dict)
    per_class: dict[str, tuple[Array, Array, Array | None]] = field(default_factory=dict)


KNOWN: dict[str, type[Protocol]] = {}
"""Tasks by name, of every class that names itself; a variant of one without a name is not found."""


@dataclass(frozen=True)
class Protocol:
    """Base of the tasks. Fields of a subclass are its options, and part of what a run depends on.

    Class attributes
    ----------------
    name : str
        Name of the task in reports and on the command line.
    benchmark : str
        Task of the benchmarks that it is scored on.
    title, sentence : str
        Heading of a page and one sentence below it.
    tested : tuple of str
        Splits that are scored, and shown in figures.
    objective : str
        Metric that selection on validation maximises.
    metrics : tuple of `Metric`
        Metrics of the task.
    headlines, columns : tuple of str
        Metrics on the cards of a page, the most telling first, and in tables of rows.
    tunes : bool
        Whether hyper-parameters are chosen on validation.
    calibrates : bool
        Whether `calibrate` chooses something there, even if no hyper-parameter is open.
    needs_calibration : bool
        Whether the objective says little without what `calibrate` chooses.
    each_run : bool
        Whether every run chooses anew if the benchmark has one split.
    heads : bool
        Whether the model's own head scores classes.
    micro : bool
        Whether accuracies are over samples, not over classes.
    """

    name: ClassVar[str]
    benchmark: ClassVar[str]
    title: ClassVar[str]
    sentence: ClassVar[str]
    tested: ClassVar[tuple[str, ...]]
    objective: ClassVar[str]
    metrics: ClassVar[tuple[Metric, ...]]
    headlines: ClassVar[tuple[str, ...]]
    columns: ClassVar[tuple[str, ...]]
    tunes: ClassVar[bool] = True
    calibrates: ClassVar[bool] = False
    needs_calibration: ClassVar[bool] = False
    each_run: ClassVar[bool] = False
    heads: ClassVar[bool] = False
    micro: ClassVar[bool] = False

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "name" in vars(cls):
            KNOWN[cls.name] = cls

    # -- what it needs -------------------------------------------------------------------------
    def check_model(self, model: Any) -> None:
        """Raise ValueError if a model cannot do the task; by default it must embed samples."""
        if not isinstance(model, Aligner):
            raise ValueError(f"model: {model.cli_name} does not embed samples, which {self.name} "
                             "needs; choose an aligner, as cca or lcale.")

    def check_benchmark(self, bench: Benchmark) -> None:
        """Raise ValueError if a benchmark is of another task."""
        if bench.task != self.benchmark:
            raise ValueError(f"task: {bench.name!r} is for {bench.task}, not {self.name}; choose a "
                             "benchmark of that task.")

    @property
    def note(self) -> str:
        """Return words on the scores for the report, after those on the selection."""
        return ""

    @property
    def facts(self) -> dict[str, Any]:
        """Return name and options in plain JSON types: equal facts give equal scores."""
        return {"name": self.name, **dataclasses.asdict(self)}

    # -- how it runs ---------------------------------------------------------------------------
    def seeded(self, seed: int) -> Protocol:
        """Return the task as the run of a seed scores it; the same where it draws nothing."""
        return self

    def training(self, bench: Benchmark) -> tuple[Views, Classes | None]:
        """Return the samples and the classes that a model is fitted on."""
        return bench["train"], bench.classes

    def idle(self, model: Any, bench: Benchmark, names: Iterable[str]) -> list[str]:
        """Return those of some parameters that change nothing for the task on such samples.

        They are those of `Model.idle` and, where no class is scored by it, the head and all that it
        holds.
        """
        idle = model.idle(self.training(bench)[0])
        return [name for name in names if name in idle or
                (not self.heads and name.partition("__")[0] == "head")]

    def ceiling_samples(self, bench: Benchmark) -> Views:
        """Return the labelled test samples that an oracle is fitted on, if the task has one."""
        raise ValueError(f"model: the class-mean oracle is a ceiling for gzsl, not for "
                         f"{self.name}; choose another model.")

    def score(self, fitted: Any, bench: Benchmark, settings: Settings = NOTHING) -> Outcome:
        """Score a fitted model on a benchmark with the settings that validation chose."""
        raise NotImplementedError("abstract")  # pragma: no cover

    def trial(self, fitted: Any, validation: Benchmark) -> Outcome:
        """Score a candidate on validation, for `calibrate` and for its objective."""
        return self.score(fitted, validation)

    def calibrate(self, outcome: Outcome, validation: Benchmark) -> dict[str, Any]:
        """Return the settings that a `trial` on validation chooses."""
        return {}

    def describe(self, settings: Settings) -> str:
        """Say in a few words what `calibrate` chose."""
        return ""

    def without_validation(self, model: Any, reason: str,
                           log: Callable[[str], None] | None) -> str:
        """Say for the report that nothing was selected; warn if scores suffer from it."""
        return f"nothing was selected: {reason}"

    def figures(self, fitted: Any, bench: Benchmark, outcome: Outcome) -> dict[str, Any]:
        """Return the arrays of the task's figures, by the names that `Report` documents."""
        history = getattr(fitted, "history_", None)
        return {"history": history} if history else {}

    def merge_figures(self, runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Return the figures of a report from those of its runs; of the first by default."""
        return runs[0]

    # -- what its numbers rest on --------------------------------------------------------------
    def stated(self) -> dict[str, Any]:
        """Return the statement of a report's protocol about the options."""
        return {}

    def saw_test(self, bench: Benchmark) -> bool | None:
        """Tell whether a model is fitted on a test sample; None if ids do not say."""
        return False  # recognition and retrieval have disjoint parts, or they are no benchmark

    # -- how it reads --------------------------------------------------------------------------
    def metric(self, name: str) -> Metric | None:
        """Return the metric of a score's name, or None for a foreign one."""
        return next((metric for metric in self.metrics if metric.name == name), None)

    def headlines_of(self, scores: Sequence[str]) -> list[str]:
        """Return those of a report's scores that its page shows first; never none."""
        return [name for name in self.headlines if name in scores] or list(scores)[:6]

    def columns_of(self, scores: Sequence[str]) -> list[str]:
        """Return those of a report's scores that tables of rows show."""
        return [name for name in self.columns if name in scores]


def accuracies(labels: Array, predictions: Array) -> tuple[Array, Array, None]:
    """Return the classes that have samples, and the accuracy of each."""
    from crossalign import metrics

    classes = np.unique(labels)
    return classes, metrics.class_accuracies(labels, predictions, classes), None
