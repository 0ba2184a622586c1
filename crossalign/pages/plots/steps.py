"""Lines over a few numbers that stand at equal distances, with a bar of spread at each point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from crossalign.pages.plots.canvas import empty_figure, frame
from crossalign.pages.plots.palette import INK, MARKERS, PAPER, marker, series
from crossalign.pages.plots.wording import drawable, shorten

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = npt.NDArray[Any]

APART = 0.12
"""Width over which the points of one step are spread, as a share of the distance between two."""


def steps(rows: Mapping[str, Array], names: Sequence[str], title: str, xlabel: str, ylabel: str, *,
          dashed: str) -> Figure:
    """Draw a line per row: means with bars of one standard deviation, in percent.

    Parameters
    ----------
    rows : mapping of row to (runs, K) fractions
        Values; NaN where a row has none.
    names : K strings
        Names of the steps.
    title, xlabel, ylabel : str
        Words of the figure.
    dashed : str
        Row that is dashed, if it is there.
    """
    figure = empty_figure(5.2, 3.9 + 0.1 * len(rows))
    ax = figure.add_subplot()
    frame(ax, title, xlabel, ylabel, grid=True)
    styles = iter([(series(i), marker(i + i // len(MARKERS))) for i in range(len(rows))])
    shifts = np.linspace(-APART / 2, APART / 2, len(rows)) if len(rows) > 1 else [0.0]
    for (row, values), shift in zip(rows.items(), shifts, strict=True):
        own = row == dashed
        colour, shape = (INK, "o") if own else next(styles)
        sd = 100 * values.std(axis=0, ddof=1) if len(values) > 1 else None
        ax.errorbar(np.arange(len(names)) + shift, 100 * values.mean(axis=0), sd, color=colour,
                    marker=shape, markersize=5.5, markeredgecolor=PAPER, linewidth=1.8,
                    elinewidth=1.1, capsize=2.5, linestyle=(0, (4, 1.8)) if own else "-",
                    zorder=2 if own else 3,
                    label=drawable(shorten(row.replace("_", " "), 28)) or " ")
    ax.set_xticks(np.arange(len(names)), names)
    figure.legend(frameon=False, fontsize=8.5, labelcolor=INK, handlelength=2.2,
                  loc="outside lower left", ncols=2)
    return figure
