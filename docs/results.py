"""Measure the models on real data: ``python docs/results.py --data ROOT [--only NAME ...]``.

The runs are the suite ``docs/results.yaml``; the report of each is kept as
``docs/results/NAME.json``, from which the tables of ``docs/results.md`` and, of all pairs,
``docs/results_pairs.md`` are written. ROOT holds the folders ``CUB`` (xlsa17 layout),
``wikipedia``, ``omniglot`` (the original zips), ``caltech30``, ``models`` and ``pacs`` (one file of
domains). ``--table`` writes the tables from the reports that are there and runs nothing;
``--settle`` first tells those reports what is known of their data today; ``--list`` prints the
names.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from regions import with_region

from crossalign.pace import duration
from crossalign.recipes import load_recipe
from crossalign.recipes.suite import Entry, Suite, load_suite
from crossalign.tables import markdown as table
from crossalign.tables import percent, points

DOCS = Path(__file__).resolve().parent
SUITE = load_suite(DOCS / "results.yaml")
RUNS = SUITE.runs
WHOLE = ("FusionNet-QSMA", "FGAN")
"""Rows of module ablations that leave nothing out."""
BUILT_IN = ("glyphs", "synthetic")
"""Data sets that need no folder."""
CLOSED = ("gfzsl", "eszsl", "ridge_map", "cca", "common_pca")
"""Closed forms: what any other model has to beat."""
SURENESS = ("AURC", "AURC_tempered", "ECE", "sigma_error")
"""Whether a model knows when it is wrong; a table of their own, where a report has them."""
COMPARED = {"CUB": (("cub-gfzsl", "cub-gfzsl-sentences", "cub-acmr-clean-whole",
                     "cub-fusionnet_qsma", "cub-fusionnet_qsma-sentences",
                     "heldout-cub-gfzsl-em", "heldout-cub-gfzsl", "heldout-cub-fusionnet_qsma",
                     "heldout-cub-gfzsl-sentences", "transductive-cub-gfzsl"), "H"),
            "wikipedia": (("wikipedia-cca", "wikipedia-ridge_map", "wikipedia-lcale",
                           "wikipedia-fusionnet_qsma"), "mAP"),
            "omniglot": (("omniglot-ridge_map", "omniglot-ridge_map-whitened", "omniglot-lcale",
                          "omniglot_tokens-lcale"), "mAP"),
            "caltech30": (("caltech30-lcale", "caltech30_pieces-lcale"), "mAP"),
            "omniglot:alphabets": (("alphabets-ridge_map", "alphabets-ridge_map-whitened",
                                    "alphabets-lcale"), "mAP"),
            "pacs/mobilenetv2.npz": (("pacs-ridge_map", "pacs-common_pca"), "mAP"),
            "glyphs": (("tokens-ridge_map", "tokens-lcale"), "mAP"),
            "glyphs:sketch": (("sketch_tokens-ridge_map", "sketch_tokens-lcale"), "mAP")}
"""Per data set, the rows that all others are compared with, and the metric."""


def log(line: str) -> None:
    """One line on standard error."""
    print(f"  {line}", file=sys.stderr)


def measure(run: Entry, root: Path | None) -> Any:
    """Return the report of one run."""
    report = run.measure(root, log=log, pictures=False)
    report.versions["machine"] = f"{platform.machine()}, {os.cpu_count()} cores"
    return report


def settle(report: Any, bench: Any) -> bool:
    """Give a saved report what its data are known for today; False if they are other data.

    What the model and the way of evaluating settled stays. Scores do not depend on it.
    """
    runs = [bench.run(seed).protocol for seed in report.seeds]
    splits = report.protocol["split_id"]
    if ([run["split_id"] for run in runs] != (splits if isinstance(splits, list) else
                                              [splits] * len(runs))
            or runs[0].get("features") != report.protocol.get("features")):
        return False
    known = {name: value for name, value in runs[0]["leaks"].items()
             if value is not None and name != "single_class_split"}
    kept = report.protocol["leaks"]
    report.protocol["leaks"] = {**kept, **{name: value or bool(kept.get(name))
                                           for name, value in known.items()}}
    return True


def settle_kept(run: Entry, file: Path, root: Path | None) -> None:
    """`settle` a report that is there, on disk; say where it is of other data."""
    from crossalign import Report

    if file.is_file():
        report = Report.load(file)
        if settle(report, run.benchmark(root, log)):
            report.save(file)
        else:
            log("of other data than today's; run it again")


def write_tables(docs: Path, suite: Suite = SUITE) -> list[str]:
    """Rewrite the regions of both pages from the reports; returns the names it found."""
    from crossalign import Report

    reports = {r.name: Report.load(docs / "results" / f"{r.name}.json") for r in suite.runs
               if (docs / "results" / f"{r.name}.json").is_file()}
    parts, pairs = [], []
    for heading, _, group in suite.groups:
        rows = [r for r in group if r.name in reports]
        if rows:
            draw = few_shot if rows[0].task == "few_shot" else section
            against = differences(rows, reports)
            parts.append(draw(heading, rows, reports, "\n[Every pair](results_pairs.md) of "
                              "these rows with its difference.\n" if against else ""))
            pairs += ["\n\n".join([f"## {heading}", *against]) + "\n"] if against else []
    rewrite(docs / "results.md", "results", "\n".join(parts) or "Nothing has been measured yet.\n")
    rewrite(docs / "results.md", "headline", headline(suite.runs, reports))
    rewrite(docs / "results_pairs.md", "pairs", "\n".join(pairs))
    return list(reports)


def rewrite(page: Path, region: str, body: str) -> None:
    """Write what stands between the marks of a region, where the page is there."""
    from crossalign.files import write_text

    if page.is_file():
        write_text(page, with_region(page.read_text(encoding="utf-8"), region, body))


def section(heading: str, rows: Sequence[Entry], reports: Mapping[str, Any], below: str) -> str:
    """Scores, then how they came about, of one group of runs."""
    known = any(row.beside for row in rows)
    metrics = task_of(rows[0], reports).columns_of(list(reports[rows[0].name].scores))
    one_data = len({row.data for row in rows}) == 1
    scores, made = [], []
    for row in rows:
        report = reports[row.name]
        n = len(report.seeds)
        cells = [report.cell(m) for m in metrics]
        runs = str(n) if report.counted == n else f"1 ({n} equal)"
        name = title(row) if one_data else f"{title(row)}, {row.data}"
        scores.append([name + mark(row), runs, *cells, *([published(row)] if known else [])])
        made.append([name, tuned(row, report), report.selection, duration(report.seconds),
                     split_of(report)])
    seen = {", ".join(f"{k} {v}" for k, v in reports[r.name].versions.items()) for r in rows}
    parts = [f"## {heading}",
             table(("model", "runs", *metrics, *(["published H"] if known else [])), scores),
             table(("model", "tuning", "selection", "time", "split"), made)]
    parts += sureness(rows, reports) + spaces(rows, reports)
    made_with = [f"Made with {text}." for text in sorted(seen)]
    return "\n\n".join([*parts, *made_with]) + "\n" + below


def few_shot(heading: str, rows: Sequence[Entry], reports: Mapping[str, Any], below: str) -> str:
    """T1 and H over the samples per new class, a table per model."""
    parts = [f"## {heading}"]
    for row in rows:
        report = reports[row.name]
        lines: dict[str, dict[str, str]] = {}
        for name in report.scores:
            column, _, way = name.partition(" ")
            lines.setdefault(way, {})[column.replace("@", ", k = ")] = report.cell(name)
        columns = list(next(iter(lines.values())))
        parts += [table((title(row), *columns), [[way, *cells.values()]
                                                 for way, cells in lines.items()]),
                  f"{len(report.seeds)} runs, {duration(report.seconds)}; {report.selection}."]
    return "\n\n".join(parts) + "\n" + below


def sureness(rows: Sequence[Entry], reports: Mapping[str, Any]) -> list[str]:
    """A table of `SURENESS`, or nothing; areas and errors are better where they are smaller."""
    lines = [[title(row), *(reports[row.name].cell(m) for m in SURENESS)] for row in rows
             if SURENESS[0] in reports[row.name].scores and not row.part]
    return [table(("model", *SURENESS), lines)] if lines else []


def spaces(rows: Sequence[Entry], reports: Mapping[str, Any]) -> list[str]:
    """Retrieval in each space of a model that has several, and JR against RE and LD; or nothing."""
    from crossalign.evaluation.comparison import share_of_test
    from crossalign.evaluation.significance import split_comparison

    names = {"RE": "mAP embedding", "LD": "mAP labels", "JR": "mAP joint",
             "cosine + affinity": "mAP affinity"}
    lines = []
    for row in rows:
        found, n = reports[row.name].scores, len(reports[row.name].seeds)
        if not row.part and all(key in found for key in names.values()):
            runs = {name: found[key]["runs"] for name, key in names.items()}
            ratio = share_of_test(reports[row.name].protocol)
            apart = [str(split_comparison(runs["JR"], runs[base], ratio)) if n > 1 else ""
                     for base in ("RE", "LD")]
            lines.append([title(row), *map(reports[row.name].cell, names.values()), *apart])
    return [table(("mAP", *names, "JR - RE", "JR - LD"), lines)] if lines else []


def differences(rows: Sequence[Entry], reports: Mapping[str, Any]) -> list[str]:
    """Every row against each row of `COMPARED`, p-values by Holm; one table per such row."""
    from crossalign.evaluation.comparison import holm_adjusted

    bases, metric = COMPARED.get(rows[0].data, ((), ""))
    if rows[0].part:
        bases = [row.name for row in rows if row.row in WHOLE]
    tables = []
    for base in (row for row in rows if row.name in bases):
        others = [row for row in rows if row.name != base.name
                  and (row.attributes, row.text_encoder) == (base.attributes, base.text_encoder)]
        found = holm_adjusted([compared(reports[row.name], reports[base.name], metric)
                               for row in others])
        lines = [(title(row), str(one)) for row, one in zip(others, found, strict=True)
                 if one is not None]
        header = (f"against {title(base)}", f"difference in {metric}, with its 95 % interval")
        tables += [table(header, lines)] if lines else []
    return tables


def compared(report: Any, base: Any, metric: str) -> Any:
    """The difference over the classes of one split or over the splits that both ran, or None.

    None too where the two followed different protocols.
    """
    if not (report.per_class and base.per_class):
        common = [seed for seed in report.seeds if seed in base.seeds]
        if len(common) < 2:
            return None
        report, base = report.only(common), base.only(common)
    return None if report.differences(base) else report.compare(base, metric)


def headline(runs: Sequence[Entry], reports: Mapping[str, Any]) -> str:
    """One table per problem: the best row of every model against the best closed form."""
    parts = []
    for key in dict.fromkeys(map(problem, runs)):
        rows = [r for r in runs if problem(r) == key and r.name in reports and not r.part]
        metric = task_of(rows[0], reports).objective if rows else ""
        rows = [r for r in rows if metric in reports[r.name].scores]
        if any(r.model in CLOSED for r in rows) and any(r.model not in CLOSED for r in rows):
            name = ", ".join(filter(None, key))
            parts.append(f"**{name}**\n\n{summary(rows, reports, metric)}\n")
    return "\n".join(parts)


def summary(rows: Sequence[Entry], reports: Mapping[str, Any], metric: str) -> str:
    """Best row of every model, best first: runs, score, and difference to the best closed form."""
    from crossalign.evaluation.comparison import holm_adjusted

    ordered = sorted(rows, key=lambda r: -reports[r.name].scores[metric]["mean"])
    best = list({r.model: r for r in reversed(ordered)}.values())[::-1]
    best.sort(key=lambda r: -reports[r.name].scores[metric]["mean"])
    rival = next(r for r in best if r.model in CLOSED)
    found = holm_adjusted([None if r is rival else
                           compared(reports[r.name], reports[rival.name], metric) for r in best])
    lines = [[brief(r) + mark(r), str(reports[r.name].counted), reports[r.name].cell(metric),
              "" if r is rival else margin(one)] for r, one in zip(best, found, strict=True)]
    return table(("model", "runs", metric, f"minus {brief(rival)}"), lines)


def margin(found: Any) -> str:
    """A difference with its interval and p-value, or why it has none."""
    if found is None:
        return "not comparable"
    if not found.tested:
        return f"{points(found.mean)}, not tested"
    return f"{points(found.mean, found.low, found.high)}, p = {found.p_value:.2g}"


def task_of(run: Entry, reports: Mapping[str, Any]) -> Any:
    """The task of a run's report, which knows its metrics."""
    from crossalign.evaluation.protocols import get

    return get(reports[run.name].task)()


def problem(run: Entry) -> tuple[str, ...]:
    """What rows must share to stand in one table."""
    adapted = f"adapted ({run.adapt})" if run.adapt else ""
    return (run.data, run.task, adapted, "tokens" if run.tokens else "", run.attributes or "",
            (run.text_encoder or "").removeprefix("package:"))


def brief(run: Entry) -> str:
    """The title where it is short, or the model alone."""
    whole = title(run)
    return whole if len(whole) <= 60 else run.model


def mark(run: Entry) -> str:
    """A dagger where settings were found with a look at test scores of the same data."""
    return " †" if run.looked_at_test else ""


def tuned(run: Entry, report: Any) -> str:
    """How the settings of a row were found: how many were tried, and on what."""
    if run.part:
        return "as the whole model, nothing tried"
    tried = re.search(r"of (\d+) settings", report.selection)
    parts = [f"{run.origin}{mark(run)}"] if run.origin else []
    parts += [f"{tried[1]} settings on validation classes"] if tried else []
    return "; ".join(parts) or "nothing tried"


def published(run: Entry) -> str:
    """The H that the paper printed, uncalibrated, or nothing."""
    if run.beside is None:
        return ""
    recipe, row = run.beside
    return percent(load_recipe(recipe).published[row]["H"] / 100)


def title(run: Entry) -> str:
    """The model, with its recipe, what was set beyond it, and its side information."""
    if run.part:
        return str(run.row)
    own = run.changes
    if run.row is not None:
        from crossalign import models

        own = {k: v for k, v in own.items() if k not in models.get(run.model).ablations[run.row]}
    parts = [f"recipe {run.recipe}"] if run.recipe else []
    parts += [run.row] if run.row else []
    parts += [f"{key}={value}" for key, value in own.items()]
    parts += [f"{key} {value:g}" if isinstance(value, float) else f"{key} {value}"
              for key, value in run.adapt_by.items()]
    parts += [run.attributes] if run.attributes else []
    parts += [f"tokens {run.pool}"] if run.pool else []
    parts += [f"draw {run.data_seed}"] if run.data_seed is not None else []
    parts += [f"texts by {run.text_encoder.removeprefix('package:')}"] if run.text_encoder else []
    return f"{run.model} ({', '.join(parts)})" if parts else run.model


def split_of(report: Any) -> str:
    """The split's fingerprint; the first of several."""
    found = report.protocol.get("split_id")
    if isinstance(found, list):
        return f"`{found[0]}` and {len(found) - 1} more" if found[0] else "drawn per seed"
    return f"`{found}`" if found else "not stated"


def main(arguments: Sequence[str] | None = None, docs: Path = DOCS) -> int:
    """Run what was asked for and rewrite the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of the data sets")
    parser.add_argument("--only", action="append", choices=[r.name for r in RUNS], metavar="NAME",
                        help="this run only; may be repeated")
    parser.add_argument("--table", action="store_true", help="rewrite the tables, run nothing")
    parser.add_argument("--settle", action="store_true",
                        help="as --table, and tell reports what is known of their data today")
    parser.add_argument("--list", action="store_true", help="print the names of all runs")
    options = parser.parse_args(arguments)
    if options.list:
        print("\n".join(r.name for r in RUNS))
        return 0
    chosen = [r for r in RUNS if options.only is None or r.name in options.only]
    if not options.table:
        if options.data is None and any(r.data.partition(":")[0] not in BUILT_IN for r in chosen):
            parser.error("--data: needed; give the folder that holds the data sets.")
        for run in chosen:
            print(run.name, file=sys.stderr, flush=True)
            file = docs / "results" / f"{run.name}.json"
            if options.settle:
                settle_kept(run, file, options.data)
            else:
                measure(run, options.data).save(file)
                write_tables(docs)
    print(f"{docs / 'results.md'}: {len(write_tables(docs))} of {len(RUNS)} runs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
