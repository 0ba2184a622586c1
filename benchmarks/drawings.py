"""Drawings of letters that were never trained on, in the space of the built-in letters.

The space is built as ``crossalign build glyphs`` does, without network, and no drawing trains or
calibrates it; how `Ink` prepares pictures was chosen with drawings from `hand` in view. A drawing
is right at k if its letter is among the k likeliest classes, or the class of one of the k first
items.

    python benchmarks/drawings.py [--space FOLDER] [--models NAMES] [--each 8] [--json]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
from hand import PENS, drawing, strokes
from harness import machine, versions
from rich.console import Console
from rich.table import Table

from crossalign.data_options import DataOptions
from crossalign.space import Space, build_space

SEED, RANKS = 2024, (1, 5, 10)
PACKAGES = ("numpy", "pillow", "matplotlib", "torch")


def drawn(space: Space, each: int) -> tuple[list[Any], list[str], Any]:
    """Drawings of every unseen letter whose parts are typed, their names, and their pens."""
    rng = np.random.default_rng(SEED)
    names = [name for name, seen in zip(space.class_names, space.seen, strict=True)
             if not seen and strokes(unicodedata.lookup(name)) is not None]
    pens = np.tile(PENS, each)[:each]
    sheets = [drawing(unicodedata.lookup(name), int(pen), rng) for name in names for pen in pens]
    return sheets, [name for name in names for _ in pens], np.tile(pens, len(names))


def shares(ranked: list[list[str]], right: list[str]) -> dict[str, float]:
    """Share of drawings that are right at each rank."""
    return {str(k): round(float(np.mean([name in of[:k] for of, name in
                                         zip(ranked, right, strict=True)])), 3) for k in RANKS}


def measured(space: Space, each: int) -> dict[str, Any]:
    """All figures of a space."""
    sheets, right, pens = drawn(space, each)
    unseen = [name for name, seen in zip(space.class_names, space.seen, strict=True) if not seen]
    answers = space.recognise(sheets, len(space.class_names))
    named = [answer.names for answer in answers]
    vectors, most = space.embed(sheets), max(RANKS)
    found = {"all items": None, "items of unseen letters": {"class": unseen}}
    ways = {"recognised among all letters": named,
            "recognised among unseen letters": [[n for n in of if n in set(unseen)]
                                                for of in named],
            **{f"search of {what}": [[hit.payload["class"] for hit in space.search(v, most, where)]
                                     for v in vectors] for what, where in found.items()}}
    figures = {way: shares(ranked, right) for way, ranked in ways.items()}
    for pen in PENS:
        rows = np.flatnonzero(pens == pen)
        if len(rows):
            figures[f"recognised among all letters, pen of {pen} pixels"] = shares(
                [named[i] for i in rows], [right[i] for i in rows])
    return {"model": space.fitted.model.cli_name, "letters": len(space.class_names),
            "unseen": len(unseen), "drawn_letters": len(set(right)), "drawings": len(right),
            "none_of_these": round(float(np.mean([answer.none for answer in answers])), 3),
            "right_at": figures}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--space", type=Path, help="a space that is there; default a new one")
    parser.add_argument("--models", help="models to choose among, with commas between")
    parser.add_argument("--each", type=int, default=8, help="drawings of a letter")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = options.space or Path(place) / "letters"
        if options.space is None:
            build_space(DataOptions(data="glyphs"), folder, log=lambda line: print(
                line, file=sys.stderr), models=options.models and options.models.split(","))
        space = Space.open(folder)
        found = {**measured(space, options.each), "seed": SEED, "machine": machine(),
                 "versions": versions(PACKAGES)}
        space.close()
    if options.json:
        print(json.dumps(found, indent=1))
        return
    table = Table(title=f"{found['drawings']} drawings of {found['drawn_letters']} letters, of "
                        f"{found['unseen']} never trained on, among {found['letters']}; "
                        f"{found['model']}")
    for head in ("right among the first", *map(str, RANKS)):
        table.add_column(head, justify="left" if head.startswith("right") else "right")
    for way, of in found["right_at"].items():
        table.add_row(way, *(f"{of[str(k)]:.2f}" for k in RANKS))
    Console().print(table)
    print(f"none of these, rather: {found['none_of_these']:.2f}")


if __name__ == "__main__":
    main()
