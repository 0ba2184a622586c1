"""Comparison of two reports by the test that their runs allow, and of one report with several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from crossalign.evaluation.class_bootstrap import class_bootstrap, class_interval, parts_of
from crossalign.evaluation.significance import (
    PairedComparison,
    holm,
    run_comparison,
    split_comparison,
)
from crossalign.sentences import nearest

if TYPE_CHECKING:
    from crossalign.evaluation.report import Report


FEWEST = 5
"""Number of classes of each kind below which drawing them says nothing."""


def compare(report: Report, other: Report, metric: str) -> PairedComparison:
    """Compare two reports whose protocols agree, see `Report.compare`.

    Raises
    ------
    ValueError
        If a report lacks the metric, or the runs do not pair up.
    """
    for one in (report, other):
        if metric not in one.scores:
            raise ValueError(f"metric: {one.model} has no {metric!r}; "
                             f"{nearest(metric, one.scores)}")
    a, b = (np.asarray(one.scores[metric]["runs"]) for one in (report, other))
    splits = report.protocol.get("split_id")
    if isinstance(splits, list) and len(splits) > 1:
        pair(report, other)
        if (found := over_splits(a, b, splits, share_of_test(report.protocol))) is not None:
            return found
    if _has_classes(report, metric) and _has_classes(other, metric):
        return class_bootstrap(report.per_class, other.per_class, metric)
    pair(report, other)
    if report.counted == other.counted == 1:
        a, b = a[:1], b[:1]
    return run_comparison(a, b, "seeds of one split say nothing about other classes"
                          if len(a) > 1 else "one run of one split says nothing about others")


def over_splits(a: npt.NDArray[Any], b: npt.NDArray[Any], splits: Sequence[str | None],
                ratio: float | None) -> PairedComparison | None:
    """Compare runs ``(n,)`` over their class splits, averaged within each; return None if all are
    of one split.

    Parameters
    ----------
    a, b : (n,) float
        Scores; entry i of both is of the same run.
    splits : n str or None
        Split id of every run; None is a split of its own.
    ratio : float, optional
        See `significance.split_comparison`.
    """
    groups = [str(s) if s is not None else f"run {i}" for i, s in enumerate(splits)]
    if len(set(groups)) < 2:
        return None
    rows = [np.flatnonzero(np.equal(groups, group)) for group in dict.fromkeys(groups)]
    first, second = ([float(x[r].mean()) for r in rows] for x in (a, b))
    return split_comparison(first, second, ratio)


def pair(report: Report, other: Report) -> None:
    """Raise ValueError if runs do not pair up."""
    if list(report.seeds) != list(other.seeds):
        raise ValueError(f"other: runs {other.seeds} do not pair with runs {report.seeds}; "
                         "evaluate both with the same seeds.")


def interval(report: Report, metric: str) -> tuple[float, float] | None:
    """Return the 95 % interval of a score over classes, or None if the scores of classes were not
    saved.
    """
    return class_interval(report.per_class, metric) if _has_classes(report, metric) else None


def versus(report: Report, others: Sequence[Report], metric: str) -> list[PairedComparison | None]:
    """Compare a report with each of several, p-values by Holm; None for reports that do not
    compare.
    """
    comparisons: list[PairedComparison | None] = []
    for other in others:
        try:
            comparisons.append(report.compare(other, metric))
        except ValueError:
            comparisons.append(None)
    return holm_adjusted(comparisons)


def holm_adjusted(comparisons: Sequence[PairedComparison | None]) -> list[PairedComparison | None]:
    """Return the same comparisons with p-values corrected for their number."""
    adjusted = holm([np.nan if one is None else one.p_value for one in comparisons])
    several = sum(one is not None and one.tested for one in comparisons) > 1
    return [one if one is None or not several or not one.tested else
            replace(one, p_value=float(p), method=f"{one.method}, Holm")
            for one, p in zip(comparisons, adjusted, strict=True)]


def _has_classes(report: Report, metric: str) -> bool:
    try:
        parts = parts_of(metric, report.per_class)
    except ValueError:
        return False
    return all(len(report.per_class[name]["classes"]) >= FEWEST for name in parts)


def share_of_test(protocol: Mapping[str, Any]) -> float | None:
    """Return the size of the test part over that of the training part, in units that the splits
    divide.

    Units are classes if some are unseen, otherwise samples; None if a protocol does not say.
    """
    classes, samples = protocol.get("classes"), protocol.get("samples")
    if isinstance(classes, Mapping) and classes.get("seen") and classes.get("unseen"):
        return float(classes["unseen"] / classes["seen"])
    if isinstance(samples, Mapping) and samples.get("test") and samples.get("train"):
        return float(samples["test"] / samples["train"])
    return None
