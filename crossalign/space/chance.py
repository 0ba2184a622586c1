"""Chances of hits: the share of random wrong pairs that are at least as similar.

A similarity is in no unit: 0.4 may be much between a text and a picture, and little between two
pictures. What it is worth shows beside pairs that nobody chose, of a query and an item of the same
kinds: ``(1 + number at least as similar) / (1 + number)``, the p-value of a test by resampling
(Phipson & Smyth, 2010). Pairs of one class are left out, as far as classes are known: of five
classes a fifth of all pairs are such.

It is about one pair. The best of many items is the best of many pairs, and more of them are similar
by chance alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.arrays import evenly
from crossalign.index.base import Index
from crossalign.index.exact import ExactIndex
from crossalign.space.items import CLASS, TEXT, VECTOR

Array = npt.NDArray[Any]

MOST = 256
"""Largest number of queries, and of items, that make pairs."""
LEAST = 100
"""Number of pairs below which nothing is said."""


def random_pairs(queries: Array, items: Array, same: Array | None = None) -> Array | None:
    """Return the similarities of pairs, ascending; None if there are too few.

    Parameters
    ----------
    queries : (q, d) float
    items : (n, d) float
        Rows whose inner products are similarities.
    same : (q, n) bool, optional
        True for pairs of an item with itself or of one class, which are left out; default none.
    """
    products = queries @ items.T
    pairs = products.ravel() if same is None else products[~same]
    return np.sort(pairs) if len(pairs) >= LEAST else None


def chances(scores: Array, pairs: Array) -> Array:
    """Return for similarities ``(k,)`` the shares of random pairs that are at least as similar.

    ``pairs (m,)`` are their similarities, ascending.
    """
    above = len(pairs) - np.searchsorted(pairs, scores, side="left")
    return np.asarray((1 + above) / (1 + len(pairs)))


class RandomPairs:
    """Random pairs of the items of a space, by the kinds of query and item, drawn when asked for.

    Parameters
    ----------
    index : Index
        Items, with their ``modality`` in the payload. Chances are told of an `ExactIndex` alone,
        whose similarities are the products of its rows.
    class_texts : callable
        Function that gives names of classes and vectors of their texts, thinned by a function that
        it is given, or None; they ask where the index has no texts.
    """

    def __init__(self, index: Index, class_texts: Callable[
            [Callable[[int], list[int]]], tuple[Sequence[str], Array] | None]) -> None:
        self._index, self._class_texts = index, class_texts
        self._drawn: dict[tuple[str, str], Array | None] = {}

    def chances(self, kind: str, scores: Array,
                payloads: Sequence[Mapping[str, Any]]) -> list[float | None]:
        """Return the chances of the hits of a query of some kind; None where they are unknown."""
        found: list[float | None] = [None] * len(scores)
        kinds = [str(one.get("modality", "")) for one in payloads]
        for of in dict.fromkeys(kinds):
            if (kind, of) not in self._drawn:
                self._drawn[kind, of] = self._draw(kind, of)
            pairs = self._drawn[kind, of]
            places = [n for n, one in enumerate(kinds) if one == of]
            for n, share in zip(places, () if pairs is None else chances(
                    scores[places], pairs).tolist(), strict=pairs is not None):
                found[n] = share
        return found

    def forget(self) -> None:
        """Drop the pairs, which are drawn anew when asked for, as after a change of the items."""
        self._drawn.clear()

    def _draw(self, kind: str, of: str) -> Array | None:
        if not isinstance(self._index, ExactIndex):
            return None
        _, rows, payloads = self._index.sample(8 * MOST)
        kinds = np.array([str(one.get("modality", "")) for one in payloads])
        items = np.flatnonzero(kinds == of)
        asks = np.flatnonzero((kinds == kind) | (kind == VECTOR))
        items, asks = items[thinned(len(items))], asks[thinned(len(asks))]
        classes = np.array([str(one.get(CLASS, "")) for one in payloads], dtype=object)
        if len(asks):
            return random_pairs(rows[asks], rows[items], (asks[:, None] == items)
                                | _alike(classes[asks], classes[items]))
        texts = self._class_texts(thinned) if kind == TEXT else None
        return None if texts is None else random_pairs(
            texts[1], rows[items], _alike(np.array(texts[0], dtype=object), classes[items]))


def _alike(asks: Array, items: Array) -> Array:
    """Return where classes ``(q,)`` and ``(n,)`` are known and the same, ``(q, n)`` bool."""
    return np.asarray((asks[:, None] == items) & (asks[:, None] != ""))


def thinned(count: int) -> list[int]:
    """Return places of at most `MOST` of so many rows, spread evenly."""
    return [int(place) for place in evenly(count, MOST)]
