"""Names as people wrote them: one spelling of equal letters, and no byte that is no text.

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

_SURROGATES = re.compile("[\ud800-\udfff]")


def composed(name: str) -> str:
    """The name in NFC."""
    return unicodedata.normalize("NFC", name)


def written(name: str) -> str:
    """The name in NFC; what is no text in it becomes U+FFFD, the replacement character."""
    return composed(_SURROGATES.sub("\ufffd", name))


def one_spelling(names: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Names in NFC where some stand there in two spellings, which would be two; else as they are.

    So the order of names that have one spelling is theirs.
    """
    known, which = np.unique(names, return_inverse=True)
    spelt = np.array([composed(name) for name in known.tolist()], dtype=np.str_)
    return spelt[which].reshape(names.shape) if len(np.unique(spelt)) < len(known) else names


def identifier(name: str) -> str:
    r"""The name as it is, bytes that are not UTF-8 as ``\xe9``, so that no two become one."""
    return _SURROGATES.sub(lambda found: rf"\x{ord(found[0]) & 0xff:02x}", name)


def folded(name: str) -> str:
    """What is left of a name where case, blanks, hyphens and underscores do not matter."""
    return re.sub(r"[\s_-]+", " ", written(name)).strip().casefold()


def matched(wanted: Iterable[str], names: Sequence[str], where: str) -> list[int | None]:
    """The row of each wanted name among ``names``, or None.

    A name that is equal to the letter wins over one that is `folded` alike.

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
    for name in wanted:
        found = alike.get(folded(name), [])
        if written(name) not in exact and len(found) > 1:
            raise ValueError(f"{where}: {name!r} may be {names[found[0]]!r} or "
                             f"{names[found[1]]!r}; write the one that is meant.")
        rows.append(exact.get(written(name), found[0] if found else None))
    return rows
