"""Contents of the tables of a page, as plain values: baselines, protocol, and facts."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from crossalign.data.leaks import LEAKS
from crossalign.evaluation.plain_values import flatten, jsonable
from crossalign.evaluation.report import Report
from crossalign.pages.figures import NO_METRIC, rows_of
from crossalign.pages.words import headlines, ranks, share_of_most
from crossalign.tables import percent, points

STATES = {True: ("bad", "holds"), False: ("good", "ruled out"), None: ("open", "not stated")}
"""Style and word for each state of a way to be wrong."""


def baselines(report: Report) -> dict[str, Any]:
    """Return the rows of the table against the baselines, the best value of a column marked."""
    rows = rows_of(report)
    names = dict.fromkeys(m for row in rows for m in row if m not in NO_METRIC)
    first = [m for m in headlines(report) if m in names]
    metrics = [*first, *(m for m in names if m not in first)]
    best = {m: percent(max(float(row[m]["mean"]) for row in rows if m in row))
            for m in metrics if ranks(report, m) and len(rows) > 1}
    return {"metrics": metrics, "metric": headlines(report)[0],
            "compared": any("difference" in row for row in rows),
            "rows": [{"model": row["model"], "own": row["model"] == report.model,
                      "cells": [_cell(report, row, m, best.get(m)) for m in metrics],
                      "margin": _margin(row.get("difference"))} for row in rows]}


def _cell(report: Report, row: Mapping[str, Any], metric: str,
          best: str | None) -> dict[str, Any]:
    """Return one score as text, as the length of a bar, and whether it is the best; {} for none."""
    if metric not in row:
        return {}
    score = row[metric]
    mean, sd = float(score["mean"]), float(score.get("sd", 0.0))
    n = row.get("counted") or len(score.get("runs", ())) or (2 if sd > 0 else 1)
    return {"text": percent(mean, sd, n), "share": percent(share_of_most(mean, metric, report)),
            "best": percent(mean) == best}


def _margin(difference: Mapping[str, Any] | None) -> str:
    """Return a difference with its interval, or the difference alone."""
    if not difference:
        return ""
    if not difference["tested"]:
        return f"{points(difference['mean'])}, not tested"
    return points(difference["mean"], difference["low"], difference["high"])


def protocol_of(report: Report) -> dict[str, Any]:
    """Return the facts of a protocol, and the known ways to be wrong as a checklist."""
    protocol = jsonable(report.protocol)
    leaks = protocol.pop("leaks", {})
    leaks = leaks if isinstance(leaks, dict) else {}
    for key in [k for k, v in protocol.items() if isinstance(v, bool)]:
        leaks[key] = protocol.pop(key)
    counts = ", ".join(f"{n} {word}" for value, (_, word) in STATES.items()
                       if (n := sum(v is value for v in leaks.values())))
    order = {True: 0, None: 1, False: 2}
    items = [_check(key, leaks[key]) for key in sorted(
        leaks, key=lambda k: order[leaks[k]] if leaks[k] in (True, None, False) else 0)]
    return {"facts": flatten(protocol), "counts": counts,
            "held": [item for item in items if item["holds"]],
            "others": [item for item in items if not item["holds"]]}


def _check(name: str, value: Any) -> dict[str, Any]:
    style, state = STATES[value] if value in (True, False, None) else ("open", str(value))
    return {"name": name, "style": style, "state": state, "meaning": LEAKS.get(name, ""),
            "holds": value is True}


def plain(value: Any) -> str:
    """Return a fact as one text."""
    if isinstance(value, float):
        return f"{value:.6g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def file_name(report: Report) -> str:
    """Return the name under which the numbers are downloaded."""
    return re.sub(r"[^\w.-]+", "-", f"{report.model}-{report.data}-{report.task}")[:120] + ".json"
