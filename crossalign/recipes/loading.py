"""Loading: a name or a path to a checked recipe; every fault is reported in one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from crossalign import models
from crossalign.reading import expanded
from crossalign.recipes.plain_yaml import read_yaml
from crossalign.recipes.recipe import Expected, Recipe
from crossalign.recipes.values import taken
from crossalign.sentences import nearest, one_of, short

FOLDER = Path(__file__).parent
SUFFIXES = (".yaml", ".yml")
LISTED_BY = {"recipe": "crossalign recipes"}
"""Command that lists the built-in files of a kind."""
LARGEST = 2**20
"""Largest size of a recipe, in bytes."""


def recipe_names() -> list[str]:
    """Return the names of the built-in recipes."""
    return sorted(file.stem for file in FOLDER.glob("*.yaml"))


def load_recipe(name_or_path: str | Path) -> Recipe:
    """Load a built-in recipe by name, or one of your own by the path of its file.

    Parameters
    ----------
    name_or_path : str or Path
        Name or path, such as ``"acmr-cub"`` or ``"path/to/mine.yaml"``.

    Returns
    -------
    Recipe
        Recipe with its values in the form of the model's defaults (numbers as floats, lists as
        tuples), and its rows filled in from the model's ``ablations`` if the file has none.

    Raises
    ------
    ValueError
        One sentence for each of: an unknown name, a file that cannot be read or is not YAML, an
        unknown or missing field, a value of another kind, a hyper-parameter that the model does
        not have or a value that it does not take.
    """
    where, recipe = f"recipe {str(name_or_path)!r}", read_recipe(name_or_path)
    cls = models.get(recipe.model)
    given = recipe.rows if "rows" in recipe.model_fields_set else getattr(cls, "ablations", {})
    params = taken(f"{where}: params.", recipe.params, cls())
    rows = {row: taken(f"{where}: rows.{row}.", changes, cls(), params)
            for row, changes in given.items()}
    sweeps = {key: tuple(taken(f"{where}: sweeps.", {key: value}, cls(), params)[key]
                         for value in values)
              for key, values in recipe.sweeps.items()}
    return recipe.model_copy(update={"params": params, "rows": rows, "sweeps": sweeps})


def read_recipe(name_or_path: str | Path) -> Recipe:
    """Read a recipe without checking its values against its model, which needs no heavy import.

    Raises
    ------
    ValueError
        As `load_recipe`, but for hyper-parameters.
    """
    file, where = recipe_file(name_or_path), f"recipe {str(name_or_path)!r}"
    fields = yaml_fields(file, where, "model, data, source and params")
    if "name" in fields:
        raise ValueError(f"{where}: name: got {short(fields['name'])}; leave it out, a recipe is "
                         "named after its file.")
    try:
        recipe = Recipe.model_validate({**fields, "name": file.stem})
    except ValidationError as error:
        raise ValueError(f"{where}: {fault_sentence(error, Recipe, Expected)}") from None
    if recipe.model not in models.names():
        raise ValueError(f"{where}: model: there is no {recipe.model!r}; "
                         f"{nearest(recipe.model, models.names(), listed_by=models.LISTED_BY)}")
    return recipe


def recipe_file(name_or_path: str | Path) -> Path:
    """Return the file of a built-in recipe, or the path itself.

    Raises
    ------
    ValueError
        If there is none.
    """
    return yaml_file(name_or_path, FOLDER, "recipe")


def yaml_file(name_or_path: str | Path, folder: Path, kind: str) -> Path:
    """Return the file of a built-in recipe or suite, or the path itself.

    Parameters
    ----------
    name_or_path : str or Path
        Name of a file in ``folder`` without its suffix, or path of any other.
    folder : Path
        Folder of the built-in ones.
    kind : str
        Word for them in the error sentence, such as ``"recipe"``.

    Raises
    ------
    ValueError
        If there is none.
    """
    names = sorted(file.stem for file in folder.glob("*.yaml"))
    path = expanded(name_or_path or ".", kind)
    if str(name_or_path) in names:
        return folder / f"{name_or_path}.yaml"
    if path.suffix in SUFFIXES and path.is_file():
        return path
    listed_by = LISTED_BY.get(kind)
    hint = nearest(path.stem, names, f"choose {one_of(names, listed_by)}, or give the path of a "
                   ".yaml file.", listed_by)
    raise ValueError(f"{kind}: {str(name_or_path)!r} is neither a built-in {kind} nor a .yaml "
                     f"file that exists; {hint}")


def yaml_fields(file: Path, where: str, wanted: str) -> dict[Any, Any]:
    """Return the top-level fields of a file; ``wanted`` names the fields that it should have."""
    if file.stat().st_size > LARGEST:
        raise ValueError(f"{where}: the file has {file.stat().st_size} bytes; a recipe has at most "
                         f"{LARGEST}.")
    try:
        fields = read_yaml(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{where}: cannot read the file ({error.strerror}); give one that you "
                         "may read.") from None
    except UnicodeDecodeError:
        raise ValueError(f"{where}: the file is not UTF-8 text; save it as such.") from None
    except yaml.YAMLError as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        at = "the file" if mark is None else f"line {mark.line + 1}"
        raise ValueError(f"{where}: {at} is not plain YAML ({problem or 'odd characters'}); write "
                         "one 'field: value' a line.") from None
    if not isinstance(fields, dict):
        raise ValueError(f"{where}: got {short(fields)}; give the fields {wanted}, one a "
                         "line.")
    return fields


def fault_sentence(error: ValidationError, outer: type[BaseModel],
                   inner: type[BaseModel] | None = None) -> str:
    """Return the first fault that pydantic found: the field, the value and the fix.

    Parameters
    ----------
    error : ValidationError
        Error of pydantic.
    outer, inner : models
        Fields at the top of the file, and below them.
    """
    fault: Mapping[str, Any] = error.errors(include_url=False, include_context=False)[0]
    parts = [str(part) for part in fault["loc"] if part != "[key]"]
    names = [part for part in parts if not part.isdigit()]
    path, below = ".".join(parts), {} if inner is None else inner.model_fields
    if fault["type"] in ("extra_forbidden", "invalid_key"):
        known = set(outer.model_fields) - {"name"} if len(names) == 1 else set(below)
        return f"there is no field {path!r}; {nearest(parts[-1], known)}"
    field = below.get(names[1]) if len(names) > 1 else None
    wanted = (field and field.description) or outer.model_fields[names[0]].description
    if fault["type"] == "missing":
        return f"{path}: missing; give {wanted}."
    return f"{path}: got {short(fault['input'])}; give {wanted}."
