"""Words for error sentences: a value in one line, and the name that was perhaps meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

MOST, FIRST = 12, 3
"""Number of choices up to which all are named, and the number of those that are named of more."""


def nearest(word: object, choices: Iterable[str], otherwise: str | None = None,
            listed_by: str | None = None) -> str:
    """Return ``did you mean 'lr'?`` if a choice is close to a word in any case, else the choices.

    Parameters
    ----------
    word : object
        Word that was given.
    choices : strings
        Names that there are.
    otherwise : str, optional
        Words for where no choice is close; default `one_of` the choices.
    listed_by : str, optional
        Command that lists the choices, as ``"crossalign models"``; default none.
    """
    names = {name.lower(): name for name in choices}
    close = difflib.get_close_matches(str(word)[:100].lower(), names, n=1)
    if close:
        known = "" if listed_by is None else f"{listed_by} lists all; "
        return f"{known}did you mean {names[close[0]]!r}?"
    return f"choose {one_of(names.values(), listed_by)}." if otherwise is None else otherwise


def one_of(choices: Iterable[str], listed_by: str | None = None) -> str:
    """Return ``one of ['a', 'b']``; of many choices how many there are, the first, and where they
    are listed.
    """
    names = list(choices)
    if len(names) <= MOST:
        return f"one of {names}"
    known = "" if listed_by is None else f" ({listed_by} lists all)"
    return f"one of {len(names)}, as {', '.join(map(repr, names[:FIRST]))}{known}"


def short(value: Any, limit: int = 60) -> str:
    """Return a value as one line of at most ``limit`` characters."""
    try:
        text = " ".join(repr(value).split())
    except ValueError:  # a whole number of more digits than Python writes
        return "a number of thousands of digits"
    return text if len(text) <= limit else f"{text[:limit - 1]}…"
