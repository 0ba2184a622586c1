"""Confusion matrix: the predicted class for every true class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from crossalign.pages.plots.canvas import empty_figure, frame
from crossalign.pages.plots.palette import INK, MUTED, ON_COLOUR, ON_LIGHT
from crossalign.pages.plots.wording import FEW_CLASSES, drawable, shorten

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OTHERS = "all others"


def confusion(matrix: npt.ArrayLike, class_names: Sequence[str]) -> Figure:
    """Draw a confusion matrix, each row in percent of its true class.

    Parameters
    ----------
    matrix : (C, C) or (C, C + 1)
        Counts or fractions; rows are true classes, columns predicted ones. One more column counts
        predictions of any other class.
    class_names : C strings
        Names of the classes.

    Raises
    ------
    ValueError
        If the shape does not fit the names.
    """
    counts = np.asarray(matrix, dtype=np.float64)
    n = len(class_names)
    if counts.shape not in ((n, n), (n, n + 1)):
        raise ValueError(f"matrix: shape {counts.shape} for {n} class names; "
                         "give (C, C) or (C, C + 1).")
    share = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1e-12)
    size = float(np.clip(1.8 + 0.42 * n, 4.2, 9.0))
    figure = empty_figure(size + 0.9, size)
    ax = figure.add_subplot()
    frame(ax, "Which class is taken for which", "predicted class", "true class")
    picture = ax.imshow(share, cmap="cividis", vmin=0, vmax=100)
    with_names = n <= FEW_CLASSES
    rows = [drawable(shorten(name, 28)) for name in class_names] if with_names else []
    columns = [drawable(shorten(name, 18)) for name in class_names] if with_names else []
    columns = [*columns, OTHERS] if with_names and counts.shape[1] > n else columns
    slanted = max(map(len, columns), default=0) > 3
    ax.set_xticks(range(len(columns)), columns, fontsize=8, rotation=45 if slanted else 0,
                  ha="right" if slanted else "center")
    ax.set_yticks(range(len(rows)), rows, fontsize=8)
    if n <= 12:
        for i, j in np.ndindex(*share.shape):
            ax.text(j, i, f"{share[i, j]:.0f}", ha="center", va="center", fontsize=8,
                    color=ON_LIGHT if share[i, j] > 55 else ON_COLOUR)
    bar = figure.colorbar(picture, ax=ax, shrink=0.8)
    bar.set_label("share of the true class (%)", color=INK, fontsize=9)
    bar.ax.tick_params(colors=MUTED, labelsize=8)
    bar.outline.set_visible(False)
    return figure
