"""Contrast between probabilistic embeddings."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from crossalign.losses.batch_mean import batch_mean
from crossalign.losses.pairwise import squared_distances


def sampled_distance(mean_a: Tensor, std_a: Tensor, mean_b: Tensor, std_b: Tensor) -> Tensor:
    """Compute the closed-form sampled distance of all pairs, ``(n, m)``, in squared latent units.

    ``|mean_a - mean_b|^2 + sum(std_a^2 + std_b^2)``: the expected squared distance between a draw
    from ``N(mean_a, std_a^2)``, ``(n, d)``, and a draw from ``N(mean_b, std_b^2)``, ``(m, d)``
    (PCME++, Chun 2024).
    """
    spread = std_a.square().sum(dim=1)[:, None] + std_b.square().sum(dim=1)[None, :]
    return squared_distances(mean_a, mean_b) + spread


def probabilistic_contrast(distance: Tensor, scale: Tensor | float, shift: Tensor | float,
                           labels: tuple[Tensor, Tensor] | None = None) -> Tensor:
    """Compute the binary cross-entropy of ``shift - scale * distance`` against matches, a scalar.

    It is a mean over all pairs of ``distance (n, m)``, as given by `sampled_distance` (PCME++, Chun
    2024). A row and a column match if their classes in ``labels = (n,), (m,)`` are equal, or,
    without ``labels``, if they have the same position. Without any pair it is 0.

    Raises
    ------
    ValueError
        If there are no labels and ``distance`` is not square.
    """
    n, m = distance.shape
    if labels is not None:
        match = labels[0][:, None] == labels[1][None, :]
    elif n == m:
        match = torch.eye(n, dtype=torch.bool, device=distance.device)
    else:
        raise ValueError(f"labels: got None for {n} x {m} pairs; give the classes of both sides")
    logits = shift - scale * distance
    if not logits.numel():
        return batch_mean(logits)
    return functional.binary_cross_entropy_with_logits(logits, match.to(distance.dtype))
