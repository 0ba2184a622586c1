"""Nested parameters of models: the head by which a space scores classes.

A model names its head, and heads know models, so the room of heads is asked when a name is read.
"""

from __future__ import annotations

from typing import Any

from sklearn.utils._param_validation import StrOptions

from crossalign.models.ranges import Having
from crossalign.nested import Part


def head_range(*more: str) -> list[Any]:
    """Return the range of a head: a name, one of ``more``, or an estimator."""
    from crossalign import heads

    return [StrOptions({*heads.names(), *more}),
            Having("take_classes", words="a head, as heads.Softmax(epochs=10) is")]


def head_of(value: Any) -> Part:
    """Return a head by its name, or the one that is given.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    from crossalign import heads

    return value if isinstance(value, Part) else heads.get(value)()
