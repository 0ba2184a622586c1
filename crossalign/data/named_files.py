"""Files that a table names, as ``file:image`` does: read below the table's own folder only.

Otherwise a table from anywhere could put any picture of this machine on a page.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from crossalign.data.table import Table

FILE = "file:"
"""Prefix of the names of arrays of file names; the modality stands behind it."""


def with_named_files(table: Table, folder: Path) -> Table:
    """Return the table with its file names, relative to ``folder``, as whole paths, links resolved.

    Raises
    ------
    ValueError
        If a name leads out of the folder.
    """
    return {name: below(name, values, folder) if name.startswith(FILE) and values.ndim == 1
            and values.dtype.kind in "US" else values for name, values in table.items()}


def below(array: str, names: np.ndarray, folder: Path) -> np.ndarray:
    """Return file names ``(n,)``, relative to a folder, as whole paths, links resolved.

    Raises
    ------
    ValueError
        If one leads out of the folder; ``array`` says what names it.
    """
    root = folder.resolve()
    distinct, which = np.unique(names, return_inverse=True)
    whole = []
    for row, name in enumerate(distinct.tolist()):
        text = os.fsdecode(name)
        try:
            file = (root / text).resolve()
        except (OSError, ValueError, RuntimeError):  # a loop of links, a zero byte
            file = Path(os.sep)
        if not file.is_relative_to(root):
            raise ValueError(f"{array}: row {int(np.flatnonzero(which == row)[0])} names {text!r}, "
                             f"which is not below the folder {str(folder)!r} of the table; put the "
                             "pictures there, or leave the array out.")
        whole.append(str(file))
    return np.array(whole)[which]
