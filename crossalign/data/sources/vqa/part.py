"""One part of a data set of questions, as its files say it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from crossalign.data.noted import Noted
from crossalign.reading import existing

Texts = tuple[str, ...]


class Part(NamedTuple):
    """Questions of a part, m of them, and the pictures that they are about.

    Attributes
    ----------
    name : str
        Name of the part, as "train".
    pictures : mapping of number to file
    texts : m strings
    answers : m tuples of strings
    types : m strings
    about : m integers
        Number of each question's picture.
    noted : mapping of kind to names
    """

    name: str
    pictures: dict[int, Path]
    texts: list[str]
    answers: list[Texts]
    types: list[str]
    about: list[int]
    noted: Noted

    @property
    def trains(self) -> bool:
        """True for the part that trains."""
        return self.name.startswith("train")


def read_json(file: Path) -> Any:
    """Return the content of a file of JSON.

    Raises
    ------
    ValueError
        If it is damaged.
    """
    try:
        return json.loads(existing(file).read_text(encoding="utf-8-sig"))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        raise ValueError(f"path: {str(file)!r} is no JSON; get the file again.") from None


def numbered(pictures: Iterable[tuple[int, Path]]) -> dict[int, Path]:
    """Return pictures by their numbers.

    Raises
    ------
    ValueError
        If two have one number.
    """
    found: dict[int, Path] = {}
    for number, file in pictures:
        if number in found:
            raise ValueError(f"path: {str(found[number])!r} and {file.name!r} are both number "
                             f"{number}; keep one of them.")
        found[number] = file
    return found


def checked(part: Part, file: Path) -> Part:
    """Return a part whose questions all have a picture, with notes on pictures without a question.

    Raises
    ------
    ValueError
        If there is no question, or one is about a picture that is not there.
    """
    if not part.texts:
        raise ValueError(f"path: {str(file)!r} has no questions; give one that has.")
    absent = [number for number in part.about if number not in part.pictures]
    if absent:
        raise ValueError(f"path: {len(absent)} questions of {str(file)!r} are about pictures that "
                         f"are not there, first {absent[0]}; put the pictures beside it.")
    asked = set(part.about)
    silent = [str(file) for number, file in part.pictures.items() if number not in asked]
    noted = {**part.noted, **({"pictures_without_a_question": silent} if silent else {})}
    return part._replace(pictures={number: file for number, file in sorted(part.pictures.items())
                                   if number in asked}, noted=noted)
