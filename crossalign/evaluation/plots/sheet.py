"""Queries with their best results, as a contact sheet."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from crossalign.evaluation.plots.canvas import empty_figure
from crossalign.evaluation.plots.palette import GREEN, INK, MUTED, RED
from crossalign.evaluation.plots.wording import arrow, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = npt.NDArray[Any]


def hits(
    queries: Sequence[Mapping[str, Any]], results: Sequence[Sequence[Mapping[str, Any]]],
    correct: Sequence[Sequence[bool]], direction: str = "", *, rows: int = 8, columns: int = 8,
) -> Figure:
    """Queries with their best results, framed green with a check or red with a cross.

    Parameters
    ----------
    queries : q items
        ``{"image": (h, w) or (h, w, 3) uint8 or None, "text": str}``.
    results, correct : q lists of items and of bool
        Best first.
    direction : str
        As ``"image->text"``, for the title.
    rows, columns : int
        At most so many queries and results are drawn.

    Raises
    ------
    ValueError
        If there is no query, or lengths disagree.
    """
    if len(queries) == 0 or not len(queries) == len(results) == len(correct):
        raise ValueError(f"queries: {len(queries)} with {len(results)} results and {len(correct)} "
                         "correct; give as many of each, at least one.")
    n = min(len(queries), rows)
    k = max(1, min(max(len(r) for r in results[:n]), columns))
    letters = max(12, 150 // (k + 1))
    step = min(1.75, 9.95 / (k + 1))  # all lengths in inches
    side = min(1.2, step - 0.14)
    width, height = 10.4, 0.62 + n * (side + 0.38)
    figure = empty_figure(width, height, layout="none")

    def place(row: int, column: int) -> Axes:
        left = 0.12 + column * step + (0.2 if column else 0)
        bottom = height - 0.58 - side - row * (side + 0.38)
        return figure.add_axes((left / width, bottom / height, side / width, side / height))

    right = sum(bool(row[0]) for row in correct[:n] if len(row))
    title = f"{arrow(direction)}: the best result is right for {right} of {n} queries"
    figure.suptitle(title.lstrip(": "), color=INK, fontsize=11, fontweight="bold",
                    x=0.12 / width, y=1 - 0.06 / height, ha="left", va="top")
    for i in range(n):
        ax = place(i, 0)
        _cell(ax, queries[i], INK, letters)
        if i == 0:
            ax.set_title("query", fontsize=8.5, color=MUTED)
        for j, (item, right_one) in enumerate(zip(results[i][:k], correct[i][:k], strict=True)):
            ax = place(i, j + 1)
            _cell(ax, item, GREEN if right_one else RED, letters, "✓" if right_one else "✗")
            if i == 0:
                ax.set_title("best result" if j == 0 else str(j + 1), fontsize=8.5, color=MUTED)
    return figure


def _cell(ax: Axes, item: Mapping[str, Any], colour: str, letters: int, mark: str = "") -> None:
    """One picture or text in a coloured frame, with a check or a cross in its corner."""
    image, text = item.get("image"), str(item.get("text") or "")
    ax.set_xticks([])
    ax.set_yticks([])
    ax.set_facecolor("none")
    for spine in ax.spines.values():
        spine.set(color=colour, linewidth=2.2 if mark else 1.0)
    if image is not None:
        ax.imshow(_thumbnail(np.asarray(image)), cmap="gray", vmin=0, vmax=255,
                  interpolation="none")
        ax.set_xlabel("\n".join(textwrap.wrap(shorten(text, 2 * letters - 6), letters)[:2]),
                      fontsize=6.5, color=MUTED, labelpad=3)
    else:
        lines = textwrap.wrap(text, max(10, letters - 7))
        lines = [*lines[:5], "…"] if len(lines) > 6 else lines
        ax.text(0.5, 0.5, "\n".join(lines), ha="center", va="center", fontsize=7.2, color=INK,
                transform=ax.transAxes)
    if mark:
        ax.text(0.965, 0.955, mark, ha="center", va="center", fontsize=8.5, color="#fefefe",
                fontweight="bold", transform=ax.transAxes, zorder=6,
                bbox={"boxstyle": "circle,pad=0.14", "facecolor": colour, "edgecolor": "none"})


def _thumbnail(pixels: Array, side: int = 128) -> Array:
    """(h, w) or (h, w, 3) uint8, at most ``side`` on its longer side; floats in [0, 1] scaled."""
    from PIL import Image

    if pixels.dtype != np.uint8:
        pixels = (255 * np.clip(pixels, 0, 1)).round().astype(np.uint8)
    if max(pixels.shape[:2]) <= side:
        return pixels
    picture = Image.fromarray(pixels)
    picture.thumbnail((side, side))
    return np.asarray(picture)
