"""Which class is taken for which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from crossalign.evaluation.plots.canvas import empty_figure, frame
from crossalign.evaluation.plots.palette import INK, MUTED
from crossalign.evaluation.plots.wording import FEW_CLASSES, shorten

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
    figure = empty_figure(size + 0.9, size)
    ax = figure.add_subplot()
    frame(ax, "Which class is taken for which", "predicted class", "true class")
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
