"""Subsamples: the classes and rows that a crowded picture or page shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

LINE = 1000
"""Largest number of points of a line; more cannot be told apart."""


def highlighted_classes(labels: Mapping[str, Array], seen: Array | None, count: int) -> list[int]:
    """Return the largest classes over all modalities, half of them unseen if there are as many."""
    n = 1 + max(int(y.max(initial=-1)) for y in labels.values())
    totals = np.sum([np.bincount(y[y >= 0], minlength=n) for y in labels.values()], axis=0)
    order = [int(c) for c in np.argsort(-totals, kind="stable") if totals[c] > 0]
    if seen is None:
        return order[:count]
    old, new = [c for c in order if seen[c]], [c for c in order if not seen[c]]
    n_new = min(len(new), max(count // 2, count - len(old)))
    return sorted(old[: count - n_new]) + sorted(new[:n_new])


def sample(labels: Array, highlighted: Sequence[int], budget: int, random_state: int) -> Array:
    """Choose sorted rows within the budget; highlighted classes get up to two thirds of it."""
    if len(labels) <= budget:
        return np.arange(len(labels))
    rng = np.random.default_rng(random_state)
    order = rng.permutation(len(labels))
    lit = np.isin(labels[order], highlighted)
    first = order[lit][: 2 * budget // 3]
    return np.sort(np.r_[first, order[~lit][: budget - len(first)]])
