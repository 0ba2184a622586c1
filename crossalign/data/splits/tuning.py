"""Validation rows of zero-shot recognition, and how they were chosen."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.splits.rows import Rows, gzsl_validation, validation_rows

Array = npt.NDArray[Any]


def tuning_rows(labels: Array, train: Array, seen: Array, tuning: Rows, fraction: float,
                seed: int, *, seen_tested: bool = True) -> tuple[Rows | None, str]:
    """Validation rows within the training rows, and how they were chosen.

    Parameters
    ----------
    labels : (n,) classes of all rows
    train : rows that are trained on
    seen : bool
        Of the classes that have samples.
    tuning : mapping
        ``train_loc`` and ``val_loc``, both or neither; without them as large a share of the
        classes plays unseen as is unseen in the test.
    fraction : float
        Part of each remaining class that is held out as seen validation rows.
    seed : int
    seen_tested : bool
        False where the test has no samples of seen classes; then validation has none either.

    Returns
    -------
    rows : dict or None
        None where there are too few classes or samples to validate on.
    how : str
        How they were chosen, or why there are none.
    """
    if {"train_loc", "val_loc"} <= set(tuning):
        found = validation_rows(train, tuning["train_loc"], tuning["val_loc"], labels,
                                fraction, seed)
        how = "classes of val_loc unseen, {} of train_loc held out, both within trainval_loc"
    elif seen.sum() < 2:
        return None, "one seen class leaves none to play unseen in validation"
    else:
        wanted = min(max(1, round(seen.sum() * float((~seen).mean()))), int(seen.sum()) - 1)
        at = gzsl_validation(labels[train], n_unseen=wanted, fraction=fraction, seed=seed)
        found = {split: train[index] for split, index in at.items()}
        how = f"{wanted} seen classes drawn to play unseen, {{}} of the others held out"
    if not seen_tested:
        pool = np.union1d(found["train"], found["test_seen"])
        return {"train": pool, "test_unseen": found["test_unseen"]}, how.format("nothing")
    if not len(found["test_seen"]):
        return None, ("no class has two training samples, of which to hold one out for "
                      "validation")
    return found, how.format(f"{fraction:.0%} per class")
