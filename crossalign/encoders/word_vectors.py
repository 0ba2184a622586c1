"""Texts by vectors of their words: word2vec, GloVe, fastText.

Mikolov et al., Distributed representations of words and phrases, NIPS 2013; Pennington et al.,
GloVe, EMNLP 2014.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.encoders.char_ngrams import LONGEST
from crossalign.encoders.word_vector_files import read_word_vectors
from crossalign.fingerprints import file_digest
from crossalign.reading import expanded
from crossalign.words import written_words

Array = npt.NDArray[Any]

NAMED = 3
"""Number of words without a vector that are named."""


class WordVectors:
    """Encoder of texts (`types.TextEncoder`) by a file of word vectors.

    Words are parted as by `CharNgrams`. A word is looked up as it is written, then in lower case;
    words without a vector are left out and counted in a warning.

    Parameters
    ----------
    file : str or Path
        A file in the text or binary format of word2vec, or GloVe's text; also packed by gzip.
    tokens : bool
        Whether to give the vectors of the first 64 words, ``(n, t, d)`` and zeros, instead of the
        mean of all ``(n, d)``; default False.

    Raises
    ------
    ValueError
        One sentence: a file that is missing, pickled, truncated or of another format.
    """

    def __init__(self, file: str | Path, tokens: bool = False) -> None:
        self.file, self.tokens = expanded(file, "vectors"), tokens
        words, self.vectors, again = read_word_vectors(self.file)
        self._row = {word: row for row, word in enumerate(words)}
        self._digest = file_digest(self.file)
        if again:
            warnings.warn(f"vectors: {again} words of {self.file.name!r} come again; their first "
                          "vectors were taken.", stacklevel=2)

    def __len__(self) -> int:
        """Return the number of words that have a vector."""
        return len(self._row)

    @cached_property
    def facts(self) -> dict[str, Any]:
        """Facts that its rows depend on."""
        return {"encoder": "word vectors", "file": self.file.name, "file_sha256": self._digest,
                "rows": f"first {LONGEST} words" if self.tokens else "mean of the words"}

    def encode(self, texts: Sequence[str]) -> Array:
        """Encode n texts as rows; one without a word that has a vector becomes zeros.

        Raises
        ------
        ValueError
            For tokens of a text without a word that has a vector.
        """
        written = [written_words(text) for text in texts]
        rows = [[self._row[word] for word in self._known(words)] for words in written]
        self._warn(texts, written, rows)
        width = self.vectors.shape[1]
        if self.tokens:
            longest = max((min(len(of), LONGEST) for of in rows), default=1)
            tokens = np.zeros((len(texts), longest, width), np.float32)
            for row, of in zip(tokens, rows, strict=True):
                row[:min(len(of), LONGEST)] = self.vectors[of[:LONGEST]]
            return tokens
        means = [self.vectors[of].mean(axis=0, dtype=np.float64) if of else np.zeros(width)
                 for of in rows]
        return np.asarray(means, np.float32).reshape(len(texts), width)

    def words(self, texts: Sequence[str]) -> list[list[str]]:
        """Return the words of the tokens of each text, as the file writes them."""
        return [self._known(written_words(text))[:LONGEST] for text in texts]

    def _known(self, words: Sequence[str]) -> list[str]:
        spelt = (word if word in self._row else word.lower() for word in words)
        return [word for word in spelt if word in self._row]

    def _warn(self, texts: Sequence[str], written: Sequence[Sequence[str]],
              rows: Sequence[Sequence[int]]) -> None:
        """Say which words have no vector, which texts have none, and how many are cut."""
        empty = [text for text, of in zip(texts, rows, strict=True) if not of]
        if empty and self.tokens:
            raise ValueError(f"texts: {empty[0]!r} has no word with a vector in "
                             f"{self.file.name!r}, so it has no tokens; write it otherwise, or do "
                             "not ask for tokens.")
        every = Counter(word for words in written for word in words)
        lacking = {word: times for word, times in every.most_common() if not self._known([word])}
        if lacking:
            zeros = f" {len(empty)} of {len(texts)} texts have no other; they are zeros." * bool(
                empty)
            warnings.warn(f"texts: {sum(lacking.values())} of {sum(every.values())} words have no "
                          f"vector in {self.file.name!r}, as {list(lacking)[:NAMED]}, and were "
                          f"left out.{zeros}", stacklevel=3)
        cut = sum(len(of) > LONGEST for of in rows)
        if cut and self.tokens:
            warnings.warn(f"texts: {cut} of {len(texts)} are longer than the {LONGEST} words "
                          "that become tokens; the rest of them was left out.", stacklevel=3)
