"""Side information of classes: rows of a .mat, .npy, .csv or .tsv file, in the classes' order.

If both files name their classes, rows are matched by name, because public files disagree about the
order; otherwise by order, and then the counts must agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.arrays import float32
from crossalign.names import written
from crossalign.reading import check_regular, expanded

Array = npt.NDArray[Any]

SUFFIXES: tuple[str, ...] = (".mat", ".npy", ".csv", ".tsv")


def read_side_information(path: str | Path, class_names: Sequence[str] | None,
                          n_classes: int) -> tuple[Array, str]:
    """Read class embeddings in the order of the classes.

    Parameters
    ----------
    path : str or Path
        File: ``.mat`` with ``att`` (a, C) and, if possible, ``allclasses_names``; ``.npy`` (C, a);
        ``.csv`` or ``.tsv`` with one row per class and, if possible, a column ``class`` (or a first
        one without a name, as a frame's index is written).
    class_names : C strings, optional
        Names of the classes in the order of the result; ``None`` if the classes have no names.
    n_classes : int
        Number C of classes.

    Returns
    -------
    embeddings : (C, a) float32
    how : str
        ``"by name"`` or ``"by order"``.

    Raises
    ------
    ValueError
        If the file cannot be read, lacks a class, or its count of rows is not C.
    """
    file = expanded(path, "attributes")
    rows, names = read_class_rows(file, n_classes)
    if names is None or class_names is None:
        if len(rows) != n_classes:
            raise ValueError(f"attributes: {file.name!r} has {len(rows)} rows for {n_classes} "
                             "classes; give one row per class, in the order of the classes.")
        return float32(rows, "attributes"), "by order"
    assert_unique_names([written(name) for name in names], file.name)
    at = {written(name): row for row, name in enumerate(names)}
    missing = [name for name in class_names if written(name) not in at]
    if missing:
        raise ValueError(f"attributes: {file.name!r} has no row for {len(missing)} of the "
                         f"{n_classes} classes, first {missing[0]!r}; add it or use its exact "
                         "name.")
    rows = rows[[at[written(name)] for name in class_names]]
    return float32(rows, "attributes"), "by name"


def read_class_rows(path: str | Path, n_classes: int = -1) -> tuple[Array, list[str] | None]:
    """Read the rows ``(C, a)`` of a file, and the names it gives them, if any.

    ``n_classes`` tells which axis of a nameless MATLAB matrix is classes. Errors are those of
    `read_side_information`.
    """
    file = expanded(path, "attributes")
    check_regular(file, "attributes")
    kind = file.suffix.lower()
    if kind == ".mat":
        rows, names = _from_mat(file, n_classes)
    elif kind == ".npy":
        from crossalign.data.formats.npy import read_npy

        rows, names = read_npy(file), None
    elif kind in (".csv", ".tsv"):
        rows, names = _from_csv(file)
    else:
        raise ValueError(f"attributes: {file.name!r} is not one of {list(SUFFIXES)}; convert it to "
                         "a (C, a) .npy array.")
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise ValueError(f"attributes: {file.name!r} has shape {rows.shape}; "
                         "give one row of numbers per class, (C, a).")
    if not np.isfinite(rows).all():
        bad = int(np.flatnonzero(~np.isfinite(rows).all(axis=1))[0])
        raise ValueError(f"attributes: row {bad} of {file.name!r} holds NaN or infinity; repair "
                         "it.")
    return rows, names


def side_information_of(path: str | Path | None,
                        names: Sequence[str]) -> tuple[Array, dict[str, Any] | str]:
    """Return embeddings ``(C, a)`` of named classes, a = 0 without a file, and their fact.

    Raises
    ------
    ValueError
        As `read_side_information`.
    """
    if path is None:
        return np.zeros((len(names), 0), dtype=np.float32), "none"
    rows, how = read_side_information(path, names, len(names))
    return rows, {"file": Path(path).name, "width": rows.shape[1], "matched": how}


def with_candidates(path: str | Path,
                    names: Sequence[str]) -> tuple[list[str], Array, dict[str, Any] | str]:
    """Return class names, those given and then others of the file; their rows; and the fact.

    Raises
    ------
    ValueError
        As `read_side_information`.
    """
    _, listed = read_class_rows(path, len(names))
    known = {written(name) for name in names}
    alone = [written(name) for name in listed or () if written(name) not in known]
    everyone = [*names, *alone]
    return everyone, *side_information_of(path, everyone)


def assert_unique_names(names: Sequence[str], where: str) -> None:
    """Raise ValueError, naming the first one, if a class name stands twice."""
    if len(set(names)) < len(names):
        twice = next(name for i, name in enumerate(names) if name in names[:i])
        raise ValueError(f"class names: {twice!r} stands twice in {where!r}; "
                         "give every class its own name.")


def unit_rows(embeddings: npt.ArrayLike) -> bool:
    """Return True if every row has L2 norm 1, to three digits."""
    norms = np.linalg.norm(np.asarray(embeddings), axis=1)
    return bool(np.allclose(norms, 1.0, atol=1e-3))


def _from_mat(file: Path, n_classes: int) -> tuple[Array, list[str] | None]:
    from crossalign.data.formats.matlab import read_mat, refuse_unread

    stored = read_mat(file, ["att", "allclasses_names"])
    refuse_unread(stored, "att", "allclasses_names")
    if "att" not in stored:
        raise ValueError(f"attributes: {file.name!r} holds no matrix 'att'; name a file that has "
                         "one, (a, C).")
    att = stored["att"]
    if att.dtype.kind not in "biuf":
        raise ValueError(f"attributes: 'att' of {file.name!r} holds {att.dtype}; give numbers.")
    names = stored.get("allclasses_names")
    count = n_classes if names is None else len(names)
    if att.ndim == 2 and att.shape[1] == count:
        att = att.T  # (a, C) -> (C, a)
    elif att.ndim != 2 or att.shape[0] != count:
        raise ValueError(f"attributes: 'att' of {file.name!r} has shape {att.shape} for {count} "
                         "classes; give (a, C).")
    return att, None if names is None else [str(name).strip() for name in names]


def _from_csv(file: Path) -> tuple[Array, list[str] | None]:
    from crossalign.data.formats.delimited import Sheet, is_number, read_sheet

    sheet = read_sheet(file)
    columns = list(range(len(sheet.header)))
    column = next((i for i in columns if sheet.header[i] in ("class", "name")), None)
    if column is None and sheet.header[0] == "":  # a frame's index
        if any(is_number(cell, sheet.comma) for cell in sheet.texts(0)):
            raise ValueError(f"attributes: the first column of {file.name!r} has no name and holds "
                             f"numbers, first {sheet.rows[0][0]!r}; call it 'class' if they name "
                             "the classes, else give it a name or remove it.")
        column = 0
    if column is None:
        if all(is_number(cell, sheet.comma) for cell in sheet.header):  # no header line
            sheet = Sheet(file, sheet.header, [sheet.header, *sheet.rows], sheet.comma)
        return sheet.numbers(columns), None
    columns.remove(column)
    return sheet.numbers(columns), sheet.texts(column).tolist()
