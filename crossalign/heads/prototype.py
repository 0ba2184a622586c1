"""Similarity to the prototype of a class, where the model puts its side information."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from crossalign.heads.base import Array, Head, Modalities
from crossalign.types import Classes, Views

__all__ = ["Prototype"]


class Prototype(Head):
    """Cosine between a sample and its class's side information in the latent space.

    A model that compares them in its own way does so, see `Aligner.class_scores`.

    Attributes
    ----------
    side_ : (C, a)
        Side information of the classes.
    prototypes_ : (C, d)
        Unit rows of the classes.
    """

    learned = MappingProxyType({"side_": np.ndarray, "prototypes_": np.ndarray})
    embeds_classes = True

    def learn(self, model: Any, train: Views, classes: Classes, views: Sequence[str]) -> None:
        """Embed the classes."""
        self.take_classes(model, classes)

    def take_classes(self, model: Any, classes: Classes) -> None:
        """Embed the classes; nothing else is learned from them."""
        self.side_ = classes.embeddings
        self.prototypes_ = np.asarray(model.embed_classes(classes.embeddings))

    def scores(self, model: Any, rows: Any, views: Modalities) -> Array:
        """Return the model's ``class_scores`` ``(n, C)``."""
        return np.asarray(model.class_scores(rows, views, self.side_, self.prototypes_))
