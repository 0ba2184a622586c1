"""Speaker of captions: a language model behind its prefix, with its cache."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from crossalign.networks import LanguageDecoder
from crossalign.tasks.caption_parts import CaptionParts
from crossalign.tasks.caption_speaker import barred, spoken


class LanguageSpeaker:
    """Next tokens of n captions, see `decoding.Speaker`; guided as `CaptionSpeaker` is.

    Parameters
    ----------
    decoder : LanguageDecoder
    codes : (n, d) Tensor
    prompt : (n, m) Tensor
        Tokens of names.
    real : (n, m) bool Tensor
        True where a token of a prompt is there.
    silent : sequence of int
        Tokens that are never said.
    guidance : float
        Weight of what sight adds; default 0.
    cached : bool
        Whether keys and values of earlier tokens are kept; default True.
    parts : CaptionParts, optional
        Grammar, as of `CaptionSpeaker`; default None.
    """

    def __init__(self, decoder: LanguageDecoder, codes: Tensor, prompt: Tensor, real: Tensor,
                 silent: Sequence[int] = (), guidance: float = 0.0, cached: bool = True,
                 parts: CaptionParts | None = None) -> None:
        self.decoder = decoder
        self.silent = list(silent)
        self.guidance = guidance
        self.parts = parts
        with torch.inference_mode():
            sight = torch.ones(len(codes), dtype=torch.bool, device=codes.device)
            self.sides = [decoder.start(codes, sight, prompt, real)]
            if guidance != 0:
                self.sides.append(decoder.start(codes, ~sight, prompt, torch.zeros_like(real)))
            for side in self.sides if cached else ():
                side.cache = decoder.cache()
        self.texts = torch.zeros(len(codes), 0, dtype=torch.long, device=codes.device)

    def first(self) -> Tensor:
        """Return log-probabilities ``(n, tokens)`` of the first token."""
        return self._scores(self.texts)

    def next(self, words: Tensor) -> Tensor:
        """Say tokens ``(n,)``; return log-probabilities ``(n, tokens)`` of those behind them."""
        self.texts = torch.cat([self.texts, words[:, None]], dim=1)
        return self._scores(words[:, None])

    @torch.inference_mode()
    def keep(self, rows: Tensor) -> None:
        """Go on with some of the texts, in that order."""
        self.texts = self.texts[rows]
        self.sides = [side.take(rows) for side in self.sides]

    @torch.inference_mode()
    def _scores(self, text: Tensor) -> Tensor:
        found = [self.decoder.say(side, text)[:, -1] for side in self.sides]
        return spoken(found, self.guidance, barred(self.parts, found[0], self.texts), self.silent)
