"""Divisions of classes into seen and unseen besides random halves: by whole groups, and all of
them.

As in `splits`, everything depends on a seed alone and random order comes from the raw stream of
PCG64.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.splits.rows import random_keys

Array = npt.NDArray[Any]

TRIES = 20
"""Number of group orders that are tried for every division asked for."""


def class_splits(n_classes: int, n_seen: int | None = None, runs: int = 10, *,
                 seed: int = 0) -> Array:
    """Return the fixed class splits of retrieval, (runs, n_classes) bool, True where a class is
    seen.

    Split k depends on ``seed`` and k alone, so asking for more runs changes none of them. Half of
    the classes are seen by default, one more than half where the number is odd.

    Raises
    ------
    ValueError
        If a side would be empty.
    """
    n_seen = (n_classes + 1) // 2 if n_seen is None else n_seen
    if not 0 < n_seen < n_classes:
        raise ValueError(f"n_seen: got {n_seen} of {n_classes} classes; leave at least one class "
                         "on either side.")
    seen = np.zeros((runs, n_classes), dtype=bool)
    for k in range(runs):
        seen[k, np.argsort(random_keys(n_classes, seed, k))[:n_seen]] = True
    return seen


def group_splits(groups: npt.ArrayLike, runs: int = 10, *, seed: int = 0) -> Array:
    """Draw divisions in which whole groups are unseen, (at most runs, C) bool, True where seen.

    The groups are put into a random order, and as many of the first are seen as bring their classes
    closest to half. No division stands twice, so few groups give fewer than ``runs``. Asking for
    more changes none of the first.

    Parameters
    ----------
    groups : (C,) integers
        Group of every class.
    runs : int
    seed : int

    Raises
    ------
    ValueError
        If no division leaves a group seen and two classes unseen.
    """
    groups = np.asarray(groups)
    kinds, group, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    divisions: dict[bytes, Array] = {}
    for draw in range(TRIES * runs):
        order = np.argsort(random_keys(len(kinds), seed, draw))
        n_seen = sizes[order].cumsum()[:-1]  # classes seen with the first 1, 2, ... groups
        n_seen = n_seen[n_seen <= len(groups) - 2]
        if len(n_seen) and len(divisions) < runs:
            first = order[:np.abs(2 * n_seen - len(groups)).argmin() + 1]
            seen = np.isin(group, first)
            divisions.setdefault(seen.tobytes(), seen)
    if not divisions:
        raise ValueError(f"groups: {len(kinds)} groups of {len(groups)} classes; give two or more, "
                         "so that one can be seen and two classes unseen.")
    return np.array(list(divisions.values()))


def every_split(n_classes: int, n_seen: int | None = None, *, seed: int = 0) -> Array:
    """Return every choice of seen classes, once: (comb(n_classes, n_seen), n_classes) bool.

    They come in an order drawn by ``seed``, so that the first few are a sample of all. By default
    half of the classes are seen, one more than half if the number is odd.

    Raises
    ------
    ValueError
        If a side would be empty.
    """
    n_seen = (n_classes + 1) // 2 if n_seen is None else n_seen
    if not 0 < n_seen < n_classes:
        raise ValueError(f"n_seen: got {n_seen} of {n_classes} classes; leave at least one class "
                         "on either side.")
    choices = np.array(list(combinations(range(n_classes), n_seen)))
    seen = np.zeros((len(choices), n_classes), dtype=bool)
    np.put_along_axis(seen, choices, True, axis=1)
    return np.asarray(seen[np.argsort(random_keys(len(seen), seed))])
