"""Choices of a captioner on validation classes: its names, how often they are right, numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import clone

from crossalign import metrics
from crossalign.evaluation.protocols.base import Array
from crossalign.metrics.classification import candidates_without_items
from crossalign.models.catalog import serves
from crossalign.tasks import Captioner, ZeroShot
from crossalign.tasks.base_captioner import BaseCaptioner
from crossalign.tasks.caption_names import rank_shares, ranked_classes
from crossalign.types import Benchmark, Captions, Views
from crossalign.types.captions import Texts

HABITS: dict[str, tuple[float, ...]] = {"guidance": (0.0, 0.3, 1.0), "repeats": (0, 1, 2)}
"""Values that validation tries of how a trained decoder speaks; repetitions where any words may be
said, and by a vocabulary of words: a language model's are parts of words, which recur."""
Shares = list[float]
"""Shares of exact captions of unseen classes and of seen ones, see `exact_shares`."""
MISLED = (0.0, 0.3)
"""Shares of captions in which names overrule sight, see `Captioner`, that validation tries."""
MEMORIES = (0.0, 0.02, 0.1)
"""Temperatures of projection onto training texts that validation tries; 0 is none."""
NAMES = 3
"""Number of classes that are named in front of a caption."""


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


def choose_misled(train: Callable[[Mapping[str, Any]], BaseCaptioner], chosen: dict[str, Any],
                  validation: Benchmark) -> tuple[BaseCaptioner, Shares]:
    """Choose one of `MISLED`, put it into ``chosen``, and return the captioner that ``train`` makes
    of these settings, and its `exact_shares`.
    """
    tried = []
    for share in MISLED if "hits" in chosen else MISLED[:1]:
        captioner = train({**chosen, "misled": share})
        tried.append((captioner, exact_shares(captioner, validation)))
    best = max(range(len(tried)), key=lambda i: harmonic(tried[i][1]))
    chosen["misled"] = MISLED[best]
    return tried[best]


def choose_habits(captioner: BaseCaptioner, exact: Shares, chosen: dict[str, Any], end: str,
                  validation: Benchmark) -> Shares:
    """Choose each of `HABITS` after the other, put them into ``chosen`` by the end of their names,
    and return `exact_shares` with them; ``exact`` are those without.
    """
    for name, values in HABITS.items():
        held = name == "repeats" and (parts_of(validation) is not None
                                      or not isinstance(captioner, Captioner))
        chosen[f"{name}{end}"], exact = best_value(
            captioner, exact, name, values[:1] if held else values, validation)
    return exact


def best_value(captioner: BaseCaptioner, exact: Shares, name: str, values: Sequence[float],
               validation: Benchmark) -> tuple[float, Shares]:
    """Return the value of a parameter by which the harmonic mean of `exact_shares` is highest, of
    several the first, and these shares; the captioner has it then. ``exact`` are those of the first
    value, which the captioner has before.
    """
    found = values[0], exact
    for value in values[1:]:
        captioner.set_params(**{name: value})
        exact = exact_shares(captioner, validation)
        if harmonic(exact) > harmonic(found[1]):
            found = value, exact
    captioner.set_params(**{name: found[0]})
    return found


def exact_shares(captioner: BaseCaptioner, validation: Benchmark) -> Shares:
    """Return the shares of exact captions of unseen classes and of seen ones, if both are there."""
    assert isinstance(validation.said, Captions)
    return [metrics.exact_match(
        captioner.caption(validation[split], parts=parts_of(validation), named=True),
        validation.said.of(validation[split]))
        for split in ("test_unseen", "test_seen") if split in validation.splits]


def harmonic(shares: Sequence[float]) -> float:
    """Return the harmonic mean of shares; nearly 0 if one is 0."""
    return len(shares) / sum(1 / max(share, 1e-9) for share in shares)


def recognised(head: ZeroShot, samples: Views) -> Array:
    """Return the classes ``(n,)`` that are recognised, as rows."""
    scores = np.asarray(head.decision_function(samples))
    return ranked_classes(scores, head.classes_, head.gamma, 1)[:, 0]
