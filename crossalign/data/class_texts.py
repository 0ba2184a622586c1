"""Texts of classes: one description or prompt, or several, of each class, in a file of the user's.

A ``.csv`` or ``.tsv`` has a column ``class`` or ``name`` and columns of texts, see `TEXTS`. A
``.txt`` has a class a line, then a tab or a colon with a blank, and a text. In both, several lines
of a class are several texts. A ``.json`` is an object of class to text, or to a list of texts.
A class that is named without a text has its name as its text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from crossalign.data.noted import Noted
from crossalign.data.samples import Texts
from crossalign.labels import is_mark
from crossalign.names import matched, written
from crossalign.reading import check_regular, expanded, unreadable

STEM, SUFFIXES = "classes", (".csv", ".tsv", ".json", ".txt")
"""Name of such a file in a folder of the data, and its possible suffixes."""
NAMES = ("class", "name")
"""Names of the column of class names."""
TEXTS = re.compile(r"(text|description|caption|prompt)s?([ _]?\d+)?", re.IGNORECASE)
"""Names of the columns of texts; a single column beside the class names may have any."""
LARGEST = 2**26
"""Size of the largest file that is read, in bytes."""
ARGUMENT = "class_texts"


class ClassTexts(NamedTuple):
    """Texts of named classes.

    Attributes
    ----------
    names : C strings
        Names of the classes: those that were asked for, then those that the file alone has.
    texts : C tuples of strings
        Texts of each class.
    noted : mapping of kind to names
        Columns that were not read.
    """

    names: list[str]
    texts: list[Texts]
    noted: Noted


def classes_file(folder: Path) -> Path | None:
    """Return the file of class texts that lies in a folder, if there is one.

    Raises
    ------
    ValueError
        If there are several.
    """
    found = [folder / f"{STEM}{suffix}" for suffix in SUFFIXES
             if (folder / f"{STEM}{suffix}").is_file()]
    if len(found) > 1:
        raise ValueError(f"{ARGUMENT}: the folder {str(folder)!r} holds {found[0].name!r} and "
                         f"{found[1].name!r}; name the one that is meant, or remove the other.")
    return found[0] if found else None


def read_class_texts(path: str | Path, names: Sequence[str]) -> ClassTexts:
    """Read the texts of classes, which are found by name as `names.matched` says.

    Parameters
    ----------
    path : str or Path
        File, see the module.
    names : strings
        Names of the classes that must have a text; others of the file follow them.

    Raises
    ------
    ValueError
        If the file cannot be read, has another form, lacks a class, or has the mark of a missing
        text.
    """
    file = expanded(path, ARGUMENT)
    check_regular(file, ARGUMENT)
    if file.stat().st_size > LARGEST:
        raise ValueError(f"{ARGUMENT}: {str(file)!r} has {file.stat().st_size} bytes, more than "
                         f"the {LARGEST} that are read; shorten it.")
    readers = {".csv": _of_sheet, ".tsv": _of_sheet, ".json": _of_json, ".txt": _of_lines}
    if file.suffix.lower() not in readers:
        raise ValueError(f"{ARGUMENT}: {file.name!r} is not one of {list(readers)}; write the "
                         "class names and their texts into one of those.")
    pairs, noted = readers[file.suffix.lower()](file)
    by_name: dict[str, list[str]] = {}
    for name, texts in pairs:
        mark = next((text for text in texts if is_mark(text) and text != name), None)
        if mark is not None:
            raise ValueError(f"{ARGUMENT}: {mark!r} as a text of {name!r} in {file.name!r} is the "
                             "mark of a missing one; write a text, or leave it empty.")
        by_name.setdefault(written(name), []).extend(written(text) for text in texts)
    there = list(by_name)
    rows = matched(names, there, ARGUMENT)
    missing = [name for name, row in zip(names, rows, strict=True) if row is None]
    if missing:
        raise ValueError(f"{ARGUMENT}: {file.name!r} has no text of {len(missing)} of the "
                         f"{len(names)} classes, first {missing[0]!r}; add it or correct its name.")
    used = [there[row] for row in rows if row is not None]
    alone = [name for name in there if name not in set(used)]
    return ClassTexts([*names, *alone], [tuple(by_name[name]) or (name,)
                                         for name in (*used, *alone)], noted)


Pairs = list[tuple[str, list[str]]]
"""Class names of a file in order, each with texts; a name may stand several times."""


def _of_sheet(file: Path) -> tuple[Pairs, Noted]:
    from crossalign.data.formats.delimited import read_sheet

    sheet = read_sheet(file)
    column = next((c for c, name in enumerate(sheet.header) if name.lower() in NAMES), None)
    if column is None and sheet.header[0] == "":                    # the index of a data frame
        column = 0
    others = [c for c in range(len(sheet.header)) if c != column]
    texts = [c for c in others if TEXTS.fullmatch(sheet.header[c])]
    texts = texts or (others if len(others) == 1 else [])
    if column is None or not texts:
        raise ValueError(f"{ARGUMENT}: {file.name!r} has the columns {sheet.header}; call that of "
                         "the class names 'class' and those of their texts 'text', 'text_2'.")
    rows = [(row[column].strip(), [cell for c in texts if (cell := row[c].strip())])
            for row in sheet.rows]
    nameless = next((number for number, (name, _) in enumerate(rows, start=2) if not name), None)
    if nameless is not None:
        raise ValueError(f"{ARGUMENT}: row {nameless} of {file.name!r} has no class name; give it "
                         "one or remove it.")
    passed = [sheet.header[c] for c in others if c not in texts]
    return rows, {"columns_not_read": passed} if passed else {}


def _of_lines(file: Path) -> tuple[Pairs, Noted]:
    lines = [line.strip() for line in _text(file).splitlines() if line.strip()]
    if not lines:
        raise ValueError(f"{ARGUMENT}: {file.name!r} is empty; write a class name a line, then a "
                         "tab or a colon with a blank, and its text.")
    parts = [re.split(r"\t|:\s", line, maxsplit=1) for line in lines]
    return [(name.strip(), [text.strip() for text in texts if text.strip()])
            for name, *texts in parts], {}


def _of_json(file: Path) -> tuple[Pairs, Noted]:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
        if twice is not None:
            raise ValueError(f"{ARGUMENT}: {twice!r} stands twice in {file.name!r}; put its texts "
                             "into one list.")
        return dict(pairs)

    try:
        found = json.loads(_text(file), object_pairs_hook=once)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(unreadable(file, error).replace("path:", f"{ARGUMENT}:", 1)) from None
    if not isinstance(found, Mapping) or not found:
        raise ValueError(f"{ARGUMENT}: {file.name!r} holds no object of class names; write "
                         "{\"class\": [\"text\", ...]}.")
    pairs = []
    for name, value in found.items():
        texts = [value] if isinstance(value, str) else value
        if not isinstance(texts, list) or not all(isinstance(t, str) and t.strip() for t in texts):
            raise ValueError(f"{ARGUMENT}: the class {name!r} of {file.name!r} has no text or list "
                             "of texts; write {\"class\": [\"text\", ...]}.")
        pairs.append((name.strip(), [text.strip() for text in texts]))
    return pairs, {}


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except (UnicodeDecodeError, OSError) as error:
        raise ValueError(f"{ARGUMENT}: {str(file)!r} cannot be read as UTF-8 text; save it "
                         "again.") from error
