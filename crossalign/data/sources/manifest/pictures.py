"""Pictures of a manifest: its rows, those of one picture together, class by class."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from crossalign.data.named_files import below
from crossalign.data.noted import CAPTIONS_OF_CLASSES, Noted
from crossalign.data.samples import ALL, Texts
from crossalign.data.sources.manifest.cells import class_cells, filled, plain, texts_in
from crossalign.data.sources.manifest.columns import Roles
from crossalign.data.sources.manifest.listing import Columns
from crossalign.data.sources.picture_folder.texts import names_as_words
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
    of_rows : strings
        Identifier of the picture of every row of the file.
    id_of : mapping of file to id
        Identifier of each picture by its file's whole name.
    texts : n tuples of strings, or None
    split : (n,) strings, or None
    meta : mapping of column to (n,) array
        Payload of the pictures.
    noted : mapping of kind to names
    """

    by_class: dict[str, list[Path]]
    one_class: bool
    ids: list[str]
    of_rows: list[str]
    id_of: dict[str, str]
    texts: list[Texts] | None
    split: Array | None
    meta: dict[str, Array]
    noted: Noted

    @property
    def named(self) -> list[Texts]:
        """Names of the classes, written as a person would, one text of each."""
        return [(text,) for text in names_as_words(list(self.by_class))]


def listed_pictures(table: Columns, roles: Roles, folder: Path) -> Listed:
    """Gather the rows of each picture, whose file's name is relative to a folder.

    Raises
    ------
    ValueError
        If a row has no file, class or part, a file does not lie below the folder, or rows of one
        picture name several classes, parts or identifiers.
    """
    names = filled(table, roles.path)
    files = below(roles.path, np.array(names), folder)
    _check_there(roles.path, names, files, folder)
    first: dict[str, int] = {}                            # one file may be written in several ways
    owner = [first.setdefault(file, row) for row, file in enumerate(files.tolist())]
    single, doubtful = _single(table, roles, owner)
    classes = single.get("class", [ALL] * len(names))
    rows = [row for _, row in sorted((classes[row], row) for row in first.values())]
    by_class: dict[str, list[Path]] = {}
    for row in rows:
        by_class.setdefault(classes[row], []).append(Path(files[row]))
    ids = {row: single["id"][row] if "id" in single else identifier(names[row]) for row in rows}
    captions, again = _captions(table, roles.texts, owner)
    if roles.question is not None:                        # rows of questions repeat the picture
        again = [row for row in again
                 if not plain(table[roles.question][row], roles.question, row)]
    payload = [column for column in table if column not in roles.taken]
    differ = [column for column in payload
              if any(table[column][row] != table[column][of] for row, of in enumerate(owner))]
    noted = {"columns_of_the_first_row_of_a_picture": differ,
             "classes_that_may_be_several": doubtful,
             "captions_that_stand_twice" if roles.texts else "pictures_that_stand_twice":
                 [identifier(names[row]) for row in again]}
    return Listed(
        by_class, "class" not in single,
        [ids[row] for row in rows], [ids[row] for row in owner],
        {str(files[row]): ids[row] for row in rows},
        [tuple(captions[row]) for row in rows] if roles.texts else None,
        np.array([single["split"][row] for row in rows]) if "split" in single else None,
        {column: payload_array([table[column][row] for row in rows]) for column in payload},
        {kind: of for kind, of in noted.items() if of})


def _single(table: Columns, roles: Roles,
            owner: Sequence[int]) -> tuple[dict[str, list[str]], list[str]]:
    """Return the cells of the roles of which a picture has one, by role, and the classes that may
    be several.
    """
    found = {role: _of_pictures(filled(table, column), owner, role)
             for role, column in (("split", roles.split), ("id", roles.id)) if column is not None}
    if roles.class_name is None:
        return found, []
    classes, doubtful = class_cells(table, roles.class_name)
    found["class"] = [written(name) for name in _of_pictures(classes, owner, "class")]
    return found, doubtful


def _check_there(column: str, names: list[str], files: Array, folder: Path) -> None:
    """Raise ValueError if no file is there, as where names are relative to another folder."""
    if not any(Path(file).is_file() for file in files):
        raise ValueError(f"{column}: none of {len(set(names)):,} files is there, first "
                         f"{names[0]!r} in the folder {str(folder)!r} of the table; write names "
                         "relative to that folder, with / between folders.")


def _of_pictures(cells: list[str], owner: Sequence[int], role: str) -> list[str]:
    for row, of in enumerate(owner):
        if cells[row] != cells[of]:
            raise ValueError(f"{role}: {cells[of]!r} in row {of} and {cells[row]!r} in row {row} "
                             "(counted from 0), which are of one picture; write the same, or take "
                             f"the role away by --columns {role}=.")
    return cells


def _captions(table: Columns, columns: Sequence[str], owner: Sequence[int],
              ) -> tuple[dict[int, dict[str, None]], list[int]]:
    """Return the captions of each picture by its first row, each once, and the rows that have some
    of which an earlier one of their picture says as much; without columns all rows but the first.
    """
    captions: dict[int, dict[str, None]] = {of: {} for of in owner}
    again = []
    for row, of in enumerate(owner):
        texts = {written(text): None for column in columns
                 for text in texts_in(table[column][row], column, row)}
        if row != of and (texts or not columns) and texts.keys() <= captions[of].keys():
            again.append(row)
        captions[of].update(texts)
    return captions, again


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


def captions_of(listed: Listed) -> tuple[list[Texts], Noted]:
    """Return the captions of every picture, and the note on those called as their class.

    Raises
    ------
    ValueError
        If a picture has none and there are no classes.
    """
    if listed.one_class:
        return texts_of(listed, "caption"), {}
    called = [name for name, of in zip(listed.named, listed.by_class.values(), strict=True)
              for _ in of]
    own: list[Texts] = listed.texts or [()] * len(called)
    without = [i for i, of in zip(listed.ids, own, strict=True) if not of]
    return ([of or name for of, name in zip(own, called, strict=True)],
            {CAPTIONS_OF_CLASSES: without} if without else {})
