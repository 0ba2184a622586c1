"""Values of files of JSON: texts and whole numbers, and nothing that is only written as such."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from crossalign.sentences import short


def text_of(value: Any, key: str, file: Path) -> str:
    """Return a text, or a number as its digits.

    Raises
    ------
    ValueError
        If it is null, true, false, a list or an object.
    """
    if isinstance(value, str) or (isinstance(value, int | float) and not isinstance(value, bool)):
        return str(value)
    raise ValueError(f"path: {key!r} of {str(file)!r} is {short(value)} in one place; write text "
                     "there.")


def words_of(value: Any, key: str, file: Path) -> str:
    """Return a text that is not blank.

    Raises
    ------
    ValueError
        As `text_of`, or if it is blank.
    """
    text = text_of(value, key, file)
    if not text.strip():
        raise ValueError(f"path: {key!r} of {str(file)!r} is empty in one place; write words "
                         "there, or remove what it is of.")
    return text


def whole_of(value: Any, key: str, file: Path) -> int:
    """Return a whole number, which may be written as text.

    Raises
    ------
    ValueError
        If it is none.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.isdecimal():
        return int(value)
    raise ValueError(f"path: {key!r} of {str(file)!r} is {short(value)} in one place; write a "
                     "whole number.")
