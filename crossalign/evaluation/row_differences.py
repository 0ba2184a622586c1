"""Differences between the rows of a learning curve: is one model above another at a value?

Every run has its own class split, so the test is the corrected resampled t-test (Nadeau and Bengio,
Machine Learning 52, 2003) of `significance`, paired over the runs, with p-values by Holm over the
rows of one value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from crossalign.evaluation.comparison import holm_adjusted, over_splits
from crossalign.evaluation.significance import LEVEL, PairedComparison, run_comparison
from crossalign.tables import points

Array = npt.NDArray[Any]


class RowDifferences(NamedTuple):
    """Comparisons of one row of a curve with each of the others.

    Attributes
    ----------
    row : str
        Row that the others are subtracted from.
    others : mapping of row to K comparisons
        Row minus the other at every value; None where either has no score.
    """

    row: str
    others: dict[str, list[PairedComparison | None]]

    def best_other(self, place: int) -> tuple[str, PairedComparison] | None:
        """Return the other row of the highest mean at a value and the difference to it; None if
        there is no other.
        """
        there = {row: found for row, of in self.others.items()
                 if (found := of[place]) is not None}
        row = min(there, key=lambda row: there[row].mean, default=None)
        return None if row is None else (row, there[row])

    def to_dict(self) -> dict[str, Any]:
        """Return all of it in plain JSON types; None in place of NaN."""
        return {"row": self.row, "minus": {
            other: [None if one is None else _plain(one) for one in of]
            for other, of in self.others.items()}}


def row_differences(rows: Mapping[str, npt.ArrayLike], row: str, split_id: Sequence[str | None],
                    test_share: float | None) -> RowDifferences:
    """Compare one row of a curve with each of the others, at every value.

    Parameters
    ----------
    rows : mapping of row to (runs, K)
        Scores, fractions; NaN where a row has none.
    row : str
        Row that the others are subtracted from.
    split_id : runs str or None
        Class split of every run.
    test_share : float, optional
        Size of the test part over that of the training part; None gives differences without a
        test.
    """
    scores = {name: np.asarray(of, dtype=np.float64) for name, of in rows.items()}
    others = {name: of for name, of in scores.items() if name != row}
    columns = [holm_adjusted([_compared(scores[row][:, k], of[:, k], split_id, test_share)
                              for of in others.values()]) for k in range(scores[row].shape[1])]
    return RowDifferences(row, {name: [column[i] for column in columns]
                                for i, name in enumerate(others)})


def difference_cell(found: PairedComparison | None) -> str:
    """Write a difference with its interval and p-value for a table; a dash where there is none."""
    if found is None:
        return "-"
    if not found.tested:
        return points(found.mean)
    return f"{points(found.mean, found.low, found.high)} p {found.p_value:.2g}"


def apart(found: PairedComparison | None) -> bool:
    """Tell whether two rows are told apart at the level of the intervals, by the corrected
    p-value.
    """
    return found is not None and found.tested and found.p_value < 1 - LEVEL


def _compared(a: Array, b: Array, splits: Sequence[str | None],
              ratio: float | None) -> PairedComparison | None:
    if np.isnan(a).any() or np.isnan(b).any():
        return None
    found = over_splits(a, b, splits, ratio)
    return run_comparison(a, b, "all runs are of one class split") if found is None else found


def _plain(found: PairedComparison) -> dict[str, Any]:
    return {name: None if isinstance(value, float) and np.isnan(value) else value
            for name, value in asdict(found).items()}
