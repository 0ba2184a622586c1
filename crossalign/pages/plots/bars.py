"""Accuracy of every class, as bars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from crossalign.pages.plots.canvas import empty_figure, frame, vector
from crossalign.pages.plots.palette import BLUE, INK, MUTED, ORANGE
from crossalign.pages.plots.wording import FEW_CLASSES, drawable, shorten

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = npt.NDArray[Any]


def class_accuracy(
    names: Sequence[str], accuracy: npt.ArrayLike, seen: npt.ArrayLike | None = None,
) -> Figure:
    """Draw the accuracy of every class, sorted, seen and unseen apart, with the mean of each.

    Parameters
    ----------
    names : C strings
        Names of the classes.
    accuracy : (C,) float
        Accuracies as fractions; NaN for a class without test samples, which is left out.
    seen : (C,) bool, optional
        True for seen classes; default None, one group of bars.

    Raises
    ------
    ValueError
        If no class has an accuracy.
    """
    values = 100 * vector(accuracy)
    flags = np.ones(len(values), dtype=bool) if seen is None else np.asarray(seen, dtype=bool)
    present = np.isfinite(values)
    if not present.any():
        raise ValueError("accuracy: no class has one; leave the picture out.")
    groups = [(title, colour, np.flatnonzero(present & mask))
              for title, colour, mask in (("unseen", ORANGE, ~flags), ("seen", BLUE, flags))]
    groups = [(t if seen is not None else "", c, index[np.argsort(-values[index], kind="stable")])
              for t, c, index in groups if len(index)]
    if present.sum() <= FEW_CLASSES:
        return _named_bars(names, values, groups)
    return _many_bars(names, values, groups)


def _named_bars(names: Sequence[str], values: Array,
                groups: Sequence[tuple[str, str, Array]]) -> Figure:
    total = sum(len(index) for _, _, index in groups)
    figure = empty_figure(5.2, max(3.0, 1.2 + 0.24 * total))
    ax = figure.add_subplot()
    frame(ax, "Which classes are hard", "accuracy of the class (%)", "class")
    ticks: list[float] = []
    labels: list[str] = []
    y = 0.0
    for title, colour, index in groups:
        rows = y + np.arange(len(index))
        mean = float(values[index].mean())
        ax.barh(rows, values[index], height=0.72, color=colour,
                label=f"{title} (mean {mean:.1f})".lstrip())
        ax.plot([mean, mean], [rows[0] - 0.5, rows[-1] + 0.5], color=INK, linewidth=1.1,
                linestyle=(0, (3, 2)))
        for row, c in zip(rows, index, strict=True):
            ax.text(values[c] + 1, row, f"{values[c]:.0f}", va="center", fontsize=8, color=MUTED)
        ticks += rows.tolist()
        labels += [drawable(shorten(names[c], 26)) for c in index]
        y = rows[-1] + 1.8
    ax.set_yticks(ticks, labels, fontsize=8.5, color=INK)
    ax.set_xlim(0, 108)
    ax.invert_yaxis()
    ax.legend(frameon=False, fontsize=8.5, labelcolor=INK, loc="upper left", ncols=2,
              bbox_to_anchor=(0, -0.42 / (0.24 * total + 0.4)))
    return figure


def _many_bars(names: Sequence[str], values: Array,
               groups: Sequence[tuple[str, str, Array]]) -> Figure:
    figure = empty_figure(5.2, 3.9 if len(groups) == 1 else 4.7)
    for row, (title, colour, index) in enumerate(groups):
        ax = figure.add_subplot(len(groups), 1, row + 1)
        mean = float(values[index].mean())
        best, worst = ([f"{drawable(shorten(names[c], 24))} {values[c]:.0f}" for c in part]
                       for part in (index[:2], index[::-1][:2]))
        frame(ax, f"{len(index)} {title} classes, mean {mean:.1f} %".replace("  ", " "),
              "", "class accuracy (%)")
        ax.set_xlabel(f"classes, best to worst\nbest: {', '.join(best)}\n"
                      f"worst: {', '.join(worst)}", loc="left", fontsize=8, linespacing=1.45,
                      color=INK)
        ax.fill_between(np.arange(len(index) + 1), np.r_[values[index], values[index[-1]]],
                        step="post", color=colour, linewidth=0, alpha=0.9)
        ax.axhline(mean, color=INK, linewidth=1.1, linestyle=(0, (3, 2)))
        ax.set_xlim(0, len(index))
        ax.set_ylim(0, 100)
        ax.set_xticks([])
    return figure
