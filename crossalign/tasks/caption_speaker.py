"""Speaker of captions: a decoder with its cache, guided by what sight adds to the words."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import log_softmax

from crossalign.networks import CaptionDecoder
from crossalign.tasks.caption_parts import CaptionParts
from crossalign.tasks.caption_words import HIDDEN, NOTHING, START
from crossalign.tasks.decoding import Limits
from crossalign.tasks.spelling import Spelling

PLAUSIBLE = 0.1
"""Share of the likeliest word's probability that a word needs for guidance to choose it."""


class CaptionSpeaker:
    """Next words of n captions, see `decoding.Speaker`; unknown ones are those of `Spelling`.

    With guidance g the score of a word is ``(1 + g) log p(word | sample) - g log p(word)``, among
    words that are at all likely with sight (Li et al., "Contrastive Decoding", ACL 2023, section
    3.3). The second is of the same words without code and names: the language's own habit.

    Parameters
    ----------
    decoder : CaptionDecoder
    codes : (n, d) Tensor
    names : (n, ranks, spelt) Tensor
    guidance : float
        Weight g; default 0.
    cached : bool
        Whether keys and values of earlier words are kept; default True. Without them every word
        reads the whole text again.
    parts : CaptionParts, optional
        Grammar: words that it does not allow have -inf, those that it does keep their
        log-probabilities, so that a text's is the same with it and without. Default None.
    limits : Limits, optional
        Limits that hold for words in letters too; default none.
    """

    def __init__(self, decoder: CaptionDecoder, codes: Tensor, names: Tensor,
                 guidance: float = 0.0, cached: bool = True,
                 parts: CaptionParts | None = None, limits: Limits | None = None) -> None:
        self.decoder = decoder
        self.guidance = guidance
        self.cached = cached
        self.parts = parts
        with torch.inference_mode():
            sight = torch.ones(len(codes), dtype=torch.bool, device=codes.device)
            self.sides = [(decoder.start(names), decoder.tokens(codes, sight))]
            if guidance != 0:
                self.sides.append((decoder.start(torch.zeros_like(names)),
                                   decoder.tokens(codes, ~sight)))
        self.texts = torch.full((len(codes), 1), START, device=codes.device)
        self.spelling = Spelling(names, limits) if parts is None else None

    def first(self) -> Tensor:
        """Return log-probabilities ``(n, words)`` of the first word."""
        return self._scores(self.texts, start=True)

    def next(self, words: Tensor) -> Tensor:
        """Say words ``(n,)``; return log-probabilities ``(n, words)`` of those behind them."""
        self.texts = torch.cat([self.texts, words[:, None]], dim=1)
        if self.spelling is not None:
            self.spelling.say(words)
        if self.cached:
            return self._scores(words[:, None], start=False)
        for said, _ in self.sides:
            said.cache = []
        return self._scores(self.texts, start=True)

    def keep(self, rows: Tensor) -> None:
        """Go on with some of the texts, in that order."""
        self.texts = self.texts[rows]
        if self.spelling is not None:
            self.spelling.keep(rows)
        self.sides = [(said.take(rows), tokens[rows]) for said, tokens in self.sides]

    @torch.inference_mode()
    def _scores(self, text: Tensor, start: bool) -> Tensor:
        found = [self.decoder.say(said, tokens if start else None, text)[:, -1]
                 for said, tokens in self.sides]
        held = barred(self.parts, found[0], self.texts[:, 1:]) if self.spelling is None else \
            self.spelling.barred(found[0])
        scores = spoken(found, self.guidance, held, [NOTHING, START, HIDDEN])
        return scores if self.spelling is None else self.spelling.scored(
            scores, self.decoder, self.sides[0][0])


def spoken(found: list[Tensor], guidance: float, barred: Tensor, silent: list[int]) -> Tensor:
    """Return log-probabilities ``(n, words)`` of those with sight and, if there are some, without.

    Words that are ``barred (n, words)``, or ``silent`` in every text, have -inf.
    """
    scores = found[0]
    scores[:, silent] = float("-inf")
    if len(found) > 1:
        likeliest = scores.masked_fill(barred, float("-inf")).amax(dim=1, keepdim=True)
        guided = (1 + guidance) * scores - guidance * found[1]
        scores = guided.masked_fill(scores < likeliest + math.log(PLAUSIBLE), float("-inf"))
    return log_softmax(scores, dim=1).masked_fill(barred, float("-inf"))


def barred(parts: CaptionParts | None, scores: Tensor, texts: Tensor) -> Tensor:
    """Return True for words ``(n, words)`` that a grammar does not allow after texts ``(n, t)``."""
    if parts is None:
        return torch.zeros_like(scores, dtype=torch.bool)
    found = torch.ones_like(scores, dtype=torch.bool)
    for row, text in zip(found, texts.tolist(), strict=True):
        row[[parts.end] if parts.end in text else parts.allowed(tuple(text))] = False
    return found
