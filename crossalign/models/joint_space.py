"""A model that compares samples by an embedding and by a label distribution, or by both.

The joint similarity ``cos(e_a, e_b) + tanh(-J(g_a, g_b))`` is no inner product of rows, so such a
model has `similarity`, which evaluation asks for in place of inner products, and `joint_vectors`,
which `index.JointIndex` searches. Its `embed`, for everything that wants rows, gives the nearest
thing that is an inner product: of roots of distributions, ``sum sqrt(g_a g_b)``, which falls from 1
to 0 as J rises from 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from sklearn.base import clone

from crossalign.index.joint_similarity import joint_rows, joint_scores
from crossalign.models import backbones
from crossalign.models.base import Array, Comparer, Model, unit_rows
from crossalign.types import Classes, Views

SPACES = ("embedding", "labels", "joint", "affinity")
"""RE, LD and JR of FGAN, and ours: the cosine plus the affinity of distributions."""
BLOCK = 512
"""Samples encoded at a time, where tokens are given."""


class JointSpace(Comparer, Model):
    """Base of such a model, which has the parameters ``space`` and ``dim``.

    Its ``network_`` has ``encoder(modality)``, a `FineGrainedEncoder` from ``(n, t, d)`` or
    ``(n, d)`` to embeddings ``(n, dim)`` and logits ``(n, n_labels_)``.
    """

    reads = ("vectors", "tokens")
    spaces = SPACES
    space: str
    dim: int
    network_: Any
    n_labels_: int

    def embed(self, x: npt.ArrayLike, modality: str) -> Array:
        """Unit rows of ``x (n, t, d)``, in which tokens of zeros are padding, or ``(n, d)``.

        The embedding ``(n, dim)``, the root of the label distribution ``(n, labels)``, or both side
        by side over the root of two.
        """
        return self._unit(self.joint_vectors(x, modality), self.space)

    def _unit(self, vectors: Array, space: str) -> Array:
        """Unit rows of joint vectors."""
        e = unit_rows(vectors[:, :self.dim])
        if space == "embedding":
            return e
        roots = unit_rows(np.exp(vectors[:, self.dim:] / 2))
        return roots if space == "labels" else unit_rows(np.hstack([e, roots]))

    def joint_vectors(self, x: npt.ArrayLike, modality: str) -> Array:
        """Embeddings and label log-probabilities, ``(n, dim + labels)``; see `index.JointIndex`."""
        rows = self._rows(x, modality)
        encoder = self.network_.encoder(modality)
        found = [np.zeros((0, self.dim + self.n_labels_), np.float32)]
        with torch.inference_mode():
            for block in self._blocks(rows, modality):
                embedding, logits = encoder(block)
                both = torch.cat([embedding, logits.log_softmax(dim=1)], dim=1)
                found.append(both.float().cpu().numpy())
        return np.concatenate(found)

    def compare(self, a: Array, b: Array, space: str | None = None) -> Array:
        """How alike joint vectors ``a`` and ``b`` are in a space, its own by default, ``(n, m)``.

        The cosine of embeddings, ``1 + tanh(-J)`` of label distributions, or the sum of the two
        (Ge et al. 2025, eq. 29-31, plus 1); different J give different values up to J = 350. In
        "affinity" the mean of the cosine and of the affinity of distributions. In float64.
        """
        space = self.space if space is None else space
        if space in ("embedding", "affinity"):
            first, second = (self._unit(v, space).astype(np.float64) for v in (a, b))
            return np.asarray(first @ second.T)
        cosine = space == "joint"
        return joint_scores(*(joint_rows(cosine * v[:, :self.dim], v[:, self.dim:])
                              for v in (a, b)))

    def _blocks(self, rows: Array, modality: str) -> Iterator[torch.Tensor]:
        """The rows, some at a time, where the modality's encoder is."""
        encoder = self.network_.encoder(modality)
        device = next(encoder.parameters()).device
        size = BLOCK if encoder.backbone is None else backbones.BLOCK
        for start in range(0, len(rows), size):
            block = np.require(rows[start:start + size], np.float32, ["C", "W"])
            yield torch.from_numpy(block).to(device)

    def fit_path(self, X: Views, points: Sequence[Mapping[str, Any]], *,
                 classes: Classes | None = None,
                 callbacks: Sequence[Any] = ()) -> Iterator[Self]:
        """One fitted clone per point; neighbours that differ in ``space`` alone share a fit."""
        fitted, trained_with = None, None
        for params in points:
            body = {name: value for name, value in params.items() if name != "space"}
            if fitted is None or body != trained_with:
                fitted = clone(self).set_params(**params)
                fitted.fit(X, classes=classes, callbacks=callbacks)
                trained_with = body
            yield copy(fitted).set_params(**params)
