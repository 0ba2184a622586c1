"""A space under a new encoder: mapped, and built anew, on pictures that neither has seen.

A quarter of a folder of classes is held out. A space is built of the others with the old encoder,
asked, migrated and asked again; a second one is built with the new encoder. Questions are the
pictures held out: recall@10 counts pictures of the same class among the ten nearest.

    python benchmarks/migrate.py FOLDER --old old.tflite --new new.onnx [--sample 1000] [--json]

An encoder that is not named is the default, histograms of oriented gradients.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from harness import machine, versions
from rich.console import Console
from rich.table import Table

from crossalign.data.class_folders import class_files
from crossalign.data_options import DataOptions
from crossalign.space import Space, build_space

SEED, K = 0, 10
PACKAGES = ("numpy", "ai-edge-litert", "onnxruntime")


def divided(folder: Path, place: Path) -> tuple[list[Path], list[str]]:
    """Copy three quarters of every class; return the other pictures and their classes."""
    rng, held, names = np.random.default_rng(SEED), [], []
    for name, files in class_files(folder)[0].items():
        order = [files[i] for i in rng.permutation(len(files))]
        (place / name).mkdir(parents=True)
        for file in order[len(order) // 4:]:
            shutil.copy(file, place / name / file.name)
        held += order[:len(order) // 4]
        names += [name] * (len(order) // 4)
    return held, names


def asked(space: Space, held: list[Path], names: list[str]) -> dict[str, float]:
    """Ask a space with pictures: recall among the nearest, and the share that it recognises."""
    payloads = space.index.sample(len(space))[2]
    there = [about.get("class") for about in payloads if about["modality"] == "image"]
    shares = []
    for file, name in zip(held, names, strict=True):
        hits = space.search(file, K, modality="image")
        shares.append(sum(hit.payload["class"] == name for hit in hits)
                      / min(K, there.count(name)))
    answers = space.recognise(held, 1)
    return {"recall": float(np.mean(shares)),
            "recognised": float(np.mean([answer.names[0] == name for answer, name
                                         in zip(answers, names, strict=True)])),
            "none": float(np.mean([answer.none for answer in answers]))}


def measured(folder: Path, old: str | None, new: str, model: str, sample: int) -> dict[str, Any]:
    """Build, migrate and build anew."""
    told = lambda line: print(line, file=sys.stderr)  # noqa: E731
    with tempfile.TemporaryDirectory() as place:
        held, names = divided(folder, Path(place) / "pictures")
        data = str(Path(place) / "pictures")
        space = build_space(DataOptions(data=data, encoder=old), Path(place) / "old",
                            models=[model], log=told)
        found = {"before": asked(space, held, names)}
        start = time.perf_counter()
        card = space.migrate(new, sample, accept=True, log=told)
        seconds = time.perf_counter() - start
        found["mapped"] = asked(space, held, names)
        space.close()
        anew = build_space(DataOptions(data=data, encoder=new), Path(place) / "new",
                           models=[model], log=told)
        found["built anew"] = asked(anew, held, names)
        anew.close()
    return {"questions": len(held), "migrate_s": seconds, "spaces": found,
            "ratio": found["mapped"]["recall"] / found["built anew"]["recall"], "card": card}


def main() -> None:
    parser = argparse.ArgumentParser(description="Run this benchmark.")
    parser.add_argument("folder", type=Path, help="folder with a folder of pictures for each class")
    parser.add_argument("--old", help="encoder that the space is built with")
    parser.add_argument("--new", required=True, help="encoder that it takes")
    parser.add_argument("--model", default="cca", help="model of the spaces")
    parser.add_argument("--sample", type=int, default=1000, help="pictures that both read")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    options = parser.parse_args()
    report = {"machine": machine(), "versions": versions(PACKAGES), "seed": SEED,
              "old": options.old and Path(options.old).name, "new": Path(options.new).name,
              "model": options.model, **measured(options.folder, options.old, options.new,
                                                 options.model, options.sample)}
    if options.json:
        print(json.dumps(report, indent=1))
    else:
        show(report)


def show(report: dict[str, Any]) -> None:
    """Print the table, what the space measured itself, the machine and the versions."""
    table = Table(title=f"From {report['old'] or 'the default'} to {report['new']}, "
                        f"{report['model']}; {report['questions']} questions")
    table.add_column("space", no_wrap=True)
    for heading in (f"recall@{K}", "recognised", "none of these"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, values in report["spaces"].items():
        table.add_row(name, *(f"{values[key]:.3f}" for key in ("recall", "recognised", "none")))
    out = Console(width=110)
    out.print(table)
    card = report["card"]
    out.print(f"recall mapped over recall built anew: {report['ratio']:.3f}; migration "
              f"{report['migrate_s']:.0f} s", highlight=False)
    out.print(f"the space's own figures, of {card['held_out']} of {card['pictures']} pictures: "
              f"{card['kind']}, " + ", ".join(f"{key} {card[key]}" for key in (
                  "nearest", "nearest_before", "recall", "recall_anew", "space", "space_before",
                  "share")), soft_wrap=True, highlight=False)
    for part in ("machine", "versions"):
        line = ", ".join(f"{name} {value}" for name, value in report[part].items())
        out.print(line, soft_wrap=True, highlight=False)


if __name__ == "__main__":
    main()
