"""The answerer of a space: what it learns from questions, and how its shares are calibrated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from sklearn.base import clone

from crossalign.data.catalog import load_said
from crossalign.data.samples import Samples
from crossalign.data_options import DataOptions
from crossalign.evaluation.protocols import with_options
from crossalign.evaluation.protocols.vqa import VQA
from crossalign.evaluation.selection import fit_on
from crossalign.tasks.answer_calibration import FEWEST
from crossalign.tasks.answerer import Answerer
from crossalign.tasks.fitted import Fitted
from crossalign.types import Benchmark, Questions, Views

Log = Callable[[str], None]


def answerer_of(options: DataOptions, fitted: Fitted, bench: Benchmark, used: Views,
                samples: Samples, log: Log, callbacks: Sequence[Any] = ()) -> Answerer:
    """Return an answerer that learned the questions of the data about the samples of the model.

    Its settings are those that validation chose for questions, see `VQA.calibrate`.

    Parameters
    ----------
    options : DataOptions
        Where the questions are.
    fitted : Fitted
        Model that embeds, and its settings.
    bench : Benchmark
        Benchmark that it was chosen on.
    used : Views
        Samples that it was fitted on.
    samples : Samples
        All samples.
    log : callable
        Function called with a line for every step.
    callbacks : sequence
        Callbacks of its training; default none.

    Raises
    ------
    ValueError
        If no question is about these samples.
    """
    said = load_said(options.name, "vqa", samples, log=log, **options.read_raw_as())
    assert isinstance(said, Questions)
    settings = (fitted.settings if "dropout" in fitted.settings else
                _chosen(fitted.model, bench, said, log))
    heat = settings.get("temperature")
    log("the shares of answers are not calibrated, as fewer than "
        f"{FEWEST} questions are about pictures of validation, or no temperature makes the right "
        "answers likelier" if heat is None else
        f"the shares of answers are calibrated on validation, at a temperature of {heat:.2f}")
    log(f"learning answers from {len(said.of(used)):,} questions")
    answerer = Answerer(fitted.model, temperature=heat)
    answerer.dropout = settings.get("dropout", answerer.dropout)
    return answerer.fit(used, said, callbacks)


def _chosen(model: Any, bench: Benchmark, said: Questions, log: Log) -> dict[str, Any]:
    """Return what validation chooses for questions, of a model that was chosen for another task;
    nothing where it has too few.
    """
    part = bench.validation()
    splits = {} if part is None else part.splits
    test = splits.get("test_unseen", splits.get("test_seen"))
    if part is None or test is None or min(len(said.of(of)) for of in (part["train"], test)) \
            < FEWEST:
        return {}
    log(f"choosing on {len(said.of(test)):,} questions about pictures of validation")
    fitted = fit_on(clone(model), part, with_options(bench.task))
    task = VQA()
    asked = replace(part, said=said, task=task.benchmark)
    return task.calibrate(task.trial(fitted, asked), asked)
