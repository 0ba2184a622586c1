"""Words as vectors of their letters: nothing is fitted, and no word is unknown."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

WORD = 128              # width of a word, in bits of the hashes that it is a sum of
GRAMS = (3, 4, 5)       # letters in a piece of a word

WORDS = (f"each the sum of {WORD} hashed signs of its pieces of {GRAMS[0]} to {GRAMS[-1]} letters, "
         "unit rows")
"""Description of the vector of a word."""


def word_tokens(documents: Sequence[str]) -> Array:
    """Return the words of documents, parted by blanks, as ``(D, t, WORD)`` float32: in order, then
    zeros.

    t is the number of words of the longest document.
    """
    words = [document.split() for document in documents]
    vocabulary = list(dict.fromkeys(word for each in words for word in each))
    number = {word: i for i, word in enumerate(vocabulary)}
    vectors = np.stack([word_vector(word) for word in vocabulary])
    tokens = np.zeros((len(words), max(map(len, words)), WORD), dtype=np.float32)
    for row, each in enumerate(words):
        tokens[row, :len(each)] = vectors[[number[word] for word in each]]
    return tokens


def word_vector(word: str) -> Array:
    """Return a unit vector ``(WORD,)``: a sum of one vector of signs for each piece of the word.

    Pieces are the word itself and its runs of `GRAMS` letters, with its ends marked ("<ring>"), as
    in fastText (Bojanowski et al. 2017); their signs are bits of a hash (BLAKE2b), so that every
    word, known or not, has a vector, and words with common pieces are alike.
    """
    marked = f"<{word}>"
    pieces = {marked} | {marked[i:i + g] for g in GRAMS for i in range(len(marked) - g + 1)}
    digests = b"".join(hashlib.blake2b(piece.encode(), digest_size=WORD // 8).digest()
                       for piece in sorted(pieces))
    bits = np.unpackbits(np.frombuffer(digests, dtype=np.uint8)).reshape(-1, WORD)
    total = (2.0 * bits - 1.0).sum(axis=0)
    return np.asarray(total / np.linalg.norm(total))


def words_of(text: str) -> list[str]:
    """Return the words of a text in any script, in lower case; a text without any gives its parts
    between blanks.

    A word is a run of letters, digits and the marks that combine with them (Unicode's L, N and M),
    so that those of Indic, Arabic, Hebrew and Thai scripts stay inside; or a run of symbols (S), as
    an emoji or the plus signs of "C++". Blanks and punctuation part words and are dropped.
    """
    composed = unicodedata.normalize("NFC", text.lower())
    runs = ("".join(sign for _, sign in run) for kind, run in
            groupby(_kinds(composed), key=lambda pair: pair[0]) if kind)
    return list(runs) or composed.split()


def _kinds(text: str) -> Iterator[tuple[str, str]]:
    """Yield each character with its kind before it: "word", "symbol", or "" between words."""
    kind = ""
    for sign in text:
        category = unicodedata.category(sign)
        if category[0] not in "M" and sign not in _JOINERS:  # which go on with what they follow
            kind = {"L": "word", "N": "word", "S": "symbol"}.get(category[0], "")
        yield kind, sign


_JOINERS = "\u200c\u200d"
"""Signs of zero width, inside words of Persian and Indic scripts and between parts of an emoji."""
