"""Features and side information of seen and of unseen classes, before and after alignment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from crossalign.evaluation.subsample import sample
from crossalign.pages.plots.canvas import empty_figure, frame
from crossalign.pages.plots.palette import INK, MUTED, PAPER, marker, series
from crossalign.pages.plots.projection import matrix_of, side_by_side, tsne
from crossalign.pages.plots.wording import drawable, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = npt.NDArray[Any]


def cross_modal(
    before: Mapping[str, npt.ArrayLike], after: Mapping[str, npt.ArrayLike],
    labels_before: Mapping[str, npt.ArrayLike], labels_after: Mapping[str, npt.ArrayLike],
    seen: npt.ArrayLike, *, max_points: int = 600, random_state: int = 0,
) -> Figure:
    """Draw t-SNE by modality: seen and unseen classes in columns, before and after in rows.

    Fig. 6 of ACMR (Fang et al., AAAI 2022). Every panel is a map of its own. Before alignment the
    modalities share no coordinates and are put side by side as in `latent`. Because maps flatter,
    each lower panel also gives the `class_agreement` in the aligned space itself.

    Parameters
    ----------
    before : mapping of modality to (n, d_m)
        Features, then side information. Token rows (n, t, d_m) become their mean.
    after : mapping of modality to (n, d)
        Codes of the same two modalities; they may be of other rows than ``before``, such as codes
        drawn for each class.
    labels_before, labels_after : mapping of modality to (n,) integers
        Rows of ``seen``.
    seen : (C,) bool
        True for seen classes.
    max_points : int
        Largest number of points in one map, half of them for each modality; beyond, a random
        subset. Default 600.
    random_state : int
        Seed of the subset and of t-SNE; default 0.

    Raises
    ------
    ValueError
        If there are not the same two modalities everywhere.
    """
    names = list(after)
    mappings = (before, after, labels_before, labels_after)
    if len(names) != 2 or any(set(x) != set(names) for x in mappings):
        raise ValueError(f"after: modalities {[sorted(x) for x in mappings]} before, after and "
                         "labelled; give the same two in all four, features first.")
    is_seen = np.asarray(seen, dtype=bool)
    figure = empty_figure(10.4, 8.8)
    for column, (kind, members) in enumerate((("Seen", is_seen), ("Unseen", ~is_seen))):
        for row, (when, rows, labels) in enumerate((("before", before, labels_before),
                                                    ("after", after, labels_after))):
            ax = figure.add_subplot(2, 2, 1 + 2 * row + column)
            parts = {m: _rows_of(rows[m], labels[m], members, max_points // 2, random_state)
                     for m in names}
            points = {m: x for m, (x, _) in parts.items() if len(x)}
            note = "no common coordinates yet" if row == 0 else _agreement(parts)
            _frame(ax, f"{kind} classes, {when}", note, parts, column)
            if points:
                maps = tsne(points if row else side_by_side(points), random_state)
                _scatter(ax, maps, names)
    _legend(figure, names)
    return figure


def class_agreement(features: Array, feature_labels: Array, side: Array,
                    side_labels: Array) -> tuple[float, float]:
    """Return how often the feature point nearest to a point of side information is of its class.

    Parameters
    ----------
    features : (n, d)
        Feature points.
    feature_labels : (n,) integers
        Classes of the feature points.
    side : (m, d)
        Points of side information.
    side_labels : (m,) integers
        Classes of these. Points of classes without feature points do not count, because they cannot
        be right.

    Returns
    -------
    share, chance : float
        Share of right points and the share for feature points drawn at random, fractions; NaN if no
        point counts.
    """
    from sklearn.metrics import pairwise_distances_argmin

    counted = np.isin(side_labels, feature_labels)
    if not counted.any():
        return float("nan"), float("nan")
    side_classes = side_labels[counted]
    nearest = feature_labels[pairwise_distances_argmin(side[counted], features)]
    classes, sizes = np.unique(feature_labels, return_counts=True)
    chance = sizes[np.searchsorted(classes, side_classes)].mean() / len(feature_labels)
    return float((nearest == side_classes).mean()), float(chance)


def _rows_of(rows: npt.ArrayLike, labels: npt.ArrayLike, members: Array, budget: int,
             random_state: int) -> tuple[Array, Array]:
    """Return rows (n, d) and labels (n,) of some classes within the budget."""
    truth = np.asarray(labels, dtype=np.int64)
    mine = np.flatnonzero(members[truth])
    mine = mine[sample(truth[mine], (), budget, random_state)]
    return matrix_of(rows)[mine], truth[mine]


def _agreement(parts: Mapping[str, tuple[Array, Array]]) -> str:
    features, side = parts
    share, chance = class_agreement(*parts[features], *parts[side])
    if np.isnan(share):
        return f"no class has both {shorten(features, 14)} and {shorten(side, 14)} points"
    return (f"for {100 * share:.1f} % of {shorten(side, 14)} points, the nearest "
            f"{shorten(features, 14)} point\nin the aligned space is of their class "
            f"(chance {100 * chance:.1f} %)")


def _frame(ax: Axes, title: str, note: str, parts: Mapping[str, tuple[Array, Array]],
           column: int) -> None:
    counts = " and ".join(f"{len(x)} {shorten(m, 18)}" for m, (x, _) in parts.items())
    classes = len(np.unique(np.concatenate([labels for _, labels in parts.values()])))
    frame(ax, title, f"t-SNE 1 (no unit)\n{counts} points of {classes} classes",
          "t-SNE 2 (no unit)" if column == 0 else "")
    ax.set_title(drawable(note), loc="right", fontsize=8, color=MUTED)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.margins(0.04)


def _scatter(ax: Axes, points: Mapping[str, Array], names: list[str]) -> None:
    """Draw the points of each modality, larger if they are few."""
    for m, xy in points.items():
        i, few = names.index(m), len(xy) < 60
        ax.scatter(xy[:, 0], xy[:, 1], s=58 if few else 16, marker=marker(i), color=series(i),
                   alpha=0.95 if few else 0.6, linewidth=0.8 if few else 0, edgecolor=PAPER,
                   rasterized=not few)


def _legend(figure: Figure, names: list[str]) -> None:
    from matplotlib.lines import Line2D

    marks = [Line2D([], [], marker=marker(i), color=series(i), markersize=7, linestyle="none")
             for i in range(2)]
    figure.legend(marks, [f"{drawable(shorten(m, 30))} ({what})" for m, what in
                          zip(names, ("features", "side information"), strict=True)],
                  frameon=False, fontsize=9, labelcolor=INK, loc="outside upper left", ncols=2)
