"""Share of wrong answers when only the surest are given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from crossalign.arrays import evenly
from crossalign.evaluation.subsample import LINE
from crossalign.pages.plots.canvas import empty_figure, frame, vector
from crossalign.pages.plots.palette import INK, PAPER, series
from crossalign.pages.plots.wording import drawable, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = npt.NDArray[Any]

STEADY = 0.05
"""Coverage from which the vertical axis has room for the risk; below it, a few samples decide."""


def coverage_risk(curves: Mapping[str, Mapping[str, Any]],
                  baseline: str = "max_probability") -> Figure:
    """Draw risk over coverage (Geifman et al., ICLR 2019), a curve per confidence or per model.

    Parameters
    ----------
    curves : mapping of name to mapping
        Curves from `tasks.rejection.Rejection.curve`: ``coverage`` and ``risk (n,)`` and ``aurc``,
        fractions; ``chosen``, coverage and risk at a threshold, optional. Underscores of names
        become spaces.
    baseline : str
        Name of the curve that is dashed, if it is there; default ``"max_probability"``.

    Raises
    ------
    ValueError
        If there is no curve, or one holds no point or not one risk per coverage.
    """
    if not curves:
        raise ValueError("curves: none given; leave the picture out.")
    figure = empty_figure(5.2, 3.9 + 0.1 * len(curves))
    ax = figure.add_subplot()
    frame(ax, "Wrong answers when only the surest are given", "coverage, samples answered (%)",
          "risk, wrong among the answers (%)", grid=True)
    colours = iter([series(i) for i in range(len(curves))])
    top = 1.0
    for name, curve in curves.items():
        coverage, risk = _points(name, curve)
        top = max(top, float(risk[coverage >= min(100 * STEADY, coverage[-1])].max()))
        dashed = name == baseline
        colour = INK if dashed else next(colours)
        ax.plot(coverage, risk, color=colour, linewidth=2, zorder=2.5 if dashed else 2,
                linestyle=(0, (4, 1.8)) if dashed else "-",
                label=f"{drawable(shorten(name.replace('_', ' '), 28))}: "
                      f"AURC {100 * curve['aurc']:.1f}")
        _mark(ax, curve.get("chosen"), colour)
    if any(curve.get("chosen") is not None for curve in curves.values()):
        ax.plot([], [], **_CHOSEN, color=INK, label="threshold from validation")
    ax.set_xlim(0, 100)
    ax.set_ylim(0, min(103, 1.12 * top))
    figure.legend(frameon=False, fontsize=8.5, labelcolor=INK, handlelength=2.2,
                  loc="outside lower left", ncols=2)
    return figure


_CHOSEN: dict[str, Any] = {"marker": "D", "markersize": 7, "markeredgecolor": PAPER,
                           "markeredgewidth": 1.3, "linestyle": "none"}


def _points(name: str, curve: Mapping[str, Any]) -> tuple[Array, Array]:
    """Return coverage and risk in percent, thinned to the points that a line can show."""
    coverage, risk = 100 * vector(curve["coverage"]), 100 * vector(curve["risk"])
    if len(coverage) == 0 or coverage.shape != risk.shape:
        raise ValueError(f"curves[{name!r}]: {len(coverage)} coverages and {len(risk)} risks; "
                         "give as many of each, and at least one.")
    selection = evenly(len(risk), LINE)
    return coverage[selection], risk[selection]


def _mark(ax: Axes, chosen: tuple[float, float] | None, colour: str) -> None:
    """Draw a diamond at the threshold, if it answers anything."""
    if chosen is not None and np.isfinite(chosen).all():
        ax.plot(100 * chosen[0], 100 * chosen[1], **_CHOSEN, color=colour, zorder=4, clip_on=False)
