"""Trade-offs: seen against unseen accuracy, precision against recall."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from crossalign.arrays import evenly
from crossalign.evaluation.subsample import LINE
from crossalign.pages.plots.canvas import empty_figure, frame, legend, vector
from crossalign.pages.plots.palette import BLUE, GRID, INK, MUTED, PAPER, RED, series
from crossalign.pages.plots.wording import arrow, drawable, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = npt.NDArray[Any]


def precision_recall(curves: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Draw precision against recall per direction, with the chance level.

    Parameters
    ----------
    curves : mapping of direction to ``{"recall": (m,), "precision": (m,), "chance": float}``
        Recall, precision and the chance level of each direction, as fractions.
    """
    figure = empty_figure(5.2, 3.9)
    ax = figure.add_subplot()
    frame(ax, "Precision as the list gets longer", "recall (%)", "precision (%)", grid=True)
    for i, (direction, curve) in enumerate(curves.items()):
        recall, precision = 100 * vector(curve["recall"]), 100 * vector(curve["precision"])
        ax.plot(recall, precision, color=series(i), linewidth=2,
                linestyle=("-", (0, (5, 1.5)))[i % 2],
                label=drawable(arrow(shorten(direction, 40))))
    levels = np.unique([round(float(curve["chance"]), 6) for curve in curves.values()
                        if curve.get("chance") is not None])
    for i, level in enumerate(levels):
        ax.axhline(100 * level, color=MUTED, linewidth=1.2, linestyle=":",
                   label="chance mAP" if i == 0 else None)
    ax.set_xlim(0, 100)
    top = max([*(100 * float(np.max(vector(c["precision"]))) for c in curves.values()), 1.0])
    ax.set_ylim(0, min(103, 1.12 * top))
    legend(ax, loc="upper right")
    return figure


def trade_off(
    seen: npt.ArrayLike, unseen: npt.ArrayLike, chosen: tuple[float, float],
    raw: tuple[float, float], ausuc: float,
) -> Figure:
    """Draw seen against unseen accuracy along gamma, over contours of equal H.

    Parameters
    ----------
    seen, unseen : (m,) float
        Accuracies along the curve as fractions (Chao et al., ECCV 2016).
    chosen, raw : (U, S)
        Points of the gamma from validation and of gamma 0.
    ausuc : float
        Area under the curve, a fraction.
    """
    s, u = 100 * vector(seen), 100 * vector(unseen)
    s, u = s[evenly(len(s), LINE)], u[evenly(len(u), LINE)]
    figure = empty_figure(5.2, 4.7)
    ax = figure.add_subplot()
    frame(ax, f"What seen classes cost unseen ones: AUSUC {100 * ausuc:.1f}",
          "U, accuracy on unseen classes (%)", "S, accuracy on seen classes (%)")
    points = np.array([chosen, raw]) * 100  # (2, 2), U and S
    width = min(108.0, 1.12 * max(u.max(), points[:, 0].max(), 5))
    height = min(108.0, 1.12 * max(s.max(), points[:, 1].max(), 5))
    _equal_harmonic(ax, width, height)
    ax.fill(np.r_[0, u], np.r_[0, s], color=BLUE, alpha=0.10, linewidth=0)
    ax.plot(u, s, color=BLUE, linewidth=2)
    _calibrations(ax, points)
    ax.set_xlim(0, width)
    ax.set_ylim(0, height)
    box = legend(ax, loc="lower left")
    box.set_frame_on(True)
    box.get_frame().set(facecolor=PAPER, edgecolor="none", alpha=0.88)
    return figure


def _calibrations(ax: Axes, points: Array) -> None:
    """Draw the chosen and the raw point, (2, 2) of U and S in percent, and the way between them."""
    if np.hypot(*(points[0] - points[1])) > 1:
        ax.annotate("", points[0], points[1], zorder=4,
                    arrowprops={"arrowstyle": "->", "color": INK, "linewidth": 1.2,
                                "connectionstyle": "arc3,rad=0.25", "shrinkA": 6, "shrinkB": 7})
    for (x, y), name, colour, marker in zip(points, ("calibrated on validation", "raw (gamma 0)"),
                                            (RED, INK), ("D", "o"), strict=True):
        h = 2 * x * y / (x + y) if x + y > 0 else 0.0
        ax.plot(x, y, marker, color=colour, markersize=8, markeredgecolor=PAPER,
                markeredgewidth=1.4, zorder=5, linestyle="none", clip_on=False,
                label=f"{name}: U {x:.1f}, S {y:.1f}, H {h:.1f}")


def _equal_harmonic(ax: Axes, width: float, height: float) -> None:
    """Draw contours of H = 2US/(U+S) every ten points, in percent."""
    for h in range(10, 100, 10):
        slope = np.geomspace(1e-3, 1e3, 400)  # u / s
        u, s = h * (1 + slope) / 2, h * (1 + 1 / slope) / 2
        inside = (s <= height) & (u <= width)
        if inside.sum() < 2:
            continue
        ax.plot(u[inside], s[inside], color=GRID, linewidth=0.9, zorder=0)
        ax.annotate(f"H {h}", (u[inside][-1], s[inside][-1]), fontsize=7, color=MUTED, ha="right",
                    va="bottom", xytext=(-1, 1), textcoords="offset points")
