"""A saved report as it is read: every field is of its kind before a number is believed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from crossalign.reading import check_regular
from crossalign.sentences import nearest, short

Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Numbers = Annotated[list[Number], Field(min_length=1)]
Word = Annotated[str, Field(strict=True)]
FROM = "give a file written by Report.save."


class SavedScore(BaseModel):
    """One metric, see `report.Score`."""

    mean: Number
    sd: Number
    runs: Numbers


class SavedClasses(BaseModel):
    """Scores of one metric by class."""

    classes: list[Any]
    runs: Annotated[list[Numbers], Field(min_length=1)]
    weights: list[Number] | None = None


class Stated(BaseModel):
    """Those parts of a protocol that are read by name."""

    split_id: Word | list[Any] | None = None
    leaks: dict[Word, Any] | None = None


class SavedReport(BaseModel):
    """Fields of a saved report, see `report.Report`; a description is part of the sentence about
    a field.
    """

    model_config = ConfigDict(strict=True)

    model: str = Field(description="a name")
    data: str = Field(description="a name")
    task: str = Field(description="the name of a task")
    params: dict[str, Any] = Field(description="a mapping")
    protocol: Stated = Field(description="a mapping, with leaks as a mapping")
    selection: str = Field(description="words")
    versions: dict[str, str] = Field(description="a mapping of packages to versions")
    seconds: Number = Field(description="a number")
    seeds: list[int] = Field(min_length=1, description="a list of whole numbers")
    scores: dict[str, SavedScore] = Field(
        min_length=1, description="a mapping of metrics to mean, sd and runs, all numbers")
    per_class: dict[str, SavedClasses] = Field(
        default_factory=dict, description="a mapping of scores to classes and runs")
    date: str = Field(default="", description="words")


OPTIONAL = frozenset(name for name, field in SavedReport.model_fields.items()
                     if not field.is_required())
"""Fields that a report may lack."""


def read_saved(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read the fields of a saved report.

    Raises
    ------
    ValueError
        If the file is no JSON, lacks a field, or holds one of another kind, an unknown task, or
        not a score per seed.
    """
    file = Path(path)
    check_regular(file)
    try:
        saved = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"path: {path} is not JSON ({error}); {FROM}") from None
    missing = [key for key, field in SavedReport.model_fields.items() if field.is_required()
               and (not isinstance(saved, dict) or key not in saved)]
    if missing:
        raise ValueError(f"path: {path} has no {missing}; {FROM}")
    try:
        checked = SavedReport.model_validate(saved)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(map(str, fault["loc"]))
        wanted = SavedReport.model_fields[str(fault["loc"][0])].description
        got = "is missing" if fault["type"] == "missing" else f"is {short(fault['input'])}"
        raise ValueError(f"path: {path}: {place} {got}, not {wanted}; {FROM}") from None
    from crossalign.evaluation.protocols import names  # which imports all that scores

    if checked.task not in names():
        raise ValueError(f"path: {path}: task is {short(checked.task)}, which is none here; "
                         f"{nearest(checked.task, names())}")
    _check_runs(checked, path)
    return {key: saved[key] for key in SavedReport.model_fields if key in saved}


def _check_runs(saved: SavedReport, path: str | os.PathLike[str]) -> None:
    """Raise ValueError unless there is one run per seed."""
    n = len(saved.seeds)
    for name, score in saved.scores.items():
        if len(score.runs) != n:
            raise ValueError(f"path: {path}: scores.{name} has {len(score.runs)} runs for {n} "
                             f"seeds; {FROM}")
    for name, part in saved.per_class.items():
        if len(part.runs) != n or any(len(run) != len(part.classes) for run in part.runs):
            raise ValueError(f"path: {path}: per_class.{name} has not a number per seed and class; "
                             f"{FROM}")
    if isinstance(saved.protocol.split_id, list) and len(saved.protocol.split_id) != n:
        raise ValueError(f"path: {path}: protocol.split_id has {len(saved.protocol.split_id)} ids "
                         f"for {n} seeds; {FROM}")
