"""Compare ways to cover parts of a picture, on validation letters: ``python docs/coverings.py``.

A map is better the more of it is on what the question asks for: the mark, or the letter below.
Answerers are fitted on training letters of validation, and maps are of right answers about its
other letters, in the faces that it holds out. Beside the maps of `tasks.occlusion` stand other
shades, other squares, random masks, and the same maps of log-probabilities.

The table goes into the region ``coverings`` of ``docs/answers.md``, or to standard output with
``--dry``.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from evidence import PAGE, RUNS, Array, Drawing, Seen, drawings, log_odds, of, placed, read
from regions import with_region
from scipy.ndimage import gaussian_filter, zoom
from scipy.special import log_expit

from crossalign import load, models
from crossalign.data.sources.glyphs.letters import questions
from crossalign.data.sources.glyphs.source import VALIDATION_FACES
from crossalign.files import write_text
from crossalign.pages.plots.occlusion import ONCE
from crossalign.tables import markdown
from crossalign.tasks.answer_calibration import answer_temperature
from crossalign.tasks.answerer import Answerer
from crossalign.tasks.occlusion import STEPS, occlusion, squares

Score = Callable[[Sequence[Array]], Array]
ASKED = {"which mark?": "mark", "which letter is under the mark?": "base"}
"""Questions, and the part of a drawing that each asks for."""
BLUR = 4.0
"""Deviation of a blur in pixels, an eighth of a drawing."""
MASKS, CELLS = 500, 7
"""Number of random masks and of cells along their side, as of RISE (Petsiuk et al. 2018)."""


class Found(NamedTuple):
    """A map: where it falls, and its largest change of the score."""

    seen: Seen
    largest: float


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dry", action="store_true")
    parser.add_argument("--pictures", type=int, default=40, help="drawings of each draw")
    given = parser.parse_args(arguments)
    found: dict[tuple[str, str], list[Found]] = defaultdict(list)
    draws = [draw for model, draw in RUNS if model == RUNS[0][0]]
    for draw in draws:
        answerer, names = on_validation(draw)
        for one in drawings(names, given.pictures, draw, VALIDATION_FACES):
            for key, of_one in maps(answerer, one).items():
                found[key].append(of_one)
        print(f"  draw {draw}", file=sys.stderr, flush=True)
    text = table(found, draws, given.pictures)
    if given.dry:
        print(text)
        return
    write_text(PAGE, with_region(PAGE.read_text(encoding="utf-8"), "coverings", text))


def on_validation(draw: int) -> tuple[Answerer, set[str]]:
    """An answerer of the training part of validation, and the names of its unseen letters."""
    bench = load("glyphs", "vqa", seed=draw).validation()
    assert bench is not None
    model = models.get(RUNS[0][0])().fit(bench["train"], classes=bench.classes)
    answerer = Answerer(model).fit(bench["train"], bench.said)
    answerer.temperature = answer_temperature(answerer, bench["test_unseen"],
                                              of(bench, "test_unseen"))
    unseen = np.array(bench.classes.names)[~bench.classes.seen]
    return answerer, set(unseen.tolist())


def maps(answerer: Answerer, drawing: Drawing) -> dict[tuple[str, str], Found]:
    """Maps of right answers to `ASKED`, by the way of covering and the question."""
    right, found = dict(questions(drawing.letter)), {}
    for text in ASKED:
        if answerer.predict(read([drawing.picture]), [text])[0] == right[text]:
            for way, fall in ways(drawing.picture, log_odds(answerer, text, right[text])).items():
                found[way, text] = Found(placed(True, fall, drawing), float(np.abs(fall).max()))
    return found


def ways(picture: Array, score: Score) -> dict[str, Array]:
    """Maps ``(32, 32)`` of one score, by the way of covering."""
    blurred = gaussian_filter(picture.astype(float), BLUR)
    mean = np.full(picture.shape, picture.mean())
    return {
        "median shade, as drawn here": occlusion(picture, score).fall,
        "the same of the log-probability": occlusion(
            picture, lambda pictures: log_expit(score(pictures))).fall,
        "squares of half the side": occlusion(picture, score, steps=2 * STEPS).fall,
        "squares of twice the side": occlusion(picture, score, steps=STEPS // 2).fall,
        "mean shade": covered_by(picture, mean, score),
        "blur": covered_by(picture, blurred, score),
        f"{MASKS} random masks": masked(picture, score)}


def covered_by(picture: Array, cover: Array, score: Score) -> Array:
    """The map of squares that show a cover in the place of a picture, both ``(h, w)``."""
    places = list(squares(*picture.shape, STEPS))
    pictures = np.repeat(picture[None], len(places), axis=0)
    for one, place in zip(pictures, places, strict=True):
        one[place] = np.rint(cover[place])
    falls = score([picture])[0] - score(list(pictures))
    total, count = np.zeros(picture.shape), np.zeros(picture.shape)
    for place, fall in zip(places, falls, strict=True):
        total[place] += fall
        count[place] += 1
    return total / count


def masked(picture: Array, score: Score) -> Array:
    """The map of random masks: the mean score with a pixel shown, less that with it hidden, which
    is the median shade.
    """
    rng, side = np.random.default_rng(0), len(picture)
    cell = -(-side // CELLS)
    shown = np.empty((MASKS, side, side))
    for mask in shown:
        whole = zoom(rng.integers(0, 2, (CELLS + 1, CELLS + 1)).astype(float), cell, order=1)
        top, left = rng.integers(0, len(whole) - side + 1, 2)
        mask[:] = whole[top:top + side, left:left + side]
    shade = np.median(picture)
    values = score(list(np.rint(shade + shown * (picture - shade)).astype(np.uint8)))
    values = values[:, None, None] - values.mean()
    hidden = 1 - shown
    return np.asarray((values * shown).sum(axis=0) / shown.sum(axis=0)
                      - (values * hidden).sum(axis=0) / hidden.sum(axis=0))


def table(found: dict[tuple[str, str], list[Found]], draws: Sequence[int], pictures: int) -> str:
    """The table of ways, and what it rests on."""
    lines: dict[str, list[str]] = defaultdict(list)
    counts: dict[str, int] = {}
    for (way, text), every in found.items():
        rows = np.array([[getattr(one.seen, ASKED[text]), getattr(one.seen, f"{ASKED[text]}_area"),
                          one.seen.peak_near_mark] for one in every], dtype=float).mean(axis=0)
        blank = np.mean([one.largest < np.log(ONCE) for one in every])
        lines[way] += [f"{100 * rows[0]:.1f} (x {rows[0] / rows[1]:.1f})",
                       *([f"{100 * rows[2]:.0f}"] if ASKED[text] == "mark" else []),
                       f"{100 * blank:.0f}"]
        counts[text] = len(every)
    heads = ("way", "which mark?: share on the mark", "peak on or near it", "blank maps",
             "which letter?: share on the letter", "blank maps")
    of_counts = " and ".join(f"{n} to “{text}”" for text, n in counts.items())
    return (markdown(heads, [[way, *cells] for way, cells in lines.items()])
            + f"\n\n`{RUNS[0][0]}`, validation letters of draws {', '.join(map(str, draws))}, "
              f"{pictures} drawings of each; right answers, {of_counts}; in percent. A blank map "
              f"changes the score by less than {ONCE:g} times.")


if __name__ == "__main__":
    main()
