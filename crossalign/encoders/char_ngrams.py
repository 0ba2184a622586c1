"""Words as vectors of their letters: nothing is fitted, and no word is unknown."""

from __future__ import annotations

import hashlib
import warnings
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.words import words_of

Array = npt.NDArray[Any]

WORD = 128              # width of a word, in bits of the hashes that it is a sum of
GRAMS = (3, 4, 5)       # letters in a piece of a word

WORDS = (f"each the sum of {WORD} hashed signs of its pieces of {GRAMS[0]} to {GRAMS[-1]} letters, "
         "unit rows")
"""Description of the vector of a word."""

LONGEST = 64
"""Largest number of words of a text that become tokens."""


class CharNgrams:
    """Encoder of texts that needs no download: words as vectors of their letters.

    Parameters
    ----------
    tokens : bool
        Whether to give ``(n, t, 128)`` words and zeros, the first `LONGEST` of a text, instead of
        ``(n, 128)`` unit rows, the sums of all words; default False.
    """

    learned = False

    def __init__(self, tokens: bool = False) -> None:
        self.tokens = tokens

    @property
    def facts(self) -> dict[str, Any]:
        """Facts that its rows depend on."""
        of = f"first {LONGEST} words" if self.tokens else "sum of the words"
        return {"encoder": "letters", "rows": f"{of}, {WORDS}"}

    def encode(self, texts: Sequence[str]) -> Array:
        """Encode texts as rows."""
        if self.tokens:
            cut = sum(len(words_of(text)) > LONGEST for text in texts)
            if cut:
                warnings.warn(f"texts: {cut} of {len(texts)} are longer than the {LONGEST} words "
                              "that become tokens; the rest of them was left out.", stacklevel=2)
            return word_tokens([" ".join(words) for words in self.words(texts)])
        counts = [Counter(words_of(text)) for text in texts]
        vectors = {word: word_vector(word) for word in dict.fromkeys(
            word for count in counts for word in count)}
        rows = np.stack([sum(times * vectors[word] for word, times in count.items())
                         for count in counts])
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)

    def words(self, texts: Sequence[str]) -> list[list[str]]:
        """Return the words of the tokens of each text."""
        return [words_of(text)[:LONGEST] for text in texts]


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
