"""Questions about the pictures that a file lists: a row for each, with its answer or answers.

A question is about the picture of its row, or about that and a second one, which the file lists in
a row of its own. A row without a question only lists its picture.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from crossalign.data.named_files import below
from crossalign.data.noted import ANSWERS_ALIKE, QUESTIONS_TWICE, Noted
from crossalign.data.sources.manifest.cells import plain, texts_in
from crossalign.data.sources.manifest.columns import Roles
from crossalign.data.sources.manifest.listing import Columns
from crossalign.data.sources.manifest.pictures import Listed
from crossalign.metrics.answer_words import normalised_answer
from crossalign.names import alike_names, written
from crossalign.types import Questions
from crossalign.types.questions import DISAGREE, answer_type, too_few
from crossalign.words import words_of

ANSWERS = ("none",)
"""Marks of missing texts that may be answers."""


def questions_of(table: Columns, roles: Roles, listed: Listed,
                 folder: Path) -> tuple[Questions, Noted]:
    """Return the questions of all rows, and notes on those that stand twice and on answers alike.

    Raises
    ------
    ValueError
        If there are none, a question has no answer, two or three, or an answer has no question; if
        rows ask the same of the same pictures and answer differently; or if a second picture is not
        listed, or is the first.
    """
    column = roles.question
    if column is None or not roles.answers:
        raise ValueError(f"columns: none of {list(table)} is known as that of "
                         f"{'questions' if column is None else 'answers'}, which vqa needs; name "
                         f"it by --columns {'question' if column is None else 'answer'}=NAME.")
    pictures = _pictures(table, roles, listed, folder)
    rows: dict[tuple[Any, ...], int] = {}
    given, again = [], []
    for row, about in enumerate(pictures):
        text = plain(table[column][row], column, row)
        answers = tuple(written(answer) for name in roles.answers for answer in
                        _texts(table[name][row], name, row))
        _check(text, answers, roles, row)
        given.append((text, answers))
        if not text:
            continue
        before = rows.setdefault((*words_of(written(text)), about), row)   # as answerers read it
        if _counted(given[before][1]) != _counted(answers):
            raise ValueError(f"{column}: rows {before} and {row} (counted from 0) ask {text!r} of "
                             "the same picture and answer differently; keep one, or put the "
                             "answers of all people into one row.")
        again += [f"{text} ({' and '.join(about)})"] * (before != row)
    if not rows:
        raise ValueError(f"{column}: empty in all rows; write a question into some.")
    kept = [*rows.values()]
    texts, answers_of = zip(*(given[row] for row in kept), strict=True)
    alike = alike_names(dict.fromkeys(answer for of in answers_of for answer in of))
    kinds = [_type(table, roles, row, given[row][1]) for row in kept]
    noted = {QUESTIONS_TWICE: again, ANSWERS_ALIKE: [" and ".join(group) for group in alike]}
    return (Questions(texts, answers_of, tuple(kinds), tuple(pictures[row] for row in kept)),
            {kind: names for kind, names in noted.items() if names})


def _texts(cell: Any, column: str, row: int) -> list[str]:
    """Return the answers of a cell; ValueError for true and false of JSON, which are no words."""
    if any(isinstance(one, bool) for one in (cell if isinstance(cell, list) else [cell])):
        raise ValueError(f"{column}: {cell!r} in row {row} (counted from 0) is no text; write yes "
                         "or no.")
    return texts_in(cell, column, row, "answer", ANSWERS)


def _pictures(table: Columns, roles: Roles, listed: Listed,
              folder: Path) -> list[tuple[str, ...]]:
    """Return the ids of the picture or the two pictures of every row."""
    if roles.second is None:
        return [(one,) for one in listed.of_rows]
    names = [plain(cell, roles.second, row) for row, cell in enumerate(table[roles.second])]
    files = below(roles.second, np.array(names), folder).tolist()
    found: list[tuple[str, ...]] = []
    for row, (one, name, file) in enumerate(zip(listed.of_rows, names, files, strict=True)):
        other = listed.id_of.get(file)
        if name and other in (None, one):
            raise ValueError(f"{roles.second}: {name!r} in row {row} (counted from 0) is "
                             f"{'not listed' if other is None else 'the first picture, too'}; "
                             f"{'give it a row of its own' if other is None else 'name another'}.")
        found.append((one, str(other)) if name else (one,))
    return found


def _check(text: str, answers: tuple[str, ...], roles: Roles, row: int) -> None:
    """Raise ValueError for a question without answers, or answers without a question."""
    if bool(text) != bool(answers):
        empty = roles.answers[0] if text else str(roles.question)
        raise ValueError(f"{empty}: empty in row {row} (counted from 0), beside "
                         f"{text or answers[0]!r}; fill it in, or empty both.")
    if too_few(len(answers)):
        raise ValueError(f"{roles.answers[0]}: row {row} (counted from 0) has {len(answers)} "
                         f"answers, {DISAGREE}")


def _counted(answers: tuple[str, ...]) -> Counter[str]:
    """Return how often each answer is given, in the spelling in which answers are compared."""
    return Counter(map(normalised_answer, answers))


def _type(table: Columns, roles: Roles, row: int, answers: tuple[str, ...]) -> str:
    """Return the type of a question: that of its row, else that of its most frequent answer."""
    told = "" if roles.type is None else plain(table[roles.type][row], roles.type, row)
    return told or answer_type(_counted(answers).most_common(1)[0][0])
