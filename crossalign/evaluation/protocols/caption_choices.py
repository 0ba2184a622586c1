"""Choices of a captioner on validation classes: its names, how often they are right, numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone

from crossalign import metrics
from crossalign.evaluation.protocols.base import Array
from crossalign.metrics.classification import candidates_without_items
from crossalign.models.catalog import serves
from crossalign.tasks import Captioner, ZeroShot
from crossalign.tasks.base_captioner import UNSEEN, BaseCaptioner
from crossalign.tasks.caption_names import rank_shares, ranked_classes
from crossalign.types import Benchmark, Captions, Views
from crossalign.types.captions import Texts

HABITS: dict[str, tuple[Any, ...]] = {
    "guidance": (0.0, 0.3, 1.0), "repeats": (0, 1, 2), "unseen": UNSEEN}
"""Values that validation tries of how a trained captioner speaks; all but guidance where any words
may be said, and repetitions by a vocabulary of words: a language model's are parts of words, which
recur. Where captions are made of parts, names are among them."""
UNCHOSEN: dict[str, Any] = {"unseen": "name"}
"""Settings where nothing was chosen, beside the first of `HABITS`: of a class without training
pictures a decoder of few captions says what its own classes are called, against its recogniser."""
MISLED = (0.0, 0.3)
"""Shares of captions in which names overrule sight, see `Captioner`, that validation tries."""
MEMORIES = (0.0, 0.02, 0.1)
"""Temperatures of projection onto training texts that validation tries; 0 is none."""
NAMES = 3
"""Number of classes that are named in front of a caption."""


class Heard(NamedTuple):
    """Captions of validation samples as they are scored.

    Attributes
    ----------
    worth : float
        Harmonic mean of CIDEr-D over unseen classes and over seen ones, by which settings are
        chosen: it tells good captions from bad ones also where hardly any is exact.
    exact : float
        Share of exact captions, of unseen classes if some are there.
    """

    worth: float
    exact: float


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
    from crossalign.tasks.input_rows import fit_inputs
    from crossalign.tasks.inputs import CODES
    from crossalign.tasks.modality_gap import standardise

    train, first = validation["train"], validation.modalities[0]
    told = np.asarray(fitted.embed(train["text"], "text"))
    shown = np.asarray(fitted.embed(train[first], first))
    test = validation["test_seen"] if "test_seen" in validation.splits else train
    one = {label: i for i, label in enumerate(train.truth.tolist())}
    kept = np.array([label in one for label in test.truth.tolist()])
    texts = standardise(told, fit_inputs({CODES: told}))
    rows = standardise(np.asarray(fitted.embed(test[first], first)),
                       fit_inputs({CODES: shown}))[kept]
    partners = texts[[one[label] for label in test.truth[kept].tolist()]]
    return float(np.clip((rows * partners).sum(axis=1).mean(), 0.05, 1.0))


def parts_of(bench: Benchmark) -> tuple[Texts, ...] | None:
    """Return the lists of phrases that captions are made of; None where any words are."""
    return bench.said.parts or None if isinstance(bench.said, Captions) else None


def choose_misled(train: Callable[[Mapping[str, Any]], BaseCaptioner], chosen: dict[str, Any],
                  validation: Benchmark) -> tuple[BaseCaptioner, Heard]:
    """Choose one of `MISLED`, put it into ``chosen``, and return the captioner that ``train`` makes
    of these settings, and what is `heard` of it.
    """
    tried = []
    for share in MISLED if "hits" in chosen else MISLED[:1]:
        captioner = train({**chosen, "misled": share})
        tried.append((captioner, heard(captioner, validation)))
    best = max(range(len(tried)), key=lambda i: tried[i][1].worth)
    chosen["misled"] = MISLED[best]
    return tried[best]


def choose_habits(captioner: BaseCaptioner, before: Heard, chosen: dict[str, Any], end: str,
                  validation: Benchmark) -> Heard:
    """Choose each of `HABITS` after the other, put them into ``chosen`` by the end of their names,
    and return what is `heard` with them; ``before`` is that without.
    """
    for name, values in HABITS.items():
        held = (name != "guidance" and parts_of(validation) is not None) or (
            name == "repeats" and not isinstance(captioner, Captioner))
        chosen[f"{name}{end}"], before = best_value(
            captioner, before, name, values[:1] if held else values, validation)
    return before


def best_value(captioner: BaseCaptioner, before: Heard, name: str, values: Sequence[Any],
               validation: Benchmark) -> tuple[Any, Heard]:
    """Return the value of a parameter whose captions are worth most, of several the first, and what
    is `heard` then; the captioner has it. ``before`` is that with the first value, which the
    captioner has before.
    """
    found = values[0], before
    for value in values[1:]:
        captioner.set_params(**{name: value})
        now = heard(captioner, validation)
        if now.worth > found[1].worth:
            found = value, now
    captioner.set_params(**{name: found[0]})
    return found


def heard(captioner: BaseCaptioner, validation: Benchmark) -> Heard:
    """Return the scores of captions of validation samples, in which rare words are those that few
    of all these samples have.
    """
    assert isinstance(validation.said, Captions)
    splits = [split for split in ("test_unseen", "test_seen") if split in validation.splits]
    said = [captioner.caption(validation[split], parts=parts_of(validation), named=True)
            for split in splits]
    references = [validation.said.of(validation[split]) for split in splits]
    scores = metrics.cider_d_scores([text for part in said for text in part],
                                    [texts for part in references for texts in part])
    each = [float(part.mean()) for part in np.split(scores, np.cumsum([*map(len, said)])[:-1])]
    return Heard(metrics.harmonic_mean(each[0], each[-1]),
                 metrics.exact_match(said[0], references[0]))


def recognised(head: ZeroShot, samples: Views) -> Array:
    """Return the classes ``(n,)`` that are recognised, as rows."""
    scores = np.asarray(head.decision_function(samples))
    return ranked_classes(scores, head.classes_, head.gamma, 1)[:, 0]
