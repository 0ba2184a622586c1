"""Measure which pictures a space calls unlike all others: ``python docs/unlike.py --data ROOT``.

The least cosine is learned on training pictures (`space.unlike`), and the share below it is counted
on pictures of classes in training that were held out, on those of classes that were not, on noise,
a blank page and a black one, and on pictures of another kind: photographs for letters, and letters
for photographs. ROOT holds the folders ``caltech30``, ``emoji`` and ``models``.

The table goes into the region ``unlike`` of ``docs/space.md``, or to standard output with
``--dry``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from regions import with_region

from crossalign import load
from crossalign.arrays import evenly
from crossalign.data.sources.glyphs.samples import draw_samples
from crossalign.encoders.named import open_encoders
from crossalign.encoders.steps import steps_of
from crossalign.files import write_text
from crossalign.space.items import pixels_of
from crossalign.space.left_out import SAMPLED
from crossalign.space.unlike import (
    MOST,
    are_unlike,
    empty_pages,
    least_cosine,
    stand_apart,
)
from crossalign.tables import markdown, percent

PAGE = Path(__file__).resolve().parent / "space.md"
NETWORK = "models/mobilenet_v2_1.0_224_quant.tflite"
NOISE, OTHERS, SIDE = 50, 200, 96
"""Pictures of noise and of another kind, and pixels of a side."""
SPLITS = ("test_seen", "test_unseen")


def encoded(name: str, pictures: list[Any]) -> Any:
    """Encode pictures by an encoder as the reader of a space does."""
    encoder, _ = open_encoders(name, None)
    assert encoder is not None
    steps = steps_of(encoder)
    return steps.encode([steps.prepare(pixels_of(one, steps.side, encoder.mode))
                         for one in pictures])


def odd_pictures(others: list[Any]) -> dict[str, list[Any]]:
    """Return pictures that show nothing, and those of another kind."""
    rng = np.random.default_rng(0)
    plain = {name: [Image.new("RGB", (SIDE, SIDE), name)] for name in ("white", "black")}
    noise = [rng.integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8) for _ in range(NOISE)]
    return {**plain, "noise": noise, "another kind": others}


def some(items: list[Any]) -> list[Any]:
    """Return up to `OTHERS` of the items, spread evenly."""
    return [items[i] for i in evenly(len(items), OTHERS)]


def shares(bench: Any, encoder: str, others: list[Any]) -> list[str]:
    """Return the shares that are called unlike, as cells."""
    train = bench["train"]
    rows, labels = np.asarray(train["image"]), train.truth
    sample, more = (evenly(len(rows), most) for most in (SAMPLED, MOST))
    least = least_cosine(rows[more], labels[more], rows[sample], labels[sample])
    assert least is not None
    pages = encoded(encoder, empty_pages())
    apart = pages if stand_apart(pages, rows[sample]) else None
    asked = {name: bench[name]["image"] for name in SPLITS}
    asked |= {name: encoded(encoder, given) for name, given in odd_pictures(others).items()}
    return [percent(float(are_unlike(given, rows[sample], least, apart).mean()))
            for given in asked.values()]


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--dry", action="store_true")
    given = parser.parse_args()
    photos = some(sorted((given.data / "caltech30").rglob("*.jpg")))
    letters = some(list(255 - draw_samples(0, "hog", cache=True).pictures))
    network = str(given.data / NETWORK)
    table = []
    for what, name, encoder, others, seed in (
            ("letters", "glyphs", "ink+hog", photos, 3),
            ("photographs", str(given.data / "caltech30"), network, letters, 0),
            ("emoji", str(given.data / "emoji"), network, photos, 0)):
        bench = load(name, "gzsl", encoder=encoder, seed=seed)
        table.append([what, Path(encoder).stem.split("_")[0], *shares(bench, encoder, others)])
    head = ["space of", "encoder", "pictures of its classes", "of other such classes", "white",
            "black", "noise", "photographs, or letters"]
    body = markdown(head, table)
    if given.dry:
        sys.stdout.write(body)
    else:
        write_text(PAGE, with_region(PAGE.read_text(encoding="utf-8"), "unlike", body))


if __name__ == "__main__":
    main()
