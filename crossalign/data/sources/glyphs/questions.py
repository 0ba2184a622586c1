"""Questions about pictures of letters, about one or about two of them, with their answers.

Answers are those of `letters.questions`. What is asked of one picture has its answers equally often
if they are few: so many pictures are asked as the rarest answer has. Of two pictures all four
combinations of same or other letter and same or other mark are equally frequent, so that neither
question about them is answered by the other's answer. "First" and "second" are equally frequent.
All of it depends on the pictures and a seed alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from crossalign.data.sources.glyphs.letters import QUESTION_TYPES, Letter, questions
from crossalign.data.splits import Rows, random_keys
from crossalign.types import Questions

Array = npt.NDArray[Any]
OPEN = ("letter", "mark")
"""Types with many answers, which are asked of every picture."""
SAME = {"same letter": "do both show the same letter?", "same mark": "do both have the same mark?"}
"""Types of two pictures that are answered by yes or no."""
WHICH = "which has the mark"
"""Type of two pictures that is answered by "first" or "second"."""
ABOUT = "in each split on its own pictures alone, one of two pictures to each of them at most"


class _Asked(NamedTuple):
    """One question: words, answer, type, and the numbers of its pictures."""

    text: str
    answer: str
    type: str
    pictures: tuple[int, ...]


def glyph_questions(letters: Sequence[Letter], label: Array, rows: Rows, seed: int,
                    ids: Sequence[Any] | None = None) -> Questions:
    """Ask about the pictures of every split.

    Parameters
    ----------
    letters : C letters
    label : (n,) integers
        Letter of every picture.
    rows : mapping of split to integers
        Numbers of its pictures.
    seed : int
        Seed of the choice of pictures.
    ids : n ids, optional
        Ids of the pictures; default their numbers.
    """
    asked: list[_Asked] = []
    for split, index in enumerate(rows.values()):
        if len(index):
            of = [letters[c] for c in label[index]]
            numbers = [int(row) for row in index]
            asked += [*_of_one(of, numbers, seed, split), *_of_two(of, numbers, seed, split)]
    return Questions(tuple(one.text for one in asked), tuple((one.answer,) for one in asked),
                     tuple(one.type for one in asked), tuple(
                         one.pictures if ids is None else tuple(ids[i] for i in one.pictures)
                         for one in asked))


def _of_one(letters: Sequence[Letter], numbers: Sequence[int], seed: int,
            split: int) -> Iterable[_Asked]:
    """Yield questions about one picture, type by type."""
    each = [questions(letter) for letter in letters]
    for k, kind in enumerate(QUESTION_TYPES):
        answers = np.array([of[k][1] for of in each])
        chosen = np.arange(len(each)) if kind in OPEN else _equally_often(answers, seed, split, k)
        for i in map(int, chosen):
            text, answer = each[i][k]
            yield _Asked(text, answer, kind, (numbers[i],))


def _equally_often(answers: Array, *seed: int) -> Array:
    """Choose as many of each answer as the rarest has, in order of their places."""
    keys = random_keys(len(answers), *seed)
    _, which, counts = np.unique(answers, return_inverse=True, return_counts=True)
    order = np.lexsort((keys, which))
    rank = np.arange(len(answers)) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.sort(order[rank < counts.min()])


def _of_two(letters: Sequence[Letter], numbers: Sequence[int], seed: int,
            split: int) -> Iterable[_Asked]:
    """Yield questions about two pictures; each is the first of one at most, of types in turn."""
    base = [letter.base.casefold() for letter in letters]
    mark = [letter.mark for letter in letters]
    keys = random_keys(len(letters), seed, split, len(QUESTION_TYPES))
    order = np.argsort(keys, kind="stable")
    kinds = (*SAME, WHICH)
    count = dict.fromkeys(kinds, 0)
    for turn, i in enumerate(map(int, order)):
        kind = kinds[turn % len(kinds)]
        letter_too, mark_too = divmod(count[kind] % 4, 2)      # the four combinations in turn
        if kind == WHICH:
            mark_too = 0
        j = _next(order, turn, lambda j, i=i, a=letter_too, b=mark_too: (  # type: ignore[misc]
            j != i and (base[i] == base[j]) == a and (mark[i] == mark[j]) == b))
        if j is None:
            continue
        pictures = numbers[i], numbers[j]
        if kind == WHICH:
            first = count[kind] % 2 == 0
            yield _Asked(f"which has the {letters[i if first else j].mark_name}, the first or the "
                         "second?", "first" if first else "second", kind, pictures)
        else:
            yes = letter_too if kind == "same letter" else mark_too
            yield _Asked(SAME[kind], "yes" if yes else "no", kind, pictures)
        count[kind] += 1


def _next(order: Array, turn: int, suits: Callable[[int], bool]) -> int | None:
    """Return the next place behind a turn, in a random order, that suits; None if none does."""
    for step in range(1, len(order)):
        j = int(order[(turn + step) % len(order)])
        if suits(j):
            return j
    return None
