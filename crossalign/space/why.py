"""Explanation of a hit of a space: training pairs that voted for it, and words that carry it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from crossalign.space.embedding import EmbeddingSpace
from crossalign.space.items import LOOKS, TEXT, listed
from crossalign.space.originals import original
from crossalign.tasks.explanation import explain

Array = npt.NDArray[Any]
MOST_WORDS = 64
"""Largest number of words of a query that are weighed one by one."""


class Why(NamedTuple):
    """Explanation of one hit.

    Attributes
    ----------
    id : str
        Id of the item.
    score : float
        Its similarity to the query.
    pairs : list of (str, float)
        Ids of the training pictures whose pairs gave most of the score, and their shares; those of
        all pairs add up to what pairs say.
    words : list of (str, float)
        Words of a query in words, and by how much the score goes down without each; those that
        carry most first.
    """

    id: str
    score: float
    pairs: list[tuple[str, float]]
    words: list[tuple[str, float]]


def explained(space: EmbeddingSpace, query: Any, ids: Sequence[str], k: int) -> list[Why]:
    """Explain hits of a query; see `Space.why`."""
    train = space.training
    if train is None:
        raise ValueError(f"space: {type(space.fitted.model).__name__} is explained by no training "
                         "pairs, or they were too many to keep; build the space with --models "
                         "ridge_map, cca or asif.")
    item = listed(query)[0]
    kind = space.kind_of([item])
    if kind not in (*LOOKS, TEXT):
        raise ValueError("query: got a vector, of which nothing is known; give the text or picture "
                         "that it was made of.")
    names = [str(name) for name in ids]
    rows, side = space.features(item)
    found = []
    for name, about in zip(names, space.index.payload(names), strict=True):
        hit, hit_side = _features_of(space, name, about)
        said = explain(space.fitted.model, train.views, rows, side, hit, hit_side, k=k,
                       classes=space.classes if space.class_names else None)
        score = float(said.scores[0])
        found.append(Why(name, score, list(zip((str(one) for one in said.ids[0].tolist()),
                                               said.shares[0].tolist(), strict=True)),
                         _words(space, item, hit, hit_side) if kind == TEXT else []))
    return found


def _features_of(space: EmbeddingSpace, name: str, about: dict[str, Any]) -> tuple[Array, str]:
    """Return the features of an item ``(1, d)`` and the model's modality that reads them."""
    assert space.training is not None
    train = space.training.views
    at = np.flatnonzero(train.ids == name)
    looks = space.looks
    if about.get("modality") == looks and looks in train.modalities and len(at):
        return train[looks][at[:1]], looks
    if about.get("modality") == TEXT and "text" in about:
        return space.features(str(about["text"]))
    item = original(space.root, name, about)
    if item is None:
        raise ValueError(f"ids: {name!r} is neither among the training samples nor in a file, so "
                         "it cannot be explained; give another.")
    return space.features(item)


def _words(space: EmbeddingSpace, text: str, hit: Array, hit_side: str) -> list[tuple[str, float]]:
    """Return every word and by how much the score goes down without it."""
    words = text.split()
    if not 1 < len(words) <= MOST_WORDS:
        return []
    model = space.fitted.model
    texts = [text, *(" ".join(words[:i] + words[i + 1:]) for i in range(len(words)))]
    rows, side = space.features(texts)
    scores = model.embed(rows, side) @ model.embed(hit, hit_side)[0]
    drops = scores[0] - scores[1:]
    return [(words[i], float(drops[i])) for i in np.argsort(-drops, kind="stable")]
