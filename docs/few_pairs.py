"""Write learning curves into ``docs/few_pairs.md``: ``python docs/few_pairs.py [DIR ...]``.

DIR is what ``crossalign learning-curve --out DIR`` wrote. Its numbers are kept as
``docs/results/few_pairs-NAME.json``, NAME being the name of the folder, and its figure beside them.
The tables of all that are kept go into the region ``few_pairs`` of the page.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from crossalign.evaluation.learning_curve import heading
from crossalign.files import replacing, write_text
from crossalign.pages import plots
from crossalign.tables import markdown, percent

DOCS = Path(__file__).resolve().parent
PAGE = DOCS / "few_pairs.md"
KEPT = "few_pairs-"
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
        write_text(file, json.dumps(found) + "\n")
        with replacing(file.with_suffix(".svg")) as draft:
            figure(found).savefig(draft, format="svg", metadata={"Date": None})
    kept = {file.stem.removeprefix(KEPT): json.loads(file.read_text("utf-8"))
            for file in sorted((DOCS / "results").glob(f"{KEPT}*.json"), key=lambda f: f.stem)}
    titles = dict.fromkeys(map(title, kept.values()))
    page = PAGE.read_text("utf-8")
    for region, text in {
            "few_pairs": "\n\n".join(
                "\n\n".join([f"### {name}", *(section(file, found) for file, found in kept.items()
                                              if title(found) == name)]) for name in titles),
            "few_pairs_ratios": ratios(kept.values())}.items():
        start, end = f"<!-- {region}:start -->\n", f"<!-- {region}:end -->"
        before, _, rest = page.partition(start)
        page = f"{before}{start}{text}\n{end}{rest.partition(end)[2]}"
    write_text(PAGE, page)


def title(found: Mapping[str, Any]) -> str:
    """Return the heading under which a curve stands."""
    return heading(found["data"], found["labels"])


def figure(found: Mapping[str, Any]) -> Any:
    """Return the figure of a curve."""
    rows = {row: np.array(of["runs"], dtype=float) for row, of in found["rows"].items()}
    return plots.learning_curve(rows, [None if n == "all" else n for n in found["pairs"]],
                                metric=found["metric"], title=title(found))


def section(name: str, found: Mapping[str, Any]) -> str:
    """Return the table and the figure of a curve."""
    runs = len(found["seeds"])
    header = [f"{found['metric']} (%), {runs} runs", *(f"{n} pairs" for n in found["pairs"])]
    rows = []
    for row, of in found["rows"].items():
        values = np.array(of["runs"], dtype=float)                       # (runs, K)
        spread = values.std(axis=0, ddof=1) if runs > 1 else np.zeros(values.shape[1])
        rows.append([row, *("-" if np.isnan(mean) else percent(mean, sd, runs)
                            for mean, sd in zip(values.mean(axis=0), spread, strict=True))])
    return f"{markdown(header, rows)}\n\n![{title(found)}](results/{KEPT}{name}.svg)"


def ratios(curves: Iterable[Mapping[str, Any]]) -> str:
    """Return the table of rows as multiples of contrast alone, without labels, at the most pairs.

    Contrast alone is the first row of `contrastive_alignment` that sets none of `ADDED`; further
    rows that set none are left out.
    """
    rows = []
    for found in curves:
        means: dict[str, float] = {}
        for row, of in found["rows"].items():
            added = [f"{name}=" for name in ADDED if f"{name}=" in row]
            means.setdefault(" ".join([row.split(" ")[0], *added]), of["mean"][-1])
        if found["labels"] == "none" and "contrastive_alignment" in means:
            base, chance = means["contrastive_alignment"], means["chance"]
            rows.append([f"{found['data']}, {found['pairs'][-1]} pairs", *(
                f"{value / base:.2f} ({(value - chance) / (base - chance):.2f})"
                if (value := means.get(name)) is not None else "-" for name in COMPARED)])
    return markdown(["times InfoNCE (above chance)", *COMPARED.values()], rows)


if __name__ == "__main__":
    main()
