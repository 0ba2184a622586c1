"""Recognition of classes that are added later: what is to be expected, and its calibration.

A class that is added is known by its text alone and stands beside all others, of which the model
has pictures. So some classes, one by one, are left out of training and added by their texts: the
mean curve says how well such a class is told, at which cost to the others, for every number that
calibrated stacking (Chao et al., ECCV 2016) subtracts from the scores of the others. The best of
those that leave the others nine tenths of their accuracy beside each of these classes is taken: a
mean would hide one whose text lies next to those of others. What is to be expected of it is
measured on each of these classes by the number that the others choose. The number that validation
chooses is for several unseen classes at a time, and in the unit of a model of fewer classes.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.base import clone

from crossalign.data.splits import hold_out, random_keys
from crossalign.data.splits.rows import HELD_OUT
from crossalign.metrics import SeenUnseenCurve, best_gamma, seen_unseen_curve
from crossalign.tasks import ZeroShot
from crossalign.types import Classes, Views

Array = npt.NDArray[Any]
MOST, LEAST = 10, 3
"""Most and fewest classes that are left out, each with a training of its own."""
ADDED = "added"
"""Setting of a space for the calibration beside added classes; key of its card for `Added`."""
KEPT = 0.9
"""Share of their accuracy that the other classes keep at least beside each that was left out."""
SECONDS = 60.0
"""Time after which no further class is left out."""


class Added(NamedTuple):
    """Expectations of a class that is added.

    Attributes
    ----------
    gamma : float
        Number with the best harmonic mean of ``told`` and ``others``, of those that leave the
        others nine tenths of their accuracy beside each class that was left out.
    told : tuple of float
        Share of the pictures of each class that are told, when it was left out and added by its
        text, at the gamma that the other ones choose.
    others : float
        Accuracy on held-out pictures of the other classes beside it, the mean over classes.
    before : float
        The same without it.
    """

    gamma: float
    told: tuple[float, ...]
    others: float
    before: float

    def __str__(self) -> str:
        """Say it in a sentence."""
        told = [round(100 * share) for share in self.told]
        return (f"of {len(told)} classes that were left out and added by their texts "
                f"{100 * np.mean(self.told):.0f} % of the pictures were told ({min(told)} to "
                f"{max(told)} % by class), and of the others {100 * self.others:.0f} % instead of "
                f"{100 * self.before:.0f} %")


def left_out(model: Any, used: Views, classes: Classes,
             seconds: float = SECONDS) -> Added | None:
    """Leave classes out one by one and add them by their texts.

    Parameters
    ----------
    model : estimator
        Unfitted model with its hyper-parameters.
    used : Views
        Pictures that a space is fitted on, with their labels.
    classes : Classes
        Its classes.
    seconds : float
        Time after which no further class is left out; default 60.

    Returns
    -------
    Added or None
        None with fewer than three classes with pictures, without side information, or where a
        class has no picture to hold out.
    """
    labels, started = used.truth, time.perf_counter()
    there = np.unique(labels)
    if len(there) < LEAST or not classes.embeddings.shape[1] or (
            np.bincount(labels)[there].min() < 2):
        return None
    held = hold_out(labels, HELD_OUT, seed=0)
    curves: list[SeenUnseenCurve] = []
    for out in there[np.argsort(random_keys(len(there), 0), kind="stable")][:MOST].tolist():
        if len(curves) >= LEAST and time.perf_counter() - started > seconds:
            break
        curves.append(_curve(model, used, classes, out, held))
    told, others = zip(*(at(curve, chosen_gamma(curves[:i] + curves[i + 1:]))
                         for i, curve in enumerate(curves)), strict=True)
    return Added(chosen_gamma(curves), told, float(np.mean(others)),
                 float(np.mean([curve.seen[0] for curve in curves])))


def _curve(model: Any, used: Views, classes: Classes, out: int, held: Array) -> SeenUnseenCurve:
    """Return the curve of one class that is left out and added."""
    own = used.truth == out
    train, seen = used[np.flatnonzero(~own & ~held)], np.isin(np.arange(len(classes)), used.truth)
    seen[out] = False
    known = replace(classes, seen=seen)
    kept = np.flatnonzero(seen | (np.arange(len(classes)) == out))
    head = ZeroShot(clone(model).fit(train, classes=known)).fit(train, known)
    column = np.searchsorted(kept, used.truth)
    rows = [np.flatnonzero(~own & held), np.flatnonzero(own)]
    scores = [head.decision_function(used[part])[:, kept] for part in rows]
    return seen_unseen_curve(scores[0], column[rows[0]], scores[1], column[rows[1]], seen[kept])


def chosen_gamma(curves: Sequence[SeenUnseenCurve]) -> float:
    """Return the gamma with the best harmonic mean on the mean of curves, of those that leave the
    seen classes enough on every one; the largest of these where none tells an unseen one.
    """
    gamma = np.unique(np.concatenate([curve.gamma for curve in curves]))
    unseen, seen = np.stack([[at(curve, step) for step in gamma] for curve in curves]).T.swapaxes(
        1, 2)                                                            # (curves, steps) each
    fair = (seen >= KEPT * seen[:, :1]).all(axis=0)          # the first steps, as seen ones fall
    told, kept = (np.where(fair, of.mean(axis=0), 0.0) for of in (unseen, seen))
    if not (told * kept).any():
        told = kept = np.eye(len(fair))[fair.sum() - 1]                    # the last of them alone
    return best_gamma(SeenUnseenCurve(gamma, told, kept))


def at(curve: SeenUnseenCurve, gamma: float) -> tuple[float, float]:
    """Return the accuracies on unseen and on seen classes at a gamma."""
    place = np.searchsorted(curve.gamma, gamma, side="right") - 1
    return float(curve.unseen[place]), float(curve.seen[place])
