"""Queries with their best results, as a contact sheet."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from crossalign.pages.plots.canvas import empty_figure
from crossalign.pages.plots.occlusion import grey, put_over
from crossalign.pages.plots.palette import GREEN, GRID, INK, MUTED, ON_COLOUR, RED
from crossalign.pages.plots.thumbnail import thumbnail
from crossalign.pages.plots.wording import LONGEST, arrow, drawable, shorten
from crossalign.tables import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = npt.NDArray[Any]
T = TypeVar("T")
Lists = Sequence[Sequence[T]] | Mapping[str, Sequence[Sequence[T]]]
"""Lists of q items, or a mapping to such from the names of several rankings."""


def hits(
    queries: Sequence[Mapping[str, Any]], results: Lists[Mapping[str, Any]], correct: Lists[bool],
    direction: str = "", *, rows: int = 8, columns: int = 8,
) -> Figure:
    """Draw queries with their best results, framed green with a check or red with a cross.

    Parameters
    ----------
    queries : q items
        ``{"image": (h, w) or (h, w, 3) uint8 or None, "text": str}`` of each query.
    results, correct : q lists of items and of bool
        Results and whether they are right, best first. Or mappings to such from the names of
        several rankings, which then stand below one another for each query.
    direction : str
        Direction for the title, such as ``"image->text"``; default none.
    rows, columns : int
        Largest numbers of queries and of results that are drawn; default 8 each.

    Raises
    ------
    ValueError
        If there is no query, or lengths or rankings disagree.
    """
    ranked = _rankings(results, correct)
    for items, marks in ranked.values():
        if len(queries) == 0 or not len(queries) == len(items) == len(marks):
            raise ValueError(f"queries: {len(queries)} with {len(items)} results and {len(marks)} "
                             "correct; give as many of each, at least one.")
    n, several = min(len(queries), rows), len(ranked) > 1
    lines = [row[:columns] for items, _ in ranked.values() for row in items[:n]]
    captions = any(item.get("image") is not None for row in lines for item in row)
    sheet = _Sheet(n, len(ranked), max(1, *map(len, lines)), captions)
    sheet.title(_title(direction, n, ranked))
    for i in range(n):
        ax = sheet.cell(i, 0, 0)
        item_cell(ax, queries[i], INK, sheet.letters)
        if i == 0:
            ax.set_title("query", fontsize=8.5, color=MUTED)
        for r, (name, (items, marks)) in enumerate(ranked.items()):
            if several:
                sheet.name(i, r, name)
            cells = zip(items[i][:columns], marks[i][:columns], strict=True)
            for j, (item, right) in enumerate(cells):
                ax = sheet.cell(i, r, j + 1)
                item_cell(ax, item, GREEN if right else RED, sheet.letters, "✓" if right else "✗")
                if i == r == 0:
                    ax.set_title("best result" if j == 0 else str(j + 1), fontsize=8.5,
                                 color=MUTED)
    return sheet.figure


def _rankings(results: Any, correct: Any) -> dict[str, tuple[Any, Any]]:
    """Return results and correctness by ranking; a single ranking has the name ""."""
    if not isinstance(results, Mapping):
        return {"": (results, correct)}
    if not isinstance(correct, Mapping) or set(results) != set(correct) or not results:
        raise ValueError(f"correct: {sorted(correct)} for results of {sorted(results)}; give both "
                         "for the same rankings.")
    return {name: (items, correct[name]) for name, items in results.items()}


def _title(direction: str, n: int, ranked: Mapping[str, tuple[Any, Any]]) -> str:
    """Say how often the best result is right, or by what the queries are ranked."""
    if len(ranked) > 1:
        *first, last = ranked
        return f"{arrow(shorten(direction, 50))} ranked by {', '.join(first)} and {last}".strip()
    (_, marks), = ranked.values()
    right = sum(bool(row[0]) for row in marks[:n] if len(row))
    title = f"{arrow(shorten(direction, 50))}: the best result is right for {right} of {n} queries"
    return title.lstrip(": ")


class _Sheet:
    """A figure with places for queries and their rankings; all lengths in inches."""

    def __init__(self, queries: int, rankings: int, columns: int, captions: bool) -> None:
        several = rankings > 1
        self.label = 0.75 if several else 0.2
        self.step = min(1.75, (10.15 - self.label) / (columns + 1))
        self.side = min(0.95 if several else 1.2, self.step - 0.14)
        self.letters = max(12, 150 // (columns + 1))
        self.line = self.side + (0.38 if not several else 0.3 if captions else 0.12)
        self.group = rankings * self.line + (0.24 if several else 0)
        self.width, self.height = 10.4, 0.62 + queries * self.group
        self.figure = empty_figure(self.width, self.height, layout="none")
        for query in range(1, queries if several else 0):
            y = self.height - 0.41 - query * self.group
            self.figure.add_artist(_rule(0.12 / self.width, 1 - 0.12 / self.width,
                                         y / self.height))

    def title(self, text: str) -> None:
        """Write a title above everything."""
        self.figure.suptitle(drawable(text), color=INK, fontsize=11, fontweight="bold",
                             x=0.12 / self.width, y=1 - 0.06 / self.height, ha="left", va="top")

    def cell(self, query: int, ranking: int, column: int) -> Axes:
        """Add the axes of a query (column 0) or of one of its results."""
        left = 0.12 + column * self.step + (self.label if column else 0)
        return self.figure.add_axes((left / self.width, self._bottom(query, ranking) / self.height,
                                     self.side / self.width, self.side / self.height))

    def name(self, query: int, ranking: int, text: str) -> None:
        """Write the name of a ranking before its results."""
        self.figure.text((0.04 + self.step + self.label) / self.width,
                         (self._bottom(query, ranking) + self.side / 2) / self.height,
                         drawable(shorten(text, 12)), fontsize=8.5, color=INK, ha="right",
                         va="center")

    def _bottom(self, query: int, ranking: int) -> float:
        return self.height - 0.58 - self.side - query * self.group - ranking * self.line


def _rule(left: float, right: float, y: float) -> Any:
    """Return a thin line across the figure."""
    from matplotlib.lines import Line2D

    return Line2D([left, right], [y, y], color=GRID, linewidth=0.8)


def item_cell(ax: Axes, item: Mapping[str, Any], colour: str, letters: int, mark: str = "") -> None:
    """Draw one picture or text in a coloured frame, with a check or a cross in its corner; a
    picture with a ``fall`` below its occlusion map.
    """
    image, text = item.get("image"), str(item.get("text") or "")
    ax.set_xticks([])
    ax.set_yticks([])
    ax.set_facecolor("none")
    for spine in ax.spines.values():
        spine.set(color=colour, linewidth=2.2 if mark else 1.0)
    if image is not None:
        fall, shown = item.get("fall"), thumbnail(np.asarray(image))
        ax.imshow(shown if fall is None else grey(shown), cmap="gray", vmin=0, vmax=255,
                  interpolation="none")
        if fall is not None:
            put_over(ax, np.asarray(fall))
        lines = textwrap.wrap(shorten(text, 2 * letters - 6), letters)[:2]
        ax.set_xlabel(drawable("\n".join(lines)), fontsize=6.5, color=MUTED, labelpad=3)
    else:
        lines = textwrap.wrap(printable(text[:LONGEST]), max(10, letters - 7))
        lines = [*lines[:5], "…"] if len(lines) > 6 else lines
        ax.text(0.5, 0.5, drawable("\n".join(lines)), ha="center", va="center", fontsize=7.2,
                color=INK, transform=ax.transAxes)
    if mark:
        ax.text(0.965, 0.955, mark, ha="center", va="center", fontsize=8.5, color=ON_COLOUR,
                fontweight="bold", transform=ax.transAxes, zorder=6,
                bbox={"boxstyle": "circle,pad=0.14", "facecolor": colour, "edgecolor": "none"})
