"""A Gaussian per class on codes, around the code that the model gives the class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from crossalign.heads.base import Array
from crossalign.heads.gaussian import Gaussian
from crossalign.models.rows import unit_rows
from crossalign.types import Classes, Views

__all__ = ["Code"]


class Code(Gaussian):
    """`Gaussian` whose mean of an unseen class is the model's own code of its side information.

    For parameters and attributes see `Gaussian`.
    """

    embeds_classes = True

    def learn(self, model: Any, train: Views, classes: Classes, views: Sequence[str]) -> None:
        """Fit the Gaussians on codes, and move the means of unseen classes."""
        super().learn(model, train, classes, views)
        self._take(model, classes, np.setdiff1d(np.arange(len(classes)), self.gaussians_.seen_))

    def take_classes(self, model: Any, classes: Classes) -> None:
        """Score ``classes`` from now on; the means of further ones are their codes."""
        known = len(self.gaussians_.means_)
        super().take_classes(model, classes)
        self._take(model, classes, np.arange(known, len(classes)))

    def _take(self, model: Any, classes: Classes, which: Array) -> None:
        """Put some classes where their codes are."""
        means = self.gaussians_.means_.copy()
        self._move(model, means, classes, which)
        self.gaussians_ = self.gaussians_.with_means(means)

    def _prior(self, model: Any, classes: Classes) -> Array:
        prior = super()._prior(model, classes)
        self._move(model, prior, classes, np.flatnonzero(self.counts_ == 0))
        return prior

    def _move(self, model: Any, means: Array, classes: Classes, which: Array) -> None:
        """Replace some of the means ``(C, d)`` by the codes of their classes."""
        means[which] = unit_rows(model.project_classes(classes.embeddings[which]))
