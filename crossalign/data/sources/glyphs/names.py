"""Names of letters as side information: the words of a name to the columns of `attributes`."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.sources.glyphs.letters import Letter, attribute_words, attributes, decompose
from crossalign.data.sources.glyphs.samples import chosen_letters
from crossalign.sentences import short

Array = npt.NDArray[Any]


class LetterNames:
    """Encoder of names of letters, as ``latin small letter e with acute``.

    A whole Unicode name, or a letter itself, becomes the row of `letters.attributes`. Of other
    words those count that such names are made of: ``e with acute`` has the columns of the base
    letter and of the mark, and no case. A word that may be one of several letters, as the ``i`` of
    two scripts, is all of them.
    """

    tokens = False
    learned = False

    @property
    def facts(self) -> dict[str, Any]:
        """Facts that its rows depend on."""
        return {"encoder": "letter names", "columns": list(self._columns),
                "rows": "base letter, case, script and mark, and the place of the mark",
                "unicode": unicodedata.unidata_version}

    @cached_property
    def _letters(self) -> tuple[Letter, ...]:
        return chosen_letters()

    @cached_property
    def _columns(self) -> tuple[str, ...]:
        return attributes(self._letters)[1]

    @cached_property
    def _phrases(self) -> dict[tuple[str, ...], set[str]]:
        """Columns that each phrase of a name stands for."""
        found: dict[tuple[str, ...], set[str]] = {}
        for letter in self._letters:
            of = attribute_words(letter)
            base, case, script, mark, *place = of
            name, _, tail = letter.name.lower().partition(" with ")
            for phrase, columns in ((letter.base.casefold(), [base]),
                                    (case, [case]), (letter.script, [script]),
                                    (letter.mark_name, [mark, *place]), (tail, [mark, *place]),
                                    (name.partition(" letter ")[2] if tail else "", [base])):
                if phrase:
                    found.setdefault(tuple(phrase.split()), set()).update(columns)
        return found

    def encode(self, texts: Sequence[str]) -> Array:
        """Encode texts as rows ``(n, a)`` of 0 and 1.

        Raises
        ------
        ValueError
            For a text without a word of such names.
        """
        column = {name: j for j, name in enumerate(self._columns)}
        rows = np.zeros((len(texts), len(column)), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            row[[column[word] for word in self._words(text) if word in column]] = 1
            if not row.any():
                raise ValueError(f"text: {short(text)} has no word of the names of letters; write "
                                 "e with acute, or a whole Unicode name.")
        return rows

    def _words(self, text: str) -> set[str]:
        """Return the columns of a text: those of the letter that it is or names, or of its
        words.
        """
        letter = _letter(text.strip())
        if letter is not None:
            return set(attribute_words(letter))
        words, found, at = text.casefold().replace("-", " ").split(), set[str](), 0
        longest = max(map(len, self._phrases))
        while at < len(words):
            phrase = next((size for size in range(longest, 0, -1)
                           if tuple(words[at:at + size]) in self._phrases), 0)
            if phrase:
                found |= self._phrases[tuple(words[at:at + phrase])]
            at += phrase or 1
        return found


def _letter(text: str) -> Letter | None:
    """Return the letter that a text is, or is the Unicode name of."""
    try:
        character = text if len(text) == 1 else unicodedata.lookup(text.upper())
    except KeyError:
        return None
    return decompose(unicodedata.normalize("NFC", character)) if len(character) == 1 else None
