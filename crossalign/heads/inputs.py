"""A Gaussian per class on the features as they are, beside any space."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np

from crossalign.heads.base import Array, Modalities, Places
from crossalign.heads.gaussian import Gaussian
from crossalign.models.blockwise import in_blocks
from crossalign.models.closed_form.gfzsl import GFZSL
from crossalign.models.several_views import presence
from crossalign.preprocessing.pooling import vectors_in
from crossalign.types import Classes, Views

__all__ = ["Inputs"]


class Inputs(Gaussian):
    """`GFZSL` on the features of every view, whose log-densities are added up.

    Parameters
    ----------
    kernel_gamma, ridge, shrinkage, scaling
        Parameters of `GFZSL`, with its defaults.

    Attributes
    ----------
    views_ : mapping of view to GFZSL
        Fitted class Gaussians.
    """

    learned = MappingProxyType({**Gaussian.learned, "views_": dict})
    embeds = False

    def __init__(self, kernel_gamma: float = 1.0, ridge: float = 0.01, shrinkage: float = 0.3,
                 scaling: str = "l2") -> None:
        super().__init__(kernel_gamma, ridge, shrinkage, scaling)

    def learn(self, model: Any, train: Views, classes: Classes, views: Sequence[str]) -> None:
        """Fit the Gaussians of every view on the samples that have it."""
        self.views_ = {}
        for m in views:
            here = train.having(m)
            self.views_[m] = GFZSL(**self.get_params()).fit(
                vectors_of(here, m), here.labels, classes=classes)

    def scores(self, model: Any, rows: Any, views: Modalities) -> Array:
        """Return log-densities ``(n, C)``, summed over views as if errors were independent."""
        if isinstance(views, str):
            return self.views_[views].decision_function(vectors_in(rows, views))
        scores = np.zeros((len(rows), len(self.views_[views[0]].means_)))
        for m, here in zip(views, presence(rows, views).T, strict=True):
            scores[here] += self.views_[m].decision_function(vectors_in(rows[here], m))
        return scores

    def take_classes(self, model: Any, classes: Classes) -> None:
        """Score ``classes`` from now on; the means of further ones are regressed."""
        self.views_ = {m: gaussians.with_further(classes) for m, gaussians in self.views_.items()}

    def places(self, model: Any, rows: Any, views: Modalities) -> list[Places]:
        """Return class means and scaled features, in every view."""
        if isinstance(views, str):
            parts = [(views, np.ones(len(rows), dtype=bool), vectors_in(rows, views))]
        else:
            parts = [(m, here, vectors_in(rows[here], m))
                     for m, here in zip(views, presence(rows, views).T, strict=True)]
        return [Places(self.views_[m].means_, self.views_[m].placed(x), here, False,
                       partial(self._take_view, m), self.views_[m].whitener)
                for m, here, x in parts]

    def _take_view(self, view: str, means: Array) -> None:
        self.views_ = {**self.views_, view: self.views_[view].with_means(means)}

    def read(self, model: Any, rows: Any, view: str) -> Array:
        """Return the features themselves."""
        return np.asarray(rows[view] if isinstance(rows, Views) else rows)


def vectors_of(X: Views, modality: str) -> Views:
    """Return the samples through one modality; tokens become their means."""
    if X.kind(modality) == "vectors":
        return X.select(modality)
    return Views({modality: in_blocks(lambda part: vectors_in(part, modality), X)})
