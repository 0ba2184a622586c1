"""Words of captions, with a cache of earlier words against reading the whole text at every word.

The decoder is the default of `tasks.Captioner`, with random weights and a vocabulary of 4,000
words. It says 32 words of every caption. Both ways must say the same words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from harness import Case, main

from crossalign.networks import CaptionDecoder
from crossalign.tasks import decoding
from crossalign.tasks.caption_speaker import CaptionSpeaker
from crossalign.tasks.caption_words import END

SEED = 0
WORDS, WIDTH, LONGEST = 4_000, 192, 32
SIZES = (1, 64)


def cases(quick: bool) -> list[Case]:
    """One caption at a time, and many."""
    words = 8 if quick else LONGEST
    return [Case(name=f"captions at once: {n}, {words} words each", setup=lambda n=n: _inputs(n),
                 ours=lambda inputs, w=words: _said(inputs, w, True),
                 reference=lambda inputs, w=words: _said(inputs, w, False),
                 reference_name="without a cache", check=_same, repeats=3) for n in SIZES]


def _inputs(n: int) -> tuple[CaptionDecoder, torch.Tensor, torch.Tensor]:
    torch.manual_seed(SEED)
    decoder = CaptionDecoder(WORDS, WIDTH, width=96, prefix=2, longest=LONGEST, ranks=3,
                             spelt=12).eval()
    return decoder, torch.randn(n, WIDTH), torch.randint(1, WORDS, (n, 3, 12))


def _said(inputs: Any, words: int, cached: bool) -> list[list[int]]:
    limits = decoding.Limits(END, words, shortest=words)
    return decoding.greedy(CaptionSpeaker(*inputs, cached=cached), limits)


def _same(ours: list[list[int]], reference: list[list[int]]) -> None:
    if ours != reference:
        raise AssertionError("the two ways say different words")


def rates(quick: bool) -> Sequence[str]:
    """Return lines of words per second."""
    from harness import times

    lines = []
    for n, case in zip(SIZES, cases(quick), strict=True):
        with_cache, without = times(case, 3)
        assert without is not None
        words = n * (8 if quick else LONGEST)
        lines.append(f"{words / with_cache:,.0f} words a second with a cache and "
                     f"{words / without:,.0f} without, {n} captions at once")
    return lines


if __name__ == "__main__":
    main("Captions, word by word", cases, seed=SEED, packages=("torch",), notes=rates)
