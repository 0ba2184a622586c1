"""A score over the number of samples per new class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from crossalign.pages.plots.steps import steps
from crossalign.sentences import nearest

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = npt.NDArray[Any]


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
    values = {row: _values(row, scores, metric, ks) for row, scores in curves.items()}
    draws = max(map(len, values.values()))
    of = f", mean ± sd of {draws} draws" if draws > 1 else ""
    return steps(values, [f"{k:g}" for k in ks], "A few samples of each new class",
                 "samples per new class", f"{metric} (%){of}", dashed=baseline)


def _values(row: str, scores: Mapping[str, npt.ArrayLike], metric: str,
            ks: Sequence[int]) -> Array:
    """Return the (draws, K) fractions of one row."""
    if metric not in scores:
        raise ValueError(f"metric: {row!r} has no {metric!r}; {nearest(metric, scores)}")
    values = np.atleast_2d(np.asarray(scores[metric], dtype=np.float64))
    if values.ndim != 2 or values.shape[1] != len(ks) or not values.size:
        raise ValueError(f"curves[{row!r}]: shape {np.shape(scores[metric])} for {len(ks)} values "
                         "of k; give (draws, K), at least one of each.")
    return values
