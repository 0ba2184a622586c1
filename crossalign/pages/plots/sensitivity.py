"""Sensitivity: a score over each hyper-parameter, on validation and on test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from crossalign.pages.plots.canvas import empty_figure, frame, vector
from crossalign.pages.plots.palette import BLUE, INK, MUTED, PAPER, RED
from crossalign.pages.plots.wording import drawable, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = npt.NDArray[Any]

LEAST_SPAN = 10.0
"""Least range of the vertical axis, in percentage points, so that noise stays small."""


def sensitivity(curves: Mapping[str, Mapping[str, Any]], metric: str = "H") -> Figure:
    """Draw one panel per swept hyper-parameter: the score on validation, and on test beside it.

    Fig. 5 of ACMR (Fang et al., AAAI 2022), which swept on the test set. Here the validation curve
    is the one that chooses; the test curve only shows the effect of the choice.

    Parameters
    ----------
    curves : mapping of panel title to mapping
        ``values (k,)``, the values tried; ``validation`` and ``test (runs, k)``, fractions, the
        latter optional; ``chosen`` and ``paper``, the value that validation chose and the published
        one, a float or None.
    metric : str
        Name of the score; default ``"H"``.

    Raises
    ------
    ValueError
        If there is no panel, a curve does not have one column per value, or validation holds no
        finite score.
    """
    if not curves:
        raise ValueError("curves: none given; leave the picture out.")
    panels = {title: _panel(title, curve) for title, curve in curves.items()}
    rows = -(-len(panels) // 4)
    columns = -(-len(panels) // rows)
    figure = empty_figure(max(5.2, min(10.4, 0.2 + 3.4 * columns)), 0.9 + 2.9 * rows)
    figure.suptitle(drawable(f"How much {metric} depends on each hyper-parameter"), color=INK,
                    fontsize=11, fontweight="bold", x=0.01, ha="left")
    first: Axes | None = None
    for i, (title, panel) in enumerate(panels.items()):
        ax = figure.add_subplot(rows, columns, i + 1, sharey=first)
        first = ax if first is None else first
        outer = i % columns == 0
        scale = _scale(ax, panel["values"])
        marks = _told(panel)
        frame(ax, "", f"value{scale}" + (f"\n{marks}" if marks else ""),
              f"{metric} (%)" if outer else "", grid=True)
        ax.set_title(drawable(shorten(title, 32)), loc="left", fontsize=9.5, fontweight="bold",
                     color=INK)
        ax.tick_params(labelleft=outer)
        _draw(ax, panel, metric, _runs(list(panels.values())))
        _ticks(ax, panel["values"])
    assert first is not None
    first.set_ylim(*_limits(list(panels.values())))
    _legend(figure)
    return figure


def _panel(title: str, curve: Mapping[str, Any]) -> dict[str, Any]:
    """Check one curve; return it in percent, with its values ascending."""
    values = vector(curve["values"])
    order = np.argsort(values, kind="stable")
    panel: dict[str, Any] = {"values": values[order], "test": None,
                             "chosen": curve.get("chosen"), "paper": curve.get("paper")}
    for part in ("validation", "test"):
        if part == "test" and curve.get(part) is None:
            continue
        scores = np.atleast_2d(np.asarray(curve[part], dtype=np.float64))
        if scores.ndim != 2 or scores.shape[1] != len(values):
            raise ValueError(f"curves[{title!r}]: {part} of shape {scores.shape} for "
                             f"{len(values)} values; give (runs, {len(values)}).")
        panel[part] = 100 * scores[:, order]  # (runs, k)
    if not np.isfinite(panel["validation"]).any():
        raise ValueError(f"curves[{title!r}]: validation holds no finite score; "
                         "leave the panel out.")
    return panel


def _draw(ax: Axes, panel: Mapping[str, Any], metric: str, runs: str) -> None:
    """Draw curves and marked values, in the order of the legend."""
    values, scores = panel["values"], panel["validation"]
    mean = scores.mean(axis=0)
    ax.plot(values, mean, "o-", color=BLUE, linewidth=2.2, markersize=5.5, markeredgecolor=PAPER,
            zorder=3, label=drawable(f"validation {metric} ({runs})"))
    if len(scores) > 1:
        sd = scores.std(axis=0, ddof=1)
        ax.fill_between(values, mean - sd, mean + sd, color=BLUE, alpha=0.16, linewidth=0)
    if panel["test"] is not None:
        ax.plot(values, panel["test"].mean(axis=0), "o", linestyle=(0, (4, 2)), color=MUTED,
                linewidth=1.1, markersize=3.5, markerfacecolor=PAPER, markeredgewidth=1,
                zorder=2.5, label=drawable(f"test {metric}: shown, never used to choose"))
    if panel["chosen"] is not None:
        near = np.isclose(values, panel["chosen"])  # none where the value was not tried
        ax.axvline(panel["chosen"], color=RED, linewidth=1.2, zorder=2.1)
        ax.plot(values[near], mean[near], **_CHOSEN, markersize=8, zorder=4)
        ax.plot([], [], **_CHOSEN, markersize=6.5, label="value that validation chose")
    if panel["paper"] is not None:
        ax.axvline(panel["paper"], color=INK, linewidth=1.3, linestyle=(0, (1.5, 2)), zorder=2.2,
                   label="value of the paper")


_CHOSEN: dict[str, Any] = {"marker": "D", "color": RED, "linewidth": 1.2, "markeredgecolor": PAPER,
                           "markeredgewidth": 1.2}


def _told(panel: Mapping[str, Any]) -> str:
    """Describe the marked values, such as ``validation chose 2, the paper 2.555``."""
    chosen, paper = panel["chosen"], panel["paper"]
    if chosen is None:
        return "" if paper is None else f"the paper has {paper:g}"
    return f"validation chose {chosen:g}" + ("" if paper is None else f", the paper {paper:g}")


def _runs(panels: Sequence[Mapping[str, Any]]) -> str:
    """Return the number of runs behind the validation curves, in words."""
    counts = sorted({len(panel["validation"]) for panel in panels})
    if counts == [1]:
        return "1 run"
    return f"mean ± sd of {counts[0]} runs" if len(counts) == 1 else (
        f"mean ± sd of {counts[0]} to {counts[-1]} runs")


def _scale(ax: Axes, values: Array) -> str:
    """Set a logarithmic axis if values span decades, linear about zero; return the words for it."""
    positive = values[values > 0]
    if values.min() < 0 or len(positive) == 0 or values.max() <= 20 * positive.min():
        return ""
    if values.min() > 0:
        ax.set_xscale("log")
        return ", log scale"
    ax.set_xscale("symlog", linthresh=float(positive.min()), linscale=0.5)
    return f", log scale above {positive.min():g}"


def _ticks(ax: Axes, values: Array) -> None:
    """Set a tick at every value, and its number if there is room; call with all lines drawn."""
    from matplotlib.ticker import NullLocator

    ends = ax.xaxis.get_transform().transform(ax.get_xlim())
    places = ax.xaxis.get_transform().transform(values) / float(ends[1] - ends[0])
    labels, last, width = [], -np.inf, 0
    for place, value in zip(places, values, strict=True):
        text = f"{value:g}"
        if place - last >= 0.015 + 0.0125 * (width + len(text)):  # shares of the panel
            last, width = place, len(text)
        else:
            text = ""
        labels.append(text)
    ax.set_xticks(values, labels)
    ax.xaxis.set_minor_locator(NullLocator())


def _limits(panels: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """Return the range of all curves and bands with some room, within 0 and 100."""
    parts = []
    for panel in panels:
        scores = panel["validation"]
        sd = scores.std(axis=0, ddof=1) if len(scores) > 1 else 0.0
        parts += [scores.mean(axis=0) - sd, scores.mean(axis=0) + sd]
        if panel["test"] is not None:
            parts.append(panel["test"].mean(axis=0))
    ends = np.concatenate(parts)
    low, high = float(np.nanmin(ends)), float(np.nanmax(ends))
    room = max(0.08 * (high - low), (LEAST_SPAN - (high - low)) / 2)
    return max(0.0, low - room), min(100.0, high + room)


def _legend(figure: Figure) -> None:
    """Draw one legend for all panels, below them."""
    entries = {label: handle for ax in figure.axes
               for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    wide = figure.get_figwidth()
    figure.legend(list(entries.values()), list(entries), frameon=False, fontsize=8.5,
                  labelcolor=INK, handlelength=2.2, loc="outside lower left",
                  ncols=4 if wide > 10 else 2 if wide > 6.5 else 1)
