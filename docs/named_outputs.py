"""Measure a classifier with named outputs as one space with a text encoder, over class splits.

    python docs/named_outputs.py PHOTOS --text-encoder T --network FILE LABELS [--network ...]

Splits are drawn once, ``--unseen`` classes each. Every model of the short list of `crossalign
build` is tuned, fitted and scored on each, and so is the one that validation classes choose among
them. The table goes into the region ``named_outputs`` of ``docs/space.md``, or to standard output
with ``--dry``.
"""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from regions import with_region

from crossalign import __version__
from crossalign.data import class_splits, load
from crossalign.data.labelled import KIND
from crossalign.data_options import DataOptions
from crossalign.evaluation import score_fitted
from crossalign.evaluation.comparison import share_of_test
from crossalign.evaluation.fitted import fit_chosen
from crossalign.evaluation.protocols import get
from crossalign.evaluation.significance import split_comparison
from crossalign.files import write_text
from crossalign.space.choice import FROZEN, choose, short_list
from crossalign.space.readers import Readers
from crossalign.tables import markdown, percent, points

PAGE = Path(__file__).resolve().parent / "space.md"
METRICS = ("T1", "U", "S", "H")


class Row(NamedTuple):
    """Scores of one way: a run per class split."""

    network: str
    way: str
    runs: list[dict[str, float]]


def log(line: str) -> None:
    """One line on standard error."""
    print(f"  {line}", file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and write the table."""
    given = _parser().parse_args(arguments)
    names = sorted(p.name for p in Path(given.photos).iterdir() if p.is_dir())
    runs = given.first + given.splits
    splits = class_splits(len(names), len(names) - given.unseen, runs, seed=0)[given.first:]
    rows, facts = [], []
    for file, labels in given.network:
        found, protocols = measured(DataOptions(given.photos, "gzsl", encoder=file,
                                                output_names=labels,
                                                text_encoder=given.text_encoder), names, splits,
                                    given.first)
        rows += found
        facts.append(protocols)
    text = written(rows, facts, splits, given.first)
    if given.dry:
        print(text)
        return
    write_text(PAGE, with_region(PAGE.read_text(encoding="utf-8"), "named_outputs", text))


def measured(options: DataOptions, names: Sequence[str], splits: Any, first: int,
             ) -> tuple[list[Row], list[dict[str, Any]]]:
    """Rows of one encoder, and the protocols of its splits."""
    readers = Readers(options)
    encoder, texts = readers.pictures, readers.texts
    ways = short_list("gzsl", one_space=True)
    found: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
    chosen, protocols, task = [], [], get("gzsl")()
    for k, seen in enumerate(splits, first):
        unseen = [name for name, trains in zip(names, seen, strict=True) if not trains]
        bench = load(options.name, "gzsl", encoder=encoder, text_encoder=texts, unseen=unseen)
        objectives = {}
        for way in ways:
            model, choice, (tried,) = choose(bench, task, [way], np.inf, lambda line: None)
            report = score_fitted(fit_chosen(model, bench, task, choice), bench, pictures=False)
            found[way].append({m: report.scores[m]["mean"] for m in METRICS})
            objectives[way] = tried.objective
        best = max(objectives, key=lambda way: objectives[way])
        chosen.append(found[best][-1])
        protocols.append(bench.protocol)
        log(f"{Path(str(options.encoder)).name}, split {k}: {best} is chosen, "
            + ", ".join(f"{m} {100 * chosen[-1][m]:.1f}" for m in METRICS)
            + f"; frozen T1 {100 * found[FROZEN][-1]['T1']:.1f}")
    name = Path(str(options.encoder)).name
    return [Row(name, "frozen space", found.pop(FROZEN)), Row(name, "chosen by `build`", chosen),
            *(Row(name, way, runs) for way, runs in found.items())], protocols


def written(rows: Sequence[Row], facts: Sequence[Sequence[dict[str, Any]]], splits: Any,
            first: int) -> str:
    """The table, and what it rests on."""
    ratio, frozen, lines = share_of_test(facts[0][0]), {}, []
    for row in rows:
        runs = {m: [run[m] for run in row.runs] for m in METRICS}
        base = frozen.setdefault(row.network, runs) if row.way == "frozen space" else \
            frozen.get(row.network)
        n = len(row.runs)
        cells = [percent(np.mean(of), np.std(of, ddof=1) if n > 1 else 0.0, n)
                 for of in runs.values()]
        gain = "" if base is None or base is runs or n < 2 else _gain(runs["H"], base["H"], ratio)
        lines.append([row.network, row.way, *cells, gain])
    n_unseen = int((~splits[0]).sum())
    known = [of.get("noted", {}).get(KIND, {}).get("count", 0) for of in facts[0]]
    return "\n\n".join([
        markdown(("network", "model", *METRICS, "H minus frozen"), lines),
        f"Class splits {first} to {first + len(splits) - 1} of seed 0, of "
        f"{splits.shape[1] - n_unseen} seen and {n_unseen} unseen classes, mean ± standard "
        f"deviation over splits; a guess among the unseen has T1 {100 / n_unseen:.1f}. Of the "
        f"unseen classes of the splits {', '.join(map(str, known))} have the name of a label, so "
        "the network was trained on "
        "pictures of that name; they are unseen to the model that was fitted. T is that of the "
        "paper, everything else was chosen on validation classes. Intervals are of 95 % "
        f"(corrected t-test over splits). crossalign {__version__}, {platform.machine()}."])


def _gain(own: Sequence[float], base: Sequence[float], ratio: float | None) -> str:
    found = split_comparison(own, base, ratio)
    return points(found.mean, found.low, found.high) if found.tested else points(found.mean)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", help="a folder for each class")
    parser.add_argument("--text-encoder", required=True, help="folder of a text encoder")
    parser.add_argument("--network", nargs=2, action="append", required=True,
                        metavar=("FILE", "LABELS"), help="a classifier and its labels, or own")
    parser.add_argument("--unseen", type=int, default=10, help="unseen classes of a split")
    parser.add_argument("--splits", type=int, default=5, help="number of class splits")
    parser.add_argument("--first", type=int, default=0, help="number of the first class split")
    parser.add_argument("--dry", action="store_true", help="print the table and write nothing")
    return parser


if __name__ == "__main__":
    main()
