"""Recall that a space keeps under a new encoder, on pictures that its map has not read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.arrays import unit_rows
from crossalign.index.drift_recall import others, overlap

Array = npt.NDArray[Any]
K = 10
"""Number of neighbours, where a tenth of the pictures are as many."""
HALF = 0.5
"""Share of pictures below which those that have others of their class say nothing of all."""


@dataclass(frozen=True)
class Kept:
    """Recall of mapped queries beside that of queries before, and of a gallery encoded anew.

    Attributes
    ----------
    k : int
        Number of neighbours.
    nearest, nearest_before : float
        Share of the k nearest by the new encoder that mapped queries find among vectors of the old
        one, and that queries of the old encoder find.
    recall, recall_anew : float, optional
        Recall@k of pictures of the same class by features: mapped queries among the old ones, and
        new among new. None where most pictures have no other of their class.
    space, space_before : float, optional
        The same by vectors of the space, among those of its index: of mapped queries, and of these
        vectors themselves.
    """

    k: int
    nearest: float
    nearest_before: float
    recall: float | None
    recall_anew: float | None
    space: float | None
    space_before: float | None

    @property
    def share(self) -> float:
        """Smallest share that is kept: of the recall of a gallery encoded anew and of the space's
        own before; without classes, of the nearest that queries found before.
        """
        if self.recall is None:
            return self.nearest / max(self.nearest_before, 1e-9)
        assert self.recall_anew is not None
        assert self.space is not None
        assert self.space_before is not None
        return min(self.recall / max(self.recall_anew, 1e-9),
                   self.space / max(self.space_before, 1e-9))

    def lines(self) -> list[str]:
        """Say it in lines."""
        told = [f"of the {self.k} nearest by the new encoder, mapped queries find "
                f"{self.nearest:.3f} among the old vectors, queries before "
                f"{self.nearest_before:.3f}"]
        if self.recall is not None:
            told += [f"recall@{self.k} of pictures of the same class, by features: "
                     f"{self.recall:.3f} mapped, {self.recall_anew:.3f} encoded anew",
                     f"recall@{self.k} of pictures of the same class, in the space: "
                     f"{self.space:.3f} mapped, {self.space_before:.3f} before"]
        return told


def kept_of(features: tuple[Array, Array, Array], vectors: tuple[Array, Array],
            classes: Sequence[str | None]) -> Kept:
    """Compute what is kept for pictures that are each a query among all others.

    Parameters
    ----------
    features : three arrays
        Features of n pictures: mapped ``(n, d)``, by the old encoder ``(n, d)`` and by the new one
        ``(n, d')``.
    vectors : two arrays
        Vectors ``(n, w)`` of mapped features, and of the pictures in the index, as it compares
        them.
    classes : n names
        Their classes; None where there is none.
    """
    mapped, old, new = (unit_rows(np.asarray(rows, dtype=np.float64)) for rows in features)
    k = int(np.clip(len(old) // 10, 1, K))
    anew, relevant = others(new, new, k), _relevant(classes)
    asked = relevant.any(axis=1)

    def recall(queries: Array, gallery: Array) -> float | None:
        if asked.mean() < HALF:
            return None
        return recall_of(others(queries, gallery, k)[asked], relevant[asked])

    return Kept(k, overlap(others(mapped, old, k), anew), overlap(others(old, old, k), anew),
                recall(mapped, old), recall(new, new), recall(vectors[0], vectors[1]),
                recall(vectors[1], vectors[1]))


def _relevant(classes: Sequence[str | None]) -> Array:
    """Return which other pictures are of the same class, ``(n, n)`` bool."""
    names = np.array([str(name) for name in classes])
    known = np.array([name is not None for name in classes])
    same = (names[:, None] == names[None]) & known
    np.fill_diagonal(same, False)
    return np.asarray(same & known[:, None])


def recall_of(found: Array, relevant: Array) -> float:
    """Return the mean share of what could be found, at most k each, that is among the found.

    Parameters
    ----------
    found : (q, k) int
        Columns that were found.
    relevant : (q, n) bool
        Which columns are to be found; one at least for every query.
    """
    hits = np.take_along_axis(relevant, found, axis=1).sum(axis=1)
    return float(np.mean(hits / np.minimum(relevant.sum(axis=1), found.shape[1])))
