"""Recognition of classes that are added later: what is to be expected, and its calibration.

A class that is added is known by its text alone and stands beside all others, of which the model
has pictures. How far it may be lifted follows from its scores of their pictures, see
`space.bounds`, as long as these were not trained on: on its own training pictures a model is surer
than on others. So it is fitted a few times more, each time without a fifth of the pictures, and
what the others score on some of these is kept. The class itself was never trained, so that the
model in use scores it.

Each of these fits also leaves a few whole classes out, and adds them one at a time in the very way:
the share of their pictures that is told says what is to be expected. Fits and classes are bounded
by numbers, so that a space is the same on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.base import clone

from crossalign.arrays import evenly
from crossalign.data.splits import random_keys
from crossalign.space.expectations import SHARES, Added, Fit, chosen, tried, weights_of
from crossalign.tasks import ZeroShot
from crossalign.types import Classes, Views

Array = npt.NDArray[Any]
FOLDS = 5
"""Parts of the pictures, one of which each fit leaves out."""
FEWEST, ROWS = 3, 100_000
"""Fewest fits, and pictures in all of them where there may be more."""
MOST, LEAST = 10, 3
"""Most classes that are left out, and fewest that there have to be."""
FEW = 0.2
"""Share of the classes that one fit leaves out at most; one class in any case."""
SAMPLED, HELD = 256, 1_024
"""Number of pictures whose features a space keeps, and most of those that a fit is measured by."""
BESIDE = "beside"
"""Setting of a space: `LeftOut.setting`, in the order of its sample."""


class LeftOut(NamedTuple):
    """Record that a space keeps of classes and pictures that were left out.

    Attributes
    ----------
    rows : (m,) int
        Pictures, evenly from all that were left out of a fit.
    best : (m,) float
        Their best scores among the classes with pictures.
    weights : (m,) float
        One share of its class for each that is right; zero for others.
    share : float
        Share of their weight that added classes may take: at most a tenth, by which classes that
        were left out are told best.
    added : Added
        Expectations of a class that is added.
    """

    rows: Array
    best: Array
    weights: Array
    share: float
    added: Added

    def setting(self) -> dict[str, Any]:
        """Return what a space remembers beside its sample."""
        return {"best": self.best.tolist(), "weights": self.weights.tolist(), "share": self.share}


def left_out(model: Any, used: Views, classes: Classes) -> LeftOut | None:
    """Leave pictures and classes out, and add the classes by their texts.

    Parameters
    ----------
    model : estimator
        Unfitted model with its hyper-parameters.
    used : Views
        Pictures that a space is fitted on, with their labels.
    classes : Classes
        Its classes.

    Returns
    -------
    LeftOut or None
        None with fewer than three classes with pictures, without side information, or where a
        class has no picture to hold out.
    """
    labels = used.truth
    there = np.unique(labels)
    if len(there) < LEAST or not classes.embeddings.shape[1] or (
            np.bincount(labels)[there].min() < 2):
        return None
    groups = _groups(there, len(used))
    fold = _folds(labels, groups)
    left = np.flatnonzero(fold < len(groups))
    rows = left[evenly(len(left), SAMPLED)]
    fits = [_fitted(model, used, classes, fold, k, out, rows) for k, out in enumerate(groups)]
    scores = np.stack([np.where(fits[k].known, fits[k].sample[i], -np.inf)
                       for i, k in enumerate(fold[rows].tolist())])             # (m, C)
    every = np.stack([tried(fit, scores, labels[rows], fold[rows] != k, new)
                      for k, fit in enumerate(fits) for new in fit.out])        # (c, shares, 3)
    place = chosen(every.mean(axis=0))
    told, others, before = every[:, place].T
    return LeftOut(rows, scores.max(axis=1), weights_of(scores, labels[rows]), float(SHARES[place]),
                   Added(tuple(told.tolist()), float(others.mean()), float(before.mean())))


def _groups(there: Array, n: int) -> list[Array]:
    """Return the classes that each fit leaves out."""
    fits = int(np.clip(ROWS // n, FEWEST, FOLDS))
    each = int(np.clip(FEW * len(there), 1, -(-MOST // fits)))
    order = there[np.argsort(random_keys(len(there), 0), kind="stable")][:MOST]
    return [order[k * each:(k + 1) * each] for k in range(fits)]


def _folds(labels: Array, groups: Sequence[Array]) -> Array:
    """Return the part ``(n,)`` of every picture, none that a fit leaves out with its class."""
    order = np.lexsort((random_keys(len(labels), 1), labels))
    fold = np.empty(len(labels), dtype=np.int64)
    for c in np.unique(labels).tolist():
        own = order[labels[order] == c]
        free = [k for k in range(FOLDS) if k >= len(groups) or c not in groups[k]]
        fold[own] = np.resize(np.roll(free, c), len(own))
    return fold


def _fitted(model: Any, used: Views, classes: Classes, fold: Array, k: int, out: Array,
            rows: Array) -> Fit:
    """Fit on pictures of other parts than ``k`` and other classes than ``out``, and score."""
    kept = ~np.isin(used.truth, out)
    train = used[np.flatnonzero(kept & (fold != k))]
    known = np.isin(np.arange(len(classes)), np.setdiff1d(used.truth, out))
    told = replace(classes, seen=known)
    head = ZeroShot(clone(model).fit(train, classes=told)).fit(train, told)
    looks = used.select(head.modality_)                     # as `Recognition` reads pictures

    def scores(of: Array) -> Array:
        return np.asarray(head.decision_function(looks[of]), dtype=np.float64)

    held = np.flatnonzero(fold == k)
    held = held[evenly(len(held), HELD)]
    return Fit(scores(rows), scores(held), used.truth[held],
                [scores(np.flatnonzero(used.truth == c)) for c in out], known, out)
