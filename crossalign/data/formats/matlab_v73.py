"""MATLAB files of version 7.3, which are HDF5, as MATLAB and as h5py write them.

MATLAB writes every matrix transposed, text as numbers of UTF-16, cells as references, and sparse
matrices as groups of ``data``, ``ir`` (rows) and ``jc`` (where each column starts).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.formats.matlab_cells import Unread, filled, gathered, opaque, text_lines
from crossalign.reading import check_room

Array = npt.NDArray[Any]

SPARSE = "MATLAB_sparse"
NUMBERS = ("", "double", "single", "logical", *(f"{sign}int{bits}" for sign in ("", "u")
                                                for bits in (8, 16, 32, 64)))
"""Classes of MATLAB that are numbers; other writers name none."""
UTF = {1: "utf-8", 2: "utf-16-le", 4: "utf-32-le"}
"""Encoding of text, by the number of bytes of its numbers."""
ELSEWHERE = Unread("a link to another file", "save the variable itself")


def read_v73(file: Path, names: list[str] | None) -> dict[str, Array | Unread]:
    """Read every variable, or those of ``names`` that are there."""
    import h5py

    with h5py.File(file, "r") as stored:
        keys = [k for k in stored if not k.startswith("#") and (names is None or k in names)]
        here = [key for key in keys
                if not isinstance(stored.get(key, getlink=True), h5py.ExternalLink)]
        _check_room(file, [stored[key] for key in here])
        return {key: _value(stored[key], stored) if key in here else ELSEWHERE for key in keys}


def _check_room(file: Path, items: Iterable[Any]) -> None:
    """Raise ValueError if items claim to take more memory than is free."""
    import h5py

    size = 0
    for item in items:
        if isinstance(item, h5py.Dataset):
            chunk = math.prod(item.chunks or ()) * item.dtype.itemsize
            size += max(math.prod(item.shape or ()) * item.dtype.itemsize, chunk)
        elif SPARSE in item.attrs and "jc" in item:
            size += 8 * int(item.attrs[SPARSE]) * math.prod(item["jc"].shape or ())
    check_room(file, size, "save fewer or smaller variables")


def _value(item: Any, stored: Any, in_cell: bool = False) -> Array | Unread:
    import h5py

    if not isinstance(item, h5py.Dataset):
        return _sparse(item) if SPARSE in item.attrs else opaque(_class_of(item) or "struct")
    if item.external or item.is_virtual:
        return ELSEWHERE
    if item.shape is None:
        return np.zeros(0)
    kind = _class_of(item)
    empty = bool(item.attrs.get("MATLAB_empty", 0))
    if h5py.check_string_dtype(item.dtype) is not None:
        return _texts(item)
    if h5py.check_ref_dtype(item.dtype) is not None:
        references = np.asarray(item[()]).ravel()  # HDF5's row order is MATLAB's column order
        if in_cell and len(references) > 1:
            return np.empty(1, dtype=object)  # as a cell array of cell arrays stands for itself
        _check_room(Path(stored.filename), map(stored.__getitem__, references))
        if len(references) == 1 and _class_of(stored[references[0]]) == "cell":
            return _value(stored[references[0]], stored)  # a cell around a cell
        return gathered([_value(stored[reference], stored, True) for reference in references])
    if empty and kind in ("cell", "char"):
        return np.zeros(0, dtype=str)
    if empty:
        sizes = tuple(int(size) for size in np.ravel(item[()]))
        return np.zeros(sizes if 0 in sizes else (0, 0))
    if in_cell and min(item.shape, default=0) == 1 and (kind == "char" or (
            not kind and item.dtype == np.uint16)):  # text along either axis; not all name a class
        return _char(np.ravel(item[()]))
    if kind == "char":
        return _char(np.asarray(item[()]))
    if kind not in NUMBERS:
        return opaque(kind)
    if item.dtype.kind not in "biuf":
        return Unread("complex numbers" if item.dtype.names else f"an array of {item.dtype}",
                      "save real numbers")
    values = np.asarray(item[()]).T
    return values.astype(bool) if kind == "logical" else values


def _sparse(group: Any) -> Array:
    """Return the matrix that ``data``, ``ir`` and ``jc`` of a group stand for."""
    from scipy.sparse import csc_matrix

    starts = np.asarray(group["jc"][()], dtype=np.int64).ravel()
    shape = (int(group.attrs[SPARSE]), len(starts) - 1)
    if "data" not in group:  # nothing but zeros
        return np.zeros(shape)
    values, rows = (np.asarray(group[name][()]).ravel() for name in ("data", "ir"))
    return filled(csc_matrix((values, rows.astype(np.int64), starts), shape=shape))


def _texts(item: Any) -> Array | Unread:
    """Return texts as h5py writes them, of fixed or variable length."""
    try:
        return text_lines(np.ravel(np.asarray(item.asstr()[()], dtype=object)))
    except UnicodeDecodeError:
        return Unread("text that is not UTF-8", "save it as UTF-8")


def _char(codes: Array) -> Array | Unread:
    """Return the lines of a char matrix from its letters, which are stored transposed."""
    rows = np.atleast_2d(np.asarray(codes).T)
    try:
        little = rows.astype(rows.dtype.newbyteorder("<"))
        return text_lines(row.tobytes().decode(UTF[row.dtype.itemsize]) for row in little)
    except (UnicodeDecodeError, KeyError):
        return Unread("text that is not Unicode", "save a cell array of texts")


def _class_of(item: Any) -> str:
    kind = item.attrs.get("MATLAB_class", b"")
    return kind.decode() if isinstance(kind, bytes) else str(kind)
