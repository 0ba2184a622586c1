"""Chance: random embeddings and scores, the row that every table needs for comparison.

Published ablations of zero-shot retrieval stand at chance more often than they say so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from crossalign.models.base import Model
from crossalign.models.ranges import SEED, SIZE
from crossalign.models.roles import Aligner, ZeroShotClassifier
from crossalign.models.rows import Array, check_fitted, unit_rows
from crossalign.types import Classes, Samples, Views, samples_given
from crossalign.types.given import by_modality

__all__ = ["Chance"]


class Chance(Aligner, ZeroShotClassifier, Model):
    """Random embeddings and random scores.

    Parameters
    ----------
    n_components : int
        Width of the random embeddings; default 64.
    random_state : int
        Seed; default 0. The same rows in the same order get the same draws.
    """

    many_labels = True
    uses_side_information = True
    stochastic = True
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_components": [SIZE], "random_state": [SEED]}

    def __init__(self, n_components: int = 64, random_state: int = 0) -> None:
        self.n_components = n_components
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = tags.non_deterministic = True
        return tags

    def fit(self, X: Samples, y: npt.ArrayLike | None = None, *, classes: Any = None,
            callbacks: Sequence[Any] = ()) -> Self:
        """Store the modalities and the number of classes."""
        X, classes = self._start(X, y, classes)
        self.n_classes_ = 0 if classes is None else len(classes)
        return self

    def embed(self, x: npt.ArrayLike | Views, modality: str) -> Array:
        """Return random unit rows ``(n, n_components)``, from another stream for each modality."""
        n = len(self._rows(x, modality))
        stream = np.random.default_rng([self.random_state, self.modalities_.index(modality)])
        return unit_rows(stream.standard_normal((n, self.n_components)))

    def decision_function(self, X: Samples, classes: Classes | None = None) -> Array:
        """Return uniform scores ``(n, C)``."""
        check_fitted(self, "widths_")
        n = len(samples_given(X) if by_modality(X) else
                self._rows(X, self.modalities_[0]))
        columns = self.n_classes_ if classes is None else len(classes)
        scores = np.random.default_rng(self.random_state).random((n, columns))
        return self._columns(scores, classes)
