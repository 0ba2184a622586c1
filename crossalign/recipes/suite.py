"""Suite: groups of whole runs in one YAML file, in the fields of recipes.

``common`` of a group holds fields that its runs share. An entry may start from a recipe (``recipe:
acmr-cub``), take the changes of one row of the module ablation (``row: bare``), or stand for all of
its rows, a run each (``every_row: true``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from crossalign.recipes.loading import fault_sentence, load_recipe, yaml_fields, yaml_file
from crossalign.recipes.run import Run, Words
from crossalign.recipes.values import taken
from crossalign.sentences import nearest

FOLDER = Path(__file__).parent / "suites"


class Entry(Run):
    """Run of a suite, with the origin of its settings.

    Attributes
    ----------
    recipe, row : str, optional
        Recipe that the run starts from, and row of the module ablation that it takes.
    part : bool
        Whether the run is one of all rows of an ablation.
    beside : (recipe, row), optional
        Published numbers to compare with, by recipe and row.
    origin : str, optional
        Origin of the settings, in words.
    looked_at_test : bool
        Whether the settings were found with a look at test scores of the same data.
    """

    recipe: Words | None = Field(None, description="the name of a recipe")
    row: Words | None = Field(None, description="a row of the model's ablation")
    part: bool = Field(False, description="true or false")
    beside: tuple[Words, Words] | None = Field(None, description="a recipe and its row")
    origin: Words | None = Field(None, description="how the settings were found")
    looked_at_test: bool = Field(False, description="true or false")

    @property
    def changes(self) -> dict[str, Any]:
        """Hyper-parameters beyond those of the recipe."""
        if self.recipe is None:
            return self.params
        own = load_recipe(self.recipe).params
        return {key: value for key, value in self.params.items()
                if key not in own or own[key] != value}


class Group(BaseModel):
    """Runs that stand in one table, the last of which is drawn."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: Words = Field(description="a title")
    metrics: tuple[Words, ...] = Field((), description="a list of metrics, as [U, S, H]")
    common: dict[str, Any] = Field(default_factory=dict, description="a mapping of fields")
    runs: tuple[dict[str, Any], ...] = Field(description="a list of runs", min_length=1)


class SuiteFile(BaseModel):
    """Fields of a suite's file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    groups: tuple[Group, ...] = Field(description="a list of groups", min_length=1)


class Suite(BaseModel):
    """Groups of checked runs: their titles, metrics to show, and runs."""

    model_config = ConfigDict(frozen=True)

    groups: tuple[tuple[str, tuple[str, ...], tuple[Entry, ...]], ...]

    @property
    def runs(self) -> tuple[Entry, ...]:
        """All runs in order."""
        return tuple(run for _, _, runs in self.groups for run in runs)


def load_suite(name_or_path: str | Path) -> Suite:
    """Read a built-in suite by name, such as ``"demo"``, or one of your own by the path of its
    file.

    Raises
    ------
    ValueError
        One sentence for whatever is wrong with the file, a run, or a hyper-parameter.
    """
    where = f"suite {str(name_or_path)!r}"
    file = yaml_file(name_or_path, FOLDER, "suite")
    fields = yaml_fields(file, where, "groups")
    try:
        groups = SuiteFile.model_validate(fields).groups
    except ValidationError as error:
        raise ValueError(f"{where}: {fault_sentence(error, SuiteFile, Group)}") from None
    found = []
    for group in groups:
        runs = tuple(entry for number, own in enumerate(group.runs)
                     for entry in _entries(f"{where}: run {number} of {group.title!r}",
                                           _joined(group.common, own)))
        found.append((group.title, group.metrics, runs))
    suite = Suite(groups=tuple(found))
    names = [run.name for run in suite.runs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"{where}: two runs are named {twice!r}; give each a name of its own.")
    return suite


def _joined(common: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    params = {key: part.get("params", {}) for key, part in (("common", common), ("own", own))}
    joined = {**common, **own}
    if all(isinstance(value, dict) for value in params.values()):
        joined["params"] = {**params["common"], **params["own"]}
    return joined


def _entries(where: str, fields: dict[str, Any]) -> Iterator[Entry]:
    """Yield one entry, or one for each row of an ablation."""
    from crossalign import models

    every, recipe = fields.pop("every_row", False), fields.get("recipe")
    rows: Mapping[str, Mapping[str, Any]] = {}
    if isinstance(recipe, str):
        described = load_recipe(recipe)
        inherited = {key: getattr(described, key) for key in described.model_fields_set
                     if key in Run.model_fields and key not in ("name", "data")}
        fields = _joined(inherited, fields)
        rows = described.rows
    fields.setdefault("name", fields.get("model", "run"))
    entry = _checked(where, fields)
    if entry.model not in models.names():
        raise ValueError(f"{where}: model: there is no {entry.model!r}; "
                         f"{nearest(entry.model, models.names(), listed_by=models.LISTED_BY)}")
    rows = rows or getattr(models.get(entry.model), "ablations", {})
    if entry.row is not None and entry.row not in rows:
        raise ValueError(f"{where}: row: there is no {entry.row!r}; "
                         f"{nearest(entry.row, rows, 'leave it out.')}")
    for row in rows if every is True else [entry.row]:
        given = {**entry.params, **({} if row is None else rows[row])}
        changed: dict[str, Any] = {
            "row": row, "params": taken(f"{where}: params.", given, models.get(entry.model)())}
        if every is True:
            suffix = re.sub("[^a-z0-9]+", "_", str(row).lower())
            changed |= {"name": f"{entry.name}-{suffix}", "part": True, "tune": False}
        yield entry.model_copy(update=changed)


def _checked(where: str, fields: Mapping[str, Any]) -> Entry:
    try:
        return Entry.model_validate(fields)
    except ValidationError as error:
        raise ValueError(f"{where}: {fault_sentence(error, Entry)}") from None
