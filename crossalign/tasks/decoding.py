"""Decoding: texts word by word, greedily, by a beam, or drawn from the nucleus.

They know of a decoder only that it gives log-probabilities of the next word, and can go on with
some of its texts: a `Speaker`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

NEVER = float("-inf")
Unit = tuple[int, ...]
"""Words that count as one: a word of the vocabulary, or a word in letters."""
FORCED = -1e4
"""Log-probability of an end that no speaker would say, where a text may not or cannot go on."""


class Speaker(Protocol):
    """Interface of what says n texts at once."""

    def first(self) -> Tensor:
        """Return log-probabilities ``(n, words)`` of the first word."""

    def next(self, words: Tensor) -> Tensor:
        """Say words ``(n,)``; return log-probabilities ``(n, words)`` of those behind them."""

    def keep(self, rows: Tensor) -> None:
        """Go on with some of the texts, in that order; a text may be there several times."""


def singly(text: Sequence[int]) -> list[Unit]:
    """Return every word of a text by itself."""
    return [(word,) for word in text]


@dataclass(frozen=True)
class Limits:
    """Limits of a text.

    Parameters
    ----------
    end : int
        Word that ends a text.
    longest, shortest : int
        Largest and smallest number of words before the end; default 32 and 0.
    repeats : int
        Length of a run of units that no text may have twice; default 0, any may.
    whole : callable
        Function from a text to its units; default `singly`, its words.
    """

    end: int
    longest: int = 32
    shortest: int = 0
    repeats: int = 0
    whole: Callable[[Sequence[int]], list[Unit]] = singly

    def barred(self, text: Sequence[int]) -> set[Unit]:
        """Return the units behind a text by which it would have a run of units twice."""
        units, before = self.whole(text), self.repeats - 1
        if self.repeats == 0 or len(units) < self.repeats:
            return set()
        last = units[len(units) - before:]
        return {units[i + before] for i in range(len(units) - before)
                if units[i:i + before] == last} - {(self.end,)}

    def allowed(self, scores: Tensor, texts: Tensor) -> Tensor:
        """Return scores ``(n, words)`` with -inf for words that may not follow texts ``(n, t)``.

        A text that no word may follow ends, however short it is.
        """
        scores = scores.clone()
        said = texts.shape[1]
        if said < self.shortest:
            scores[:, self.end] = NEVER
        if said >= self.longest:
            ends = scores[:, self.end].clamp_min(FORCED)
            scores[:] = NEVER
            scores[:, self.end] = ends
        if self.repeats > 0:
            for row, text in zip(scores, texts.tolist(), strict=True):
                row[[unit[0] for unit in self.barred(text) if len(unit) == 1]] = NEVER
        scores[~torch.isfinite(scores).any(dim=1), self.end] = FORCED
        return scores


def greedy(speaker: Speaker, limits: Limits) -> list[list[int]]:
    """Say the likeliest word, again and again."""
    return _each(speaker, limits, lambda scores: scores.argmax(dim=1))


def nucleus(speaker: Speaker, limits: Limits, generator: torch.Generator, share: float = 0.9,
            temperature: float = 1.0) -> list[list[int]]:
    """Draw each word among the fewest that have a share of the probability.

    Holtzman et al., "The Curious Case of Neural Text Degeneration", ICLR 2020, section 3.1.

    Parameters
    ----------
    speaker : Speaker
    limits : Limits
    generator : torch.Generator
        Source of the draws.
    share : float
        Least probability of the words that are drawn from; default 0.9.
    temperature : float
        Number that log-probabilities are divided by; default 1.
    """
    def drawn(scores: Tensor) -> Tensor:
        sorted_, order = (scores / temperature).softmax(dim=1).sort(dim=1, descending=True)
        before = sorted_.cumsum(dim=1) - sorted_
        few = before >= share
        few[:, 0] = False                                       # the likeliest is always one
        kept = sorted_.masked_fill(few, 0.0)
        place = torch.multinomial(kept.to(generator.device), 1, generator=generator)
        return order.gather(1, place.to(order.device))[:, 0]

    return _each(speaker, limits, drawn)


def _each(speaker: Speaker, limits: Limits, choose: object) -> list[list[int]]:
    """Say one text of every start, by a choice of the next words."""
    assert callable(choose)
    scores = speaker.first()
    texts = torch.zeros(len(scores), 0, dtype=torch.long, device=scores.device)
    ended = torch.zeros(len(scores), dtype=torch.bool, device=scores.device)
    for _ in range(limits.longest + 1):
        words = choose(limits.allowed(scores, texts))
        words = torch.where(ended, limits.end, words)
        texts = torch.cat([texts, words[:, None]], dim=1)
        ended |= words == limits.end
        if ended.all() or texts.shape[1] > limits.longest:
            break
        scores = speaker.next(words)
    return [_until(row, limits.end) for row in texts.tolist()]


def beam(speaker: Speaker, limits: Limits, width: int = 4,
         length: float = 0.0) -> list[list[int]]:
    """Keep the likeliest beginnings of every text, and return the likeliest whole one.

    Parameters
    ----------
    speaker : Speaker
    limits : Limits
    width : int
        Number of beginnings; default 4.
    length : float
        Power of the number of words, the end too, that a log-probability is divided by; default 0.
    """
    scores = speaker.first()
    n, size = scores.shape
    texts = torch.zeros(n, 1, 0, dtype=torch.long, device=scores.device)
    totals = torch.zeros(n, 1, device=scores.device)
    best: list[tuple[float, list[int]]] = [(NEVER, []) for _ in range(n)]
    for said in range(limits.longest + 1):
        allowed = limits.allowed(scores, texts.flatten(0, 1)).view(n, -1, size)
        found = totals[:, :, None] + allowed
        for i, j in torch.isfinite(found[:, :, limits.end]).nonzero().tolist():
            value = float(found[i, j, limits.end]) / (said + 1) ** length
            if value > best[i][0]:
                best[i] = value, texts[i, j].tolist()
        found[:, :, limits.end] = NEVER
        kept = min(width, found.shape[1] * size)
        totals, places = found.flatten(1).topk(kept, dim=1)
        if said == limits.longest or not torch.isfinite(totals).any() \
                or (length == 0 and all(float(t[0]) <= b[0] for t, b in
                                        zip(totals, best, strict=True))):
            break
        parent, words = places // size, places % size
        texts = torch.cat([texts.gather(1, parent[:, :, None].expand(-1, -1, said)),
                           words[:, :, None]], dim=2)
        first = torch.arange(n, device=scores.device)[:, None] * found.shape[1]
        speaker.keep((first + parent).flatten())
        scores = speaker.next(words.flatten())
    return [text for _, text in best]


def _until(words: list[int], end: int) -> list[int]:
    return words[:words.index(end)] if end in words else words
