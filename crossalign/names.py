"""Names as people wrote them: one spelling of equal letters, and only characters that are text.

An accented letter has two spellings in Unicode (Annex 15): one sign, NFC, as Linux and Windows
write it, or a letter and its mark, NFD, as macOS does. Bytes of a file name that are not UTF-8 are
lone surrogates in Python's strings (PEP 383), which no file or page can hold.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

NUMBER = re.compile(r"[+-]?\d+(\.\d*)?(e[+-]?\d+)?")
"""Names that read as numbers, in lower case."""
_SURROGATES = re.compile("[\ud800-\udfff]")


def composed(name: str) -> str:
    """Return the name in NFC."""
    return unicodedata.normalize("NFC", name)


def written(name: str) -> str:
    """Return the name in NFC, with U+FFFD, the replacement character, for what is no text."""
    return composed(_SURROGATES.sub("\ufffd", name))


def one_spelling(names: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return names in NFC if the same name occurs in two spellings, else the names as they are.

    So names that have one spelling keep their order.
    """
    distinct, which = np.unique(names, return_inverse=True)
    spelt = np.array([composed(name) for name in distinct.tolist()], dtype=np.str_)
    return spelt[which].reshape(names.shape) if len(np.unique(spelt)) < len(distinct) else names


def identifier(name: str) -> str:
    r"""Return the name with bytes that are not UTF-8 as ``\xe9``; no two names become equal."""
    return _SURROGATES.sub(lambda match: rf"\x{ord(match[0]) & 0xff:02x}", name)


def folded(name: str) -> str:
    """Return the name without differences of case, form in Unicode, blanks, hyphens and
    underscores.
    """
    plain = unicodedata.normalize("NFKC", written(name)).casefold()
    return re.sub(r"[\s_-]+", " ", unicodedata.normalize("NFKC", plain)).strip()


def alike_names(names: Iterable[str]) -> list[list[str]]:
    """Return the names that are equal after `folded`, or as numbers, together."""
    found: dict[str | float, list[str]] = {}
    for name in names:
        plain = folded(name)
        found.setdefault(float(plain) if NUMBER.fullmatch(plain) else plain, []).append(name)
    return [group for group in found.values() if len(group) > 1]


def matched(queries: Iterable[str], names: Sequence[str], where: str) -> list[int | None]:
    """Find each of ``queries`` among ``names``: a list of rows, None where it is missing.

    A name that is equal to the letter wins over one that is equal after `folded`.

    Raises
    ------
    ValueError
        If two names are folded alike and neither is equal to the one wanted; ``where`` says whose
        names are wanted.
    """
    exact = {written(name): row for row, name in enumerate(names)}
    alike: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        alike.setdefault(folded(name), []).append(row)
    rows: list[int | None] = []
    for name in queries:
        rows_alike = alike.get(folded(name), [])
        if written(name) not in exact and len(rows_alike) > 1:
            raise ValueError(f"{where}: {name!r} may be {names[rows_alike[0]]!r} or "
                             f"{names[rows_alike[1]]!r}; write the one that is meant.")
        rows.append(exact.get(written(name), rows_alike[0] if rows_alike else None))
    return rows
