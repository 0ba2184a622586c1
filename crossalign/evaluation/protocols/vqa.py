"""Answers to questions about pictures, beside those from the words or the picture alone."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from crossalign import metrics
from crossalign.evaluation.figures.words import answered
from crossalign.evaluation.protocols.base import (
    NOTHING,
    Array,
    Metric,
    Outcome,
    Protocol,
    Settings,
)
from crossalign.evaluation.protocols.spoken import Spoken
from crossalign.labels import rarest
from crossalign.tasks.answer_calibration import (
    FEWEST,
    answer_calibration_error,
    answer_temperature,
)
from crossalign.tasks.answerer import Answerer
from crossalign.types import Benchmark, Questions, Views

MAIN = "accuracy"
ALONE = {"question": "accuracy_question_only", "pictures": "accuracy_image_only"}
"""Score of an answerer that sees one input alone, by the input."""
FREQUENT = "accuracy_most_frequent"
DROPOUTS = (0.2, 0.4)
"""Shares of dropped units among which validation chooses."""


@dataclass(frozen=True)
class VQA(Spoken, Protocol):
    """Answers to questions about one picture or two, by an `Answerer` over the fitted model.

    Accuracies are `metrics.vqa_accuracy` over questions about pictures of unseen classes, where
    there are any, and ``accuracy_seen`` over those about seen ones. ``accuracy[letter]`` is that of
    questions of one type; other scores have such parts, too.

    Parameters
    ----------
    inputs : {"codes", "features", "both"}
        Input that is read of a picture, see `Answerer`; default its code in the space.
    epochs : int, optional
        Number of passes over the questions; default that of `Answerer`.
    seed : int, optional
        Seed of the answerer; default that of the run, and outside of runs that of the model.
    """

    name: ClassVar[str] = "vqa"
    benchmark: ClassVar[str] = "vqa"
    title: ClassVar[str] = "Answers about pictures of classes never seen"
    sentence: ClassVar[str] = (
        "A small network over the codes of one picture or two answers questions; no picture of an "
        "unseen class was in training.")
    tested: ClassVar[tuple[str, ...]] = ("test_seen", "test_unseen")
    objective: ClassVar[str] = MAIN
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric(MAIN, "answers that people gave; about unseen classes, if there are any"),
        Metric("accuracy_seen", "the same about new pictures of seen classes"),
        Metric("ECE", "gap between how sure its best answers are and how often right, after "
               "calibration on validation; lower is better", "lower"),
        Metric("ECE_uncalibrated", "the same of the network's own expected accuracies", "lower"),
        Metric("ECE_seen", "the calibrated gap about new pictures of seen classes", "lower"),
        Metric(ALONE["question"], "a network that does not see the picture", None),
        Metric(ALONE["pictures"], "a network that does not see the question", None),
        Metric(FREQUENT, "the most frequent training answer to each type of question", None))
    headlines: ClassVar[tuple[str, ...]] = (
        MAIN, "accuracy_seen", ALONE["question"], ALONE["pictures"], FREQUENT, "ECE")
    columns: ClassVar[tuple[str, ...]] = (MAIN, "accuracy_seen", *ALONE.values())
    tunes: ClassVar[bool] = False
    calibrates: ClassVar[bool] = True
    micro: ClassVar[bool] = True

    @property
    def note(self) -> str:
        """Say what is read of a picture, if it is not its code alone."""
        return {"codes": "", "features": "pictures by their features, without the space",
                "both": "pictures by their codes and features"}[self.inputs]

    def trial(self, fitted: Any, validation: Benchmark) -> Outcome:
        """Answer the questions of validation with each of `DROPOUTS`; the objective is the best,
        whose shares are calibrated on the same questions, if there are enough.
        """
        views, asked = _main(validation)
        found = {share: self._learned(fitted, validation, {"dropout": share})
                 for share in DROPOUTS}
        right = {share: metrics.vqa_accuracy(answerer.predict(views, asked).tolist(), asked.answers)
                 for share, answerer in found.items()}
        best = max(right, key=lambda share: right[share])
        chosen = {"dropout": best}
        heat = answer_temperature(found[best], views, asked)
        if heat is not None:
            chosen["temperature"] = heat
        return Outcome({MAIN: right[best]}, right[best], details={"chosen": chosen})

    def calibrate(self, outcome: Outcome, validation: Benchmark) -> dict[str, Any]:
        """Return ``dropout``, the best of `DROPOUTS`, and ``temperature``, see `Answerer`."""
        return dict(outcome.details["chosen"])

    def describe(self, settings: Settings) -> str:
        """Say which share of dropped units was chosen, and whether answers are calibrated."""
        heat = (f"temperature {settings['temperature']:.2f} of its answers"
                if "temperature" in settings else "answers that are not calibrated")
        return f"dropout {_dropout(settings):g} of the answerer and {heat}"

    def asked(self, validation: Benchmark, said: Questions) -> Benchmark | None:
        """Return the validation of another task with questions, to choose on; None where fewer than
        `FEWEST` are about its training pictures, or about those that are scored.
        """
        names = ("train", _scored(validation))
        splits = {name: validation[name] for name in names if name in validation.splits}
        if len(splits) < len(names) or min(
                len(said.of(views)) for views in splits.values()) < FEWEST:
            return None
        return replace(validation, splits=splits, said=said, task=self.benchmark)

    def answerer(self, fitted: Any, settings: Settings = NOTHING, **more: Any) -> Answerer:
        """Return an answerer over a fitted model, with the settings that validation chose."""
        return Answerer(fitted, self.inputs, epochs=self.epochs,
                        random_state=self.seed_for(fitted), dropout=_dropout(settings),
                        temperature=settings.get("temperature"), **more)

    def score(self, fitted: Any, bench: Benchmark, settings: Settings = NOTHING) -> Outcome:
        """Train and score an answerer and two that see one input alone."""
        bare = {"dropout": _dropout(settings)}
        views, asked = _main(bench)
        whole = self._learned(fitted, bench, bare)
        answers = {MAIN: whole.predict(views, asked).tolist()}
        for sees, name in ALONE.items():
            alone = self._learned(fitted, bench, bare, sees=sees)
            answers[name] = alone.predict(views, asked).tolist()
        answers[FREQUENT] = most_frequent(_said(bench).of(bench["train"]), asked.types)
        scores = {"ECE_uncalibrated": answer_calibration_error(whole, views, asked)}
        whole.temperature = settings.get("temperature")
        if whole.temperature is not None:
            scores["ECE"] = answer_calibration_error(whole, views, asked)
        per_class: dict[str, tuple[Array, Array, Array | None]] = {}
        for name, texts in answers.items():
            scores[name] = metrics.vqa_accuracy(texts, asked.answers)
            per_class[name] = _by_class(texts, views, asked)
        if views is not bench.splits.get("test_seen"):
            near, about = bench["test_seen"], _said(bench).of(bench["test_seen"])
            texts = whole.predict(near, about).tolist()
            scores["accuracy_seen"] = metrics.vqa_accuracy(texts, about.answers)
            per_class["accuracy_seen"] = _by_class(texts, near, about)
            if whole.temperature is not None:
                scores["ECE_seen"] = answer_calibration_error(whole, near, about)
        for name in (MAIN, ALONE["question"]):
            parts = metrics.vqa_accuracy_by_type(answers[name], asked.answers, asked.types)
            scores |= {f"{name}[{kind}]": value for kind, value in parts.items()}
            per_class |= {f"{name}[{kind}]": _by_class(answers[name], views, asked, kind)
                          for kind in parts}
        return Outcome(scores, scores[MAIN], per_class=per_class,
                       details={"answers": answers[MAIN], "answerer": whole})

    def figures(self, fitted: Any, bench: Benchmark, outcome: Outcome) -> dict[str, Any]:
        """Return the training curves, and a sheet of pictures with questions and answers."""
        return {**super().figures(fitted, bench, outcome),
                **answered(bench, outcome, *_main(bench))}

    def stated(self) -> dict[str, Any]:
        """Return the statement of what is read of a picture."""
        return {"answers_from": self.inputs}

    def metric(self, name: str) -> Metric | None:
        """Return the metric of a score, also of questions of one type."""
        base, _, kind = name.partition("[")
        found = super().metric(base)
        if found is None or not kind:
            return found
        return replace(found, name=name, meaning=f"{found.meaning}; questions of the type "
                                                 f"{kind.removesuffix(']')}")

    def columns_of(self, scores: Any) -> list[str]:
        """Return accuracies, and those of every type."""
        return [*super().columns_of(scores),
                *(name for name in scores if name.startswith(f"{MAIN}["))]

    def _learned(self, fitted: Any, bench: Benchmark, settings: Settings,
                 **more: Any) -> Answerer:
        """Return an answerer that has learned from the training questions."""
        return self.answerer(fitted, settings, **more).fit(bench["train"], _said(bench))


def _dropout(settings: Settings) -> float:
    """Return the share of dropped units that was chosen; the first where none was."""
    return float(settings.get("dropout", DROPOUTS[0]))


def most_frequent(train: Questions, types: Any) -> list[str]:
    """Return the most frequent training answer to questions of each type, ``len(types)`` of them.

    Answers count by the accuracy that they would have. A type that training does not have gets the
    most frequent answer of all. Of equally frequent ones, it is the first in the alphabet.
    """
    counts: dict[str | None, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for kind, answers in zip(train.types, train.answers, strict=True):
        for text, score in metrics.answer_scores(answers).items():
            counts[kind][text] += score
            counts[None][text] += score
    best = {kind: min(of, key=lambda text: (-of[text], text)) for kind, of in counts.items()}
    return [best.get(kind, best[None]) for kind in types]


def _main(bench: Benchmark) -> tuple[Views, Questions]:
    """Return the samples that the headline is about, and their questions."""
    views = bench[_scored(bench)]
    return views, _said(bench).of(views)


def _scored(bench: Benchmark) -> str:
    """Return the name of the split that the headline is about."""
    return "test_unseen" if "test_unseen" in bench.splits else "test_seen"


def _said(bench: Benchmark) -> Questions:
    """Return the questions of a benchmark, which one of this task always has."""
    assert isinstance(bench.said, Questions)
    return bench.said


def _by_class(texts: list[str], views: Views, asked: Questions,
              kind: str | None = None) -> tuple[Array, Array, Array]:
    """Return the classes of first pictures, the accuracy of each, and its number of questions; of
    one type alone, if one is given.
    """
    right = metrics.vqa_accuracies(texts, asked.answers)
    labels = rarest(views.truth)[asked.rows(views)[:, 0]]
    if kind is not None:
        of_kind = np.array(asked.types) == kind
        right, labels = right[of_kind], labels[of_kind]
    classes, place, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return classes, np.bincount(place, right) / counts, counts
