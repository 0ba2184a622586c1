"""Write the table of spaces into ``docs/answers.md``: ``python docs/answers.py [DIR]``.

DIR is what ``crossalign suite spaces --out DIR`` or ``crossalign suite easy_vqa`` wrote. Its
reports are kept as ``docs/results/NAME.json``, without their figures. The tables of all that are
kept go into the regions ``spaces``, ``types`` and ``easy_vqa`` of the page. Intervals and
differences are over classes, see `crossalign.evaluation.class_bootstrap`; p-values are corrected by
Holm.
"""

from __future__ import annotations

import argparse
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from regions import with_region

from crossalign import Report, load
from crossalign.evaluation.class_bootstrap import class_bootstrap
from crossalign.evaluation.comparison import holm_adjusted, interval
from crossalign.files import write_text
from crossalign.recipes.suite import Entry, load_suite
from crossalign.tables import markdown, percent, points

DOCS = Path(__file__).resolve().parent
PAGE = DOCS / "answers.md"
SUITE, EASY = load_suite("spaces"), load_suite("easy_vqa")
RUNS = (*SUITE.runs, *EASY.runs)
OURS = "fusionnet_qsma"
"""Model that the others are compared with."""
MAIN = {"vqa": "accuracy", "caption": "exact"}
"""Score that is compared, by task."""
BLIND = "accuracy_question_only"
READ = ("answers_from ", "captions_from ")
"""Entries of a protocol that say what is read of a picture."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Keep the reports of a folder and write the tables of all that are kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path)
    folder = parser.parse_args(arguments).folder
    kept = DOCS / "results"
    for run in RUNS if folder is not None else ():
        if (folder / f"{run.name}.json").is_file():
            report = Report.load(folder / f"{run.name}.json")
            report.artefacts = {}
            report.per_class = {name: part for name, part in report.per_class.items()
                                if name.partition("[")[0] in (MAIN[run.task], BLIND)}
            report.save(kept / f"{run.name}.json")
    reports = {run.name: Report.load(kept / f"{run.name}.json") for run in RUNS
               if (kept / f"{run.name}.json").is_file()}
    write_text(PAGE, written(PAGE.read_text("utf-8"), reports))


def written(page: str, reports: Mapping[str, Any]) -> str:
    """Return the page with its regions written from reports by name."""
    regions: dict[str, list[str]] = {"spaces": [], "types": [], "easy_vqa": []}
    known = load("glyphs", "vqa").classes
    looked_at = {str(name) for name in np.array(known.names)[~known.seen]}
    for region, suite in (("spaces", SUITE), ("easy_vqa", EASY)):
        for heading, metrics, runs in suite.groups:
            rows = [run for run in runs if run.name in reports]
            if rows:
                regions[region] += [f"**{heading}**{where(*rows)}",
                                    spaces(rows, metrics, reports)]
    for run in SUITE.runs:
        if run.name in reports and run.model == OURS and run.task == "vqa":
            regions["types"] += [f"**{OURS}**{where(run)}", types(reports[run.name]),
                                 untouched(reports[run.name], looked_at)]
    for region, parts in regions.items():
        page = with_region(page, region,
                           "\n\n".join(parts) or "Nothing has been measured yet.")
    return page


def where(*runs: Entry) -> str:
    """Say on which draws of the data, and in how many runs of each."""
    draws = list(dict.fromkeys(str(run.data_seed) for run in runs if run.data_seed is not None))
    draw = f", draw{'s' * (len(draws) > 1)} {' and '.join(draws)} of {runs[0].data}"
    draw = draw if draws else ""
    return f"{draw}, {runs[0].seeds} run{'s' * (runs[0].seeds > 1)}"


def spaces(rows: Sequence[Entry], metrics: Sequence[str], reports: Mapping[str, Any]) -> str:
    """Scores of every row, and its difference to `OURS`, where there is one beside it."""
    metric = MAIN[rows[0].task]
    others = [name for name in metrics if name != metric and any(
        name in reports[row.name].scores for row in rows)]
    one_draw = len({row.data_seed for row in rows}) == 1
    base = next((row for row in rows
                 if row.model == OURS and row.inputs != "features" and one_draw), None)
    compares = base is not None and len(rows) > 1
    found = holm_adjusted([
        None if base is None or row is base else compared(
            reports[row.name], reports[base.name], metric) for row in rows])
    lines = [[title(row) if one_draw else f"{title(row)}, draw {row.data_seed}",
              with_interval(reports[row.name], metric),
              *([margin(one)] if compares else []),
              *(reports[row.name].cell(name) for name in others)]
             for row, one in zip(rows, found, strict=True)]
    return markdown(("space", metric, *([f"minus {OURS}"] if compares else []), *others), lines)


def types(report: Any) -> str:
    """Accuracy of every type of question, beside that without a look at the pictures."""
    of = report.protocol["types"]["test_unseen"]
    lines = []
    for kind, n in of.items():
        sight, blind = ({"accuracy": report.per_class[f"{name}[{kind}]"]}
                        for name in ("accuracy", BLIND))
        apart = class_bootstrap(sight, blind, "accuracy")
        lines.append([kind, str(n), with_interval(report, f"accuracy[{kind}]"),
                      report.cell(f"{BLIND}[{kind}]"),
                      points(apart.mean, apart.low, apart.high)])
    return markdown(("type", "questions", "accuracy", "question only", "difference"), lines)


def untouched(report: Any, looked_at: Collection[str]) -> str:
    """Say how many letters were unseen in the default draw, too, and the accuracy on the others."""
    part = report.per_class["accuracy"]
    fresh = np.array([name not in looked_at for name in part["classes"]])
    weights = np.asarray(part["weights"]) * fresh
    mean = float(np.average(np.mean(part["runs"], axis=0), weights=weights))
    return (f"Of its {len(fresh)} unseen letters {int((~fresh).sum())} are unseen in the default "
            f"draw, too; accuracy is {percent(report.scores['accuracy']['mean'])} on all and "
            f"{percent(mean)} on the others.")


def compared(report: Any, base: Any, metric: str) -> Any:
    """Compare two reports that differ in the space, or in what is read of a picture, alone.

    Raises
    ------
    ValueError
        If anything else of their protocols differs.
    """
    apart = [phrase for phrase in report.differences(base) if not phrase.startswith(READ)]
    if apart:
        raise ValueError(f"folder: {report.model} and {base.model} differ in {'; '.join(apart)}; "
                         "make both runs of one suite.")
    return class_bootstrap(report.per_class, base.per_class, metric)


def title(run: Entry) -> str:
    """What is read of a picture, with a dagger where settings come from a look at test scores."""
    name = "features, no space" if run.inputs == "features" else run.model
    return name + " †" * run.looked_at_test


def with_interval(report: Any, metric: str) -> str:
    """A score with its 95 % interval over classes."""
    ends = interval(report, metric)
    return report.cell(metric) if ends is None else (
        f"{percent(report.scores[metric]['mean'])} [{percent(ends[0])}, {percent(ends[1])}]")


def margin(found: Any) -> str:
    """A difference with its interval and p-value; nothing for the row that is compared with."""
    if found is None:
        return ""
    return f"{points(found.mean, found.low, found.high)}, p = {found.p_value:.2g}"


if __name__ == "__main__":
    main()
