"""A score over the number of training pairs, or the share of them that is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from crossalign.evaluation.learning_curve import CHANCE, Value
from crossalign.pages.plots.steps import steps

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def learning_curve(rows: Mapping[str, npt.ArrayLike], values: Sequence[Value], *, metric: str,
                   axis: str = "pairs", title: str = "A few training pairs") -> Figure:
    """Draw means over runs with bars of one standard deviation, a line per model.

    The values stand at equal distances.

    Parameters
    ----------
    rows : mapping of row to (runs, K) fractions
        Scores; NaN where a model refused.
    values : K numbers
        Numbers of pairs, None for all; or shares of wrong pairs.
    metric : str
        Name of the score.
    axis : {"pairs", "wrong"}
        Name of what the values are; default ``"pairs"``.
    title : str
        Title; default ``"A few training pairs"``.

    Raises
    ------
    ValueError
        If there is no row, or one has not one score for each value.
    """
    if not rows:
        raise ValueError("rows: none given; leave the picture out.")
    scores = {row: np.atleast_2d(np.asarray(of, dtype=np.float64)) for row, of in rows.items()}
    for row, of in scores.items():
        if of.ndim != 2 or of.shape[1] != len(values) or not of.size:
            raise ValueError(f"rows[{row!r}]: shape {of.shape} for {len(values)} values; give "
                             "(runs, K), at least one of each.")
    runs = max(map(len, scores.values()))
    spread = f", mean ± sd of {runs} runs" if runs > 1 else ""
    if axis == "wrong":
        names, below = [f"{100 * float(v or 0):g} %" for v in values], "wrong training pairs"
    else:
        names, below = ["all" if v is None else f"{v:,}" for v in values], "training pairs"
    return steps(scores, names, title, below, f"{metric} (%){spread}", dashed=CHANCE)
