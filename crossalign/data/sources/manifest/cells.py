"""Cells of a manifest as text; one that is missing, or holds no text, is told."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from crossalign.data.sources.manifest.listing import Columns
from crossalign.labels import is_mark, is_missing, sample_labels
from crossalign.several import refuse_several

TAKE_AWAY = "fill it in, remove the row, or take the column's role away by --columns"


def filled(table: Columns, column: str) -> list[str]:
    """Return the cells of a column that must not be empty, as text.

    Raises
    ------
    ValueError
        If one is empty, or holds what is neither text nor a number.
    """
    cells = [plain(cell, column, row) for row, cell in enumerate(table[column])]
    if "" in cells:
        raise ValueError(f"{column}: empty in row {cells.index('')} (counted from 0); {TAKE_AWAY}.")
    return cells


def class_cells(table: Columns, column: str) -> tuple[list[str], list[str]]:
    """Return the cells of the column of classes as text, and those that may be several classes.

    Raises
    ------
    ValueError
        As `filled`, for a mark of a missing label (`labels.MISSING`), and for a name that reads
        like several.
    """
    cells = sample_labels(filled(table, column), column).tolist()
    return cells, refuse_several(cells, column)


def texts_in(cell: Any, column: str, row: int, noun: str = "caption",
             known: Collection[str] = ()) -> list[str]:
    """Return the texts of a cell, which may be a list; none of an empty one.

    Raises
    ------
    ValueError
        If one is a mark of a missing text (`labels.MISSING`) that is none of the ``known`` texts,
        or neither text nor a number.
    """
    texts = [plain(text, column, row) for text in (cell if isinstance(cell, list) else [cell])]
    mark = next((text for text in texts if is_mark(text) and text.lower() not in known), None)
    if mark is not None:
        raise ValueError(f"{column}: {mark!r} in row {row} (counted from 0) is the mark of a "
                         f"missing text; leave the cell empty, or write the {noun} in other words.")
    return [text for text in texts if text]


def plain(cell: Any, column: str, row: int) -> str:
    """Return a cell as text without white space around it, empty where it is missing; 1.0, which
    is an integer beside missing ones, is 1.

    Raises
    ------
    ValueError
        If it is neither text nor a number.
    """
    if is_missing(cell):
        return ""
    if isinstance(cell, Sequence | dict) and not isinstance(cell, str):
        raise ValueError(f"{column}: a {type(cell).__name__} in row {row} (counted from 0), "
                         f"{str(cell)[:40]!r}; write text there.")
    whole = isinstance(cell, float) and cell.is_integer() and abs(cell) <= 2**53
    return str(int(cell) if whole else cell).strip()
