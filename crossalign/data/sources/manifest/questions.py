"""Questions about the pictures that a file lists: a row for each, with its answer or answers.

A question is about the picture of its row, or about that and a second one, which the file lists in
a row of its own. A row without a question only lists its picture.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from crossalign.data.named_files import below
from crossalign.data.noted import QUESTIONS_TWICE, Noted
from crossalign.data.sources.manifest.cells import plain, texts_in
from crossalign.data.sources.manifest.columns import Roles
from crossalign.data.sources.manifest.listing import Columns
from crossalign.data.sources.manifest.pictures import Listed
from crossalign.metrics.answer_words import normalised_answer
from crossalign.names import written
from crossalign.types import Questions
from crossalign.types.questions import DISAGREE, answer_type, too_few

ANSWERS = ("none",)
"""Marks of missing texts that may be answers."""


def questions_of(table: Columns, roles: Roles, listed: Listed,
                 folder: Path) -> tuple[Questions, Noted]:
    """Return the questions of all rows, and a note on those that stand twice.

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
    rows: dict[tuple[str, tuple[str, ...]], tuple[int, tuple[str, ...]]] = {}
    again = []
    for row, about in enumerate(pictures):
        text = plain(table[column][row], column, row)
        answers = tuple(written(answer) for name in roles.answers for answer in
                        texts_in(table[name][row], name, row, "answer", ANSWERS))
        _check(text, answers, roles, row)
        if not text:
            continue
        before, same = rows.setdefault((written(text), about), (row, answers))
        if _counted(same) != _counted(answers):
            raise ValueError(f"{column}: rows {before} and {row} (counted from 0) ask {text!r} of "
                             "the same picture and answer differently; keep one, or put the "
                             "answers of all people into one row.")
        again += [f"{text} ({' and '.join(about)})"] * (before != row)
    if not rows:
        raise ValueError(f"{column}: empty in all rows; write a question into some.")
    kinds = [_type(table, roles, row, answers) for row, answers in rows.values()]
    return (Questions(tuple(text for text, _ in rows), tuple(of for _, of in rows.values()),
                      tuple(kinds), tuple(about for _, about in rows)),
            {QUESTIONS_TWICE: again} if again else {})


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
