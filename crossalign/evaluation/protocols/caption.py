"""Captions of test samples: seen combinations beside combinations never captioned.

The aligner is fitted on the training samples with their captions, a recogniser of its kind on the
samples and the classes, and a decoder on the codes. Where the data know of which phrases captions
of training are made, these and names of classes are all that is said. Validation classes choose the
recogniser's calibration, how often the true name is among those it gives, and, by CIDEr-D, the
settings of `caption_choices`.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

import numpy as np

from crossalign.evaluation.figures.words import captioned
from crossalign.evaluation.protocols.base import (
    NOTHING,
    Metric,
    Outcome,
    Protocol,
    Settings,
)
from crossalign.evaluation.protocols.caption_choices import (
    HABITS,
    MEMORIES,
    NAMES,
    UNCHOSEN,
    best_value,
    choose_habits,
    choose_misled,
    choose_names,
    cosine_of,
    heard,
    parts_of,
    recognised,
    recogniser_of,
)
from crossalign.evaluation.protocols.caption_scores import nearest_texts, outcome_of
from crossalign.evaluation.protocols.spoken import Spoken
from crossalign.tasks import Captioner, LanguageCaptioner, ZeroShot
from crossalign.tasks.base_captioner import BaseCaptioner
from crossalign.tasks.inputs import CODES, Inputs
from crossalign.tasks.language_captioner import language_facts, rank_of
from crossalign.types import Benchmark, Captions

TEXT_ONLY, SMALL = "_text_only", "_small"
"""Ends of the names of scores: of the route of texts alone, and of the small decoder beside a
language model.
"""
FEWEST = 100
"""Least number of scored pictures by which the validation of another task chooses a captioner."""


@dataclass(frozen=True)
class Captioning(Spoken, Protocol):
    """Captions of test samples, by a decoder, by the nearest training text, and by class names.

    Parameters
    ----------
    inputs : {"codes", "features", "both"}
        Input that the paired decoder reads of a sample, see `Captioner`; default both.
    epochs : int, optional
        Number of passes over the captions; default that of `Captioner`.
    seed : int, optional
        Seed of the decoder; default that of the run, and outside of runs that of the model.
    language_model : str, optional
        Causal language model of ``transformers`` that says the captions, as in `LanguageCaptioner`;
        default None, a small decoder that is trained from scratch. With one, that decoder stands
        beside it.
    lora : int, optional
        Rank of what is learned beside the weights of its attention; default that of
        `LanguageCaptioner`.

    Raises
    ------
    ValueError
        If an option is out of range, or ``lora`` is given without a language model.
    """

    inputs: Inputs = "both"
    language_model: str | None = None
    lora: int | None = None

    name: ClassVar[str] = "caption"
    benchmark: ClassVar[str] = "caption"
    title: ClassVar[str] = "Captions of what was never seen"
    sentence: ClassVar[str] = (
        "Every test sample is described in words; captions of unseen classes were never in "
        "training.")
    tested: ClassVar[tuple[str, ...]] = ("test_seen", "test_unseen")
    objective: ClassVar[str] = "exact"
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("exact", "unseen classes: captions that are a reference, word by word"),
        Metric("CIDEr", "unseen classes: CIDEr-D in percent, up to 1,000", most=10.0),
        Metric("BLEU-4", "unseen classes: runs of one to four words that references have"),
        Metric("ROUGE-L", "unseen classes: longest common sequence of words"),
        Metric("exact_retrieval", "the same of the nearest training text"),
        Metric("CIDEr_retrieval", "the same of the nearest training text", most=10.0),
        Metric("exact_template", "the same of the name of the recognised class"),
        Metric("CIDEr_template", "the same of the name of the recognised class", most=10.0),
        Metric("exact_decoder", "the same of the decoder for unseen classes too, where their names "
               "are captions"),
        Metric("CIDEr_decoder", "the same of the decoder for unseen classes too, where their names "
               "are captions", most=10.0),
        Metric("exact_nameless", "the same of the decoder without names in front of captions"),
        Metric("CIDEr_nameless", "the same of the decoder without names in front of captions",
               most=10.0),
        Metric("exact_free", "the same of the decoder that may say any words, where captions are "
               "made of parts"),
        Metric("exact_small", "the same of a small decoder, beside a language model"),
        Metric("CIDEr_small", "the same of a small decoder, beside a language model", most=10.0),
        Metric("exact_text_only", "the same of a decoder that learned from texts alone"),
        Metric("CIDEr_text_only", "the same of a decoder that learned from texts alone", most=10.0),
        Metric("exact_seen", "seen classes: captions that are a reference, word by word"),
        Metric("CIDEr_seen", "seen classes: CIDEr-D in percent, up to 1,000", most=10.0),
        Metric("exact_text_only_seen", "seen classes, by a decoder that learned from texts alone"),
        Metric("exact_template_seen", "seen classes, by the name of the recognised class"),
        Metric("distinct", "share of different captions among those of unseen classes", None))
    headlines: ClassVar[tuple[str, ...]] = (
        "exact", "exact_seen", "exact_text_only", "exact_template", "exact_retrieval", "CIDEr")
    columns: ClassVar[tuple[str, ...]] = (
        "exact", "CIDEr", "BLEU-4", "ROUGE-L", "exact_small", "CIDEr_small", "exact_template",
        "CIDEr_template", "exact_decoder", "CIDEr_decoder", "exact_free", "exact_nameless",
        "CIDEr_nameless", "exact_text_only", "CIDEr_text_only", "exact_retrieval",
        "CIDEr_retrieval", "exact_seen")
    tunes: ClassVar[bool] = False
    calibrates: ClassVar[bool] = True
    beside: ClassVar[bool] = True
    """True where decoders of texts alone, and a small one beside a language model, are learned."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.language_model is not None or self.lora is not None:
            rank_of(self.lora, self.language_model)

    def check_model(self, model: Any) -> None:
        """Raise ValueError if a model embeds nothing, or the language model cannot say captions."""
        super().check_model(model)
        if self.language_model is not None:
            self._language()

    def check_benchmark(self, bench: Benchmark) -> None:
        """Raise ValueError if a benchmark is of another task, or a part holds one picture alone."""
        super().check_benchmark(bench)
        for part in self._tests(bench):
            if len(bench[part]) == 1:
                raise ValueError(f"data: {part} of {bench.name!r} holds one picture, "
                                 f"{str(bench[part].ids[0])!r}, and captions are scored by how few "
                                 "pictures of a part have their words; put two or more there.")
        held = bench.validation()
        if held is not None and sum(len(held[part]) for part in self._tests(held)) == 1:
            raise ValueError(f"data: validation of {bench.name!r} holds one picture, and captions "
                             "are scored by how few pictures have their words; give training "
                             "classes more pictures.")

    @property
    def note(self) -> str:
        """Say who speaks, if it is a language model."""
        return "" if self.language_model is None else (
            f"captions by the language model {self.language_model!r}, which may have read of "
            "unseen classes")

    def trial(self, fitted: Any, validation: Benchmark) -> Outcome:
        """Choose settings on validation classes by CIDEr; the objective is `exact` by the paired
        decoder.
        """
        head = recogniser_of(fitted, validation)
        chosen = choose_names(head, validation)
        if head is not None:
            head.gamma = chosen["gamma"]
        paired, before = choose_misled(partial(self._captioner, fitted, head, validation), chosen,
                                       validation)
        best = choose_habits(paired, before, chosen, "", validation)
        if self.language_model is not None and self.beside:
            small = self._captioner(fitted, head, validation, chosen, SMALL)
            choose_habits(small, heard(small, validation), chosen, SMALL, validation)
        if "text" in validation["train"] and self.beside:
            chosen["cosine"] = cosine_of(fitted, validation)
            blind = self._captioner(fitted, head, validation, chosen, TEXT_ONLY)
            chosen["memory"], before = best_value(blind, heard(blind, validation), "memory",
                                                  MEMORIES, validation)
            choose_habits(blind, before, chosen, TEXT_ONLY, validation)
        return Outcome({}, best.exact, details={"chosen": chosen})

    def calibrate(self, outcome: Outcome, validation: Benchmark) -> dict[str, Any]:
        """Return ``gamma``, ``hits`` and ``misled`` of names, `HABITS` by the ends of scores, and
        for texts alone ``cosine`` and ``memory``.
        """
        return dict(outcome.details["chosen"])

    def describe(self, settings: Settings) -> str:
        """Say what was chosen."""
        chosen = [f"{name} {_written(settings[name])}" for name in (*HABITS, "misled", "gamma")
                  if name in settings]
        return (f"{', '.join(chosen)} and how often names are right" if chosen else
                "default settings of captions, as none were chosen; what is recognised as a class "
                "without training pictures is called by its name")

    def score(self, fitted: Any, bench: Benchmark, settings: Settings = NOTHING) -> Outcome:
        """Score captions by both routes, by the nearest text and by the name of the class."""
        head = recogniser_of(fitted, bench)
        if head is not None:
            head.gamma = settings.get("gamma", 0.0)
        said = {"": self._captioner(fitted, head, bench, settings)}
        if "text" in bench["train"]:
            said[TEXT_ONLY] = self._captioner(fitted, head, bench, settings, TEXT_ONLY)
        parts = parts_of(bench)
        captions = {f"{end}{_seen(split)}": captioner.caption(bench[split], parts=parts, named=True)
                    for end, captioner in said.items() for split in self._tests(bench)}
        if "test_unseen" in bench.splits:
            unseen = bench["test_unseen"]
            if head is not None:
                if said[""].unseen == "name":
                    captions["_decoder"] = copy(said[""]).set_params(unseen="decoder").caption(
                        unseen)
                captions["_nameless"] = without_names(said[""]).caption(unseen, parts=parts,
                                                                        named=True)
            if parts is not None:
                captions["_free"] = said[""].caption(unseen)
            if self.language_model is not None:
                captions[SMALL] = self._captioner(fitted, head, bench, settings, SMALL).caption(
                    unseen, parts=parts, named=True)
        for split in self._tests(bench):
            captions[f"_retrieval{_seen(split)}"] = nearest_texts(fitted, bench, bench[split])
            if head is not None:
                names = np.array(head.classes_.names)
                captions[f"_template{_seen(split)}"] = names[
                    recognised(head, bench[split])].tolist()
        outcome = outcome_of(captions, bench, self)
        outcome.details["captioner"] = said[""]
        return outcome

    def figures(self, fitted: Any, bench: Benchmark, outcome: Outcome) -> dict[str, Any]:
        """Return the training curves, and a sheet of pictures with their captions."""
        return {**super().figures(fitted, bench, outcome), **captioned(bench, outcome)}

    @property
    def facts(self) -> dict[str, Any]:
        """Return name and options, and what tells one language model from another."""
        return {**super().facts, **self._language()}

    def stated(self) -> dict[str, Any]:
        """Return the statement of what is known of unseen classes, and of who speaks."""
        return {"captions_from": self.inputs, **self._language(),
                "names": "of all classes, unseen ones too; where captions are names, "
                         "exact_template is what they give alone"}

    def _language(self) -> dict[str, Any]:
        """Return the facts of the language model, which is tried out; nothing without one."""
        if self.language_model is None:
            return {}
        rank = rank_of(self.lora, self.language_model)
        return {"language_model": language_facts(self.language_model, rank), "lora": rank}

    def _tests(self, bench: Benchmark) -> list[str]:
        return [split for split in self.tested if split in bench.splits]

    def captioner(self, fitted: Any, head: ZeroShot | None, settings: Settings = NOTHING,
                  end: str = "", **more: Any) -> BaseCaptioner:
        """Return the captioner over a fitted model of scores with an end, with the settings that
        validation chose so far.
        """
        unchosen = {} if settings else UNCHOSEN
        route = "text_only" if end == TEXT_ONLY else "paired"
        known = {key: settings[key] for key in ("hits", "misled", "cosine", "memory")
                 if key in settings}
        of_both = {"route": route, "names": NAMES, "epochs": self.epochs,
                   "inputs": self.inputs if route == "paired" else CODES,
                   **{name: settings.get(f"{name}{end}", unchosen.get(name, values[0]))
                      for name, values in HABITS.items()},
                   "random_state": self.seed_for(fitted), **known, **more}
        return (Captioner(fitted, head, **of_both)
                if self.language_model is None or end == SMALL else
                LanguageCaptioner(fitted, head, language_model=self.language_model,
                                  lora=rank_of(self.lora, self.language_model), **of_both))

    def asked(self, validation: Benchmark, said: Captions) -> Benchmark | None:
        """Return the validation of another task with captions, to choose on; None where fewer than
        `FEWEST` pictures are scored.
        """
        scored = [name for name in self.tested if name in validation.splits]
        if "train" not in validation.splits or sum(
                len(validation[name]) for name in scored) < FEWEST:
            return None
        splits = {name: validation[name] for name in ("train", *scored)}
        return replace(validation, splits=splits, said=said, task=self.benchmark)

    def _captioner(self, fitted: Any, head: ZeroShot | None, bench: Benchmark,
                   settings: Settings, end: str = "") -> BaseCaptioner:
        """Train the captioner of scores with an end."""
        assert isinstance(bench.said, Captions)
        return self.captioner(fitted, head, settings, end).fit(bench["train"], bench.said)

    def without_validation(self, model: Any, reason: str,
                           log: Callable[[str], None] | None) -> str:
        """Say that default settings were used."""
        return (f"{super().without_validation(model, reason, log)}; captions by default settings, "
                "and names for unseen classes")


def without_names(captioner: BaseCaptioner) -> BaseCaptioner:
    """Return a captioner with the same decoder, from which names are hidden, as they are in
    training from a share of the captions.
    """
    nameless = copy(captioner)
    nameless.recogniser = None
    return nameless


def _written(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def _seen(split: str) -> str:
    return "_seen" if split == "test_seen" else ""
