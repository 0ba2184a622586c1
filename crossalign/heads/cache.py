"""Cached training samples of a class, which vote for it beside its side information.

    s_c(x) = p_c(x) + alpha mean_i exp(-beta (1 - cos(x, k_i))),      i a sample of class c

p_c is what the head `Prototype` says. Tip-Adapter (Zhang et al., ECCV 2022, eqs. 3-6) is this head
in the space of a dual encoder; see `models.TipAdapter`.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from crossalign.heads.base import Array, Modalities, read_through
from crossalign.heads.few_shot import FewShotHead
from crossalign.heads.prototype import Prototype
from crossalign.models.blockwise import in_blocks
from crossalign.models.ranges import COUNT, RATE, WEIGHT
from crossalign.models.roles import Aligner
from crossalign.types import Classes, Views

__all__ = ["Cache"]

BLOCK = 2**22
"""Number of affinities that are computed at once."""


class Cache(Prototype, FewShotHead):
    """`Prototype`, and for a class with samples the mean affinity of a sample with those.

    A class without samples, as every unseen one, has the score of `Prototype` alone.

    Parameters
    ----------
    alpha : float
        Weight of the affinity; default 16. It counts in units of the prototype's scores.
    beta : float
        Sharpness of the affinity, which is ``exp(-beta (1 - cosine))``; default 5.5.
    shots : int, optional
        Number of samples to cache per class, evenly spaced in their order; default all.

    Attributes
    ----------
    keys_ : (m, d)
        Unit rows of the cached samples, by class.
    counts_ : (C,)
        Number of them per class.
    """

    learned = MappingProxyType({**Prototype.learned, "keys_": np.ndarray, "counts_": np.ndarray,
                                "trained_": np.ndarray, "trained_labels_": np.ndarray})
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "alpha": [WEIGHT], "beta": [RATE], "shots": [COUNT, None]}

    def __init__(self, alpha: float = 16.0, beta: float = 5.5, shots: int | None = None) -> None:
        self.alpha = alpha
        self.beta = beta
        self.shots = shots

    def reads_samples(self, classes: Classes) -> bool:
        """Tell whether there are seen classes, whose samples are needed."""
        return bool(classes.seen.any())

    def learn(self, model: Any, train: Views, classes: Classes, views: Sequence[str]) -> None:
        """Embed the classes, and cache samples of the seen ones."""
        super().learn(model, train, classes, views)
        rows = (spread_rows(train.truth, self.shots) if self.reads_samples(classes)
                else np.zeros(0, np.int64))
        self._remember(_unit_rows_of(model, train[rows], views), train.truth[rows])

    def _remember(self, keys: Array, labels: Array) -> None:
        order = np.argsort(labels, kind="stable")
        self.keys_ = keys[order]
        self.counts_ = np.bincount(labels, minlength=len(self.side_))

    def take_classes(self, model: Any, classes: Classes) -> None:
        """Embed the classes; further ones have no cached sample."""
        super().take_classes(model, classes)
        if hasattr(self, "counts_"):                       # not before the few samples are there
            self.counts_ = np.pad(self.counts_, (0, len(classes) - len(self.counts_)))

    def scores(self, model: Any, rows: Any, views: Modalities) -> Array:
        """Return the scores ``(n, C)`` of `Prototype` plus weighted affinities."""
        said = super().scores(model, rows, views)
        return np.asarray(said + self._votes(_embedded(model, rows, views)))

    def _votes(self, codes: Array) -> Array:
        """Return alpha times mean affinities ``(n, C)`` of unit rows, 0 for a class without
        samples.
        """
        there = np.flatnonzero(self.counts_)
        votes = np.zeros((len(codes), len(self.counts_)))
        if not len(there):
            return votes
        starts = np.cumsum(self.counts_[there]) - self.counts_[there]
        step = max(1, BLOCK // len(self.keys_))
        for start in range(0, len(codes), step):
            part = slice(start, start + step)
            affinity = np.exp(self.beta * (codes[part] @ self.keys_.T - 1.0))
            votes[part, there] = np.add.reduceat(affinity, starts, axis=1) / self.counts_[there]
        return self.alpha * votes

    # -- few samples ---------------------------------------------------------------------------
    @property
    def ready(self) -> bool:
        """True after `learn_few`."""
        return hasattr(self, "keys_")

    def start_few(self, model: Any, train: Views, classes: Classes, view: str) -> None:
        """Embed the classes and the training samples to cache."""
        self.check(model, train, classes)
        super().learn(model, train, classes, [view])
        rows = spread_rows(train.truth, self.shots)
        self.trained_ = _unit_rows_of(model, train[rows], [view])
        self.trained_labels_ = train.truth[rows]

    def learn_few(self, model: Any, support: Views | None, labels: Array, view: str,
                  kappa: float) -> None:
        """Cache the few samples beside the training samples; ``kappa`` has no say."""
        keys = [self.trained_]
        if support is not None and len(labels):
            keys.append(_unit_rows_of(model, support, [view]))
        self._remember(np.concatenate(keys), np.concatenate([self.trained_labels_, labels]))

    def few_inputs(self, model: Any, rows: Any, view: str) -> Array:
        """Compute the scores of `Prototype` and unit rows, side by side ``(n, C + d)``."""
        return np.hstack([super().scores(model, rows, view), model.embed(rows, view)])

    def few_scores(self, inputs: Array) -> Array:
        """Compute scores ``(n, C)``."""
        said, codes = np.split(inputs, [len(self.side_)], axis=1)
        return np.asarray(said + self._votes(codes))


def spread_rows(labels: Array, per_class: int | None) -> Array:
    """Return row numbers of at most ``per_class`` samples of every class, evenly spaced in
    order.
    """
    if per_class is None:
        return np.arange(len(labels))
    of_classes = (np.flatnonzero(labels == c) for c in np.unique(labels))
    return np.concatenate([rows[np.arange(min(per_class, len(rows))) * len(rows)
                                // min(per_class, len(rows))] for rows in of_classes])


def _unit_rows_of(model: Aligner, X: Views, views: Sequence[str]) -> Array:
    """Return unit rows ``(n, d)`` of samples through the views that each has."""
    return in_blocks(lambda part: _embedded(model, *read_through(part, views)), X)


def _embedded(model: Aligner, rows: Any, views: Modalities) -> Array:
    """Return unit rows ``(n, d)`` of rows of a modality, or of `Views` through several."""
    return model.embed(rows, views) if isinstance(views, str) else model.embed_views(rows, views)
