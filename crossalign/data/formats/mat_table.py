"""A MATLAB file as a table of aligned arrays, by the library's names or by those of the field.

Files of multi-view data sets hold the views as one cell array (``X``, ``feas``, ``data``) and the
labels as ``Y``, ``gt`` or ``truth``, with samples along either axis. The views are called
``view1``, ``view2``, ... as MATLAB counts them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.formats.matlab import Variables, refuse_unread
from crossalign.data.formats.matlab_cells import Unread
from crossalign.data.table import RESERVED, Table

Array = npt.NDArray[Any]

OWN = ("labels", "label", "class")
LABELS = ("Y", "y", "gt", "truth", "truelabel", "gnd")
"""Names of labels in the field, used if the library's own names are not there."""
PER_SAMPLE = ("train", "split", "ids", "id")
VIEWS = ("X", "x", "feas", "fea", "data", "views")
"""Names of a cell array of views in the field; if none is there, any other cell array counts."""


def table_of_mat(stored: Variables) -> Variables:
    """Turn variables into a table with a row per sample, and labels called ``labels``.

    A square matrix is turned as the other matrices are, and has samples as rows if they do not
    tell. Beside a cell array of views only variables with one value per sample or one of the
    library's names are kept; the others are named as not read.

    Raises
    ------
    ValueError
        One sentence: a needed variable that is not read, labels under two names that disagree, two
        cell arrays of views, or a view none of whose axes is the samples.
    """
    refuse_unread(stored, *OWN)
    table: Table = dict(stored)
    if not set(OWN) & set(table):
        _name_labels(table, stored)
    label = next((name for name in OWN if name in table), None)
    views, unread = _open_cells(table)
    if label is None:
        return Variables(table, stored.unread | unread)
    matrices = {name: table[name] for name in views or table
                if name not in RESERVED and table[name].ndim == 2}
    if len(matrices) < 2:
        refuse_unread(stored, *stored.unread)
    table[label] = _label_rows(table[label], matrices)
    n = len(table[label])
    table |= _upright(matrices, n, named=bool(views))
    if "class_embeddings" in table and "class_names" in table:
        table |= _upright({"class_embeddings": table["class_embeddings"]},
                          table["class_names"].size)
    for name in [name for name in table if name not in views]:
        if name in PER_SAMPLE or (views and name not in RESERVED):
            table[name] = np.ravel(table[name])
            if views and table[name].size != n and name not in RESERVED:
                unread[name] = Unread("neither a view nor one value per sample", "leave it out")
                del table[name]
    return Variables(table, stored.unread | unread)


def _name_labels(table: Table, stored: Variables) -> None:
    """Call the field's labels ``labels``; several names for them must agree."""
    candidates = {name: _one_vector(table[name]) for name in LABELS if name in table}
    if not candidates:
        refuse_unread(stored, *LABELS)
        return
    (first, labels), *others = candidates.items()
    for name, other in others:
        if not np.array_equal(np.ravel(labels), np.ravel(other)):
            raise ValueError(f"labels: {first!r} and {name!r} may both be, and differ; rename one "
                             "of them 'labels'.")
    for name in candidates:
        del table[name]
    table["labels"] = labels


def _one_vector(values: Array) -> Array:
    """Return labels that are repeated for every view as one vector."""
    if values.dtype == object and len(values) and all(
            np.array_equal(np.ravel(values[0]), np.ravel(cell)) for cell in values):
        return np.asarray(values[0])
    return values


def _open_cells(table: Table) -> tuple[list[str], dict[str, Unread]]:
    """Put the matrices of the cell array of views into the table.

    Returns their names, none if there is no such cell array, and the cell arrays left out.
    """
    cells = [name for name, values in table.items() if values.dtype == object]
    plain = any(values.ndim == 2 and min(values.shape) > 1 for name, values in table.items()
                if name not in (*cells, *RESERVED))
    cells_of_views = [name for name in VIEWS if name in cells] or ([] if plain else cells)
    if len(cells_of_views) > 1:
        raise ValueError(f"{cells_of_views[0]}: and {cells_of_views[1]} are both cell arrays of "
                         "matrices; keep one, that of the views.")
    views = {f"view{k}": view for name in cells_of_views
             for k, view in enumerate(table[name], start=1)}
    for name in cells:
        del table[name]
    table.update(views)
    return list(views), {name: Unread("a cell array of matrices", "save the matrices")
                         for name in cells if name not in cells_of_views}


def _label_rows(labels: Array, matrices: Mapping[str, Array]) -> Array:
    """Return labels with samples along the first axis, ``(n,)`` if they are one per sample."""
    if labels.ndim < 2 or min(labels.shape) == 1:
        return labels.ravel()
    rows, columns = (all(size in matrix.shape for matrix in matrices.values())
                     for size in labels.shape[:2])
    return labels.T if columns and not rows else labels


def _upright(matrices: Mapping[str, Array], n: int, named: bool = False) -> Table:
    """Return matrices with the n samples, or classes, along the first axis; ``named`` ones must
    have n.
    """
    for name, matrix in matrices.items():
        if named and n not in matrix.shape:
            raise ValueError(f"{name}: shape {matrix.shape} for {n} labels; give every view one "
                             "row or one column per sample.")
    turned = {name: matrix.shape[0] != n and matrix.shape[1] == n
              for name, matrix in matrices.items()}
    turns = {turned[name] for name, matrix in matrices.items()
            if (matrix.shape[0] == n) != (matrix.shape[1] == n)}
    for name, matrix in matrices.items():
        if matrix.shape == (n, n):
            turned[name] = turns == {True}
    return {name: matrix.T if turned[name] else matrix for name, matrix in matrices.items()}
