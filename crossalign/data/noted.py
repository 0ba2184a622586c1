"""Notes on data that were not read, or not as they are stored: counted and named, by kind.

Loaders leave something out without an error in this way only. Notes are in the protocol under
`NOTED`, in ``data validate``, and in the log while data are loaded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crossalign.pace import Log
from crossalign.types import Benchmark

NOTED = "noted"
"""Key of the notes in a protocol."""
NOT_READ = "not_read"
"""Kind of the notes on data that were left out."""
LOST_DIGITS = "differences_lost_in_float32"
"""Kind of the notes on arrays whose numbers differ by less than float32 can tell apart."""
CAPTIONS_NOT_READ = "captions_not_read_for_recognition"
"""Kind of the notes on captions that a benchmark of recognition does without."""
CAPTIONS_OF_CLASSES = "pictures_without_captions_of_their_own_called_as_their_class"
"""Kind of the notes on pictures whose captions are the texts of their class."""
QUESTIONS_TWICE = "questions_that_stand_twice"
"""Kind of the notes on questions that are asked again of the same picture."""
ANSWERS_ALIKE = "answers_in_several_spellings_which_are_told_apart"
"""Kind of the notes on answers that differ in case, blanks or form alone, or are one number."""
CAPTIONS_ALONE = "captions_of_no_picture"
"""Kind of the notes on files of captions whose name is no picture's."""
OF_WORDS = (CAPTIONS_OF_CLASSES, CAPTIONS_ALONE, QUESTIONS_TWICE, ANSWERS_ALIKE)
"""Kinds of the notes on captions and questions that recognition does not make."""
QUESTIONS_NOT_READ = "questions_not_read"
"""Kind of the notes on questions that a benchmark of another task does without."""
BESIDE = {"caption": CAPTIONS_NOT_READ, "vqa": QUESTIONS_NOT_READ}
"""Kind of the notes on what is not read, by the task that reads it."""
FIRST = 3
"""Number of names given for each kind, of which there may be thousands."""

Noted = dict[str, list[str]]
"""Names of files, variables or texts, by the kind of note."""


def joined(*parts: Mapping[str, Sequence[str]]) -> Noted:
    """Merge notes from several places, kind by kind."""
    merged: Noted = {}
    for part in parts:
        for kind, names in part.items():
            merged.setdefault(kind, []).extend(names)
    return merged


def noted_fact(noted: Mapping[str, Sequence[str]],
               most: int | None = FIRST) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the notes as a fact for a protocol, if there are any: counts, and the first names."""
    notes = {kind: {"count": len(names), "first": list(names[:most])}
            for kind, names in noted.items() if names}
    return {NOTED: notes} if notes else {}


def digits_fact(bench: Benchmark, lost: Sequence[str] = ()) -> dict[str, Any]:
    """Return what a benchmark's protocol notes, with the differences that float32 has lost.

    ``lost`` are names of arrays beside those that its samples and classes carry.
    """
    noted = dict(bench.protocol.get(NOTED, {}))
    carried = [line for views in bench.splits.values() for line in views.lost_digits]
    names = list(dict.fromkeys([*lost, *carried, *bench.classes.lost_digits]))
    if names and LOST_DIGITS not in noted:
        noted |= noted_fact({LOST_DIGITS: names})[NOTED]
    return {NOTED: noted} if noted else {}


def sentences(protocol: Mapping[str, Any]) -> dict[str, str]:
    """Return a protocol's notes for people, a line for each kind."""
    return {kind.replace("_", " "): f"{of['count']}: {', '.join(of['first'])}"
            + ", and so on" * (of["count"] > len(of["first"]))
            for kind, of in protocol.get(NOTED, {}).items()}


def say(protocol: Mapping[str, Any], log: Log | None) -> None:
    """Pass a protocol's notes to ``log``, if there is one."""
    for kind, line in sentences(protocol).items():
        if log is not None:
            log(f"note: {kind}, {line}")
