"""Expectations of classes that are added later, by classes that were left out and added."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from crossalign.space.bounds import KEPT, lifts

Array = npt.NDArray[Any]
SHARES = np.linspace(0, 1 - KEPT, 21)
"""Shares of what the others have right that an added class may take."""
ADDED = "added"
"""Key of the card of a space for `Added`."""


class Added(NamedTuple):
    """Expectations of a class that is added.

    Attributes
    ----------
    told : tuple of float
        Share of the pictures of each class that are told, when it was left out and added by its
        text.
    others : float
        Accuracy on held-out pictures of the other classes beside it, the mean over classes.
    before : float
        The same without it.
    """

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


class Fit(NamedTuple):
    """Scores of one fit: of the sample ``(m, C)``, of pictures that it left out ``(h, C)``, and of
    those of each class that it left out; the columns that it knows, and these classes.
    """

    sample: Array
    held: Array
    labels: Array
    own: list[Array]
    known: Array
    out: Array


def weights_of(scores: Array, labels: Array) -> Array:
    """Return the weights ``(m,)`` of pictures: shares of their classes, zero for wrong ones."""
    return np.asarray((scores.argmax(axis=1) == labels) / np.bincount(labels)[labels])


def tried(fit: Fit, scores: Array, labels: Array, trained: Array, new: int) -> Array:
    """Return for each of `SHARES` the share of the pictures of a class that are told when it is
    added, and the accuracy of the others beside it and without it, ``(shares, 3)``.
    """
    used = trained & ~np.isin(labels, fit.out)
    without = np.where(np.arange(scores.shape[1]) == new, -np.inf, scores)
    margins = (without.max(axis=1) - fit.sample[:, new])[used]
    weights = weights_of(without[used], labels[used])
    own = fit.own[fit.out.tolist().index(new)]
    own_margins = own[:, fit.known].max(axis=1) - own[:, new]
    held = np.where(fit.known, fit.held, -np.inf)
    held_margins, right = held.max(axis=1) - fit.held[:, new], weights_of(held, fit.labels)
    right = right / max(1, len(np.unique(fit.labels)))
    found = []
    for share in SHARES:
        lift = lifts(margins[:, None], weights, 1 - share)[0]
        found.append((np.mean(own_margins <= lift), right[held_margins > lift].sum(), right.sum()))
    return np.array(found)


def chosen(shares: Array) -> int:
    """Return the place of the share with the best harmonic mean of told and others ``(shares, 3)``,
    of those that leave the others enough; the smallest where none does.
    """
    told, others, before = shares.T
    fair = others >= KEPT * before
    total = np.maximum(told + others, np.finfo(float).tiny)
    return int(np.argmax(np.where(fair, 2 * told * others / total, -1.0))) if fair.any() else 0
