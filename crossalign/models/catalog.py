"""Catalogue of the models: description, needs and abilities, read off the classes themselves."""

from __future__ import annotations

import inspect
from typing import Any

from crossalign import models
from crossalign.models.roles import (
    Aligner,
    Distributional,
    Generator,
    TokenSelector,
    Translator,
    ZeroShotClassifier,
)
from crossalign.tables import aligned, below, markdown

TASKS = ("gzsl", "retrieval", "transfer")
"""Tasks in the table of models; a model for gzsl serves zsl too."""

ROLES = {"aligns": Aligner, "classifies": ZeroShotClassifier, "has sigma": Distributional,
         "selects": TokenSelector, "generates": Generator, "translates": Translator}
TRAITS = {"side information": "uses_side_information", "> 2 modalities": "many_modalities",
          "missing modalities": "handles_missing", "tokens": "reads",
          "one encoder only": "one_encoder", "stochastic": "stochastic"}


def capabilities() -> dict[str, dict[str, bool]]:
    """Return the roles and traits of every model by its command-line name."""
    table = {}
    for name in models.names():
        cls = models.get(name)
        table[name] = {role: issubclass(cls, mixin) for role, mixin in ROLES.items()}
        table[name] |= {trait: trait in cls.reads if flag == "reads" else bool(getattr(cls, flag))
                        for trait, flag in TRAITS.items()}
        table[name]["several similarities"] = len(getattr(cls, "similarities", ())) > 1
    return table


def serves(model: type[Any], task: str) -> bool:
    """Tell whether a model can do a task: gzsl, zsl, retrieval or transfer."""
    embeds = issubclass(model, Aligner)
    if task in ("gzsl", "zsl"):
        return issubclass(model, ZeroShotClassifier) or (
            embeds and bool(model.uses_side_information))
    return embeds


def needs(model: type[Any]) -> str:
    """Return the data that a model is fitted on, in a few words."""
    if model.oracle:
        return "test labels"
    pairs = "one-encoder pairs" if model.one_encoder else "pairs"
    found = [pairs] if issubclass(model, Aligner) else []
    return " or ".join(found + (["classes"] if model.uses_side_information else []))


def overview() -> list[list[str]]:
    """Return name, tasks, needs and summary of every model, under a header."""
    rows = [["model", "tasks", "needs", "in short"]]
    for name in models.names():
        cls = models.get(name)
        tasks = [task for task in TASKS if serves(cls, task)]
        rows.append([name, ", ".join(tasks), needs(cls), summary(cls)])
    return rows


def models_table() -> str:
    """Write `overview` for a terminal: a line for each model, and its summary below."""
    rows = overview()
    heads = aligned([row[:3] for row in rows], words=3)
    return "\n".join([heads[0], *(f"{head}\n{below(row[3])}"
                                  for head, row in zip(heads[1:], rows[1:], strict=True))])


def models_page() -> str:
    """Write `overview` as Markdown, and below it all other roles and traits of every model."""
    header, *rows = overview()
    lines = [markdown(header, [[f"`{row[0]}`", *row[1:]] for row in rows]), ""]
    for name, has in capabilities().items():
        marks = ", ".join(trait for trait, there in has.items() if there)
        lines.append(f"- `{name}`: {marks}")
    return "\n".join(lines)


def describe_model(name: str) -> str:
    """Describe a model: paper, parameters with defaults, and those that are tuned on validation."""
    cls = models.get(name)
    module = inspect.getmodule(cls)
    lines = [inspect.getdoc(module) or "", "", inspect.getdoc(cls) or "", "",
             "Defaults (change with --set key=value):"]
    lines += [f"  {key} = {value!r}" for key, value in cls().plain_params().items()]
    if cls.search_space:
        lines += ["", "Tuned on validation classes unless set:"]
        lines += [f"  {key} in {list(values)}" for key, values in cls.search_space.items()]
    return "\n".join(lines)


def summary(cls: type[Any]) -> str:
    """Return the first line of the class's docstring."""
    return (inspect.getdoc(cls) or "").splitlines()[0]
