"""Figures of a report as its page reads them; a complaint names their file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crossalign.evaluation.report import Report
from crossalign.sentences import short


def part_of(report: Report, kind: str) -> Any:
    """Return the arrays of one figure, a mapping or a list of samples; empty if there are none.

    Raises
    ------
    ValueError
        If they are neither.
    """
    part = report.artefacts.get(kind)
    if part is None:
        return {}
    if not isinstance(part, Mapping | list):
        raise foreign(report, kind, f"it is {short(part)}")
    return part


def rows_of(report: Report) -> list[Mapping[str, Any]]:
    """Return the rows of the table against the baselines; empty if there are none.

    Raises
    ------
    ValueError
        If they are no list of mappings of metrics to scores, with a model and perhaps a difference.
    """
    rows = report.artefacts.get("rows")
    if rows is None:
        return []
    try:
        if not isinstance(rows, list):
            raise TypeError(f"it is {short(rows)}")
        for row in rows:
            _check_row(row)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise foreign(report, "rows", error) from error
    return rows


NO_METRIC = ("model", "counted", "difference")
"""Keys of a row that are no score."""


def _check_row(row: Any) -> None:
    if not isinstance(row["model"], str):
        raise TypeError(f"a model is {short(row['model'])}")
    for name in row.keys() - set(NO_METRIC):
        score = row[name]
        float(score["mean"]), float(score.get("sd", 0.0)), len(score.get("runs", ()))
    if difference := row.get("difference"):
        float(difference["mean"]), str(difference["method"])
        if difference["tested"]:
            float(difference["low"]), float(difference["high"])


def foreign(report: Report, kind: str, error: Exception | str) -> ValueError:
    """Return the complaint about a figure that is not what its picture is drawn from."""
    why = (str(error) if isinstance(error, str | ValueError) else
           f"{type(error).__name__}: {error}")
    why = " ".join(why.split()).rstrip(".").replace(". ", "; ")
    if report.figures_file:
        return ValueError(f"path: {report.figures_file!r} holds a {kind!r} that is not what its "
                          f"picture is drawn from ({why}); remove the file to go on without "
                          "pictures.")
    return ValueError(f"artefacts: {kind} is not what its picture is drawn from ({why}); leave it "
                      "out.")
