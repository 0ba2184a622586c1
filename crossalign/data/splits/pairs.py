"""Pairs of samples that were never recorded together, drawn within their classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.splits.rows import random_keys

Array = npt.NDArray[Any]


def pairs_within_classes(first: npt.ArrayLike, second: npt.ArrayLike, *,
                         seed: int = 0) -> tuple[Array, Array]:
    """Draw rows of ``first`` and rows of ``second`` that share a class, side by side.

    In each class, the side with more samples gives every sample once. The other side's samples are
    shuffled and repeated in that order, so that they stand equally often, to within one.

    Parameters
    ----------
    first, second : (n,) and (m,) integers
        Classes of the samples of the two sides.
    seed : int
        Seed of the shuffling, default 0; a class is shuffled alike whichever others there are.

    Returns
    -------
    rows of ``first``, rows of ``second`` : (p,) integers each
        p is the sum over classes of the larger count; class by class.

    Raises
    ------
    ValueError
        If a class is on one side only.
    """
    labels = np.asarray(first), np.asarray(second)
    alone = np.setxor1d(*labels)
    if len(alone):
        raise ValueError(f"second: class {alone[0]} has samples on one side only; leave it out.")
    chosen: tuple[list[Array], list[Array]] = ([], [])
    for c in np.unique(labels[0]):
        rows = [np.flatnonzero(side == c) for side in labels]
        few = int(len(rows[1]) <= len(rows[0]))
        shuffled = rows[few][np.argsort(random_keys(len(rows[few]), seed, int(c)))]
        rows[few] = np.resize(shuffled, len(rows[1 - few]))
        for side, found in zip(chosen, rows, strict=True):
            side.append(found)
    return np.concatenate(chosen[0]), np.concatenate(chosen[1])
