"""Letters as Unicode describes them: base, mark, case and script.

The classes of the embedded data set are letters made of one base letter and one combining mark;
their side information is read off their canonical decomposition, by nothing but `unicodedata`.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

MARK_POSITIONS = {1: "through", 202: "attached below", 216: "attached beside", 220: "below",
                  230: "above", 240: "below"}
"""Position of a mark, by canonical combining class (Unicode Standard, table 4-3); 240 is the iota
subscript.
"""


class Letter(NamedTuple):
    """One base letter and one combining mark."""

    character: str
    name: str
    base: str
    mark: str
    script: str
    capital: bool
    combining_class: int

    @property
    def mark_name(self) -> str:
        """Name of the mark in words, such as "acute" or "dot below"."""
        words = unicodedata.name(self.mark).split()
        return " ".join(w for w in words if w not in {"COMBINING", "ACCENT"}).lower()

    @property
    def position(self) -> str:
        """Position of the mark, one of the values of `MARK_POSITIONS`."""
        return MARK_POSITIONS[self.combining_class]


def decompose(character: str) -> Letter | None:
    """Return a letter as base and mark; None if it is not exactly one base and one combining mark.

    Characters that Unicode keeps as second names of another letter (the angstrom sign is one) are
    None too: they are drawn alike, and canonical composition never gives them.
    """
    parts = unicodedata.normalize("NFD", character)
    if (len(parts) != 2 or unicodedata.category(character) not in {"Lu", "Ll"}
            or unicodedata.combining(parts[1]) not in MARK_POSITIONS
            or unicodedata.normalize("NFC", parts) != character):
        return None
    name = unicodedata.name(character)
    return Letter(character, name, parts[0], parts[1], name.split()[0].lower(),
                  unicodedata.category(character) == "Lu", unicodedata.combining(parts[1]))


def dense_core(letters: Sequence[Letter], per_base: int, per_mark: int) -> list[Letter]:
    """Remove rare bases and rare marks until none is rare, and return the letters left.

    Every base of the result carries at least ``per_base`` of its letters, and every mark stands on
    at least ``per_mark``: an unseen combination then has seen relatives on both sides.
    """
    current = list(letters)
    while True:
        bases, marks = Counter(x.base for x in current), Counter(x.mark for x in current)
        core = [x for x in current if bases[x.base] >= per_base and marks[x.mark] >= per_mark]
        if len(core) == len(current):
            return core
        current = core


def unseen_combinations(letters: Sequence[Letter], candidates: npt.ArrayLike, share: float,
                        order: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Choose letters to keep out of training so that their parts stay in.

    Letters are visited in the given order; one is kept out if its base and its mark both occur
    in another candidate that is still in.

    Parameters
    ----------
    letters : C letters
    candidates : (C,) bool
        Letters that training may use before the choice.
    share : float
        Share of the candidates to keep out; fewer are kept out if their parts do not allow it.
    order : (C,) integers
        A permutation.

    Returns
    -------
    unseen : (C,) bool
        A subset of the candidates.
    """
    allowed = np.asarray(candidates, dtype=bool)
    count = round(share * int(allowed.sum()))
    bases = Counter(x.base for x, a in zip(letters, allowed, strict=True) if a)
    marks = Counter(x.mark for x, a in zip(letters, allowed, strict=True) if a)
    unseen = np.zeros(len(letters), dtype=bool)
    for c in np.asarray(order):
        base, mark = letters[c].base, letters[c].mark
        if unseen.sum() < count and allowed[c] and bases[base] > 1 and marks[mark] > 1:
            unseen[c] = True
            bases[base] -= 1
            marks[mark] -= 1
    return unseen


def check_parts(letters: Sequence[Letter], unseen: npt.NDArray[np.bool_]) -> None:
    """Raise ValueError if no seen letter has the base or the mark of an ``unseen`` one."""
    seen = [x for x, out in zip(letters, unseen, strict=True) if not out]
    bases, marks = {x.base for x in seen}, {x.mark for x in seen}
    for letter, out in zip(letters, unseen, strict=True):
        if out and (letter.base not in bases or letter.mark not in marks):
            part = f"base {letter.base}" if letter.base not in bases else f"mark {letter.mark_name}"
            raise ValueError(f"unseen: {letter.name!r} has the {part}, which no seen letter has; "
                             "leave it, or another letter with it, seen.")


def attribute_words(letter: Letter) -> tuple[str, ...]:
    """Return the attributes of a letter: ``("letter a", "capital", "script latin", "mark acute",
    ...)``.

    Capital and small letters share the word of their base, as their names do: the effect of
    "capital" on "letter a" is for the model to learn.
    """
    return (f"letter {letter.base.casefold()}", "capital" if letter.capital else "small",
            f"script {letter.script}", f"mark {letter.mark_name}", f"position {letter.position}",
            f"combining class {letter.combining_class}")


def attributes(letters: Sequence[Letter]) -> tuple[npt.NDArray[np.float32], tuple[str, ...]]:
    """Return side information with one 0/1 column per word of `attribute_words`.

    Returns
    -------
    embeddings : (C, a) float32
    names : a strings
        Name of each column, in order of first appearance.
    """
    words = [attribute_words(letter) for letter in letters]
    names = tuple(dict.fromkeys(w for group in zip(*words, strict=True) for w in group))
    column = {name: j for j, name in enumerate(names)}
    embeddings = np.zeros((len(letters), len(names)), dtype=np.float32)
    for row, present in enumerate(words):
        embeddings[row, [column[w] for w in present]] = 1.0
    return embeddings, names


QUESTION_TYPES = ("letter", "mark", "place", "capital", "script")
"""Types of the questions about a picture."""


def questions(letter: Letter) -> tuple[tuple[str, str], ...]:
    """Return questions about a picture of the letter, one of each type, with their answers."""
    return (("which letter is under the mark?", letter.base),
            ("which mark?", letter.mark_name),
            ("where is the mark?", letter.position),
            ("is it a capital?", "yes" if letter.capital else "no"),
            ("which script?", letter.script))
