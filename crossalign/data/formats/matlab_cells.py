"""Common parts of both versions of MATLAB files: cells, lines of text, unread variables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class Unread(NamedTuple):
    """Kind of a variable that is not read, and the advice what to save instead; parts of a
    sentence.
    """

    what: str
    instead: str


CELL_FIX = "save a cell array of texts or one of matrices"


def opaque(kind: str) -> Unread:
    """Describe a struct or an object of MATLAB, by the name of its class."""
    if kind == "struct":
        return Unread("a struct", "save its fields as variables of their own")
    if kind == "string":
        return Unread("a string array", "save a cell array of texts, as cellstr makes it")
    return Unread(f"an object of the class {kind}", "save a matrix or a cell array of texts")


def text_lines(lines: Iterable[Any]) -> Array:
    """Return ``(n,)`` str without the blanks and zeros that fill up the lines of a char matrix."""
    return np.array([str(line).rstrip("\0").rstrip() for line in lines], dtype=str)


def filled(sparse: Any) -> Array:
    """Return a sparse matrix as an array; raise ValueError if an entry is outside of it."""
    sparse.check_format(full_check=True)
    return np.asarray(sparse.toarray())


def gathered(cells: Sequence[Array | Unread]) -> Array | Unread:
    """Turn a cell array of texts into ``(n,)`` str, one of matrices into ``(n,)`` arrays.

    An empty cell is an empty text among texts and an empty matrix among matrices.
    """
    kinds = set()
    for number, cell in enumerate(cells, start=1):
        if isinstance(cell, Unread):
            return Unread(f"a cell array whose cell {number} is {cell.what}", CELL_FIX)
        if cell.size == 0:
            continue
        if cell.dtype == object:
            return Unread("a cell array of cell arrays", CELL_FIX)
        if cell.dtype.kind == "U" and cell.size > 1:
            return Unread(f"a cell array whose cell {number} has {cell.size} lines of text",
                          CELL_FIX)
        kinds.add(cell.dtype.kind == "U")
    if len(kinds) == 2:
        return Unread("a cell array of both texts and numbers", CELL_FIX)
    if False not in kinds:
        return np.array([str(np.ravel(cell)[0]) if np.size(cell) else "" for cell in cells],
                        dtype=str)
    arrays = np.empty(len(cells), dtype=object)
    for i, cell in enumerate(cells):
        arrays[i] = cell
    return arrays
