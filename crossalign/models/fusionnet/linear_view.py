"""Linear view of FusionNet-QSMA's space: where closed forms put the views, beside the codes.

Few pairs, many rows without a mate: there it carries most, see `closed_form.mutual_regression`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import numpy as np

from crossalign.labels import has_class
from crossalign.models.closed_form.common_pca import common_axes
from crossalign.models.closed_form.linear_views import linear_paths
from crossalign.models.closed_form.mutual_regression import Transport, mutual_paths
from crossalign.models.closed_form.random_features import frequencies, lifted
from crossalign.models.rows import Array
from crossalign.models.supervision import labels_of
from crossalign.preprocessing.rows import Rows, rows_of
from crossalign.types import Views

START = 1000.0
"""Ridge of the regression that encoders start from."""


@dataclass
class LinearView:
    """Maps of scaled rows into the linear view.

    Attributes
    ----------
    paths : mapping of view to (d_m + 2 F, D)
        Maps of rows, or of their quasi-random features.
    frequencies : mapping of view to (F, d_m)
        Rows of `random_features`; empty without.
    """

    paths: dict[str, Array]
    frequencies: dict[str, Array]

    @classmethod
    def fit(cls, X: Views, scaled: Callable[..., Array], linear: Mapping[str, Any], width: int,
            seed: int, kind: str, model: object) -> Self:
        """Fit the view that parameters of `settings.Linear` ask for.

        Parameters
        ----------
        X : Views
            Training samples.
        scaled : callable
            Function ``scaled(rows, modality=name)`` that scales rows of a view.
        linear : mapping
            Parameters by name.
        width : int
            Width of the view of one regression, and number of axes.
        seed : int
            Seed of random frames and features.
        kind : {"quasi", "iid"}
            Kind of the draws of features.
        model : object
            Model that is named if labels are lacking.
        """
        rows = {m: rows_of(X.having(m), m).then(partial(scaled, modality=m)) for m in X.modalities}
        present, labels = {m: X.has(m) for m in rows}, paired_by(X, linear["pairs"], model)
        along = "orthogonal" if kind == "quasi" else kind
        drawn = {m: frequencies(x.width, linear["features"], seed, along) for m, x in rows.items()
                 if linear["features"]}
        inputs = {m: _lifted(x, drawn.get(m)) for m, x in rows.items()}
        own = {m: x.width for m, x in rows.items()}
        if not linear["mutual"]:
            paths = linear_paths(linear["view"], inputs, present, width, seed, linear["alpha"],
                                 labels, own)
        else:
            axes = common_axes(rows, width) if linear["view"] == "pca" else None
            transport = Transport(linear["rounds"], certainty=linear["certainty"],
                                  plan=linear["plan"])
            paths = mutual_paths(inputs, present, linear["alpha"], labels, transport, axes, own)
        return cls({m: path.astype(np.float32) for m, path in paths.items()}, drawn)

    def rows(self, x: Array, modality: str) -> Array:
        """Map scaled rows ``(n, d_m)`` of a view into the linear view, ``(n, D)``."""
        drawn = self.frequencies.get(modality)
        return np.asarray((x if drawn is None else lifted(x, drawn)) @ self.paths[modality])


def paired_by(X: Views, pairs: str, model: object) -> Array | None:
    """Return the labels by which rows are paired; None if each is paired with its own sample's.

    ``"auto"`` pairs by labels where every sample has one and some lack a view.
    """
    if pairs == "auto":
        whole = all(X.has(m).all() for m in X.modalities)
        labelled = X.labels is not None and X.labels.ndim == 1 and has_class(X.labels).all()
        pairs = "class" if labelled and not whole else "own"
    return None if pairs == "own" else labels_of(X, model)


def half_of(X: Views, seed: int) -> Array:
    """Return True for one half of the samples, ``(n,)`` bool.

    Of the samples that have the same views every other one is in it, in random order, those of a
    class one after another, so that both halves have pairs and classes, as far as there are two.
    """
    order = np.random.default_rng(seed).permutation(len(X))
    if X.labels is not None and X.labels.ndim == 1:
        order = order[np.argsort(X.labels[order], kind="stable")]
    held = np.stack([X.has(m) for m in X.modalities], axis=1)
    kinds = np.unique(held, axis=0, return_inverse=True)[1].ravel()
    first = np.zeros(len(X), dtype=bool)
    for kind in range(kinds.max() + 1):
        first[order[kinds[order] == kind][::2]] = True
    return first


def _lifted(rows: Rows, drawn: Array | None) -> Rows:
    return rows if drawn is None else rows.then(partial(lifted, rows=drawn))
