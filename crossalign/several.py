"""Names of classes that read like several in one cell, as ``cat;dog``.

A sample of a table of features may be of several classes by a column of 0 and 1 for each, see
`labels`; a cell of text is one class. Whether ``cat;dog`` is one nobody can know, so it is not
guessed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

SIGNS = re.compile("[;|]")
"""Signs that stand between several names, and hardly ever in one."""
COMMA = ","
"""Sign that stands between several names, and also in one."""


class Several(NamedTuple):
    """Names that read like several.

    Attributes
    ----------
    sure : list of str
        Those made of names that occur without each other too.
    unsure : list of str
        Others with a sign that hardly ever stands in one name.
    """

    sure: list[str]
    unsure: list[str]


def like_several(cells: Sequence[str]) -> Several:
    """Return the names among cells that read like several classes, each once, in order."""
    names = list(dict.fromkeys(cells))
    parts = {name: _parts(SIGNS.split(name)) for name in names}
    times = Counter(part for of in parts.values() for part in of)
    known, found = set(names), Several([], [])
    for name in names:
        listed = _parts(name.split(COMMA))
        if len(listed) > 1 and listed <= known:
            found.sure.append(name)
        elif len(parts[name]) > 1:
            again = any(times[part] > 1 for part in parts[name])
            (found.sure if again else found.unsure).append(name)
    return found


def refuse_several(cells: Sequence[str], name: str) -> list[str]:
    """Return the names that may be several classes.

    Raises
    ------
    ValueError
        For the first that is several beyond doubt; ``name`` is that of the cells.
    """
    sure, unsure = like_several(cells)
    if sure:
        raise ValueError(f"{name}: {sure[0]!r} in row {list(cells).index(sure[0])} (counted from "
                         "0) reads like several classes, and a cell names one; name one, without "
                         "such a sign, or give features with columns of 0 and 1, label_0, label_1 "
                         "and so on.")
    return unsure


def _parts(cells: Sequence[str]) -> set[str]:
    """Return what stands between signs, without white space around it."""
    return {part for cell in cells if (part := cell.strip())}
