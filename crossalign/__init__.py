"""One latent space for several modalities, and classes never seen in training.

>>> import crossalign as ca
>>> bench = ca.load("glyphs")                                  # doctest: +SKIP
>>> print(ca.evaluate(ca.models.ESZSL(), bench))               # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from crossalign import (
        data,
        evaluation,
        index,
        losses,
        metrics,
        models,
        networks,
        preprocessing,
        recipes,
        tasks,
        training,
    )
    from crossalign.data import load
    from crossalign.evaluation import Report, evaluate
    from crossalign.types import Benchmark, Classes, Hits, Views

__all__ = ["Benchmark", "Classes", "Hits", "Report", "Views", "data", "evaluate", "evaluation",
           "index", "load", "losses", "metrics", "models", "networks", "preprocessing",
           "recipes", "tasks", "training"]

_FROM = {"Benchmark": "types", "Classes": "types", "Hits": "types", "Views": "types",
         "Report": "evaluation", "evaluate": "evaluation", "load": "data"}


def __getattr__(name: str) -> Any:
    """Import rooms and the commonest names when they are first used."""
    if name in _FROM:
        return getattr(import_module(f"{__name__}.{_FROM[name]}"), name)
    if name in __all__:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
