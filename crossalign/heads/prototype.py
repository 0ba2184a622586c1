"""Similarity to the prototype of a class, where the model puts its side information."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from crossalign.heads.base import Array, Head, Modalities, Places
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
        """Embed the classes; nothing else is learned from them."""
        self.side_ = classes.embeddings
        self.prototypes_ = np.asarray(model.embed_classes(classes.embeddings))

    def take_classes(self, model: Any, classes: Classes) -> None:
        """Embed further classes."""
        known = len(self.prototypes_)
        self.side_ = classes.embeddings
        further = np.asarray(model.embed_classes(classes.embeddings[known:]))
        self.prototypes_ = np.concatenate([self.prototypes_, further])

    def scores(self, model: Any, rows: Any, views: Modalities) -> Array:
        """Return the model's ``class_scores`` ``(n, C)``."""
        return np.asarray(model.class_scores(rows, views, self.side_, self.prototypes_))

    def places(self, model: Any, rows: Any, views: Modalities) -> list[Places]:
        """Return prototypes and unit rows of samples."""
        placed = model.unit_rows(rows, views)
        return [Places(self.prototypes_, placed, np.ones(len(placed), dtype=bool), True,
                       self._take_prototypes)]

    def _take_prototypes(self, prototypes: Array) -> None:
        self.prototypes_ = prototypes
