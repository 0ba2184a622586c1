"""The pictures of a report: arrays in, a matplotlib `Figure` out.

No pyplot and no global settings, so the functions are safe in servers and threads; save a figure
with ``figure.savefig("name.svg")``. Colours come from Okabe and Ito's set, which people with any
common colour blindness tell apart; what colour says is also said by a number, a mark or a place.
The page replaces `INK`, `MUTED`, `GRID` and `PAPER` by its own colours for light and dark.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = npt.NDArray[Any]

INK, MUTED, GRID, PAPER = "#1f2430", "#667085", "#d9dee7", "#ffffff"
BLUE, ORANGE, GREEN, RED = "#0072b2", "#e69f00", "#009e73", "#d55e00"
SERIES = (BLUE, ORANGE, GREEN, "#cc79a7", "#56b4e9", RED)
"""Colours of modalities, directions and other short lists."""
CLASS_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9",
                 "#8c6d1f", "#5e3c99", "#e7298a", "#66a61e", "#1b7c8c", "#a6362f")
"""Colours of highlighted classes; twelve cannot all be told apart, so each has its number too."""
MARKERS = ("o", "^", "s", "D", "v", "P")
FEW_CLASSES = 30
"""Up to here every class is named on its axis."""


def latent(
    before: Mapping[str, npt.ArrayLike], after: Mapping[str, npt.ArrayLike],
    labels: Mapping[str, npt.ArrayLike], class_names: Sequence[str],
    seen: npt.ArrayLike | None = None, *, highlight: int = 12, max_points: int = 1200,
    random_state: int = 0,
) -> Figure:
    """t-SNE before and after alignment: by class in the upper row, by modality in the lower.

    Before alignment the modalities share no coordinates. Each is reduced by PCA and scaled to
    unit spread, and the joint map shows the structure that each has by itself.

    Parameters
    ----------
    before : mapping of modality to (n, d_m)
        Token rows (n, t, d_m) are averaged.
    after : mapping of modality to (n, d)
    labels : mapping of modality to (n,) integers
        Rows of ``class_names``.
    class_names : C strings
    seen : (C,) bool, optional
    highlight : int
        Classes that get a colour; half of them unseen where there are as many.
    max_points : int
        Over all modalities; beyond, a random subset, in favour of the highlighted classes.
    random_state : int
        Of the subset and of t-SNE.

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
    known = None if seen is None else np.asarray(seen, dtype=bool)
    chosen = highlighted_classes(truth, known, highlight)
    rows = {m: _sample(truth[m], chosen, max_points // len(names), random_state) for m in names}
    truth = {m: truth[m][rows[m]] for m in names}
    spaces = [{m: _matrix(x[m])[rows[m]] for m in names} for x in (before, after)]
    maps = [tsne(_side_by_side(spaces[0]), random_state), tsne(spaces[1], random_state)]
    figure = _figure(10.4, 8.4)
    grid = figure.add_gridspec(2, 3, width_ratios=(1, 1, 0.44))
    for column, (points, when) in enumerate(zip(maps, ("Before", "After"), strict=True)):
        told = ("no common coordinates yet", "wanted: a class is an island of all shapes")[column]
        for row in range(2):
            ax = figure.add_subplot(grid[row, column])
            title = f"{when} alignment" if row == 0 else f"{when}, by modality"
            _frame(ax, title, "t-SNE 1 (no unit)", "t-SNE 2 (no unit)" if column == 0 else "")
            if row == 0:
                ax.set_title(told, loc="right", fontsize=8, color=MUTED)
                _by_class(ax, points, truth, chosen)
            else:
                _by_modality(ax, points)
            ax.set_xticks([])
            ax.set_yticks([])
            ax.margins(0.03)
    _class_legend(figure.add_subplot(grid[0, 2]), chosen, class_names, known)
    _modality_legend(figure.add_subplot(grid[1, 2]), names, {m: len(truth[m]) for m in names})
    return figure


def precision_recall(curves: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Precision against recall per direction, with the chance level.

    Parameters
    ----------
    curves : mapping of direction to ``{"recall": (m,), "precision": (m,), "chance": float}``
        Fractions.
    """
    figure = _figure(5.2, 3.9)
    ax = figure.add_subplot()
    _frame(ax, "Precision as the list gets longer", "recall (%)", "precision (%)", grid=True)
    for i, (direction, curve) in enumerate(curves.items()):
        recall, precision = 100 * _vector(curve["recall"]), 100 * _vector(curve["precision"])
        ax.plot(recall, precision, color=SERIES[i % len(SERIES)], linewidth=2,
                linestyle=("-", (0, (5, 1.5)))[i % 2], label=arrow(direction))
    levels = np.unique([round(float(curve["chance"]), 6) for curve in curves.values()
                        if curve.get("chance") is not None])
    for i, level in enumerate(levels):
        ax.axhline(100 * level, color=MUTED, linewidth=1.2, linestyle=":",
                   label="chance mAP" if i == 0 else None)
    ax.set_xlim(0, 100)
    top = max([*(100 * float(np.max(_vector(c["precision"]))) for c in curves.values()), 1.0])
    ax.set_ylim(0, min(103, 1.12 * top))
    _legend(ax, loc="upper right")
    return figure


def trade_off(
    seen: npt.ArrayLike, unseen: npt.ArrayLike, chosen: tuple[float, float],
    raw: tuple[float, float], ausuc: float,
) -> Figure:
    """Seen against unseen accuracy as gamma sweeps, over contours of equal H.

    Parameters
    ----------
    seen, unseen : (m,) float
        Fractions along the curve (Chao et al., ECCV 2016).
    chosen, raw : (U, S)
        The points of gamma from validation and of gamma 0.
    ausuc : float
        Area under the curve, a fraction.
    """
    s, u = _thin(100 * _vector(seen)), _thin(100 * _vector(unseen))
    figure = _figure(5.2, 4.7)
    ax = figure.add_subplot()
    _frame(ax, f"What seen classes cost unseen ones: AUSUC {100 * ausuc:.1f}",
           "U, accuracy on unseen classes (%)", "S, accuracy on seen classes (%)")
    points = np.array([chosen, raw]) * 100  # (2, 2), U and S
    width = min(108.0, 1.12 * max(u.max(), points[:, 0].max(), 5))
    height = min(108.0, 1.12 * max(s.max(), points[:, 1].max(), 5))
    _equal_harmonic(ax, width, height)
    ax.fill(np.r_[0, u], np.r_[0, s], color=BLUE, alpha=0.10, linewidth=0)
    ax.plot(u, s, color=BLUE, linewidth=2)
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
    ax.set_xlim(0, width)
    ax.set_ylim(0, height)
    legend = _legend(ax, loc="lower left")
    legend.set_frame_on(True)
    legend.get_frame().set(facecolor=PAPER, edgecolor="none", alpha=0.88)
    return figure


def class_accuracy(
    names: Sequence[str], accuracy: npt.ArrayLike, seen: npt.ArrayLike | None = None,
) -> Figure:
    """Accuracy of every class, sorted, seen and unseen apart, with the mean of each.

    Parameters
    ----------
    names : C strings
    accuracy : (C,) float
        Fractions; NaN for a class without test samples, which is left out.
    seen : (C,) bool, optional

    Raises
    ------
    ValueError
        If no class has an accuracy.
    """
    values = 100 * _vector(accuracy)
    flags = np.ones(len(values), dtype=bool) if seen is None else np.asarray(seen, dtype=bool)
    kept = np.isfinite(values)
    if not kept.any():
        raise ValueError("accuracy: no class has one; leave the picture out.")
    groups = [(title, colour, np.flatnonzero(kept & mask))
              for title, colour, mask in (("unseen", ORANGE, ~flags), ("seen", BLUE, flags))]
    groups = [(t if seen is not None else "", c, index[np.argsort(-values[index], kind="stable")])
              for t, c, index in groups if len(index)]
    if kept.sum() <= FEW_CLASSES:
        return _named_bars(names, values, groups)
    return _many_bars(names, values, groups)


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
    figure = _figure(width, height, layout="none")

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


def history(curves: Mapping[str, npt.ArrayLike], *, limit: int = 12) -> Figure:
    """Training curves as small multiples; the axis is logarithmic where values span decades.

    Parameters
    ----------
    curves : mapping of name to (epochs,) float
    limit : int
        At most so many are drawn, in order.

    Raises
    ------
    ValueError
        If no curve holds a finite value.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    series = {name: _vector(values) for name, values in curves.items()}
    drawn = [(name, y) for name, y in series.items() if np.isfinite(y).any()][:limit]
    if not drawn:
        raise ValueError("curves: none holds a finite value; leave the picture out.")
    rows = -(-len(drawn) // 4)
    columns = -(-len(drawn) // rows)
    figure = _figure(10.4 if columns > 2 else 5.2, 0.3 + 2.1 * rows)
    for i, (name, y) in enumerate(drawn):
        ax = figure.add_subplot(rows, columns, i + 1)
        _frame(ax, shorten(name.replace("_", " "), 24), "epoch",
               "value (no unit)" if i % columns == 0 else "", grid=True)
        ax.set_title(ax.get_title(loc="left"), loc="left", fontsize=9.5, fontweight="bold",
                     color=INK)
        epochs = np.arange(1, len(y) + 1)
        ax.plot(epochs, y, color=BLUE, linewidth=1.6)
        good = y[np.isfinite(y)]
        if good.min() > 0 and good.max() > 20 * good.min():
            ax.set_yscale("log")
            ax.yaxis.set_major_locator(LogLocator(
                subs=(1.0,) if good.max() > 1000 * good.min() else (1.0, 3.0)))
            ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
            ax.yaxis.set_minor_formatter(NullFormatter())
            ax.tick_params(which="minor", length=0)
            ax.set_ylabel("value, log scale" if i % columns == 0 else "log scale", fontsize=9,
                          color=INK)
        ax.plot(epochs[-1], y[-1], "o", color=BLUE, markersize=4.5, markeredgecolor=PAPER)
        ax.annotate(f"{y[-1]:.3g}", (1, 1), xycoords="axes fraction", ha="right", va="bottom",
                    fontsize=8.5, color=MUTED, xytext=(0, 4), textcoords="offset points")
        ax.xaxis.set_major_locator(MaxNLocator(4, integer=True, min_n_ticks=1))
    return figure


def confusion(matrix: npt.ArrayLike, class_names: Sequence[str]) -> Figure:
    """Confusion matrix, each row in percent of its true class.

    Parameters
    ----------
    matrix : (C, C)
        Counts or fractions; row is truth, column is prediction.
    class_names : C strings
    """
    counts = np.asarray(matrix, dtype=np.float64)
    if counts.shape != (len(class_names), len(class_names)):
        raise ValueError(f"matrix: shape {counts.shape} for {len(class_names)} class names; "
                         "give (C, C).")
    share = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1e-12)
    size = float(np.clip(1.8 + 0.42 * len(counts), 4.2, 9.0))
    figure = _figure(size + 0.9, size)
    ax = figure.add_subplot()
    _frame(ax, "Which class is taken for which", "predicted class", "true class")
    picture = ax.imshow(share, cmap="cividis", vmin=0, vmax=100)
    ticks = range(len(counts))
    short = [shorten(name, 18) for name in class_names]
    named = len(counts) <= FEW_CLASSES
    ax.set_xticks(ticks if named else [], short if named else [], fontsize=8,
                  rotation=45 if max(map(len, short)) > 3 else 0,
                  ha="right" if max(map(len, short)) > 3 else "center")
    ax.set_yticks(ticks if named else [], short if named else [], fontsize=8)
    if len(counts) <= 12:
        for i, j in np.ndindex(*share.shape):
            ax.text(j, i, f"{share[i, j]:.0f}", ha="center", va="center", fontsize=8,
                    color="#010101" if share[i, j] > 55 else "#fefefe")
    bar = figure.colorbar(picture, ax=ax, shrink=0.8)
    bar.set_label("share of the true class (%)", color=INK, fontsize=9)
    bar.ax.tick_params(colors=MUTED, labelsize=8)
    bar.outline.set_visible(False)
    return figure


def highlighted_classes(labels: Mapping[str, Array], seen: Array | None, count: int) -> list[int]:
    """The largest classes over all modalities, half of them unseen where there are as many."""
    n = 1 + max(int(y.max(initial=-1)) for y in labels.values())
    totals = np.sum([np.bincount(y[y >= 0], minlength=n) for y in labels.values()], axis=0)
    order = [int(c) for c in np.argsort(-totals, kind="stable") if totals[c] > 0]
    if seen is None:
        return order[:count]
    old, new = [c for c in order if seen[c]], [c for c in order if not seen[c]]
    n_new = min(len(new), max(count // 2, count - len(old)))
    return sorted(old[: count - n_new]) + sorted(new[:n_new])


def tsne(views: Mapping[str, Array], random_state: int = 0) -> dict[str, Array]:
    """Joint t-SNE of rows of several modalities of one width, (n, 2) each.

    PCA to 30 columns first; started from the two main components, as scikit-learn does.
    """
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    stacked = principal(np.concatenate(list(views.values())), 30)  # (sum n, <= 30)
    n = len(stacked)
    start = stacked[:, :2] if stacked.shape[1] > 1 else np.pad(stacked, ((0, 0), (0, 1)))
    noise = np.random.default_rng(random_state).normal(size=(n, 2))
    start = 1e-4 * (start / max(float(start[:, 0].std()), 1e-12) + 1e-3 * noise)
    if n > 5:
        # Threads that wait for each other at every one of 500 short steps cost ten times what they
        # save as soon as one core is busy with something else.
        with threadpool_limits(1, user_api="openmp"):
            start = TSNE(init=start.astype(np.float32), perplexity=min(30.0, (n - 1) / 3),
                         max_iter=500, random_state=random_state).fit_transform(stacked)
    ends = np.cumsum([len(x) for x in views.values()])[:-1]
    return dict(zip(views, np.split(start, ends), strict=True))


def principal(x: Array, k: int) -> Array:
    """At most k principal components, (n, min(k, n, d)) float32."""
    centred = np.asarray(x, dtype=np.float64) - np.mean(x, axis=0, dtype=np.float64)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    components: Array = (u[:, :k] * s[:k]).astype(np.float32)
    return components


def arrow(direction: str) -> str:
    """``image->text`` as ``image → text``."""
    return direction.replace("->", " → ")


def shorten(text: str, limit: int) -> str:
    """At most ``limit`` characters; most is kept of the end, as names often begin alike."""
    if len(text) <= limit:
        return text
    n = (limit - 1) // 4
    start = len(text) - (limit - 1 - n)
    head, tail = text[:n], text[start:]
    if " " in head:
        head = head[: head.rindex(" ")]
    if text[start - 1] != " " and " " in tail[: len(tail) // 2]:  # on from a whole word
        tail = tail[tail.index(" ") + 1:]
    return f"{head.rstrip()}…{tail.lstrip()}"


def _figure(width: float, height: float, layout: Any = "constrained") -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout=layout, facecolor=PAPER)


def _frame(ax: Axes, title: str, xlabel: str, ylabel: str, *, grid: bool = False) -> None:
    ax.set_facecolor("none")
    ax.set_title(title, loc="left", fontsize=11, fontweight="bold", color=INK, pad=8)
    ax.set_xlabel(xlabel, fontsize=9, color=INK)
    ax.set_ylabel(ylabel, fontsize=9, color=INK)
    ax.tick_params(colors=GRID, labelcolor=MUTED, labelsize=8.5, length=3)
    for side, spine in ax.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(GRID)
    if grid:
        ax.grid(color=GRID, linewidth=0.7)
        ax.set_axisbelow(True)


def _legend(ax: Axes, **where: Any) -> Any:
    return ax.legend(frameon=False, fontsize=8.5, labelcolor=INK, handlelength=2.2, **where)


def _vector(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    return np.asarray(values, dtype=np.float64).ravel()


def _matrix(values: npt.ArrayLike) -> Array:
    x = np.asarray(values, dtype=np.float32)
    return x.mean(axis=1) if x.ndim == 3 else x  # (n, t, d) -> (n, d)


def _thin(values: Array, limit: int = 1000) -> Array:
    """Every so-manyth value, the ends included."""
    keep = np.unique(np.linspace(0, len(values) - 1, min(limit, len(values))).astype(int))
    return np.asarray(values[keep])


def _sample(labels: Array, chosen: Sequence[int], budget: int, random_state: int) -> Array:
    """Sorted rows within the budget; highlighted classes get up to two thirds of it."""
    if len(labels) <= budget:
        return np.arange(len(labels))
    rng = np.random.default_rng(random_state)
    order = rng.permutation(len(labels))
    lit = np.isin(labels[order], chosen)
    first = order[lit][: 2 * budget // 3]
    return np.sort(np.r_[first, order[~lit][: budget - len(first)]])


def _side_by_side(views: Mapping[str, Array], width: int = 30) -> dict[str, Array]:
    """Each modality's components at unit spread, padded with zeros to a common width."""
    padded = {}
    for m, x in views.items():
        z = principal(x, width)
        z = z / max(float(np.sqrt((z**2).sum(axis=1).mean())), 1e-12)
        padded[m] = np.pad(z, ((0, 0), (0, width - z.shape[1])))
    return padded


def _by_class(ax: Axes, points: Mapping[str, Array], labels: Mapping[str, Array],
              chosen: Sequence[int]) -> None:
    for i, (m, xy) in enumerate(points.items()):
        rest = ~np.isin(labels[m], chosen)
        ax.scatter(xy[rest, 0], xy[rest, 1], s=9, marker=MARKERS[i % 6], color=MUTED, alpha=0.22,
                   linewidth=0, rasterized=True)
    for i, (m, xy) in enumerate(points.items()):
        for k, c in enumerate(chosen):
            mine = labels[m] == c
            ax.scatter(xy[mine, 0], xy[mine, 1], s=26, marker=MARKERS[i % 6], linewidth=0,
                       alpha=0.85, color=CLASS_COLOURS[k % 12], rasterized=True)
    layer = 6.0
    for m, xy in points.items():
        for k, c in enumerate(chosen):
            mine = labels[m] == c
            if mine.any():
                x, y = _medoid(xy[mine])
                layer += 0.02  # a disc hides the disc and the number below it
                ax.plot(x, y, "o", color=CLASS_COLOURS[k % 12], markersize=10.5, zorder=layer,
                        markeredgecolor="#fefefe", markeredgewidth=0.9)
                ax.text(x, y, str(k + 1), ha="center", va="center_baseline", fontsize=6.5,
                        color="#fefefe", fontweight="bold", zorder=layer + 0.01)


def _by_modality(ax: Axes, points: Mapping[str, Array]) -> None:
    for i, xy in enumerate(points.values()):
        ax.scatter(xy[:, 0], xy[:, 1], s=14, marker=MARKERS[i % 6], color=SERIES[i % 6],
                   alpha=0.6, linewidth=0, rasterized=True)


def _medoid(xy: Array) -> Array:
    """The point of (n, 2) closest to all others, which stays inside a cluster."""
    gaps = np.linalg.norm(xy[:, None] - xy[None], axis=2).sum(axis=1)  # (n,)
    return np.asarray(xy[int(gaps.argmin())])


def _class_legend(ax: Axes, chosen: Sequence[int], class_names: Sequence[str],
                  seen: Array | None) -> None:
    ax.set_axis_off()
    groups = [("classes", list(enumerate(chosen)))]
    if seen is not None:
        groups = [(title, [(k, c) for k, c in enumerate(chosen) if bool(seen[c]) == flag])
                  for title, flag in (("seen classes", True), ("unseen classes", False))]
    y = 0.99
    for title, members in groups:
        if not members:
            continue
        ax.text(0, y, title, fontsize=9, fontweight="bold", color=INK, va="center",
                transform=ax.transAxes)
        for k, c in members:
            y -= 0.064
            ax.plot(0.04, y, "o", color=CLASS_COLOURS[k % 12], markersize=10, clip_on=False,
                    transform=ax.transAxes)
            ax.text(0.04, y, str(k + 1), fontsize=7, fontweight="bold", color="#fefefe",
                    ha="center", va="center", transform=ax.transAxes)
            lines = textwrap.wrap(shorten(str(class_names[c]), 50), 27)[:2]
            ax.text(0.12, y, "\n".join(lines), fontsize=8 if len(lines) == 1 else 7, color=INK,
                    va="center", linespacing=1.05, transform=ax.transAxes)
        y -= 0.09
    ax.text(0, y + 0.02, "grey: all other classes", fontsize=8, color=MUTED, va="center",
            transform=ax.transAxes)


def _modality_legend(ax: Axes, names: Sequence[str], counts: Mapping[str, int]) -> None:
    ax.set_axis_off()
    ax.text(0, 0.99, "modalities", fontsize=9, fontweight="bold", color=INK, va="center",
            transform=ax.transAxes)
    for i, m in enumerate(names):
        y = 0.99 - 0.07 * (i + 1)
        ax.plot(0.04, y, MARKERS[i % 6], color=SERIES[i % 6], markersize=7, clip_on=False,
                transform=ax.transAxes)
        ax.text(0.12, y, f"{shorten(m, 18)} ({counts[m]} points)", fontsize=8, color=INK,
                va="center", transform=ax.transAxes)


def _equal_harmonic(ax: Axes, width: float, height: float) -> None:
    """Contours of H = 2US/(U+S) every ten points, in percent."""
    for h in range(10, 100, 10):
        slope = np.geomspace(1e-3, 1e3, 400)  # u / s
        u, s = h * (1 + slope) / 2, h * (1 + 1 / slope) / 2
        inside = (s <= height) & (u <= width)
        if inside.sum() < 2:
            continue
        ax.plot(u[inside], s[inside], color=GRID, linewidth=0.9, zorder=0)
        ax.annotate(f"H {h}", (u[inside][-1], s[inside][-1]), fontsize=7, color=MUTED, ha="right",
                    va="bottom", xytext=(-1, 1), textcoords="offset points")


def _named_bars(names: Sequence[str], values: Array,
                groups: Sequence[tuple[str, str, Array]]) -> Figure:
    total = sum(len(index) for _, _, index in groups)
    figure = _figure(5.2, max(3.0, 1.2 + 0.24 * total))
    ax = figure.add_subplot()
    _frame(ax, "Which classes are hard", "accuracy of the class (%)", "class")
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
        labels += [shorten(str(names[c]), 26) for c in index]
        y = rows[-1] + 1.8
    ax.set_yticks(ticks, labels, fontsize=8.5, color=INK)
    ax.set_xlim(0, 108)
    ax.invert_yaxis()
    ax.legend(frameon=False, fontsize=8.5, labelcolor=INK, loc="upper left", ncols=2,
              bbox_to_anchor=(0, -0.42 / (0.24 * total + 0.4)))
    return figure


def _many_bars(names: Sequence[str], values: Array,
               groups: Sequence[tuple[str, str, Array]]) -> Figure:
    figure = _figure(5.2, 3.9 if len(groups) == 1 else 4.7)
    for row, (title, colour, index) in enumerate(groups):
        ax = figure.add_subplot(len(groups), 1, row + 1)
        mean = float(values[index].mean())
        best, worst = ([f"{shorten(str(names[c]), 24)} {values[c]:.0f}" for c in part]
                       for part in (index[:2], index[::-1][:2]))
        _frame(ax, f"{len(index)} {title} classes, mean {mean:.1f} %".replace("  ", " "),
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
