"""Measure what answers about letters rest on, and how sure they are: ``python docs/evidence.py``.

A model is fitted on a draw of letters, validation chooses the answerer's dropout and the
temperature of its shares, and both are looked at on letters never trained:

- Are shares calibrated? The expected calibration error of the best answers, before and after.
- Does an occlusion map fall where the answer is? Fresh drawings of these letters in faces never
  trained, of which it is known which pixels are the mark and which the letter under it: the part of
  a map that lowers the answer's log-odds, and its share on each.

The tables go into the regions ``calibration`` and ``occlusion`` of ``docs/answers.md``, or to
standard output with ``--dry``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import ImageChops
from regions import with_region
from scipy.ndimage import binary_dilation

from crossalign import load, models
from crossalign.data.sources.glyphs.features import GlyphEncoder
from crossalign.data.sources.glyphs.letters import Letter, questions
from crossalign.data.sources.glyphs.samples import chosen_letters
from crossalign.data.sources.glyphs.source import TEST_FACES
from crossalign.data.sources.glyphs.typefaces import (
    CANVAS,
    FACES,
    turned_square,
    typeface_fonts,
    upright_letter,
    warped,
)
from crossalign.evaluation import fit_for
from crossalign.evaluation.protocols.vqa import VQA
from crossalign.files import write_text
from crossalign.metrics import vqa_accuracy
from crossalign.tables import markdown
from crossalign.tasks.answer_calibration import answer_calibration_error
from crossalign.tasks.answerer import Answerer
from crossalign.tasks.occlusion import occlusion

Array = np.ndarray[Any, Any]
PAGE = Path(__file__).resolve().parent / "answers.md"
RUNS = (("fusionnet_qsma", 3), ("fusionnet_qsma", 4), ("fusionnet_qsma", 5), ("ridge_map", 3))
"""Models and draws of the letters, none of them the default one."""
INK, FEWEST, NEAR = 64, 5, 2
"""Value from which a pixel is ink, least number of pixels of a mark that is looked for, and pixels
around a mark that are near it."""
ASKED = ("which mark?", "where is the mark?", "which letter is under the mark?",
         "is it a capital?")


class Drawing(NamedTuple):
    """A letter drawn anew: black on white ``(32, 32)``, and its pixels that are of each part."""

    letter: Letter
    picture: Array
    mark: Array
    base: Array


class Seen(NamedTuple):
    """A map of one answer: whether that is right, and the map's shares and areas of the parts."""

    right: bool
    mark: float
    mark_area: float
    base: float
    base_area: float
    peak_near_mark: bool


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dry", action="store_true")
    parser.add_argument("--pictures", type=int, default=100, help="drawings of each run")
    given = parser.parse_args(arguments)
    sure: list[list[str]] = []
    maps: dict[str, list[Seen]] = {text: [] for text in ASKED}
    for model, draw in RUNS:
        row, answerer, names = fitted(model, draw)
        sure.append(row)
        print("  " + " | ".join(row), file=sys.stderr, flush=True)
        if model == RUNS[0][0]:
            for one in drawings(names, given.pictures, draw):
                for text, found in seen(answerer, one).items():
                    maps[text].append(found)
    calibration = markdown(("model", "draw", "accuracy", "temperature", "ECE_uncalibrated", "ECE",
                            "accuracy_seen", "ECE_seen"), sure)
    tables = {"calibration": f"{calibration}\n\nIn percent, the temperature aside.",
              "occlusion": of_maps(maps, given.pictures)}
    if given.dry:
        print("\n\n".join(tables.values()))
        return
    page = PAGE.read_text(encoding="utf-8")
    for region, text in tables.items():
        page = with_region(page, region, text)
    write_text(PAGE, page)


def fitted(name: str, draw: int) -> tuple[list[str], Answerer, set[str]]:
    """A row of the table of calibration, the answerer, and the names of letters never trained."""
    bench = load("glyphs", "vqa", seed=draw)
    chosen = fit_for(models.get(name)(), bench, task=VQA(), tune=False)
    answerer = Answerer(chosen.model, dropout=chosen.settings["dropout"])
    answerer.fit(bench["train"], bench.said)
    raw = answer_calibration_error(answerer, bench["test_unseen"], of(bench, "test_unseen"))
    answerer.temperature = chosen.settings["temperature"]
    cells = [f"{answerer.temperature:.2f}", shown(raw)]
    for split in ("test_unseen", "test_seen"):
        views, asked = bench[split], of(bench, split)
        cells.append(shown(vqa_accuracy(answerer.predict(views, asked).tolist(), asked.answers)))
        cells.append(shown(answer_calibration_error(answerer, views, asked)))
    heat, before, right, after, *of_seen = cells
    unseen = np.array(bench.classes.names)[~bench.classes.seen]
    return [name, str(draw), right, heat, before, after, *of_seen], answerer, set(unseen.tolist())


def of(bench: Any, split: str) -> Any:
    """Questions about a split."""
    return bench.said.of(bench[split])


def shown(share: float) -> str:
    """A share in percent."""
    return f"{100 * share:.1f}"


def drawings(names: set[str], n: int, draw: int,
             faces: Sequence[str] = TEST_FACES) -> list[Drawing]:
    """Draw letters anew in some faces, with the pixels of their marks and of what is below."""
    letters = [one for one in chosen_letters() if one.name in names]
    rng = np.random.default_rng([draw, 17])
    fonts = dict(zip(FACES, typeface_fonts(), strict=True))
    pairs = [(one, face) for one in letters for face in faces]
    found: list[Drawing] = []
    for place in rng.permutation(len(pairs)):
        letter, face = pairs[place]
        whole, below = (upright_letter(text, fonts[face]) for text in
                        (letter.character, letter.base))
        turn, size, *shift = rng.uniform(-1, 1, 4)
        corners = turned_square(np.deg2rad(7 * np.array([turn])), CANVAS / 2 * (
            1 + 0.08 * np.array([size])), CANVAS / 2 + 3 * np.array([shift])).reshape(8)
        ink, mark = (warped(canvas, corners) for canvas in (
            whole, ImageChops.subtract(whole, below)))
        of_mark = mark > INK
        if of_mark.sum() >= FEWEST and len(found) < n:
            found.append(Drawing(letter, 255 - ink, of_mark, (ink > INK) & ~of_mark))
    return found


def seen(answerer: Answerer, drawing: Drawing) -> dict[str, Seen]:
    """Maps of the answers to `ASKED`, by question."""
    right = dict(questions(drawing.letter))
    found = {}
    for text in ASKED:
        answer = str(answerer.predict(read([drawing.picture]), [text])[0])
        fall = occlusion(drawing.picture, log_odds(answerer, text, answer)).fall
        found[text] = placed(answer == right[text], fall, drawing)
    return found


def placed(right: bool, fall: Array, drawing: Drawing) -> Seen:
    """Shares of the parts of a drawing in what of a map ``(32, 32)`` is above zero."""
    above = np.maximum(fall, 0)
    total = max(float(above.sum()), 1e-12)
    near = binary_dilation(drawing.mark, iterations=NEAR)
    return Seen(right, float(above[drawing.mark].sum()) / total, float(drawing.mark.mean()),
                float(above[drawing.base].sum()) / total, float(drawing.base.mean()),
                bool(near[np.unravel_index(above.argmax(), above.shape)]))


def read(pictures: Sequence[Array]) -> Array:
    """Features ``(n, 128)`` of letters, as the benchmark has them."""
    return GlyphEncoder("hog").encode(np.stack(pictures))


def log_odds(answerer: Answerer, text: str, answer: str) -> Callable[[Sequence[Array]], Array]:
    """The score of a map: the log-odds of one answer to a question."""
    return lambda pictures: answerer.log_odds(read(pictures), [text] * len(pictures), answer)


def of_maps(maps: dict[str, list[Seen]], pictures: int) -> str:
    """The table of maps, and what it rests on."""
    lines = []
    for text, every in maps.items():
        for word, rows in (("right", [one for one in every if one.right]),
                           ("wrong", [one for one in every if not one.right])):
            if len(rows) < 10:
                continue
            mean = np.mean([[float(x) for x in row] for row in rows], axis=0)
            lines.append([text, word, str(len(rows)), *(
                f"{100 * mean[i]:.1f} of {100 * mean[i + 1]:.1f} (x {mean[i] / mean[i + 1]:.1f})"
                for i in (1, 3)), f"{100 * mean[5]:.0f}"])
    draws = [str(draw) for model, draw in RUNS if model == RUNS[0][0]]
    return (markdown(("question", "answers", "maps", "share on the mark, of its area",
                      "share on the letter below, of its area", "peak on or near the mark"), lines)
            + f"\n\n`{RUNS[0][0]}`, draws {', '.join(draws)}, {pictures} drawings of each, in "
              "percent.")


if __name__ == "__main__":
    main()
