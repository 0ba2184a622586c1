"""Occlusion maps over their pictures: in orange what an answer rests on, in blue what speaks
against it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from crossalign.pages.plots.canvas import empty_figure
from crossalign.pages.plots.palette import BLUE, GRID, INK, MUTED, RED
from crossalign.pages.plots.wording import drawable, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = npt.NDArray[Any]
DEEPEST = 0.85
"""Opacity of the largest fall."""
DARKEST = 0.6
"""Darkness of what is black in a picture below a map."""
ONCE, MOST = 1.05, 1000
"""Number of times below which odds are the same, and above which it is not said how many."""
SIDE, ROOM, LETTERS = 3.0, 0.85, 90
"""Side of a picture and height of the words below, in inches; letters of a line of words."""
FRAME, BARS = 1.0, 0.9
"""Side of a frame of a clip and height of the bars below, in inches."""


def overlay(fall: Array, largest: float | None = None) -> Array:
    """Colour an occlusion map ``(h, w)``, as ``(h, w, 4)`` uint8 to be put over the picture.

    Parameters
    ----------
    fall : (h, w)
        Fall of the score: orange where it is positive, blue where it is negative.
    largest : float, optional
        Absolute fall that is deepest; default the largest of this map. One that leaves the odds
        about the same stays pale.
    """
    deepest = max(float(np.abs(fall).max()) if largest is None else largest, math.log(ONCE))
    share = np.clip(fall / deepest, -1, 1)
    colours = np.array([[int(name[i:i + 2], 16) for i in (1, 3, 5)] for name in (BLUE, RED)])
    rgb = colours[(share > 0).astype(int)]                                     # (h, w, 3)
    return np.concatenate([rgb, np.rint(255 * DEEPEST * np.abs(share))[..., None]],
                          axis=-1).astype(np.uint8)


def grey(picture: Array) -> Array:
    """Return a picture ``(h, w)`` or ``(h, w, 3)`` uint8 in light greys ``(h, w)``, on which the
    colours of an overlay are seen.
    """
    from PIL import Image

    dark = 255 - np.asarray(Image.fromarray(picture).convert("L"))
    return (255 - DARKEST * dark).astype(np.uint8)


def put_over(ax: Axes, fall: Array, largest: float | None = None) -> None:
    """Draw a map over the picture that stands in axes."""
    ax.imshow(overlay(fall, largest), extent=ax.images[0].get_extent(), interpolation="bilinear")


def told(said: str, falls: Sequence[Array], frames: bool = False) -> str:
    """Say in a sentence what the colours of maps mean, or of bars below frames, and by how much
    odds change at most.
    """
    without = "without the frame" if frames else "with the place covered"
    down, up = max(float(f.max()) for f in falls), max(float(-f.min()) for f in falls)
    parts = [f"{colour}: {word}, {_times(most)} at most" for most, colour, word in (
        (down, "orange", "lower"), (up, "blue", "higher")) if _times(most) is not None]
    if parts:
        return f"Odds of “{said}” {without}, in {'; in '.join(parts)}."
    return (("No frame matters alone: without one, " if frames else
             "No place of the picture matters alone: with any covered, ")
            + f"the odds of “{said}” are the same.")


def _times(fall: float) -> str | None:
    """Say how many times a fall of log-odds is; None if it rounds to once."""
    factor = math.exp(min(fall, 700.0))
    if factor < ONCE:
        return None
    return (f"more than {MOST:,} times" if factor > MOST else
            f"{factor:,.0f} times" if factor >= 9.95 else f"{factor:.1f} times")


def occluded(said: str, question: str, pictures: Sequence[Array],
             falls: Sequence[Array]) -> Figure:
    """Draw what is said of a picture or two, each beside its map.

    Parameters
    ----------
    said, question : str
        Answer, caption or class, and the question to which it is the answer, if there was one.
    pictures : arrays (h, w) or (h, w, 3) uint8
    falls : arrays (h, w)
        Map of each, see `tasks.occlusion`; their colours have one scale.
    """
    columns = 2 * len(pictures)
    width, height = columns * SIDE, SIDE + ROOM
    figure = empty_figure(width, height, layout="none")
    largest = max(float(np.abs(fall).max()) for fall in falls)
    for i, (picture, fall) in enumerate(zip(pictures, falls, strict=True)):
        for j, shown in enumerate((picture, grey(picture))):
            ax = figure.add_axes(((2 * i + j + 0.03) / columns, ROOM / height, 0.94 / columns,
                                  0.97 * SIDE / height))
            ax.imshow(shown, cmap="gray", vmin=0, vmax=255, interpolation="none")
            ax.set_xticks([])
            ax.set_yticks([])
            for spine in ax.spines.values():
                spine.set_color(GRID)
            if j:
                put_over(ax, fall, largest)
    _write(figure, f"{question}  {said}".strip(), told(said, falls), 0.03 / columns)
    return figure


def frames(said: str, question: str, pictures: Sequence[Array], falls: Sequence[Array]) -> Figure:
    """Draw what is said of a clip: its frames in their order, and below each a bar, as deep as the
    odds fall without it.

    Parameters
    ----------
    said, question : str
        Answer, caption or class; the question, or an empty string.
    pictures : arrays (h, w) or (h, w, 3) uint8
        Frames, two or more.
    falls : arrays (h, w)
        Fall of the log-odds without each, at every pixel the same.
    """
    n, values = len(pictures), np.array([float(fall.mean()) for fall in falls])
    width = max(2 * SIDE, n * FRAME)
    height = FRAME + BARS + ROOM
    figure = empty_figure(width, height, layout="none")
    for i, picture in enumerate(pictures):
        ax = figure.add_axes(((i + 0.03) / n, (ROOM + BARS) / height, 0.94 / n, FRAME / height))
        ax.imshow(picture, cmap="gray", vmin=0, vmax=255, interpolation="none")
        ax.set_axis_off()
    ax = figure.add_axes((0, ROOM / height, 1, BARS / height))
    ax.bar(np.arange(n), values, width=0.6, color=[RED if v > 0 else BLUE for v in values])
    ax.axhline(0, color=GRID, linewidth=0.8)
    deepest = max(float(np.abs(values).max()), math.log(ONCE))
    ax.set(xlim=(-0.5, n - 0.5), ylim=(min(0.0, float(values.min())) - 0.1 * deepest,
                                       max(0.0, float(values.max())) + 0.1 * deepest))
    ax.set_axis_off()
    _write(figure, f"{question}  {said}".strip(), told(said, falls, frames=True), 0.03 / n)
    return figure


def _write(figure: Figure, head: str, below: str, left: float) -> None:
    """Write what is said, and a sentence, below a figure's pictures."""
    width, height = figure.get_size_inches()
    for text, place, colour, weight in ((head, 0.78, INK, "bold"), (below, 0.42, MUTED, "normal")):
        lines = _wrapped(text, round(LETTERS * width / (2 * SIDE)))
        figure.text(left, place * ROOM / height, lines, fontsize=8 if place < 0.5 else 10,
                    color=colour, fontweight=weight, va="top")


def _wrapped(text: str, letters: int) -> str:
    import textwrap

    return drawable("\n".join(textwrap.wrap(shorten(text, 3 * letters), letters)[:3]))
