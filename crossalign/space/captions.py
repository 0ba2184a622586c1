"""The captioner of a space: what it learns from captions, by the settings of its protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from crossalign.data.sides import ids_in, seen_once
from crossalign.evaluation.protocols.caption import Captioning
from crossalign.pace import Log
from crossalign.reading import expanded
from crossalign.space.spoken import check_embeds, chosen_settings, tell_of_colours
from crossalign.tasks.base_captioner import BaseCaptioner
from crossalign.tasks.fitted import Fitted
from crossalign.types import Benchmark, Captions, Encoder, Views


@dataclass(frozen=True)
class OneCaptioner(Captioning):
    """Captions by the decoder that a space keeps, without those that a report compares it with."""

    beside: ClassVar[bool] = False


def language_of(name: str | None, lora: int | None, captions: bool) -> dict[str, Any]:
    """Return the name of a language model, absolute if it is a folder, and its rank, tried out
    before anything is computed; nothing without one.
    """
    from crossalign.tasks.language_captioner import language_facts, rank_of

    if name is None and lora is None:
        return {}
    rank = rank_of(lora, name)
    assert name is not None
    if not captions:
        raise ValueError(f"language_model: {name!r} says captions; ask for them with --captions.")
    place = expanded(name, "language_model")
    name = str(place.resolve()) if place.is_dir() else name
    language_facts(name, rank)
    return {"language_model": name, "lora": rank}


def captioner_of(said: Captions, fitted: Fitted, bench: Benchmark, used: Views,
                 encoder: Encoder, modality: str, language: Mapping[str, Any], log: Log,
                 callbacks: Sequence[Any] = ()) -> tuple[BaseCaptioner, str]:
    """Return a captioner that learned the captions of the samples of the model, and how it did.

    Its settings are those that validation chooses for captions, see `Captioning.trial`; of too few
    captions the default of `Captioning`.

    Parameters
    ----------
    said : Captions
        Captions of the data.
    fitted : Fitted
        Model that embeds, and its recogniser.
    bench : Benchmark
        Benchmark that it was chosen on.
    used : Views
        Samples that it was fitted on.
    encoder : Encoder
        Encoder of their pictures.
    modality : str
        Modality that is captioned.
    language : mapping
        Settings of a language model, ``language_model`` and ``lora``; empty for a small decoder.
    log : callable
        Function called with a line for every step.
    callbacks : sequence
        Callbacks of its training; default none.

    Raises
    ------
    ValueError
        If the model embeds nothing.
    """
    check_embeds(fitted, "captions")
    used = seen_once(used, modality)
    said = replace(said, ids=ids_in(used, modality, said.ids))
    tell_of_colours(encoder, [text for of in said.texts for text in of], "captions", log)
    task = OneCaptioner(**language)
    chosen = chosen_settings(task, fitted.model, bench, said, "captions", log)
    how = f"what {len(used):,} samples show, with {task.describe(chosen)}"
    log(f"learning to say {how}")
    captioner = task.captioner(fitted.model, fitted.recogniser, chosen, modality=modality)
    return captioner.fit(used, said, callbacks), how
