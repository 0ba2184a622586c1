"""Captions of test samples: seen combinations beside combinations never captioned.

The aligner is fitted on the training samples with their captions, a recogniser of its kind on the
samples and the classes, and a decoder on the codes. Where the data know of which phrases captions
of training are made, these and names of classes are all that is said. Validation classes choose the
recogniser's calibration, how often the true name is among those it gives, and the guidance of the
decoder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from sklearn.base import clone

from crossalign import metrics
from crossalign.evaluation.figures.words import captioned
from crossalign.evaluation.protocols.base import (
    NOTHING,
    Array,
    Metric,
    Outcome,
    Protocol,
    Settings,
    accuracies,
)
from crossalign.evaluation.protocols.spoken import Spoken
from crossalign.metrics.captions.exact import exact_matches
from crossalign.metrics.classification import candidates_without_items
from crossalign.models.blockwise import embedded
from crossalign.models.catalog import serves
from crossalign.tasks import Captioner, ZeroShot
from crossalign.tasks.caption_names import rank_shares, ranked_classes
from crossalign.tasks.inputs import Inputs
from crossalign.types import Benchmark, Captions, Views
from crossalign.types.captions import Texts

GUIDANCES = (0.0, 0.3, 1.0)
"""Values of guidance that validation tries."""
MEMORIES = (0.0, 0.02, 0.1)
"""Temperatures of projection onto training texts that validation tries; 0 is none."""
NAMES = 3
ROUTES = {"": "paired", "_text_only": "text_only"}
"""Routes by the end of the names of their scores."""


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
    """

    inputs: Inputs = "both"

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
        Metric("CIDEr", "unseen classes: CIDEr-D, from 0 to 10", most=10.0),
        Metric("BLEU-4", "unseen classes: runs of one to four words that references have"),
        Metric("ROUGE-L", "unseen classes: longest common sequence of words"),
        Metric("exact_retrieval", "the same of the nearest training text"),
        Metric("CIDEr_retrieval", "the same of the nearest training text", most=10.0),
        Metric("exact_template", "the same of the name of the recognised class"),
        Metric("exact_nameless", "the same of the decoder without names in front of captions"),
        Metric("CIDEr_nameless", "the same of the decoder without names in front of captions",
               most=10.0),
        Metric("exact_free", "the same of the decoder that may say any words, where captions are "
               "made of parts"),
        Metric("exact_text_only", "the same of a decoder that learned from texts alone"),
        Metric("CIDEr_text_only", "the same of a decoder that learned from texts alone", most=10.0),
        Metric("exact_seen", "seen classes: captions that are a reference, word by word"),
        Metric("CIDEr_seen", "seen classes: CIDEr-D, from 0 to 10", most=10.0),
        Metric("exact_text_only_seen", "seen classes, by a decoder that learned from texts alone"),
        Metric("exact_template_seen", "seen classes, by the name of the recognised class"),
        Metric("distinct", "share of different captions among those of unseen classes", None))
    headlines: ClassVar[tuple[str, ...]] = (
        "exact", "exact_seen", "exact_text_only", "exact_template", "exact_retrieval", "CIDEr")
    columns: ClassVar[tuple[str, ...]] = (
        "exact", "CIDEr", "BLEU-4", "ROUGE-L", "exact_template", "exact_free", "exact_nameless",
        "CIDEr_nameless", "exact_text_only", "CIDEr_text_only", "exact_retrieval",
        "CIDEr_retrieval", "exact_seen")
    tunes: ClassVar[bool] = False
    calibrates: ClassVar[bool] = True

    def trial(self, fitted: Any, validation: Benchmark) -> Outcome:
        """Choose settings on validation classes; the objective is `exact` by the paired decoder."""
        head = recogniser_of(fitted, validation)
        chosen = choose_names(head, validation)
        if head is not None:
            head.gamma = chosen["gamma"]
        paired = self._captioner(fitted, head, validation, chosen)
        chosen["guidance"], best = _best(paired, "guidance", GUIDANCES, validation)
        if "text" in validation["train"]:
            chosen["cosine"] = cosine_of(fitted, validation)
            blind = self._captioner(fitted, head, validation, chosen, "text_only")
            chosen["memory"], _ = _best(blind, "memory", MEMORIES, validation)
            blind.memory = chosen["memory"]
            chosen["guidance_text_only"], _ = _best(blind, "guidance", GUIDANCES, validation)
        return Outcome({}, best, details={"chosen": chosen})

    def calibrate(self, outcome: Outcome, validation: Benchmark) -> dict[str, Any]:
        """Return ``gamma`` and ``hits`` of names, ``guidance``, and for texts alone ``cosine``,
        ``memory`` and ``guidance_text_only``.
        """
        return dict(outcome.details["chosen"])

    def describe(self, settings: Settings) -> str:
        """Say what was chosen."""
        return (f"guidance {settings['guidance']:g}, gamma {settings['gamma']:.4g} and how often "
                "names are right")

    def score(self, fitted: Any, bench: Benchmark, settings: Settings = NOTHING) -> Outcome:
        """Score captions by both routes, by the nearest text and by the name of the class."""
        head = recogniser_of(fitted, bench)
        if head is not None:
            head.gamma = settings.get("gamma", 0.0)
        said = {"": self._captioner(fitted, head, bench, settings)}
        if "text" in bench["train"]:
            said["_text_only"] = self._captioner(fitted, head, bench, settings, "text_only")
        parts = parts_of(bench)
        captions = {f"{end}{_seen(split)}": captioner.caption(bench[split], parts=parts, named=True)
                    for end, captioner in said.items() for split in self._tests(bench)}
        if "test_unseen" in bench.splits:
            unseen = bench["test_unseen"]
            if head is not None:
                captions["_nameless"] = without_names(said[""]).caption(unseen, parts=parts,
                                                                        named=True)
            if parts is not None:
                captions["_free"] = said[""].caption(unseen)
        for split in self._tests(bench):
            captions[f"_retrieval{_seen(split)}"] = nearest_texts(fitted, bench, bench[split])
            if head is not None:
                names = np.array(head.classes_.names)
                captions[f"_template{_seen(split)}"] = names[
                    _classes(head, bench[split])].tolist()
        return outcome_of(captions, bench, self)

    def figures(self, fitted: Any, bench: Benchmark, outcome: Outcome) -> dict[str, Any]:
        """Return the training curves, and a sheet of pictures with their captions."""
        return {**super().figures(fitted, bench, outcome), **captioned(bench, outcome)}

    def stated(self) -> dict[str, Any]:
        """Return the statement of what is known of unseen classes."""
        return {"captions_from": self.inputs,
                "names": "of all classes, unseen ones too; where captions are names, "
                         "exact_template is what they give alone"}

    def _tests(self, bench: Benchmark) -> list[str]:
        return [split for split in self.tested if split in bench.splits]

    def _captioner(self, fitted: Any, head: ZeroShot | None, bench: Benchmark,
                   settings: Settings, route: str = "paired") -> Captioner:
        """Train a captioner by a route, with the settings that were chosen so far."""
        end = "" if route == "paired" else "_text_only"
        known = {key: settings[key] for key in ("hits", "cosine", "memory") if key in settings}
        assert isinstance(bench.said, Captions)
        captioner = Captioner(fitted, head, route, names=NAMES,
                              inputs=self.inputs if route == "paired" else "codes",
                              guidance=settings.get(f"guidance{end}", 0.0),
                              epochs=self.epochs, random_state=self.seed_for(fitted), **known)
        return captioner.fit(bench["train"], bench.said)

    def without_validation(self, model: Any, reason: str,
                           log: Callable[[str], None] | None) -> str:
        """Say that default settings were used."""
        return f"{super().without_validation(model, reason, log)}; captions by default settings"


def recogniser_of(fitted: Any, bench: Benchmark) -> ZeroShot | None:
    """Return a recogniser of all classes by pictures: of the model if it knows classes, else of one
    of its kind, fitted on pictures and classes; None if its kind knows none.
    """
    if not serves(type(fitted), "gzsl") or bench.classes.embeddings.shape[1] == 0:
        return None
    pictures = bench["train"].select(bench.modalities[0])
    model = fitted if fitted.knows_classes else clone(fitted).fit(pictures, classes=bench.classes)
    return ZeroShot(model).fit(pictures, bench.classes)


def choose_names(head: ZeroShot | None, validation: Benchmark) -> dict[str, Any]:
    """Choose ``gamma`` for the best harmonic mean, and measure ``hits`` at it: the shares of
    samples of unseen classes whose name is at each rank.
    """
    if head is None or len({"test_seen", "test_unseen"} & set(validation.splits)) < 2:
        return {"gamma": 0.0}
    seen, unseen = validation["test_seen"], validation["test_unseen"]
    rows = head.decision_function(unseen)
    with candidates_without_items():
        curve = metrics.seen_unseen_curve(head.decision_function(seen), seen.truth, rows,
                                          unseen.truth, validation.classes.seen)
    gamma = float(metrics.best_gamma(curve))
    ranked = ranked_classes(rows, validation.classes, gamma, NAMES)
    return {"gamma": gamma, "hits": [max(1e-3, share) for share in
                                     rank_shares(ranked, unseen.truth)]}


def cosine_of(fitted: Any, validation: Benchmark) -> float:
    """Measure the mean cosine between codes of held-out samples of seen classes and of a training
    text of their class, each modality less its mean and over its deviation.
    """
    from crossalign.tasks.modality_gap import standardise

    train, first = validation["train"], validation.modalities[0]
    told = np.asarray(fitted.embed(train["text"], "text"))
    shown = np.asarray(fitted.embed(train[first], first))
    test = validation["test_seen"] if "test_seen" in validation.splits else train
    one = {label: i for i, label in enumerate(train.truth.tolist())}
    kept = np.array([label in one for label in test.truth.tolist()])
    texts = standardise(told, told.mean(axis=0), told.std(axis=0) + 1e-3)
    rows = standardise(np.asarray(fitted.embed(test[first], first)), shown.mean(axis=0),
                       shown.std(axis=0) + 1e-3)[kept]
    partners = texts[[one[label] for label in test.truth[kept].tolist()]]
    return float(np.clip((rows * partners).sum(axis=1).mean(), 0.05, 1.0))


def parts_of(bench: Benchmark) -> tuple[Texts, ...] | None:
    """Return the lists of phrases that captions are made of; None where any words are."""
    return bench.said.parts or None if isinstance(bench.said, Captions) else None


def without_names(captioner: Captioner) -> Captioner:
    """Return a captioner with the same decoder, from which names are hidden, as they are in
    training from a share of the captions.
    """
    nameless = copy(captioner)
    nameless.recogniser = None
    return nameless


def nearest_texts(fitted: Any, bench: Benchmark, test: Views) -> list[str]:
    """Return for every sample the caption of the training text that is nearest to it, or of the
    training sample where training has no texts.
    """
    train, first = bench["train"], bench.modalities[0]
    assert bench.said is not None
    captions = bench.said.of(train)
    gallery = "text" if "text" in train else first
    held = embedded(fitted, train, gallery)
    asked = embedded(fitted, test, first)
    best = np.concatenate([(part @ held.T).argmax(axis=1) for part in
                           np.array_split(asked, max(1, len(asked) // 512))])
    return [captions[i][0] for i in best]  # type: ignore[index]


def outcome_of(captions: Mapping[str, list[str]], bench: Benchmark, task: Protocol) -> Outcome:
    """Score captions by the ends of the names of their scores, as ``"_text_only_seen"``."""
    scores: dict[str, float] = {}
    per_class: dict[str, tuple[Array, Array, Array | None]] = {}
    assert bench.said is not None
    for end, said in captions.items():
        test = bench["test_seen" if end.endswith("_seen") else "test_unseen"]
        references = bench.said.of(test)
        found = {"exact": metrics.exact_match, "CIDEr": metrics.cider_d,
                 "BLEU-4": metrics.bleu, "ROUGE-L": metrics.rouge_l}
        for name, measure in found.items():
            if task.metric(f"{name}{end}") is not None:
                scores[f"{name}{end}"] = float(measure(said, references))  # type: ignore[arg-type]
        right = exact_matches(said, references)  # type: ignore[arg-type]
        if f"exact{end}" in scores:
            per_class[f"exact{end}"] = accuracies(test.truth, np.where(right, test.truth, -1))
    if "" in captions:
        scores["distinct"] = len(set(captions[""])) / len(captions[""])
    best = scores.get("exact", scores.get("exact_seen", 0.0))
    return Outcome(scores, best, None, {"captions": dict(captions)}, per_class)


def _best(captioner: Captioner, name: str, values: Sequence[float],
          validation: Benchmark) -> tuple[float, float]:
    """Return the value of a parameter by which the harmonic mean of exact captions of unseen and
    seen classes is highest, and that of unseen ones.
    """
    best, found = -1.0, (values[0], 0.0)
    assert validation.said is not None
    for value in values:
        captioner.set_params(**{name: value})
        exact = [metrics.exact_match(
            captioner.caption(validation[split], parts=parts_of(validation), named=True),
            validation.said.of(validation[split]))  # type: ignore[arg-type]
                 for split in ("test_unseen", "test_seen") if split in validation.splits]
        mean = len(exact) / sum(1 / max(share, 1e-9) for share in exact)
        if mean > best:
            best, found = mean, (value, exact[0])
    return found


def _classes(head: ZeroShot, samples: Views) -> Array:
    """Return the classes ``(n,)`` that are recognised, as rows."""
    scores = np.asarray(head.decision_function(samples))
    return ranked_classes(scores, head.classes_, head.gamma, 1)[:, 0]


def _seen(split: str) -> str:
    return "_seen" if split == "test_seen" else ""
