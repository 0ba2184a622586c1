"""Pictures of a manifest: its rows, those of one picture together, class by class."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from crossalign.data.named_files import below
from crossalign.data.noted import Noted
from crossalign.data.samples import ALL, Texts
from crossalign.data.sources.manifest.cells import captions_of, class_cells, filled
from crossalign.data.sources.manifest.columns import Roles
from crossalign.data.sources.manifest.listing import Columns
from crossalign.names import identifier, written

Array = npt.NDArray[Any]


class Listed(NamedTuple):
    """Pictures of a manifest, n of them, class by class.

    Attributes
    ----------
    by_class : mapping of class to files
    one_class : bool
        True where no column says the class.
    ids : n strings
    texts : n tuples of strings, or None
    split : (n,) strings, or None
    meta : mapping of column to (n,) array
        Payload of the pictures.
    noted : mapping of kind to names
    """

    by_class: dict[str, list[Path]]
    one_class: bool
    ids: list[str]
    texts: list[Texts] | None
    split: Array | None
    meta: dict[str, Array]
    noted: Noted


def listed_pictures(table: Columns, roles: Roles, folder: Path) -> Listed:
    """Gather the rows of each picture, whose file's name is relative to a folder.

    Raises
    ------
    ValueError
        If a row has no file, class or part, a file does not lie below the folder, or rows of one
        picture name several classes, parts or identifiers.
    """
    names = filled(table, roles.path)
    doubtful: list[str] = []
    whole = below(roles.path, np.array(names), folder)
    first: dict[str, int] = {}                            # one file may be written in several ways
    owner = [first.setdefault(file, row) for row, file in enumerate(whole.tolist())]
    single = {role: _of_pictures(filled(table, column), owner, role)
              for role, column in (("split", roles.split), ("id", roles.id)) if column is not None}
    if roles.class_name is not None:
        classes, doubtful = class_cells(table, roles.class_name)
        single["class"] = [written(name) for name in _of_pictures(classes, owner, "class")]
    rows = list(first.values())
    of_rows = single.get("class", [ALL] * len(names))
    rows = [row for _, row in sorted((of_rows[row], row) for row in rows)]
    by_class: dict[str, list[Path]] = {}
    for row in rows:
        by_class.setdefault(of_rows[row], []).append(Path(whole[row]))
    payload = [column for column in table if column not in roles.taken]
    differ = [column for column in payload
              if any(table[column][row] != table[column][of] for row, of in enumerate(owner))]
    return Listed(
        by_class, "class" not in single,
        [single["id"][row] if "id" in single else identifier(names[row]) for row in rows],
        _texts(table, roles.texts, owner, rows) if roles.texts else None,
        np.array([single["split"][row] for row in rows]) if "split" in single else None,
        {column: payload_array([table[column][row] for row in rows]) for column in payload},
        {kind: of for kind, of in (("columns_of_the_first_row_of_a_picture", differ),
                                   ("classes_that_may_be_several", doubtful)) if of})


def _of_pictures(cells: list[str], owner: Sequence[int], role: str) -> list[str]:
    for row, of in enumerate(owner):
        if cells[row] != cells[of]:
            raise ValueError(f"{role}: {cells[of]!r} in row {of} and {cells[row]!r} in row {row} "
                             "(counted from 0), which are of one picture; write the same.")
    return cells


def _texts(table: Columns, columns: Sequence[str], owner: Sequence[int],
           rows: Sequence[int]) -> list[Texts]:
    """Return the captions of each picture, of all of its rows, each once."""
    captions: dict[int, dict[str, None]] = {row: {} for row in rows}
    for row, of in enumerate(owner):
        for column in columns:
            for text in captions_of(table[column][row], column, row):
                captions[of][written(text)] = None
    return [tuple(captions[row]) for row in rows]


def payload_array(values: Sequence[Any]) -> Array:
    """Return values of one type as they are, others as text."""
    kinds = {type(value) for value in values}
    if len(kinds) == 1 and kinds <= {str, int, float, bool}:
        return np.array(values)
    return np.array([value if isinstance(value, str) else "" if value is None else json.dumps(
        value, default=str, ensure_ascii=False) for value in values])


def texts_of(listed: Listed, task: str) -> list[Texts]:
    """Return the captions of every picture.

    Raises
    ------
    ValueError
        If a picture has none.
    """
    texts: list[Texts] = listed.texts or [()] * len(listed.ids)
    empty = next((i for i, of in zip(listed.ids, texts, strict=True) if not of), None)
    if empty is not None:
        raise ValueError(f"text: the picture {empty!r} has none, which {task} needs; write one or "
                         "remove the row.")
    return texts
