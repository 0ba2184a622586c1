"""The latent space before and after alignment."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from crossalign.evaluation.subsample import highlighted_classes, sample
from crossalign.pages.plots.canvas import empty_figure, frame
from crossalign.pages.plots.palette import INK, MUTED, ON_COLOUR, class_colour, marker, series
from crossalign.pages.plots.projection import matrix_of, side_by_side, tsne
from crossalign.pages.plots.wording import drawable, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = npt.NDArray[Any]


def latent(
    before: Mapping[str, npt.ArrayLike], after: Mapping[str, npt.ArrayLike],
    labels: Mapping[str, npt.ArrayLike], class_names: Sequence[str],
    seen: npt.ArrayLike | None = None, *, highlight: int = 12, max_points: int = 1200,
    random_state: int = 0,
) -> Figure:
    """Draw t-SNE before and after alignment: by class in the upper row, by modality in the lower.

    Before alignment the modalities share no coordinates. Each is reduced by PCA and scaled to unit
    spread, and the joint map shows the structure that each has by itself.

    Parameters
    ----------
    before : mapping of modality to (n, d_m)
        Features; token rows (n, t, d_m) become their mean.
    after : mapping of modality to (n, d)
        Codes of the same samples.
    labels : mapping of modality to (n,) integers
        Rows of ``class_names``.
    class_names : C strings
        Names of the classes.
    seen : (C,) bool, optional
        True for seen classes; default None, no distinction.
    highlight : int
        Number of classes with a colour; half of them are unseen if there are as many. Default 12.
    max_points : int
        Largest number of points over all modalities; beyond, a random subset, in favour of the
        highlighted classes. Default 1200.
    random_state : int
        Seed of the subset and of t-SNE; default 0.

    Raises
    ------
    ValueError
        If a modality of one argument is missing in another.
    """
    names = list(after)
    truth = {m: np.asarray(labels[m], dtype=np.int64) for m in names if m in labels}
    if set(before) != set(names) or len(truth) != len(names):
        raise ValueError(f"labels: modalities {sorted(before)} before, {sorted(names)} after, "
                         f"{sorted(labels)} labelled; give the same in all three.")
    is_seen = None if seen is None else np.asarray(seen, dtype=bool)
    selection = highlighted_classes(truth, is_seen, highlight)
    rows = {m: sample(truth[m], selection, max_points // len(names), random_state) for m in names}
    truth = {m: truth[m][rows[m]] for m in names}
    spaces = [{m: matrix_of(x[m])[rows[m]] for m in names} for x in (before, after)]
    maps = [tsne(side_by_side(spaces[0]), random_state), tsne(spaces[1], random_state)]
    figure = empty_figure(10.4, 8.4)
    grid = figure.add_gridspec(2, 3, width_ratios=(1, 1, 0.44))
    for column, (points, when) in enumerate(zip(maps, ("Before", "After"), strict=True)):
        note = ("no common coordinates yet", "wanted: a class is an island of all shapes")[column]
        upper, lower = (figure.add_subplot(grid[row, column]) for row in range(2))
        _map_frame(upper, f"{when} alignment", column)
        upper.set_title(note, loc="right", fontsize=8, color=MUTED)
        _by_class(upper, points, truth, selection)
        _map_frame(lower, f"{when}, by modality", column)
        _by_modality(lower, points)
    _class_legend(figure.add_subplot(grid[0, 2]), selection, class_names, is_seen)
    _modality_legend(figure.add_subplot(grid[1, 2]), names, {m: len(truth[m]) for m in names})
    return figure


def _map_frame(ax: Axes, title: str, column: int) -> None:
    frame(ax, title, "t-SNE 1 (no unit)", "t-SNE 2 (no unit)" if column == 0 else "")
    ax.set_xticks([])
    ax.set_yticks([])
    ax.margins(0.03)


def _by_class(ax: Axes, points: Mapping[str, Array], labels: Mapping[str, Array],
              selection: Sequence[int]) -> None:
    for i, (m, xy) in enumerate(points.items()):
        rest = ~np.isin(labels[m], selection)
        ax.scatter(xy[rest, 0], xy[rest, 1], s=9, marker=marker(i), color=MUTED, alpha=0.22,
                   linewidth=0, rasterized=True)
    for i, (m, xy) in enumerate(points.items()):
        for k, c in enumerate(selection):
            mine = labels[m] == c
            ax.scatter(xy[mine, 0], xy[mine, 1], s=26, marker=marker(i), linewidth=0,
                       alpha=0.85, color=class_colour(k), rasterized=True)
    layer = 6.0
    for m, xy in points.items():
        for k, c in enumerate(selection):
            mine = labels[m] == c
            if mine.any():
                x, y = _medoid(xy[mine])
                layer += 0.02  # a disc hides the disc and the number below it
                ax.plot(x, y, "o", color=class_colour(k), markersize=10.5, zorder=layer,
                        markeredgecolor=ON_COLOUR, markeredgewidth=0.9)
                ax.text(x, y, str(k + 1), ha="center", va="center_baseline", fontsize=6.5,
                        color=ON_COLOUR, fontweight="bold", zorder=layer + 0.01)


def _by_modality(ax: Axes, points: Mapping[str, Array]) -> None:
    for i, xy in enumerate(points.values()):
        ax.scatter(xy[:, 0], xy[:, 1], s=14, marker=marker(i), color=series(i),
                   alpha=0.6, linewidth=0, rasterized=True)


def _medoid(xy: Array) -> Array:
    """Return the point of (n, 2) closest to all others, which stays inside a cluster."""
    gaps = np.linalg.norm(xy[:, None] - xy[None], axis=2).sum(axis=1)  # (n,)
    return np.asarray(xy[int(gaps.argmin())])


def _class_legend(ax: Axes, selection: Sequence[int], class_names: Sequence[str],
                  seen: Array | None) -> None:
    ax.set_axis_off()
    groups = [("classes", list(enumerate(selection)))]
    if seen is not None:
        groups = [(title, [(k, c) for k, c in enumerate(selection) if bool(seen[c]) == flag])
                  for title, flag in (("seen classes", True), ("unseen classes", False))]
    y = 0.99
    for title, members in groups:
        if not members:
            continue
        ax.text(0, y, title, fontsize=9, fontweight="bold", color=INK, va="center",
                transform=ax.transAxes)
        for k, c in members:
            y -= 0.064
            ax.plot(0.04, y, "o", color=class_colour(k), markersize=10, clip_on=False,
                    transform=ax.transAxes)
            ax.text(0.04, y, str(k + 1), fontsize=7, fontweight="bold", color=ON_COLOUR,
                    ha="center", va="center", transform=ax.transAxes)
            lines = textwrap.wrap(shorten(class_names[c], 50), 27)[:2]
            ax.text(0.12, y, drawable("\n".join(lines)), color=INK,
                    fontsize=8 if len(lines) == 1 else 7, va="center", linespacing=1.05,
                    transform=ax.transAxes)
        y -= 0.09
    ax.text(0, y + 0.02, "grey: all other classes", fontsize=8, color=MUTED, va="center",
            transform=ax.transAxes)


def _modality_legend(ax: Axes, names: Sequence[str], counts: Mapping[str, int]) -> None:
    ax.set_axis_off()
    ax.text(0, 0.99, "modalities", fontsize=9, fontweight="bold", color=INK, va="center",
            transform=ax.transAxes)
    for i, m in enumerate(names):
        y = 0.99 - 0.07 * (i + 1)
        ax.plot(0.04, y, marker(i), color=series(i), markersize=7, clip_on=False,
                transform=ax.transAxes)
        ax.text(0.12, y, drawable(f"{shorten(m, 18)} ({counts[m]} points)"), fontsize=8,
                color=INK, va="center", transform=ax.transAxes)
