"""Heads: ways to score classes for samples of a fitted model, seen classes and unseen ones.

A file of this room that says ``__all__ = ["Softmax"]`` holds that head, and its name is the file's:
``head="softmax"``, or ``Softmax(epochs=10)`` for other parameters. `base` is the common part, and
`few_shot` that of heads which also learn from a few samples of a class. A new file is a new head,
for every model, the command line and saved tasks.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lazy_loader

from crossalign.rooms import declared
from crossalign.sentences import nearest

_MODULES = declared(Path(__file__).parent)
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submod_attrs={module: [head] for head, module in _MODULES.items()})


def names() -> list[str]:
    """Return the names of all heads."""
    return sorted(_MODULES.values())


def get(name: str) -> type[Any]:
    """Return the class of a head by its name.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    for head, module in _MODULES.items():
        if name == module:
            return __getattr__(head)  # type: ignore[no-any-return]
    raise ValueError(f"head: there is no {name!r}; {nearest(name, names())}")
