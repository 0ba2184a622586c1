"""Vocabulary of captions: words, and letters to spell the words that training never had.

A word that is not in the vocabulary is the bytes of its UTF-8 between two signs, so that every text
has a form, and a name that is new can be copied or spelt.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.words import joined, spoken_words

Array = npt.NDArray[Any]
NOTHING, START, END, HIDDEN, SPELL, SPELT = range(6)
"""Signs: filling, start and end of a text, a word that is hidden, start and end of a spelling."""
BYTES = 6
"""Number of the first of 256 bytes; words follow them."""
WORDS = BYTES + 256
"""Number of the first word."""


def warn_of_cut(lengths: Sequence[int], most: int, tokens: str, what: str = "captions",
                limit: str = "longest") -> None:
    """Warn that texts of so many tokens are cut.

    Parameters
    ----------
    lengths : sequence of int
        Tokens of each text.
    most : int
        Number that is kept.
    tokens, what, limit : str
        Words for the tokens and for the texts, and the parameter that ``most`` is.
    """
    cut = sum(length > most for length in lengths)
    if cut:
        warnings.warn(f"{what}: {cut} of {len(lengths)} are longer than {limit}={most} {tokens}; "
                      "the rest of them was left out.", stacklevel=3)


def whole_words(numbers: Sequence[int]) -> list[tuple[int, ...]]:
    """Return the words of a text, one in letters with its signs as one; the last may be cut off."""
    found: list[tuple[int, ...]] = []
    for number in numbers:
        inside = bool(found) and found[-1][0] == SPELL and found[-1][-1] != SPELT
        found[-1:] = [(*found[-1], number)] if inside else [*found[-1:], (number,)]
    return found


class CaptionWords:
    """Numbers of words, and back.

    Parameters
    ----------
    words : sequence of str
        Words of the vocabulary, in order of their numbers from `WORDS` on.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.words = list(words)
        self._number = {word: WORDS + i for i, word in enumerate(self.words)}

    @classmethod
    def of(cls, texts: Iterable[str], least: int = 1) -> CaptionWords:
        """Take the words that stand ``least`` times or more in texts, sorted."""
        counts = Counter(word for text in texts for word in spoken_words(text))
        return cls(sorted(word for word, count in counts.items() if count >= least))

    def __len__(self) -> int:
        return WORDS + len(self.words)

    def numbers(self, text: str) -> list[int]:
        """Return the numbers of the words of a text."""
        found: list[int] = []
        for word in spoken_words(text):
            known = self._number.get(word)
            found += ([SPELL, *(BYTES + byte for byte in word.encode()), SPELT]
                      if known is None else [known])
        return found

    def rows(self, texts: Sequence[str], longest: int, ended: bool = False) -> Array:
        """Return the numbers of texts ``(n, longest)``, cut off there and filled up with
        `NOTHING`; with ``ended``, ``(n, longest + 1)``, the end behind those that are not cut.
        """
        rows = np.full((len(texts), longest + ended), NOTHING, dtype=np.int64)
        for row, text in zip(rows, texts, strict=True):
            numbers = self.numbers(text)
            kept = [*numbers, END] if ended and len(numbers) <= longest else numbers[:longest]
            row[:len(kept)] = kept
        return rows

    def text(self, numbers: Iterable[int]) -> str:
        """Return the text of numbers up to the end.

        Bytes that are no UTF-8 are written as U+FFFD.
        """
        words: list[str] = []
        spelling: bytearray | None = None
        for number in numbers:
            if number == END:
                break
            if BYTES <= number < WORDS:
                spelling = bytearray() if spelling is None else spelling
                spelling.append(number - BYTES)
                continue
            if spelling is not None:
                words.append(spelling.decode("utf-8", "replace"))
                spelling = None
            if number >= WORDS:
                words.append(self.words[number - WORDS])
        if spelling is not None:
            words.append(spelling.decode("utf-8", "replace"))
        return joined(words)
