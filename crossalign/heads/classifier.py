"""The model's own scores, for a model that scores classes by itself."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from crossalign.heads.base import Array, Head, Modalities, Places
from crossalign.models.closed_form.gfzsl import GFZSL
from crossalign.models.roles import ZeroShotClassifier
from crossalign.preprocessing.pooling import vectors_in
from crossalign.types import Classes, Views

__all__ = ["Classifier"]


class Classifier(Head):
    """Scores of the model itself, a `ZeroShotClassifier`.

    Attributes
    ----------
    classes_ : Classes
        Classes to score.
    moved_ : GFZSL
        The model with class means that unlabelled samples have moved, if they have.
    """

    moved_: GFZSL

    learned = MappingProxyType({"classes_": Classes, "moved_": GFZSL})
    embeds = False
    embeds_classes = True

    def check(self, model: Any, train: Views, classes: Classes) -> None:
        """Raise ValueError if the model does not score classes by itself."""
        if not isinstance(model, ZeroShotClassifier):
            raise ValueError(f"head: {type(model).__name__} does not score classes by itself, "
                             "which 'classifier' needs; choose another, as 'prototype'.")
        super().check(model, train, classes)

    def learn(self, model: Any, train: Views, classes: Classes, views: Sequence[str]) -> None:
        """Remember the classes."""
        self.classes_ = classes

    def take_classes(self, model: Any, classes: Classes) -> None:
        """Score ``classes`` from now on, as far as the model can.

        Means that unlabelled samples have moved stay so; those of further classes are regressed.
        """
        self.classes_ = classes
        if hasattr(self, "moved_"):
            self.moved_ = self.moved_.with_further(classes)

    def scores(self, model: Any, rows: Any, views: Modalities) -> Array:
        """Return the model's decision function ``(n, C)``."""
        if hasattr(self, "moved_"):
            return np.asarray(self.moved_.decision_function(rows))
        return np.asarray(model.decision_function(rows, classes=self.classes_))

    def places(self, model: Any, rows: Any, views: Modalities) -> list[Places]:
        """Return class means and scaled features of `GFZSL`; other models have no means."""
        if not isinstance(model, GFZSL):
            return super().places(model, rows, views)
        gaussians = self.moved_ if hasattr(self, "moved_") else model.with_classes(self.classes_)
        placed = gaussians.placed(vectors_in(rows, model.modality_))
        return [Places(gaussians.means_, placed, np.ones(len(placed), dtype=bool), False,
                       lambda means: setattr(self, "moved_", gaussians.with_means(means)),
                       gaussians.whitener)]
