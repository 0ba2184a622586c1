"""Names of classes as a prompt of captions: those that a recogniser takes for likely.

Fei et al., "ViECap", ICCV 2023, give a decoder the names of objects found without training on them.
At test the names are predictions. So they are in training: the true name is among them as often,
and at the ranks, as validation has found it there for classes never seen, and wrong names are those
that the sample is most easily taken for.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.labels import has_class
from crossalign.metrics import calibrated_stacking
from crossalign.types import Classes

Array = npt.NDArray[Any]
HITS = (0.5, 0.15, 0.1)
"""Shares of samples whose true name is at rank 1, 2, ..., by default."""


def ranked_classes(scores: Array, classes: Classes, gamma: float, ranks: int) -> Array:
    """Return the likeliest classes ``(n, ranks)`` after calibrated stacking; -1 for no more."""
    return ranked(calibrated_stacking(scores, classes.seen, gamma), ranks)


def ranked(scores: Array, ranks: int) -> Array:
    """Return the likeliest classes ``(n, ranks)`` by calibrated scores; -1 for no more."""
    return _filled(np.argsort(-scores, axis=1, kind="stable")[:, :ranks], ranks)


def rank_shares(ranked: Array, labels: Array) -> list[float]:
    """Return the shares of samples whose class ``(n,)`` is at each rank of ``(n, ranks)``."""
    return [float(share) for share in (ranked == labels[:, None]).mean(axis=0)]


def wrong_classes(scores: Array, labels: Array | None, seen: Array, ranks: int) -> Array:
    """Return the likeliest seen classes but the true one, ``(n, ranks)``; -1 for no more.

    Of a sample without a class any may be wrong.
    """
    scores = np.where(seen, scores, -np.inf)
    if labels is not None:
        known = np.flatnonzero(has_class(labels))
        scores[known, labels[known]] = -np.inf
    order = np.argsort(-scores, axis=1, kind="stable")[:, :ranks]
    allowed = np.isfinite(np.take_along_axis(scores, order, axis=1))
    return _filled(np.where(allowed, order, -1), ranks)


def with_truth(wrong: Array, labels: Array, hits: Array, rng: np.random.Generator) -> Array:
    """Put the true class among wrong ones, ``(n, ranks)``, at ranks drawn by their shares."""
    shares = np.asarray(hits, dtype=float)[:wrong.shape[1]]
    place = rng.choice(len(shares), len(wrong), p=shares / shares.sum())
    columns = np.arange(wrong.shape[1])
    earlier = np.take_along_axis(wrong, np.maximum(columns - 1, 0)[None].repeat(len(wrong), 0),
                                 axis=1)
    after = columns[None] > place[:, None]
    return np.where(columns[None] == place[:, None], labels[:, None],
                    np.where(after, earlier, wrong))


def _filled(order: Array, ranks: int) -> Array:
    return np.pad(order, ((0, 0), (0, ranks - order.shape[1])), constant_values=-1)
