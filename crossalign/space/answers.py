"""The answerer of a space: what it learns from questions, by the settings of its protocol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from crossalign.data.sides import ids_in, seen_once
from crossalign.evaluation.protocols.vqa import VQA
from crossalign.pace import Log
from crossalign.space.spoken import check_embeds, chosen_settings, tell_of_colours
from crossalign.tasks.answerer import Answerer
from crossalign.tasks.fitted import Fitted
from crossalign.types import Benchmark, Encoder, Questions, Views


def answerer_of(said: Questions, fitted: Fitted, bench: Benchmark, used: Views,
                encoder: Encoder, modality: str, log: Log,
                callbacks: Sequence[Any] = ()) -> tuple[Answerer, str]:
    """Return an answerer that learned the questions of the data about the samples of the model, and
    how it did.

    Its settings are those that validation chooses for questions, see `VQA.trial`.

    Parameters
    ----------
    said : Questions
        Questions of the data.
    fitted : Fitted
        Model that embeds, and its settings.
    bench : Benchmark
        Benchmark that it was chosen on.
    used : Views
        Samples that it was fitted on.
    encoder : Encoder
        Encoder of their pictures.
    modality : str
        Modality that is asked about.
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
    used = seen_once(used, modality)
    names = list(dict.fromkeys(one for of in said.pictures for one in of))
    own = dict(zip(names, ids_in(used, modality, names), strict=True))
    said = replace(said, pictures=tuple(tuple(own[one] for one in of) for of in said.pictures))
    tell_of_colours(encoder, [" ".join((text, *answers)) for text, answers in
                              zip(said.texts, said.answers, strict=True)], "questions", log)
    task = VQA()
    settings = (fitted.settings if bench.task == task.benchmark else
                chosen_settings(task, fitted.model, bench, said, "questions", log))
    how = f"from {len(said.of(used)):,} questions, with {task.describe(settings)}"
    log(f"learning answers {how}")
    return task.answerer(fitted.model, settings).fit(used, said, callbacks), how
