"""Base of models that compare samples by an embedding, by a label distribution, or by both.

The joint similarity ``cos(e_a, e_b) + tanh(-J(g_a, g_b))`` is no inner product of rows: it is
computed from *joint vectors*, embeddings beside label log-probabilities, and `index.JointIndex`
searches by it. `embed`, for tasks that need unit rows, gives the closest inner product: that of
roots of distributions, ``sum sqrt(g_a g_b)``, which falls from 1 to 0 as J rises from 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from crossalign.index.base import Index
from crossalign.index.exact import ExactIndex
from crossalign.index.joint import JointIndex
from crossalign.index.joint_similarity import joint_rows, joint_scores
from crossalign.models import backbones
from crossalign.models.base import Model
from crossalign.models.blockwise import as_given
from crossalign.models.roles import Aligner
from crossalign.models.rows import Array, check_columns, unit_rows
from crossalign.models.several_views import presence
from crossalign.types import Views

SIMILARITIES = ("embedding", "labels", "joint", "affinity")
"""Similarities RE, LD and JR of FGAN, and ours: the cosine plus the affinity of distributions."""
PRODUCTS = ("embedding", "affinity")
"""Similarities that are inner products of unit rows."""
BLOCK = 512
"""Number of samples encoded at a time, if they are tokens."""


class JointSpace(Aligner, Model):
    """Base of such a model, which has the parameters ``similarity`` and ``dim``.

    Its ``network_`` has ``encoder(modality)``, a `FineGrainedEncoder` from ``(n, t, d)`` or
    ``(n, d)`` to embeddings ``(n, dim)`` and logits ``(n, n_labels_)``.
    """

    reads = ("vectors", "tokens")
    similarities = SIMILARITIES
    similarity: str
    dim: int
    network_: Any
    n_labels_: int

    def embed(self, x: npt.ArrayLike | Views, modality: str) -> Array:
        """Embed ``x (n, t, d)`` or ``(n, d)`` as unit rows; masks of `Views` mark padding.

        A row is the embedding ``(n, dim)``, the root of the label distribution ``(n, labels)``, or
        both side by side over the root of two.
        """
        return self._unit(self._joint_vectors(x, modality), self.similarity)

    def _unit(self, vectors: Array, similarity: str) -> Array:
        """Make unit rows of joint vectors."""
        e = unit_rows(vectors[:, :self.dim])
        if similarity == "embedding":
            return e
        roots = unit_rows(np.exp(vectors[:, self.dim:] / 2))
        return roots if similarity == "labels" else unit_rows(np.hstack([e, roots]))

    def similarity_inputs(self, x: npt.ArrayLike | Views, modality: str | Sequence[str]) -> Array:
        """Compute joint vectors: embeddings and label log-probabilities, ``(n, dim + labels)``.

        Several views give the mean of unit embeddings and the mean of distributions.
        """
        if isinstance(modality, str):
            return self._joint_vectors(x, modality)
        assert isinstance(x, Views)
        names = list(modality)
        for m in names:
            check_columns(x, m, self)
        here = presence(x, names)[:, :, None]                                # (n, M, 1)
        vectors = np.stack([self._joint_vectors(as_given(x, m), m) for m in names], axis=1)
        e, logs = vectors[..., :self.dim], vectors[..., self.dim:]
        lengths = np.linalg.norm(e, axis=2, keepdims=True)
        e = (here * e / np.where(lengths > 0, lengths, 1)).sum(axis=1) / here.sum(axis=1)
        p = (here * np.exp(logs.astype(np.float64))).sum(axis=1) / here.sum(axis=1)
        return np.hstack([e, np.log(np.maximum(p, np.finfo(np.float32).tiny))]).astype(np.float32)

    def _joint_vectors(self, x: npt.ArrayLike | Views, modality: str) -> Array:
        rows, mask = self._masked_rows(x, modality)
        encoder = self.network_.encoder(modality)
        found = [np.zeros((0, self.dim + self.n_labels_), np.float32)]
        with torch.inference_mode():
            for block, real in self._blocks(rows, mask, modality):
                embedding, logits = encoder(block, real)
                both = torch.cat([embedding, logits.log_softmax(dim=1)], dim=1)
                found.append(both.float().cpu().numpy())
        return np.concatenate(found)

    def compare(self, a: Array, b: Array, similarity: str | None = None) -> Array:
        """Score joint vectors ``(n, w)`` against ``(m, w)``, ``(n, m)`` float64.

        The score is the cosine of embeddings, ``1 + tanh(-J)`` of label distributions, or the sum
        of the two (Ge et al. 2025, eq. 29-31, plus 1); different J give different values up to J =
        350. With "affinity" it is the mean of the cosine and of the affinity of distributions.
        """
        similarity = self.similarity if similarity is None else similarity
        if similarity in PRODUCTS:
            first, second = (self._unit(v, similarity).astype(np.float64) for v in (a, b))
            return np.asarray(first @ second.T)
        return joint_scores(*(joint_rows(v[:, :self.dim], v[:, self.dim:])
                              for v in (self._weighted(x, similarity) for x in (a, b))))

    def _weighted(self, vectors: Array, similarity: str) -> Array:
        """Return joint vectors, their embeddings set to zero unless the similarity is "joint"."""
        if similarity == "joint":
            return vectors
        return np.hstack([np.zeros_like(vectors[:, :self.dim]), vectors[:, self.dim:]])

    def index(self) -> Index:
        """Make an empty index that ranks by the similarity, exactly."""
        return (ExactIndex() if self.similarity in PRODUCTS
                else JointIndex(self.dim, self.n_labels_))

    def index_vectors(self, inputs: Array) -> Array:
        """Turn joint vectors ``(n, w)`` into the vectors of `index`: unit rows or joint vectors."""
        return (self._unit(inputs, self.similarity) if self.similarity in PRODUCTS
                else self._weighted(inputs, self.similarity))

    def _blocks(self, rows: Array, mask: Array | None, modality: str) -> Iterator[
            tuple[torch.Tensor, torch.Tensor | None]]:
        """Yield rows and their mask in blocks, on the device of the modality's encoder."""
        encoder = self.network_.encoder(modality)
        device = next(encoder.parameters()).device
        size = BLOCK if encoder.backbone is None else backbones.BLOCK
        for start in range(0, len(rows), size):
            block = np.require(rows[start:start + size], np.float32, ["C", "W"])
            real = None if mask is None else torch.from_numpy(mask[start:start + size]).to(device)
            yield torch.from_numpy(block).to(device), real

    def _trained_by(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return all but the similarity, which compares what is learned either way."""
        return {name: value for name, value in super()._trained_by(params).items()
                if name != "similarity"}
