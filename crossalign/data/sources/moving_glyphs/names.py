"""Names of moving letters as side information: what they say to the columns of the attributes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.sources.moving_glyphs.clips import LETTERS, attributes_of, moving_letters
from crossalign.data.sources.moving_glyphs.motions import MOVES
from crossalign.sentences import short

Array = npt.NDArray[Any]
PARTS = re.compile("|".join([rf"\b[{LETTERS}]\b", *(rf"(?i:\b{way}\b)" for way in MOVES)]))
"""Pattern of what counts: a capital letter, and motions."""


class MovingLetterNames:
    """Encoder of names of moving letters, as ``A slides left, then grows``.

    A whole name becomes the row of the class's attributes. Of other texts what counts is a capital
    letter, and motions in their order: ``grows, then turns left`` says nothing of the letter.
    """

    tokens = False
    learned = False

    @property
    def facts(self) -> dict[str, Any]:
        """Facts that its rows depend on."""
        return {"encoder": "names of moving letters", "columns": list(self._columns),
                "rows": "letter, number of motions, and each with its place"}

    @cached_property
    def _columns(self) -> tuple[str, ...]:
        return attributes_of(moving_letters())[1]

    def encode(self, texts: Sequence[str]) -> Array:
        """Encode texts as rows ``(n, a)`` of 0 and 1.

        Raises
        ------
        ValueError
            For a text without a letter or a motion.
        """
        column = {name: j for j, name in enumerate(self._columns)}
        rows = np.zeros((len(texts), len(column)), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            found = PARTS.findall(text)
            letters = [f"letter {part.lower()}" for part in found if part in LETTERS]
            ways = [part.lower() for part in found if part not in LETTERS]
            said = [*letters, *([f"{min(len(ways), 2)} motions"] if ways else []),
                    *(f"{place} {way}" for place, way in
                      zip(("first", "second"), ways, strict=False))]
            row[[column[word] for word in said if word in column]] = 1
            if not row.any():
                raise ValueError(f"text: {short(text)} names no letter of {LETTERS} and no motion; "
                                 f"write as A slides left, then grows, with {', '.join(MOVES)}.")
        return rows
