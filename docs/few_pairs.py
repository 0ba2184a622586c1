"""Write learning curves into ``docs/few_pairs.md``: ``python docs/few_pairs.py [DIR ...]``.

DIR is what ``crossalign learning-curve --out DIR`` wrote. Its numbers are kept as
``docs/results/few_pairs-NAME.json``, NAME being the name of the folder, and its figure beside them.
Rows of other models that are kept under that name stay, if they are of the same runs and points.
The tables of all that are kept go into the region ``few_pairs`` of the page, and FusionNet-QSMA's
difference to the best other row of each into ``few_pairs_tests``. Those without any pair go into
one table together, in ``no_pairs``, each under its NAME without ``zero-``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from regions import with_region

from crossalign.evaluation.learning_curve import CHANCE, column, heading
from crossalign.evaluation.row_differences import (
    RowDifferences,
    apart,
    difference_cell,
    row_differences,
)
from crossalign.files import replacing, write_text
from crossalign.pages import plots
from crossalign.tables import markdown, percent

DOCS = Path(__file__).resolve().parent
PAGE = DOCS / "few_pairs.md"
KEPT = "few_pairs-"
OURS = "fusionnet_qsma"
"""Model whose first row in a curve is compared with each of the others."""
FOLLOWS = ("differences",)
"""What the JSON of a curve says that follows from its rows, and is not kept."""
ADDED = ("teacher", "mixup", "structure")
"""Settings of `contrastive_alignment` that add something to the contrast of pairs."""
COMPARED = {"committee": "committee", **{f"contrastive_alignment {name}=": name for name in ADDED}}
"""Rows of the table of multiples, and the heads of its columns."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Keep the curves of folders, draw them, and write the tables of all that are kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path)
    for folder in parser.parse_args(arguments).folders:
        found = json.loads((folder / "learning_curve.json").read_text("utf-8"))
        file = DOCS / "results" / f"{KEPT}{folder.resolve().name}.json"
        found = joined(found, file)
        write_text(file, json.dumps(found, indent=1) + "\n")
        if not is_blind(found):
            with replacing(file.with_suffix(".svg")) as draft:
                figure(found).savefig(draft, format="svg", metadata={"Date": None})
    kept = {file.stem.removeprefix(KEPT): json.loads(file.read_text("utf-8"))
            for file in sorted((DOCS / "results").glob(f"{KEPT}*.json"), key=lambda f: f.stem)}
    blind = {name.removeprefix("zero-"): found for name, found in kept.items() if is_blind(found)}
    curves = {name: found for name, found in kept.items() if not is_blind(found)}
    titles = dict.fromkeys(map(heading, curves.values()))
    page = PAGE.read_text("utf-8")
    for region, text in {
            "few_pairs": "\n\n".join(
                "\n\n".join([f"### {name}", *(section(file, found) for file, found in curves.items()
                                              if heading(found) == name)]) for name in titles),
            "few_pairs_tests": tests(curves.values()),
            "few_pairs_ratios": ratios(curves.values()),
            "no_pairs": without_pairs(blind)}.items():
        page = with_region(page, region, text)
    write_text(PAGE, page)


def joined(found: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """Return a curve with the rows that a file keeps beside its own.

    Raises
    ------
    ValueError
        If the file keeps other runs or points, or other data.
    """
    found = {key: value for key, value in found.items() if key not in FOLLOWS}
    if not file.exists():
        return found
    kept = json.loads(file.read_text("utf-8"))
    for key in sorted({*kept, *found} - {"rows", "refused"}):
        if kept.get(key) != found.get(key):
            raise ValueError(f"folders: {key} is {found.get(key)} and {kept.get(key)} in "
                             f"{file.name}; name the folder otherwise, or remove that file.")
    earlier = {row: said for row, said in kept["refused"].items() if row not in found["rows"]}
    return {**found, "rows": {**kept["rows"], **found["rows"]},
            "refused": {**earlier, **found["refused"]}}


def is_blind(found: Mapping[str, Any]) -> bool:
    """Tell whether a curve has no pair at any point."""
    return bool(found["pairs"] == [0])


def figure(found: Mapping[str, Any]) -> Any:
    """Return the figure of a curve."""
    rows = {row: np.array(of["runs"], dtype=float) for row, of in found["rows"].items()}
    return plots.learning_curve(rows, values_of(found), axis=found["axis"],
                                metric=found["metric"], title=heading(found))


def values_of(found: Mapping[str, Any]) -> list[Any]:
    """Return numbers of pairs, None for all, or shares of wrong ones."""
    return [None if value == "all" else value for value in found[found["axis"]]]


def without_pairs(kept: Mapping[str, Mapping[str, Any]]) -> str:
    """Return one table of curves without pairs, a row for each and a column for each model."""
    models = list(dict.fromkeys([CHANCE, *(row for of in kept.values() for row in of["rows"])]))
    rows = []
    for name, found in kept.items():
        runs = len(found["seeds"])
        scores = {row: np.array(of["runs"], dtype=float)[:, 0]
                  for row, of in found["rows"].items()}
        rows.append([name, f"{runs}", *(cell(scores.get(model), runs) for model in models)])
    metrics = sorted({found["metric"] for found in kept.values()})
    return markdown([f"{', '.join(metrics)} (%)", "runs", *models], rows)


def cell(values: Any, runs: int) -> str:
    """Write mean and deviation over runs ``(runs,)``; a dash for a model that has none."""
    if values is None or np.isnan(values).any():
        return "-"
    return percent(values.mean(), values.std(ddof=1) if runs > 1 else 0.0, runs)


def section(name: str, found: Mapping[str, Any]) -> str:
    """Return the table and the figure of a curve, with an arrow at scores that are told below or
    above the row of `OURS`.
    """
    runs = len(found["seeds"])
    header = [f"{found['metric']} (%), {runs} runs",
              *(column(found["axis"], value) for value in values_of(found))]
    compared = differences(found)
    rows = [[row, *(cell(values, runs) + arrow(compared, row, place)
                    for place, values in enumerate(np.array(of["runs"], dtype=float).T))]
            for row, of in found["rows"].items()]
    return f"{markdown(header, rows)}\n\n![{heading(found)}](results/{KEPT}{name}.svg)"


def differences(found: Mapping[str, Any]) -> RowDifferences | None:
    """Compare the first row of `OURS` in a curve with each of the others, chance aside; return None
    if there is none.
    """
    rows = {row: np.array(of["runs"], dtype=float) for row, of in found["rows"].items()
            if row != CHANCE}
    ours = next((row for row in rows if row.split(" ")[0] == OURS), None)
    if ours is None or len(rows) < 2:
        return None
    return row_differences(rows, ours, found["split_id"], found["test_share"])


def arrow(compared: RowDifferences | None, row: str, place: int) -> str:
    """Return an arrow where a row is told apart from that of `OURS`, else nothing."""
    one = None if compared is None else compared.others.get(row, {place: None})[place]
    return "" if not apart(one) else " ↓" if one.mean > 0 else " ↑"


def tests(curves: Iterable[Mapping[str, Any]]) -> str:
    """Return the table of the row of `OURS` minus the best other model at every number of pairs."""
    lines: list[tuple[str, dict[Any, Any]]] = []
    for found in curves:
        compared = differences(found)
        if found["axis"] != "pairs" or compared is None or all(
                row.split(" ")[0] == OURS for row in compared.others):
            continue
        best = {value: compared.best_other(place) for place, value in enumerate(values_of(found))}
        lines.append((f"{heading(found)}, {len(found['seeds'])} runs", best))
    values = sorted({value for _, best in lines for value in best},
                    key=lambda value: np.inf if value is None else value)
    return markdown([f"{OURS} minus the best other", *(column("pairs", v) for v in values)], [
        [name, *("-" if (one := best.get(value)) is None else
                 f"{difference_cell(one[1])}, {one[0].split(' ')[0]}" for value in values)]
        for name, best in lines])


def ratios(curves: Iterable[Mapping[str, Any]]) -> str:
    """Return the table of rows as multiples of contrast alone, without labels, at the most pairs.

    Contrast alone is the first row of `contrastive_alignment` that sets none of `ADDED`; further
    rows that set none are left out.
    """
    rows = []
    for found in curves:
        if found["axis"] != "pairs":
            continue
        means: dict[str, float] = {}
        for row, of in found["rows"].items():
            added = [f"{name}=" for name in ADDED if f"{name}=" in row]
            means.setdefault(" ".join([row.split(" ")[0], *added]), of["mean"][-1])
        if found["labels"] == "none" and "contrastive_alignment" in means:
            base, chance = means["contrastive_alignment"], means[CHANCE]
            rows.append([f"{found['data']}, {found['pairs'][-1]} pairs", *(
                f"{value / base:.2f} ({(value - chance) / (base - chance):.2f})"
                if (value := means.get(name)) is not None else "-" for name in COMPARED)])
    return markdown(["times InfoNCE (above chance)", *COMPARED.values()], rows)


if __name__ == "__main__":
    main()
