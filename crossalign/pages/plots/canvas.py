"""Empty figures, and the axes and legends of one style that fill them."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from crossalign.pages.plots.palette import GRID, INK, MUTED, PAPER
from crossalign.pages.plots.wording import drawable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def empty_figure(width: float, height: float, layout: Any = "constrained") -> Figure:
    """Return a figure of ``width`` by ``height`` inches without axes.

    Drawing it does not warn of characters that matplotlib's font lacks: they are boxes in a PNG,
    but a page or another reader of the SVG has other fonts.
    """
    from matplotlib.figure import Figure

    class Picture(Figure):
        def draw(self, renderer: Any) -> None:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", r"Glyph \d+ .*missing from font")
                warnings.filterwarnings("ignore", "Matplotlib currently does not support")
                super().draw(renderer)

    return Picture(figsize=(width, height), layout=layout, facecolor=PAPER)


def frame(ax: Axes, title: str, xlabel: str, ylabel: str, *, grid: bool = False) -> None:
    """Set title and labels, two quiet spines, and a grid if asked for."""
    ax.set_facecolor("none")
    ax.set_title(drawable(title), loc="left", fontsize=11, fontweight="bold", color=INK, pad=8)
    ax.set_xlabel(drawable(xlabel), fontsize=9, color=INK)
    ax.set_ylabel(drawable(ylabel), fontsize=9, color=INK)
    ax.tick_params(colors=GRID, labelcolor=MUTED, labelsize=8.5, length=3)
    for side, spine in ax.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(GRID)
    if grid:
        ax.grid(color=GRID, linewidth=0.7)
        ax.set_axisbelow(True)


def legend(ax: Axes, **where: Any) -> Any:
    """Draw a legend without a box."""
    return ax.legend(frameon=False, fontsize=8.5, labelcolor=INK, handlelength=2.2, **where)


def vector(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Flatten any array of numbers to (n,) float64."""
    return np.asarray(values, dtype=np.float64).ravel()
