"""A value in the form that a hyper-parameter's default has, and the nearest name to a wrong one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from numbers import Real
from typing import Any


def suited(path: str, value: Any, default: Any) -> Any:
    """The value as the default has it: a number as a float, a list as a tuple.

    Only what a default settles is checked; ranges are the estimator's own business.

    Parameters
    ----------
    path : str
        What the sentence names, as ``"params.kl"``.
    value, default : any

    Raises
    ------
    ValueError
        For another form, as a word for a number or a list of another length.
    """
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise ValueError(f"{path}: got {short(value)}; give true or false.")
    elif isinstance(default, float) and value is not None:
        if not _number(value):
            raise ValueError(f"{path}: got {short(value)}; give a number.")
        return float(value)
    elif isinstance(default, tuple):
        if not _alike(value, default):
            raise ValueError(f"{path}: got {short(value)}; give numbers in the form of "
                             f"{_lists(default)}.")
        return _tuples(value)
    return value


def nearest(word: object, choices: Iterable[str], otherwise: str | None = None) -> str:
    """``did you mean 'lr'?`` where a choice is close to the word, else what there is to choose."""
    names = list(choices)
    close = difflib.get_close_matches(str(word).lower(), names, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"choose one of {sorted(names)}." if otherwise is None else otherwise


def short(value: Any, limit: int = 60) -> str:
    """What a sentence shows of a value."""
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit - 1]}…"


def _number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _alike(value: Any, default: Any) -> bool:
    """Whether the value nests as the default does and holds numbers where that holds some."""
    if isinstance(default, tuple):
        return (isinstance(value, list | tuple) and len(value) == len(default)
                and all(map(_alike, value, default)))
    return _number(value) or not _number(default)


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value


def _lists(value: Any) -> Any:
    return list(map(_lists, value)) if isinstance(value, list | tuple) else value
