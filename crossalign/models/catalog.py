"""What every model is, needs and can do, read off the classes themselves."""

from __future__ import annotations

import inspect
from typing import Any

from crossalign import models
from crossalign.models.base import (
    Aligner,
    Comparer,
    Distributional,
    Generator,
    TokenSelector,
    Translator,
    ZeroShotClassifier,
)

ROLES = {"aligns": Aligner, "classifies": ZeroShotClassifier, "has sigma": Distributional,
         "compares": Comparer, "selects": TokenSelector, "generates": Generator,
         "translates": Translator}
TRAITS = {"side information": "uses_side_information", "> 2 modalities": "many_modalities",
          "missing modalities": "handles_missing", "tokens": "handles_tokens",
          "one encoder only": "one_encoder",
         "stochastic": "stochastic"}


def capabilities() -> dict[str, dict[str, bool]]:
    """Roles and traits of every model by its command-line name."""
    table = {}
    for name in models.names():
        cls = models.get(name)
        table[name] = {role: issubclass(cls, mixin) for role, mixin in ROLES.items()}
        table[name] |= {trait: bool(getattr(cls, flag)) for trait, flag in TRAITS.items()}
    return table


def models_table() -> str:
    """The capabilities as a Markdown table, one row per model."""
    columns = [*ROLES, *TRAITS]
    lines = ["| model | " + " | ".join(columns) + " | in short |",
             "|---" * (len(columns) + 2) + "|"]
    for name, row in capabilities().items():
        marks = " | ".join("yes" if row[c] else "" for c in columns)
        lines.append(f"| {name} | {marks} | {summary(models.get(name))} |")
    return "\n".join(lines)


def describe_model(name: str) -> str:
    """A model's paper, parameters with defaults, and what is tuned on validation."""
    cls = models.get(name)
    module = inspect.getmodule(cls)
    lines = [inspect.getdoc(module) or "", "", inspect.getdoc(cls) or "", "",
             "Defaults (change with --set key=value):"]
    lines += [f"  {key} = {value!r}" for key, value in cls().get_params().items()]
    if cls.search_space:
        lines += ["", "Tuned on validation classes unless set:"]
        lines += [f"  {key} in {list(values)}" for key, values in cls.search_space.items()]
    return "\n".join(lines)


def summary(cls: type[Any]) -> str:
    """First line of the class's docstring."""
    return (inspect.getdoc(cls) or "").splitlines()[0]
