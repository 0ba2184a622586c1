"""Words for error sentences: a value in one line, and the name that was perhaps meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any


def nearest(word: object, choices: Iterable[str], otherwise: str | None = None) -> str:
    """Return ``did you mean 'lr'?`` if a choice is close to the word, else the list of choices."""
    names = list(choices)
    close = difflib.get_close_matches(str(word)[:100].lower(), names, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"choose one of {sorted(names)}." if otherwise is None else otherwise


def short(value: Any, limit: int = 60) -> str:
    """Return a value as one line of at most ``limit`` characters."""
    try:
        text = " ".join(repr(value).split())
    except ValueError:  # a whole number of more digits than Python writes
        return "a number of thousands of digits"
    return text if len(text) <= limit else f"{text[:limit - 1]}…"
