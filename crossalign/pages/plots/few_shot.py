"""A score over the number of samples per new class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from crossalign.pages.plots.canvas import empty_figure, frame
from crossalign.pages.plots.palette import INK, PAPER, marker, series
from crossalign.pages.plots.wording import drawable, shorten

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = npt.NDArray[Any]

APART = 0.12
"""Width over which the points of one k are spread, as a share of the distance between two k."""


def few_shot(curves: Mapping[str, Mapping[str, npt.ArrayLike]], ks: Sequence[int], *,
             metric: str = "H", baseline: str = "side information only") -> Figure:
    """Draw means over draws with bars of one standard deviation, a line per row.

    The values of k stand at equal distances.

    Parameters
    ----------
    curves : mapping of row to mapping of metric to (draws, K) or (K,) fractions
        Curves of `evaluation.protocols.few_shot_curve.FewShotCurve.scores`.
    ks : K integers
        Numbers of samples per new class.
    metric : str
        Metric to draw, in percent; default ``"H"``.
    baseline : str
        Row that is dashed, if it is there; default ``"side information only"``.

    Raises
    ------
    ValueError
        If there is no row, or one lacks the metric or has not one value per k.
    """
    if not curves:
        raise ValueError("curves: none given; leave the picture out.")
    figure = empty_figure(5.2, 3.9 + 0.1 * len(curves))
    ax = figure.add_subplot()
    draws = {len(_values(row, scores, metric, ks)) for row, scores in curves.items()}
    of = f", mean ± sd of {max(draws)} draws" if max(draws) > 1 else ""
    frame(ax, "A few samples of each new class", "samples per new class",
          f"{metric} (%){of}", grid=True)
    styles = iter([(series(i), marker(i)) for i in range(len(curves))])
    shifts = np.linspace(-APART / 2, APART / 2, len(curves)) if len(curves) > 1 else [0.0]
    for (row, scores), shift in zip(curves.items(), shifts, strict=True):
        values = 100 * _values(row, scores, metric, ks)
        dashed = row == baseline
        colour, shape = (INK, "o") if dashed else next(styles)
        sd = values.std(axis=0, ddof=1) if len(values) > 1 else None
        ax.errorbar(np.arange(len(ks)) + shift, values.mean(axis=0), sd, color=colour,
                    marker=shape, markersize=5.5, markeredgecolor=PAPER, linewidth=1.8,
                    elinewidth=1.1, capsize=2.5, linestyle=(0, (4, 1.8)) if dashed else "-",
                    zorder=2 if dashed else 3,
                    label=drawable(shorten(row.replace("_", " "), 28)) or " ")
    ax.set_xticks(np.arange(len(ks)), [f"{k:g}" for k in ks])
    figure.legend(frameon=False, fontsize=8.5, labelcolor=INK, handlelength=2.2,
                  loc="outside lower left", ncols=2)
    return figure


def _values(row: str, scores: Mapping[str, npt.ArrayLike], metric: str,
            ks: Sequence[int]) -> Array:
    """Return the (draws, K) fractions of one row."""
    if metric not in scores:
        raise ValueError(f"metric: {row!r} has no {metric!r}; choose one of {list(scores)}.")
    values = np.atleast_2d(np.asarray(scores[metric], dtype=np.float64))
    if values.ndim != 2 or values.shape[1] != len(ks) or not values.size:
        raise ValueError(f"curves[{row!r}]: shape {np.shape(scores[metric])} for {len(ks)} values "
                         "of k; give (draws, K), at least one of each.")
    return values
