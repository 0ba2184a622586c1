"""Every objective over the epochs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from crossalign.pages.plots.canvas import empty_figure, frame, vector
from crossalign.pages.plots.palette import BLUE, INK, MUTED, PAPER
from crossalign.pages.plots.wording import shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def history(curves: Mapping[str, npt.ArrayLike], *, limit: int = 12) -> Figure:
    """Draw training curves as small multiples; the axis is logarithmic if values span decades.

    Parameters
    ----------
    curves : mapping of name to (epochs,) float
        Values of every objective.
    limit : int
        Largest number of curves that are drawn, in order; default 12.

    Raises
    ------
    ValueError
        If no curve holds a finite value.
    """
    from matplotlib.ticker import MaxNLocator

    series = {name: vector(values) for name, values in curves.items()}
    selection = [(name, y) for name, y in series.items() if np.isfinite(y).any()][:limit]
    if not selection:
        raise ValueError("curves: none holds a finite value; leave the picture out.")
    rows = -(-len(selection) // 4)
    columns = -(-len(selection) // rows)
    figure = empty_figure(10.4 if columns > 2 else 5.2, 0.3 + 2.1 * rows)
    for i, (name, y) in enumerate(selection):
        ax = figure.add_subplot(rows, columns, i + 1)
        frame(ax, shorten(name.replace("_", " "), 24), "epoch",
              "value (no unit)" if i % columns == 0 else "", grid=True)
        ax.set_title(ax.get_title(loc="left"), loc="left", fontsize=9.5, fontweight="bold",
                     color=INK)
        epochs = np.arange(1, len(y) + 1)
        ax.plot(epochs, y, color=BLUE, linewidth=1.6)
        good = y[np.isfinite(y)]
        if good.min() > 0 and good.max() > 20 * good.min():
            _log_scale(ax, wide=good.max() > 1000 * good.min())
            ax.set_ylabel("value, log scale" if i % columns == 0 else "log scale", fontsize=9,
                          color=INK)
        ax.plot(epochs[-1], y[-1], "o", color=BLUE, markersize=4.5, markeredgecolor=PAPER)
        ax.annotate(f"{y[-1]:.3g}", (1, 1), xycoords="axes fraction", ha="right", va="bottom",
                    fontsize=8.5, color=MUTED, xytext=(0, 4), textcoords="offset points")
        ax.xaxis.set_major_locator(MaxNLocator(4, integer=True, min_n_ticks=1))
    return figure


def _log_scale(ax: Axes, wide: bool) -> None:
    """Set a logarithmic axis with plain numbers, at every decade only if there are many."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1.0,) if wide else (1.0, 3.0)))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.tick_params(which="minor", length=0)
