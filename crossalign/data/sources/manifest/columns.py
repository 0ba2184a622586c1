"""Columns of a manifest and their roles: those that are named, else those with a usual name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from crossalign.data.class_folders import is_picture

USUAL: dict[str, str] = {
    "path": r"(image|img|picture|file)?[_ ]?(path|file|name)|filepath|filename|image|img|picture",
    "text": r"(text|caption|description|sentence)s?([_ ]?\d+)?",
    "class": r"class(_?name)?|label|category|labels",
    "question": r"questions?",
    "answer": r"answers?([_ ]?\d+)?",
    "type": r"(question|answer)[_ ]?types?",
    "second": r"(second|other)[_ ]?(image|img|picture|path|file)",
    "split": r"split|part|subset",
    "id": r"(image[_ ]?|sample[_ ]?)?ids?",
}
"""Usual names of the column of each role, in any case."""
SEVERAL = ("text", "answer")
"""Roles that several columns may have, of one name and numbers behind it."""
OF_QUESTIONS = ("answer", "type", "second")
"""Roles of columns that belong to that of questions."""
NUMBER = re.compile(r"[_ ]?\d+$")


class Roles(NamedTuple):
    """Names of the columns of each role, in the order of `USUAL`; None or nothing where there is
    none.

    Attributes
    ----------
    path : str
        Column of the pictures' files.
    texts, answers : tuple of str
        Columns of captions, and of answers.
    class_name, question, type, second, split, id : str or None
        Columns of the class, of questions, their types and their second pictures, of the part and
        of the identifier.
    """

    path: str
    texts: tuple[str, ...]
    class_name: str | None
    question: str | None
    answers: tuple[str, ...]
    type: str | None
    second: str | None
    split: str | None
    id: str | None

    @property
    def named(self) -> dict[str, str]:
        """Role and its column or columns, as a fact for a protocol."""
        return {role: ", ".join(names) for role, names in self._columns.items() if names}

    @property
    def taken(self) -> set[str]:
        """Names of all columns that have a role."""
        return {name for names in self._columns.values() for name in names}

    @property
    def _columns(self) -> dict[str, tuple[str, ...]]:
        each = ((of,) if isinstance(of, str) else of or () for of in self)
        return dict(zip(USUAL, each, strict=True))


def is_path(name: str) -> bool:
    """Return True for a usual name of the column of files; ``name`` alone is none."""
    return name.lower() != "name" and is_usual("path", name)


def roles_of(header: Sequence[str], chosen: Mapping[str, str] | None) -> Roles:
    """Return the columns of each role.

    Parameters
    ----------
    header : strings
        Names of all columns.
    chosen : mapping of role to column, optional
        Roles that the user has given a column; a role that is given none has ``""``.

    Raises
    ------
    ValueError
        If a role or column is not known, no column is that of the files, or several may be one
        role's.
    """
    given = {} if chosen is None else dict(chosen)
    for role, name in given.items():
        if role not in USUAL:
            raise ValueError(f"columns: {role!r} is no role; choose among {list(USUAL)}.")
        if name and name not in header:
            raise ValueError(f"columns: {role}={name} names no column; the file has "
                             f"{list(header)}.")
    free = [name for name in header if name not in given.values()]
    found = {role: [name for name in free if (is_path(name) if role == "path"
                                              else is_usual(role, name))]
             for role in USUAL if role not in given}
    if not (given.get("question") or found.get("question")):
        found |= {role: [] for role in OF_QUESTIONS if role in found}   # a column as any other
    for role, names in found.items():
        kinds = {NUMBER.sub("", name).lower() for name in names} if role in SEVERAL else names
        if len(kinds) > 1:
            first, second, *_ = names
            raise ValueError(f"columns: {first!r} and {second!r} may both be the {role}; choose "
                             f"one by --columns {role}={first}, in Python columns={{{role!r}: "
                             f"{first!r}}}.")
    of = {role: [given[role]] * bool(given[role]) if role in given else found[role]
          for role in USUAL}
    picture = next((name for name in header if is_picture(Path(name))), None)
    if not of["path"] and picture is not None:
        raise ValueError(f"columns: the first line holds the picture {picture!r} and seems to be "
                         "no header; put one in front, as path,caption,class.")
    if not of["path"]:
        raise ValueError(f"columns: none of {list(header)} is known as that of the files of "
                         f"pictures; name it by --columns path={header[0]}.")
    one = {role: names[0] if names else None for role, names in of.items()}
    return Roles(of["path"][0], tuple(of["text"]), one["class"], one["question"],
                 tuple(of["answer"]), one["type"], one["second"], one["split"], one["id"])


def is_usual(role: str, name: str) -> bool:
    """Return True for a usual name of the column of a role."""
    return re.fullmatch(USUAL[role], name.strip(), re.IGNORECASE) is not None
