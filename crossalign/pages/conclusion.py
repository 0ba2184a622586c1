"""Conclusion of a report in two sentences that are computed from its scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crossalign.evaluation.comparison import interval
from crossalign.evaluation.report import Report, run_count
from crossalign.pages.figures import rows_of
from crossalign.pages.words import headlines, ranks, short_name
from crossalign.tables import percent, points


def conclusion(report: Report) -> tuple[str, str]:
    """Return the best model with its margin, and how sure that is."""
    name = headlines(report)[0]
    if not ranks(report, name):
        return f"{_score(report, name)}.", _caution(report)
    rivals = [row for row in rows_of(report)
              if row["model"] != report.model and name in row]
    if not rivals:
        return f"{_score(report, name)}.", _alone(report, name)
    best = max(rivals, key=lambda row: float(row[name]["mean"]))
    margin = report.scores[name]["mean"] - float(best[name]["mean"])
    how = "above" if margin >= 0 else "below"
    first = (f"{_score(report, name)}, {percent(abs(margin))} points {how} {best['model']}, the "
             f"best of {_many(len(rivals))}.")
    return first, _sure(report, best)


def _score(report: Report, name: str) -> str:
    score, n = report.scores[name], report.counted
    over = f" (mean ± sd of {run_count(n)})" if n > 1 else ""
    return (f"{report.model} reaches {short_name(name)} "
            f"{percent(score['mean'], score['sd'], n)}{over} on {report.data}")


def _many(n: int) -> str:
    return "one other model" if n == 1 else f"{n} other models"


def _sure(report: Report, best: Mapping[str, Any]) -> str:
    """Say whether the margin would stay with other classes."""
    difference = best.get("difference")
    if caution := _caution(report):
        return caution
    if not difference or not difference["tested"]:
        why = difference["method"] if difference else "no test, as the two reports do not compare"
        return f"Whether the margin would stay with other classes is open: {why}."
    low, high = (float(difference[end]) for end in ("low", "high"))
    sure = ("so it is likely to stay with other classes" if low * high > 0 else
            "so the two are not told apart")
    return (f"The 95 % interval of the margin is {points(low)} to {points(high)} points "
            f"({difference['method']}), {sure}.")


def _alone(report: Report, name: str) -> str:
    if caution := _caution(report):
        return caution
    ends = interval(report, name)
    if ends is None:
        return "It stands alone here: compare it with a simple model before believing it."
    return (f"With other classes of the kind it might as well be {percent(ends[0])} to "
            f"{percent(ends[1])} (95 % of draws of the classes with replacement).")


def _caution(report: Report) -> str:
    leaks = report.protocol.get("leaks") or {}
    if report.protocol.get("uncalibrated"):
        return ("Nothing was calibrated, as there is no validation split: unseen classes are "
                "seldom chosen, and H says little.")
    if leaks.get("tuned_on_test") or leaks.get("epoch_selected_on_test"):
        return "It was chosen on test samples, so it is no result."
    return ""


def compared_rows(reports: Sequence[Report], metrics: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rows of the table of baselines: the last report's own, and its difference from
    every other.

    Differences are in the first headline of the last report; p-values are after Holm's correction.
    """
    from dataclasses import asdict

    from crossalign.evaluation.comparison import versus

    own, name = reports[-1], headlines(reports[-1])[0]
    table: list[dict[str, Any]] = [
        {"model": r.model, "counted": r.counted,
         **{m: r.scores[m] for m in metrics if m in r.scores}} for r in reports]
    for row, difference in zip(table, versus(own, reports[:-1], name), strict=False):
        if difference is not None:
            row["difference"] = {**asdict(difference), "tested": difference.tested}
    return table
