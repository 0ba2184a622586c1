"""What a sentence of complaint shows of a value, and which name was perhaps meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any


def nearest(word: object, choices: Iterable[str], otherwise: str | None = None) -> str:
    """``did you mean 'lr'?`` where a choice is close to the word, else what there is to choose."""
    names = list(choices)
    close = difflib.get_close_matches(str(word)[:100].lower(), names, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"choose one of {sorted(names)}." if otherwise is None else otherwise


def short(value: Any, limit: int = 60) -> str:
    """A value in one line of so many signs at most."""
    try:
        text = " ".join(repr(value).split())
    except ValueError:  # a whole number of more digits than Python writes
        return "a number of thousands of digits"
    return text if len(text) <= limit else f"{text[:limit - 1]}…"
