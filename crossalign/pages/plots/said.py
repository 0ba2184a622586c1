"""Pictures with what is said of them, right and wrong, beside what people said."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from crossalign.pages.plots.canvas import empty_figure
from crossalign.pages.plots.palette import GREEN, INK, MUTED, RED
from crossalign.pages.plots.sheet import item_cell
from crossalign.pages.plots.wording import drawable, shorten

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH, STEP, SIDE, GAP, LINE = 10.4, 2.58, 1.08, 0.06, 0.145
"""Widths of the figure, a column, a picture and between two, and height of a line, in inches."""
LETTERS, LINES = 40, 2
"""Number of letters of a line, and of lines of a question, a caption or a reference."""


def said(what: str, right: int, of: int, cells: Sequence[Mapping[str, Any]], *,
         columns: int = 4) -> Figure:
    """Draw pictures, below each what is said of it, and below that what people said if it differs.

    Parameters
    ----------
    what : str
        Noun of what is said: captions or answers.
    right, of : int
        Number that is right, of how many that were tested, for the title.
    cells : sequence of mappings
        ``images``, one item or two as `hits` has them; ``question``, empty for captions; ``said``,
        ``reference`` and ``right``.
    columns : int
        Number of pictures in a row; default 4.

    Raises
    ------
    ValueError
        If there is no cell.
    """
    return _drawn(f"{what.capitalize()}: {right:,} of {of:,} are right", cells, columns)


def rested(what: str, cells: Sequence[Mapping[str, Any]], *, columns: int = 4) -> Figure:
    """Draw pictures beside maps of what captions or answers rest on, each as `said` draws it.

    Parameters
    ----------
    what : str
        Noun of what is said: captions or answers.
    cells : sequence of mappings
        Cells of `said`, whose second image has a ``fall (h, w)`` too, see `tasks.occlusion`.
    columns : int
        Number of cells in a row; default 4.

    Raises
    ------
    ValueError
        If there is no cell.
    """
    return _drawn(f"What some {what} rest on", cells, columns)


def _drawn(title: str, cells: Sequence[Mapping[str, Any]], columns: int) -> Figure:
    """Draw cells row by row below a title; ValueError if there is none."""
    if len(cells) == 0:
        raise ValueError("cells: got none; give one at least.")
    texts = [_lines(cell) for cell in cells]
    rows = [range(i, min(i + columns, len(cells))) for i in range(0, len(cells), columns)]
    heights = [SIDE + 0.3 + LINE * max(len(texts[i]) for i in row) for row in rows]
    height = 0.5 + sum(heights)
    figure = empty_figure(WIDTH, height, layout="none")
    figure.suptitle(drawable(title), color=INK, fontsize=11, fontweight="bold", x=0.12 / WIDTH,
                    y=1 - 0.06 / height, ha="left", va="top")
    top = height - 0.45
    for row, tall in zip(rows, heights, strict=True):
        for column, i in enumerate(row):
            left, colour = 0.12 + column * STEP, GREEN if cells[i]["right"] else RED
            for n, item in enumerate(cells[i]["images"]):
                ax = figure.add_axes(((left + n * (SIDE + GAP)) / WIDTH, (top - SIDE) / height,
                                      SIDE / WIDTH, SIDE / height))
                mark = "" if n else "✓" if cells[i]["right"] else "✗"
                item_cell(ax, item if item["image"] is None else {**item, "text": ""}, colour,
                          LETTERS // 2, mark)
            for line, (text, ink, weight) in enumerate(texts[i]):
                figure.text(left / WIDTH, (top - SIDE - 0.1 - line * LINE) / height,
                            drawable(text), fontsize=7.5, color=ink, fontweight=weight, va="top")
        top -= tall
    return figure


def _lines(cell: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return lines below a picture with their colours and weights."""
    colour = GREEN if cell["right"] else RED
    parts = [(cell["question"], MUTED, "normal"), (cell["said"] or "(nothing)", colour, "bold")]
    if not cell["right"]:
        parts.append((f"people say: {cell['reference']}", INK, "normal"))
    return [(line, ink, weight) for text, ink, weight in parts if text for line in
            textwrap.wrap(shorten(text, LINES * LETTERS - 8), LETTERS)[:LINES]]
