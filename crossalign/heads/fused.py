"""Several views of a class, whose standardised scores are added up."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from crossalign.heads.attributes import Attributes
from crossalign.heads.base import Array, Head, Modalities, Places
from crossalign.heads.gaussian import Gaussian
from crossalign.heads.inputs import Inputs
from crossalign.heads.prototype import Prototype
from crossalign.models.ranges import WEIGHT, Each
from crossalign.types import Classes, Views

__all__ = ["Fused"]

VIEWS: tuple[type[Head], ...] = (Inputs, Gaussian, Prototype, Attributes)
"""Views of a class: generative ones and discriminative ones, which err on different samples."""


class Fused(Head):
    """`Inputs`, `Gaussian`, `Prototype` and `Attributes`, each standardised over classes.

    Parameters
    ----------
    weights : three or four floats
        Weights of these heads, in this order; default (1, 0.5, 0.25). A head of weight 0 is left
        out, and so is the fourth without a weight.

    Attributes
    ----------
    heads_ : mapping of name to Head
        Fitted heads.
    weights_ : mapping of name to float
        Their weights.
    """

    learned = MappingProxyType({"heads_": dict, "weights_": dict})
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "weights": [Each(WEIGHT, length=(3, 4))]}

    def __init__(self, weights: Sequence[float] = (1.0, 0.5, 0.25)) -> None:
        self.weights = weights

    def reads_samples(self, classes: Classes) -> bool:
        """Tell that training samples are needed."""
        return True

    def check(self, model: Any, train: Views, classes: Classes) -> None:
        """Raise ValueError also if no head has a weight."""
        super().check(model, train, classes)
        if not any(self.weights):
            raise ValueError(f"head__weights: got {list(self.weights)}; give one of the heads a "
                             "weight above 0.")

    def learn(self, model: Any, train: Views, classes: Classes, views: Sequence[str]) -> None:
        """Fit the heads."""
        self.heads_, self.weights_ = {}, {}
        for view, weight in zip(VIEWS, self.weights, strict=False):
            if weight > 0:
                self.weights_[str(view.name)] = float(weight)
                self.heads_[str(view.name)] = view().fit(model, train, classes, views)

    def take_classes(self, model: Any, classes: Classes) -> None:
        """Score ``classes`` from now on, by every head."""
        for head in self.heads_.values():
            head.take_classes(model, classes)

    def places(self, model: Any, rows: Any, views: Modalities) -> list[Places]:
        """Return the places of every head."""
        return [places for head in self.heads_.values()
                for places in head.places(model, rows, views)]

    def scores(self, model: Any, rows: Any, views: Modalities) -> Array:
        """Return weighted sums ``(n, C)`` of standardised scores."""
        return np.asarray(sum(
            self.weights_[name] * standardised(head.scores(model, rows, views))
            for name, head in self.heads_.items()))


def standardised(scores: Array) -> Array:
    """Scale scores ``(n, C)`` to mean 0 and deviation 1 over the classes of every sample."""
    centred = scores - scores.mean(axis=1, keepdims=True)
    deviation = centred.std(axis=1, keepdims=True)
    return np.asarray(centred / np.where(deviation > 0, deviation, 1))
