"""Catalogue: the list of recipes, one in full, and published numbers beside measured ones."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from crossalign.recipes.loading import load_recipe, read_recipe, recipe_file, recipe_names
from crossalign.recipes.recipe import Recipe
from crossalign.tables import aligned, percent

if TYPE_CHECKING:
    from crossalign.evaluation import Report

OURS = {"T1": "T1", "U": "U_raw", "S": "S_raw", "H": "H_raw", "mAP": "mAP"}
"""Score of a report that a paper's metric is compared with: the one without calibration."""

WIDTH = 100


def recipes_table() -> str:
    """List all built-in recipes with the published numbers of the whole method, one per line."""
    metrics = ["U", "S", "H", "mAP"]
    rows = [["recipe", "data", "task", *metrics]]
    for name in recipe_names():
        recipe = read_recipe(name)
        numbers = next(iter(recipe.published.values()), {})
        rows.append([name, recipe.data, recipe.task, *_cells(numbers, metrics)])
    return "\n".join(aligned(rows, words=3))


def describe_recipe(name_or_path: str | Path) -> str:
    """Return a checked recipe's file, with the rows of its ablation if it has none.

    The result is itself the text of a recipe.
    """
    recipe = load_recipe(name_or_path)
    text = recipe_file(name_or_path).read_text(encoding="utf-8").rstrip()
    if "rows" not in read_recipe(name_or_path).model_fields_set and recipe.rows:
        rows = yaml.safe_dump({"rows": recipe.rows}, default_flow_style=None, sort_keys=False,
                              width=WIDTH, allow_unicode=True)
        text += f"\n# the model's own rows\n{rows.rstrip()}"
    return text


def comparison(recipe: Recipe, report: Report) -> str:
    """List published numbers beside a report's uncalibrated ones, their source and the notes."""
    metrics = [m for m in OURS if any(m in row for row in recipe.published.values())]
    ours = [report.cell(OURS[m], "-") for m in metrics]
    rows = [["published (%)", *metrics],
            *([row, *_cells(numbers, metrics)] for row, numbers in recipe.published.items())]
    rows.insert(2, ["this run, raw", *ours])  # under the whole method, which comes first
    below = [("recipe", f"{recipe.name}: {recipe.model} on {recipe.data}"),
             ("source", recipe.source), *(("note", note) for note in recipe.notes)]
    changed = _changed(recipe, report)
    if changed:
        below.insert(1, ("changed", ", ".join(f"{k}={v}" for k, v in changed.items())))
    return "\n".join([*(aligned(rows) if metrics else []), "", *map(_wrapped, below)]).lstrip("\n")


def _changed(recipe: Recipe, report: Report) -> dict[str, Any]:
    """Return the hyper-parameters that a run did not take from the recipe; its seeds are its
    own.
    """
    described = recipe.estimator().plain_params()
    return {key: value for key, value in report.params.items()
            if key != "random_state" and value != described.get(key)}


def _cells(numbers: Any, metrics: Sequence[str]) -> list[str]:
    return [percent(numbers[m] / 100) if m in numbers else "-" for m in metrics]


def _wrapped(pair: tuple[str, str]) -> str:
    key, text = pair
    return textwrap.fill(text, WIDTH, initial_indent=f"{key:<10} ", subsequent_indent=" " * 11,
                         break_long_words=False, break_on_hyphens=False)
