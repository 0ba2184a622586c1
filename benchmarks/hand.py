"""Letters as a hand draws them: polylines typed by hand, jittered, with pens of several widths.

Units are those of print: the x-height is 0.5, a capital 0.72 high, the baseline at 0; y goes up.
"""

from __future__ import annotations

import unicodedata
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

SIDE = 448
"""Side of the canvas of the page, in pixels."""
PENS = (4, 7, 12, 18)
"""Widths of pens, in pixels; the page draws with 7."""

Stroke = list[tuple[float, float]]


def _arc(x: float, y: float, across: float, down: float, start: float, stop: float,
         points: int = 24) -> Stroke:
    angles = np.deg2rad(np.linspace(start, stop, points))
    return list(zip((x + across * np.cos(angles)).tolist(), (y + down * np.sin(angles)).tolist(),
                    strict=True))


BASES: dict[str, list[Stroke]] = {
    "a": [_arc(.22, .25, .2, .25, 60, 300), [(.43, .5), (.43, 0)]],
    "c": [_arc(.22, .25, .21, .25, 45, 315)],
    "d": [_arc(.22, .25, .2, .25, 50, 310), [(.43, .74), (.43, 0)]],
    "e": [[(.03, .26), (.43, .26), *_arc(.23, .25, .2, .25, 5, 310)]],
    "g": [_arc(.22, .25, .2, .25, 50, 310), [(.42, .5), *_arc(.23, -.08, .19, .14, 0, -150, 14)]],
    "h": [[(.04, .74), (.04, 0)], [(.04, .3), *_arc(.23, .3, .19, .2, 170, 0), (.42, 0)]],
    "i": [[(.1, .5), (.1, 0)]],
    "k": [[(.04, .74), (.04, 0)], [(.38, .5), (.05, .2)], [(.15, .29), (.4, 0)]],
    "l": [[(.08, .74), (.08, 0)]],
    "n": [[(.03, .5), (.03, 0)], [(.03, .3), *_arc(.22, .3, .19, .2, 170, 0), (.41, 0)]],
    "o": [_arc(.23, .25, .22, .25, 90, 450)],
    "r": [[(.04, .5), (.04, 0)], [(.04, .28), *_arc(.2, .3, .16, .19, 170, 50, 10)]],
    "s": [_arc(.2, .375, .16, .125, 40, 270, 16) + _arc(.2, .125, .17, .125, 90, -140, 16)],
    "t": [[(.15, .68), (.15, .08), (.22, 0), (.32, .02)], [(.02, .5), (.3, .5)]],
    "u": [[(.03, .5), *_arc(.22, .19, .19, .19, 180, 360), (.41, .5)], [(.41, .5), (.41, 0)]],
    "w": [[(0, .5), (.15, 0), (.3, .48), (.45, 0), (.6, .5)]],
    "y": [[(.02, .5), (.22, .02)], [(.42, .5), (.2, -.05), (.1, -.2)]],
    "z": [[(.03, .5), (.4, .5), (.03, 0), (.42, 0)]],
    "A": [[(0, 0), (.3, .72), (.6, 0)], [(.12, .26), (.48, .26)]],
    "C": [_arc(.35, .36, .33, .36, 45, 315)],
    "D": [[(.05, .72), (.05, 0)], [(.05, .72), *_arc(.2, .36, .38, .36, 90, -90), (.05, 0)]],
    "E": [[(.45, .72), (.05, .72), (.05, 0), (.46, 0)], [(.05, .38), (.42, .38)]],
    "H": [[(.04, 0), (.04, .72)], [(.54, 0), (.54, .72)], [(.04, .37), (.54, .37)]],
    "I": [[(.1, .72), (.1, 0)]],
    "K": [[(.05, .72), (.05, 0)], [(.5, .72), (.06, .28)], [(.2, .42), (.54, 0)]],
    "L": [[(.05, .72), (.05, 0), (.45, 0)]],
    "N": [[(.04, 0), (.04, .72), (.52, 0), (.52, .72)]],
    "O": [_arc(.33, .36, .33, .36, 90, 450)],
    "R": [[(.05, 0), (.05, .72)],
          [(.05, .72), *_arc(.3, .54, .17, .18, 90, -90, 12), (.05, .36)], [(.28, .36), (.52, 0)]],
    "S": [_arc(.27, .54, .22, .18, 40, 270, 16) + _arc(.27, .18, .24, .18, 90, -140, 16)],
    "T": [[(0, .72), (.56, .72)], [(.28, .72), (.28, 0)]],
    "U": [[(.04, .72), *_arc(.3, .25, .26, .25, 180, 360), (.56, .72)]],
    "W": [[(0, .72), (.2, 0), (.4, .7), (.6, 0), (.8, .72)]],
    "Y": [[(0, .72), (.28, .36), (.56, .72)], [(.28, .36), (.28, 0)]],
    "Z": [[(.04, .72), (.55, .72), (.02, 0), (.56, 0)]],
}

ABOVE: dict[str, list[Stroke]] = {
    "ACUTE": [[(-.05, -.06), (.08, .08)]], "GRAVE": [[(.05, -.06), (-.08, .08)]],
    "CIRCUMFLEX": [[(-.12, -.05), (0, .07), (.12, -.05)]],
    "CARON": [[(-.12, .07), (0, -.05), (.12, .07)]],
    "TILDE": [[(-.14, -.03), (-.07, .04), (.06, -.03), (.14, .04)]],
    "DIAERESIS": [[(-.1, 0), (-.1, .01)], [(.1, 0), (.1, .01)]],
    "DOT ABOVE": [[(0, 0), (0, .01)]], "MACRON": [[(-.14, 0), (.14, 0)]],
    "BREVE": [_arc(0, .06, .12, .1, 190, 350, 12)],
    "RING ABOVE": [_arc(0, .01, .065, .065, 90, 450, 16)],
    "DOUBLE GRAVE": [[(0, -.06), (-.1, .08)], [(.13, -.06), (.03, .08)]],
    "INVERTED BREVE": [_arc(0, -.06, .12, .1, 10, 170, 12)],
    "HOOK ABOVE": [[*_arc(0, .03, .05, .05, 180, -60, 12), (0, -.05)]],
}
BELOW: dict[str, list[Stroke]] = {
    "DOT BELOW": [[(0, -.15), (0, -.14)]], "MACRON BELOW": [[(-.14, -.13), (.14, -.13)]],
    "CIRCUMFLEX BELOW": [[(-.12, -.2), (0, -.08), (.12, -.2)]],
    "TILDE BELOW": [[(-.14, -.18), (-.07, -.11), (.06, -.18), (.14, -.11)]],
    "CEDILLA": [[(0, 0), *_arc(0, -.1, .06, .06, 80, -120, 10)]],
    "OGONEK": [[(.12, .02), *_arc(.14, -.08, .07, .09, 150, 320, 10)]],
}


def strokes(letter: str) -> list[Stroke] | None:
    """The strokes of a letter of one base and one mark; None if its parts are not typed here."""
    base, *marks = unicodedata.normalize("NFD", letter)
    name = " ".join(word for word in unicodedata.name(marks[0]).split()
                    if word not in ("COMBINING", "ACCENT")) if len(marks) == 1 else ""
    if base not in BASES or name not in ABOVE | BELOW or (base in "dlLt" and name == "CARON"):
        return None                                  # a caron beside a tall letter is a comma
    points = np.array([point for stroke in BASES[base] for point in stroke])
    low, high = points.min(axis=0), points.max(axis=0)
    x = low[0] + .08 if base == "h" and name in ABOVE else (low[0] + high[0]) / 2
    y = high[1] + .16 if name in ABOVE else low[1]
    return [*BASES[base], *([(x + dx, y + dy) for dx, dy in stroke]
                            for stroke in (ABOVE | BELOW)[name])]


def drawing(letter: str, pen: int, rng: np.random.Generator) -> Any:
    """A letter on the page's canvas, ``(448, 448)`` uint8, black on white.

    It is as large as a third to four fifths of the canvas, anywhere on it, slanted, turned,
    stretched, and every stroke wobbles.
    """
    of = strokes(letter)
    assert of is not None
    points = np.array([point for stroke in of for point in stroke])
    low, high = points.min(axis=0), points.max(axis=0)
    size, turn = rng.uniform(.35, .8), np.deg2rad(rng.uniform(-6, 6))
    slant, stretch = rng.uniform(-.18, .18), rng.uniform(.88, 1.12)
    warp = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ np.array(
        [[stretch, slant], [0, 1 / stretch]])
    scale = size * SIDE / (high - low).max()
    centre = SIDE / 2 + .7 * rng.uniform(-1, 1, 2) * SIDE * (1 - size) / 2
    sheet = Image.new("L", (SIDE, SIDE), 255)
    pencil = ImageDraw.Draw(sheet)
    for stroke in of:
        along = np.linspace(0, 1, len(stroke))[:, None]
        start, stop, wave = rng.normal(0, .012, (3, 2))
        bent = ((np.array(stroke) - (low + high) / 2) @ warp.T + start * (1 - along) + stop * along
                + wave * np.sin(2 * np.pi * (along * rng.uniform(.5, 1.5) + rng.uniform())))
        line = [(centre[0] + scale * x, centre[1] - scale * y) for x, y in bent]
        pencil.line(line, fill=0, width=pen, joint="curve")
        for x, y in (line[0], line[-1]):
            pencil.ellipse((x - pen / 2, y - pen / 2, x + pen / 2, y + pen / 2), fill=0)
    return np.asarray(sheet)
