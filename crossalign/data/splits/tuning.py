"""Validation rows of zero-shot recognition, and the words for their choice."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.splits.rows import HELD_OUT, Rows, gzsl_validation, validation_rows

Array = npt.NDArray[Any]
TOLD = "classes of val_loc unseen, {} of train_loc held out, both within trainval_loc"


def tuning_rows(labels: Array, train: Array, seen: Array, tuning: Rows, seed: int,
                *, seen_tested: bool = True, told: str = TOLD) -> tuple[Rows | None, str]:
    """Choose validation rows within the training rows, and say how.

    Parameters
    ----------
    labels : (n,)
        Classes of all rows.
    train : (m,)
        Numbers of the training rows.
    seen : bool
        True for seen classes, of those that have samples.
    tuning : mapping
        Index lists ``train_loc`` and ``val_loc``, both or neither. Without them the share of
        classes that play unseen equals the share of unseen classes in the test.
    seed : int
        Seed of all that is drawn.
    seen_tested : bool
        Whether the test has samples of seen classes; default True. If not, validation has none
        either.
    told : str
        Description of index lists, with ``{}`` for the share that is held out; default that of a
        split file.

    Returns
    -------
    rows : dict or None
        Validation rows; None if there are too few classes or samples to validate on.
    how : str
        Description of the choice, or the reason why there are no rows.
    """
    if {"train_loc", "val_loc"} <= set(tuning):
        rows = validation_rows(train, tuning["train_loc"], tuning["val_loc"], labels,
                               seed=seed)
        how = told
    elif seen.sum() < 2:
        return None, "one seen class leaves none to play unseen in validation"
    else:
        n_unseen = min(max(1, round(seen.sum() * float((~seen).mean()))), int(seen.sum()) - 1)
        at = gzsl_validation(labels[train], n_unseen=n_unseen, seed=seed)
        rows = {split: train[index] for split, index in at.items()}
        how = f"{n_unseen} seen classes drawn to play unseen, {{}} of the others held out"
    if not seen_tested:
        pool = np.union1d(rows["train"], rows["test_seen"])
        return {"train": pool, "test_unseen": rows["test_unseen"]}, how.format("nothing")
    if not len(rows["test_seen"]):
        return None, ("no class has two training samples, of which to hold one out for "
                      "validation")
    return rows, how.format(f"{HELD_OUT:.0%} per class")
