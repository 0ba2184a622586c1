"""Batches: the rows of one rank, and random numbers that do not depend on the number of ranks."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


class Batch:
    """Rows of every view, and the random numbers that go with them.

    An ordinary class, not a dataclass: mixed-precision wrappers deep-copy dataclasses that pass
    through them.

    Parameters
    ----------
    views : mapping of modality to Tensor
        Rows of each modality, ``(B, d)`` or ``(B, t, d)``.
    labels : (B,) int64, optional
        Class numbers; None for unlabelled data.
    present : mapping of modality to (B,) bool
        Presence of each sample, for the modalities that some sample lacks.
    masks : mapping of modality to (B, t) bool
        Token masks, for modalities with token rows and masks; True where a token is real.
    indices : (B,) int64, optional
        Row numbers in the data.
    weights : mapping of name to 0-d Tensor
        Weights of the loss terms in this epoch.
    generator : torch.Generator, optional
        Source of the noise; torch's global generator by default.
    rank : int
        Number of this rank, from 0; default 0.
    ranks : int
        Number of ranks, which share a global batch of ``B * ranks`` rows; default 1.
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
        """Device that holds the views."""
        return next(iter(self.views.values())).device

    def normal(self, *tail: int) -> Tensor:
        """Return this rank's rows of the global batch's standard normal noise, ``(B, *tail)``."""
        n = len(self)
        noise = torch.randn((n * self.ranks, *tail), generator=self.generator, device=self.device)
        return noise if self.ranks == 1 else noise[self.rank * n : (self.rank + 1) * n]

    def uniform(self, *tail: int) -> Tensor:
        """Return this rank's rows of the global batch's uniform noise on [0, 1), ``(B, *tail)``."""
        n = len(self)
        noise = torch.rand((n * self.ranks, *tail), generator=self.generator, device=self.device)
        return noise if self.ranks == 1 else noise[self.rank * n : (self.rank + 1) * n]

    def common_normal(self, *shape: int) -> Tensor:
        """Return standard normal noise of exactly this shape, the same on every rank."""
        return torch.randn(shape, generator=self.generator, device=self.device)

    def randperm(self, n: int) -> Tensor:
        """Return a permutation ``(n,)`` of 0..n-1, the same on every rank."""
        return torch.randperm(n, generator=self.generator, device=self.device)
