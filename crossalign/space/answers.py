"""The answerer of a space: what it learns from questions, by the settings of its protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from crossalign.data.catalog import load_said
from crossalign.data.samples import Samples
from crossalign.data_options import DataOptions
from crossalign.evaluation.protocols.vqa import VQA
from crossalign.evaluation.selection import select
from crossalign.models.roles import Aligner
from crossalign.space.colours import unseen_colours
from crossalign.tasks.answerer import Answerer
from crossalign.tasks.fitted import Fitted
from crossalign.types import Benchmark, Encoder, Questions, Views

Log = Callable[[str], None]


def answerer_of(options: DataOptions, fitted: Fitted, bench: Benchmark, used: Views,
                samples: Samples, encoder: Encoder, log: Log,
                callbacks: Sequence[Any] = ()) -> Answerer:
    """Return an answerer that learned the questions of the data about the samples of the model.

    Its settings are those that validation chooses for questions, see `VQA.trial`.

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
    encoder : Encoder
        Encoder of their pictures.
    log : callable
        Function called with a line for every step.
    callbacks : sequence
        Callbacks of its training; default none.

    Raises
    ------
    ValueError
        If no question is about these samples, or the model embeds nothing.
    """
    check_embeds(fitted, "questions")
    said = load_said(options.name, "vqa", samples, log=log, **options.read_raw_as())
    assert isinstance(said, Questions)
    note = unseen_colours(encoder, [" ".join((text, *answers)) for text, answers in
                                    zip(said.texts, said.answers, strict=True)], "questions")
    if note is not None:
        log(f"note: {note}")
    task = VQA()
    settings = (fitted.settings if bench.task == task.benchmark else
                _chosen(task, fitted.model, bench, said, log))
    log(f"learning answers from {len(said.of(used)):,} questions, with {task.describe(settings)}")
    return task.answerer(fitted.model, settings).fit(used, said, callbacks)


def _chosen(task: VQA, model: Any, bench: Benchmark, said: Questions,
            log: Log) -> Mapping[str, Any]:
    """Return what validation chooses for questions, of a model that was chosen for another task;
    nothing where it has too few.
    """
    part = bench.validation()
    asked = None if part is None else task.asked(part, said)
    if asked is None:
        return {}
    log("choosing the answerer on questions about pictures of validation")
    return select(model, replace(bench, validation_split=lambda: asked), task, {}).settings


def check_embeds(fitted: Fitted, argument: str) -> None:
    """Raise ValueError if a model embeds nothing that could be asked about or put in words."""
    if not isinstance(fitted.model, Aligner):
        raise ValueError(f"{argument}: {fitted.model.cli_name} embeds nothing that words could be "
                         "about; choose a model that aligns, as --models ridge_map.")
