"""The model's own scores, for a model that scores classes by itself."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from crossalign.heads.base import Array, Head, Modalities
from crossalign.models.roles import ZeroShotClassifier
from crossalign.types import Classes, Views

__all__ = ["Classifier"]


class Classifier(Head):
    """Scores of the model itself, a `ZeroShotClassifier`.

    Attributes
    ----------
    classes_ : Classes
        Classes to score.
    """

    learned = MappingProxyType({"classes_": Classes})
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
        """Score ``classes`` from now on, as far as the model can."""
        self.classes_ = classes

    def scores(self, model: Any, rows: Any, views: Modalities) -> Array:
        """Return the model's decision function ``(n, C)``."""
        return np.asarray(model.decision_function(rows, classes=self.classes_))
