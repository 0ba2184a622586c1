"""Models whose network encodes every modality to a Gaussian: embedding and sampling.

The network has ``encode(rows, modality) -> (mean, logvar)``, ``decode(codes, modality)``, and the
attributes ``latent`` and ``sampler``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from crossalign.models.parts import head_range
from crossalign.models.ranges import SIZE
from crossalign.models.roles import Distributional, Generator, Translator
from crossalign.models.rows import Array, unit_rows
from crossalign.models.several_views import gaussians_of_views
from crossalign.models.trained import BLOCK, TrainedModel
from crossalign.networks import product_of_experts
from crossalign.networks.gaussian import noise_width
from crossalign.preprocessing.scaling import undo_scaling
from crossalign.types import Views


class LatentModel(Distributional, Generator, Translator, TrainedModel):
    """Base of the models with a latent Gaussian per sample.

    See `TrainedModel` for what a subclass says.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **TrainedModel._parameter_constraints, "latent": [SIZE], "head": head_range()}

    parts: ClassVar[tuple[str, ...]] = ("head",)
    uses_side_information = True

    def embed_distribution(self, x: npt.ArrayLike | Views,
                           modality: str | Sequence[str]) -> tuple[Array, Array]:
        """Return mean and standard deviation of the code of every row, ``(n, latent)`` each.

        `Views` with several modalities give those of the product of each sample's views; so do
        `embed`, `project` and `sample_rows`.
        """
        if not isinstance(modality, str):
            assert isinstance(x, Views)
            mean, logvar = self._fused(*gaussians_of_views(self, x, modality), modality)
            return mean.numpy(), (0.5 * logvar).exp().numpy()
        rows = self._scaled(self._rows(x, modality), modality)
        means, deviations = [], []
        with torch.inference_mode():
            for start in range(0, len(rows), BLOCK):
                block = torch.from_numpy(rows[start:start + BLOCK]).to(self._place)
                mean, logvar = self.network_.encode(block, modality)
                means.append(mean.float().cpu().numpy())
                deviations.append((0.5 * logvar).exp().float().cpu().numpy())
        empty = np.zeros((0, self.network_.latent), np.float32)
        return np.concatenate([*means, empty]), np.concatenate([*deviations, empty])

    def _fused(self, mean: Tensor, logvar: Tensor, present: Tensor,
               modalities: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance ``(n, d)`` of samples whose M views have ``(n, M, d)``."""
        return product_of_experts(mean, logvar, present)[:2]

    def embed_views(self, X: Views, modalities: Sequence[str]) -> Array:
        """Embed samples by all of the views that each has, as unit rows ``(n, d)``."""
        return self.embed(X, modalities)

    def embed(self, x: npt.ArrayLike | Views, modality: str | Sequence[str]) -> Array:
        """Embed rows by their code means, as unit rows ``(n, latent)``."""
        return unit_rows(self.embed_distribution(x, modality)[0])

    def project(self, x: npt.ArrayLike | Views, modality: str | Sequence[str]) -> Array:
        """Return code means ``(n, latent)``."""
        return self.embed_distribution(x, modality)[0]

    def sample_rows(self, x: npt.ArrayLike | Views, modality: str | Sequence[str],
                    random_state: int = 0) -> Array:
        """Draw one code ``(n, latent)`` per row, as in training."""
        mean, std = self.embed_distribution(x, modality)
        sampler = self.network_.sampler
        noise = np.random.default_rng(random_state).standard_normal(
            (len(mean), noise_width(sampler, mean.shape[1])), dtype=np.float32)
        return mean + (std**2 if sampler == "author" else std) * noise

    def translate(self, x: npt.ArrayLike, source: str, target: str) -> Array:
        """Decode the source's code means as rows of the target modality, in its own units.

        Raises
        ------
        ValueError
            For an unknown modality or if the target's rows were L2-normalised, which loses their
            length.
        """
        codes = torch.from_numpy(self.embed_distribution(x, source)[0])
        with torch.inference_mode():
            rows = self.network_.decode(codes.to(self._place), target).float().cpu().numpy()
        return undo_scaling(rows, self._scaling(target), self.shift_[target], self.scale_[target])
