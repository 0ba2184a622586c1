"""A score over the number of training pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from crossalign.evaluation.learning_curve import CHANCE
from crossalign.pages.plots.steps import steps

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def learning_curve(rows: Mapping[str, npt.ArrayLike], pairs: Sequence[int | None], *,
                   metric: str, title: str = "A few training pairs") -> Figure:
    """Draw means over runs with bars of one standard deviation, a line per model.

    The numbers of pairs stand at equal distances.

    Parameters
    ----------
    rows : mapping of row to (runs, K) fractions
        Scores; NaN where a model refused.
    pairs : K integers or None
        Numbers of pairs; None for all.
    metric : str
        Name of the score.
    title : str
        Title; default ``"A few training pairs"``.

    Raises
    ------
    ValueError
        If there is no row, or one has not one value per number of pairs.
    """
    if not rows:
        raise ValueError("rows: none given; leave the picture out.")
    values = {row: np.atleast_2d(np.asarray(of, dtype=np.float64)) for row, of in rows.items()}
    for row, of in values.items():
        if of.ndim != 2 or of.shape[1] != len(pairs) or not of.size:
            raise ValueError(f"rows[{row!r}]: shape {of.shape} for {len(pairs)} numbers of pairs; "
                             "give (runs, K), at least one of each.")
    runs = max(map(len, values.values()))
    spread = f", mean ± sd of {runs} runs" if runs > 1 else ""
    return steps(values, ["all" if n is None else f"{n:,}" for n in pairs], title,
                 "training pairs", f"{metric} (%){spread}", dashed=CHANCE)
