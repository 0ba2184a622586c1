"""Write learning curves into ``docs/few_pairs.md``: ``python docs/few_pairs.py [DIR ...]``.

DIR is what ``crossalign learning-curve --out DIR`` wrote. Its numbers are kept as
``docs/results/few_pairs-NAME.json``, NAME being the name of the folder, and its figure beside them.
The tables of all that are kept go into the region ``few_pairs`` of the page.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping, Sequence
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
    kept = sorted((DOCS / "results").glob(f"{KEPT}*.json"))
    text = "\n\n".join(section(file.stem.removeprefix(KEPT), json.loads(file.read_text("utf-8")))
                       for file in kept)
    region = f"<!-- few_pairs:start -->\n{text}\n<!-- few_pairs:end -->"
    marks = re.compile("<!-- few_pairs:start -->\n.*<!-- few_pairs:end -->", re.DOTALL)
    write_text(PAGE, marks.sub(lambda _: region, PAGE.read_text("utf-8")))


def figure(found: Mapping[str, Any]) -> Any:
    """Return the figure of a curve."""
    rows = {row: np.array(of["runs"], dtype=float) for row, of in found["rows"].items()}
    return plots.learning_curve(rows, [None if n == "all" else n for n in found["pairs"]],
                                metric=found["metric"],
                                title=heading(found["data"], found["labels"]))


def section(name: str, found: Mapping[str, Any]) -> str:
    """Return the heading, the table and the figure of a curve."""
    runs = len(found["seeds"])
    header = [f"{found['metric']} (%), {runs} runs", *(f"{n} pairs" for n in found["pairs"])]
    rows = []
    for row, of in found["rows"].items():
        values = np.array(of["runs"], dtype=float)                       # (runs, K)
        spread = values.std(axis=0, ddof=1) if runs > 1 else np.zeros(values.shape[1])
        rows.append([row, *("-" if np.isnan(mean) else percent(mean, sd, runs)
                            for mean, sd in zip(values.mean(axis=0), spread, strict=True))])
    title = heading(found["data"], found["labels"])
    return (f"### {title}\n\n{markdown(header, rows)}\n\n"
            f"![{title}](results/{KEPT}{name}.svg)")


if __name__ == "__main__":
    main()
