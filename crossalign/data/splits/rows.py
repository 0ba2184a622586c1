"""Splits of rows and classes: validation without leaks, fixed class splits.

Everything is a pure function of index arrays and a seed. Random order comes from the raw stream of
PCG64, which NumPy promises not to change (NEP 19), so a split is the same on every version. All
indices are 0-based here; the loaders convert once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Rows = dict[str, Array]

HELD_OUT = 0.2
"""Share of each seen class that is held out to test recognition, in validation too."""


def random_keys(n: int, *seed: int) -> Array:
    """Return (n,) uint64 sort keys, the same on every NumPy version for the same ``seed``."""
    if n == 0:
        return np.zeros(0, dtype=np.uint64)
    stream = np.random.PCG64(np.random.SeedSequence(seed))
    return np.asarray(stream.random_raw(n), dtype=np.uint64)


def hold_out(labels: npt.ArrayLike, fraction: float, *, seed: int = 0) -> Array:
    """Choose about ``fraction`` of the rows of every class, (n,) bool.

    A class of two rows or more gives at least one and keeps at least one; a class of one row keeps
    it.

    Raises
    ------
    ValueError
        If ``fraction`` is not strictly between 0 and 1.
    """
    if not 0 < fraction < 1:
        raise ValueError(f"fraction: got {fraction}; give a number strictly between 0 and 1.")
    labels = np.asarray(labels)
    order = np.lexsort((random_keys(len(labels), seed), labels))
    _, first, counts = np.unique(labels[order], return_index=True, return_counts=True)
    rank = np.arange(len(labels)) - np.repeat(first, counts)  # 0, 1, ... within each class
    quota = np.minimum(np.maximum(np.rint(fraction * counts), 1), counts - 1)
    held = np.zeros(len(labels), dtype=bool)
    held[order] = rank < np.repeat(quota, counts)
    return held


def validation_rows(trainval_loc: npt.ArrayLike, train_loc: npt.ArrayLike,
                    val_loc: npt.ArrayLike, labels: npt.ArrayLike,
                    fraction: float = HELD_OUT, seed: int = 0) -> Rows:
    """Choose the validation rows of a proposed-split file, none of them a test row.

    The raw ``train_loc`` and ``val_loc`` may cover every test row of seen classes, so both are
    first cut down to ``trainval_loc``: unseen validation classes are ``val_loc & trainval_loc``,
    and a ``fraction`` of each class of the pool ``train_loc & trainval_loc`` is held out as seen
    validation rows.

    Parameters
    ----------
    trainval_loc, train_loc, val_loc : integer arrays
        Rows, 0-based.
    labels : (n,) integers
        Class of every row of the data set.
    fraction : float
        Part of each pool class that is held out.
    seed : int
        Seed of the held-out rows; default 0.

    Returns
    -------
    dict
        Sorted rows of ``train``, ``test_seen`` and ``test_unseen``.

    Raises
    ------
    ValueError
        If a part is empty or a class stands on both sides.
    """
    labels = np.asarray(labels)
    unseen = np.intersect1d(val_loc, trainval_loc)
    pool = np.intersect1d(train_loc, trainval_loc)
    for name, rows in (("train_loc", pool), ("val_loc", unseen)):
        if len(rows) == 0:
            raise ValueError(f"{name}: shares no row with trainval_loc; check the split file, or "
                             "leave train_loc and val_loc out to have validation classes drawn.")
    both = np.intersect1d(labels[pool], labels[unseen])
    if len(both):
        raise ValueError(f"val_loc: {len(both)} classes, for example {both[0]}, also stand in "
                         "train_loc; give validation classes of their own, or leave train_loc and "
                         "val_loc out to have them drawn.")
    held = hold_out(labels[pool], fraction, seed=seed)
    return {"train": pool[~held], "test_seen": pool[held], "test_unseen": unseen}


def gzsl_validation(labels: npt.ArrayLike, seen_classes: npt.ArrayLike | None = None, *,
                    n_unseen: int | None = None, fraction: float = HELD_OUT, seed: int = 0) -> Rows:
    """Choose validation rows out of training rows, with validation classes drawn by ``seed``.

    Parameters
    ----------
    labels : (n,) integers
        Classes of the training rows.
    seen_classes : integers, optional
        Classes to draw from; by default those of ``labels``.
    n_unseen : int, optional
        Number of classes that play unseen; by default a quarter, at least one.
    fraction : float
        Part of each remaining class that is held out as seen validation rows.
    seed : int
        Seed of the classes and of the held-out rows; default 0.

    Returns
    -------
    dict
        Sorted positions in ``labels`` of ``train``, ``test_seen`` and ``test_unseen``.

    Raises
    ------
    ValueError
        If a class has no row or there are fewer than two classes.
    """
    labels = np.asarray(labels)
    classes = np.unique(labels if seen_classes is None else np.asarray(seen_classes))
    empty = np.setdiff1d(classes, labels)
    if len(empty):
        raise ValueError(f"seen_classes: class {empty[0]} has no training row; remove it.")
    count = max(1, round(len(classes) / 4)) if n_unseen is None else n_unseen
    if not 0 < count < len(classes):
        raise ValueError(f"n_unseen: got {count} of {len(classes)} classes; leave at least one "
                         "class on either side.")
    order = np.argsort(random_keys(len(classes), seed))
    unseen = np.flatnonzero(np.isin(labels, classes[order[:count]]))
    pool = np.flatnonzero(np.isin(labels, classes[order[count:]]))
    held = hold_out(labels[pool], fraction, seed=seed)
    return {"train": pool[~held], "test_seen": pool[held], "test_unseen": unseen}


def assert_disjoint(**index_sets: npt.ArrayLike) -> None:
    """Raise ValueError, naming two sets, a count and one index, if any two sets share one."""
    names = list(index_sets)
    for i, first in enumerate(names):
        for second in names[i + 1:]:
            both = np.intersect1d(index_sets[first], index_sets[second])
            if len(both):
                raise ValueError(f"{first}: {len(both)} rows also stand in {second}, for example "
                                 f"row {both[0]} (0-based); make the two disjoint.")


def leak(train_loc: npt.ArrayLike, val_loc: npt.ArrayLike,
         test_loc: npt.ArrayLike) -> dict[str, int]:
    """Count the test rows that stand in the raw training and validation lists.

    Returns
    -------
    dict
        Counts ``train_loc``, ``val_loc`` and their ``union``, beside the size of ``test``.
    """
    test = np.unique(np.asarray(test_loc))
    train, val = np.isin(test, train_loc), np.isin(test, val_loc)
    return {"train_loc": int(train.sum()), "val_loc": int(val.sum()),
            "union": int((train | val).sum()), "test": len(test)}
