"""A batch: this rank's rows, and random numbers that do not depend on how many ranks there are."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


class Batch:
    """Rows of every view, and the noise that goes with them.

    An ordinary class, not a dataclass: mixed-precision wrappers deep-copy dataclasses that pass
    through them.

    Parameters
    ----------
    views : mapping of modality to Tensor
        ``(B, d)`` or ``(B, t, d)``.
    labels : (B,) int64, optional
    present : mapping of modality to (B,) bool
        Only for modalities that some sample lacks.
    masks : mapping of modality to (B, t) bool
        Only for modalities with token rows and masks; True where a token is real.
    indices : (B,) int64, optional
        Row numbers in the data.
    weights : mapping of name to 0-d Tensor
        Weights of loss terms in this epoch.
    generator : torch.Generator, optional
        Where noise comes from; torch's global one by default.
    rank, ranks : int
        This rank, and how many share the global batch of ``B * ranks`` rows.
    """

    __slots__ = ("generator", "indices", "labels", "masks", "present", "rank", "ranks", "views",
                 "weights")

    def __init__(self, views: Mapping[str, Tensor], labels: Tensor | None = None,
                 present: Mapping[str, Tensor] | None = None,
                 masks: Mapping[str, Tensor] | None = None, indices: Tensor | None = None,
                 weights: Mapping[str, Tensor] | None = None,
                 generator: torch.Generator | None = None, rank: int = 0, ranks: int = 1) -> None:
        self.views = views
        self.labels = labels
        self.present = {} if present is None else present
        self.masks = {} if masks is None else masks
        self.indices = indices
        self.weights = {} if weights is None else weights
        self.generator = generator
        self.rank = rank
        self.ranks = ranks

    def __len__(self) -> int:
        return len(next(iter(self.views.values())))

    @property
    def device(self) -> torch.device:
        """Where the views are."""
        return next(iter(self.views.values())).device

    def normal(self, *tail: int) -> Tensor:
        """Standard normal noise ``(B, *tail)``: this rank's rows of the global batch's noise."""
        n = len(self)
        noise = torch.randn((n * self.ranks, *tail), generator=self.generator, device=self.device)
        return noise if self.ranks == 1 else noise[self.rank * n : (self.rank + 1) * n]

    def uniform(self, *tail: int) -> Tensor:
        """Uniform noise on [0, 1) ``(B, *tail)``: this rank's rows of the global batch's noise."""
        n = len(self)
        noise = torch.rand((n * self.ranks, *tail), generator=self.generator, device=self.device)
        return noise if self.ranks == 1 else noise[self.rank * n : (self.rank + 1) * n]

    def common_normal(self, *shape: int) -> Tensor:
        """Standard normal noise of this very shape, the same on every rank."""
        return torch.randn(shape, generator=self.generator, device=self.device)

    def randperm(self, n: int) -> Tensor:
        """A permutation ``(n,)`` of 0..n-1, the same on every rank."""
        return torch.randperm(n, generator=self.generator, device=self.device)
