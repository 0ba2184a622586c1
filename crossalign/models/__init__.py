"""One model per file; the files are the registry.

A file of this room or of its families that says ``__all__ = ["ESZSL"]`` holds that model. Its name
on the command line is the file's: ``eszsl.py`` runs as ``crossalign run eszsl``. The contract
tests, the command line and the table of models pick a new file up. A model is imported at its first
use.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lazy_loader

from crossalign.models.own_file import names_file, own_class
from crossalign.rooms import declared
from crossalign.sentences import nearest, one_of

LISTED_BY = "crossalign models"
"""Command that lists the models."""

_MODULES = declared(Path(__file__).parent)
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submod_attrs={module: [model] for model, module in _MODULES.items()})


def names() -> list[str]:
    """Return the names of all models, as the command line spells them."""
    return sorted(_file(model) for model in _MODULES)


def get(name: str) -> type[Any]:
    """Return the model class for a command-line name, a class name, or ``FILE.py:CLASS``.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    if names_file(name):
        return own_class(name)
    for model in _MODULES:
        if name in (model, _file(model)):
            return __getattr__(model)  # type: ignore[no-any-return]
    other = f"choose {one_of(names(), LISTED_BY)}, or FILE.py:CLASS for one of your own."
    raise ValueError(f"model: there is no {name!r}; {nearest(name, names(), other, LISTED_BY)}")


def _file(model: str) -> str:
    return _MODULES[model].rpartition(".")[2]
