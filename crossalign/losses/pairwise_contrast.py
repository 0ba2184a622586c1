"""Distances between two modalities, and the contrast that treats each pair by itself."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from crossalign.losses.batch_mean import batch_mean
from crossalign.losses.pairwise import squared_distances

DISTANCES = ("cosine", "l2")


def cross_distances(a: Tensor, b: Tensor, kind: str = "cosine") -> Tensor:
    """Compute the distances ``(n, m)`` of all rows of ``a (n, d)`` to all rows of ``b (m, d)``.

    ``"cosine"`` is one minus the cosine, in [0, 2]; ``"l2"`` is the Euclidean distance of unit
    rows, the root of twice that, with 1e-12 under the root so that its gradient is finite.

    Raises
    ------
    ValueError
        If ``kind`` is none of these.
    """
    if kind not in DISTANCES:
        raise ValueError(f"kind={kind!r} is unknown; give one of {', '.join(DISTANCES)}")
    a, b = functional.normalize(a), functional.normalize(b)
    if kind == "cosine":
        return 1 - a @ b.T
    return (squared_distances(a, b) + 1e-12).sqrt()


def pairwise_contrast(distance: Tensor, labels: Tensor, negative: float, semipositive: float,
                      alpha: float) -> Tensor:
    """Pull partners together and push other pairs beyond their margins, each by itself; a scalar.

    ``mean d_ii + mean max(m1 - d_ij, 0) + alpha mean max(m2 - d_is, 0)`` over negatives and over
    semi-positives of ``distance (n, n)``; a mean over none is 0. This is our reading of the row
    "pairwise loss" of FGAN's Table 4, which gives no formula.
    """

    def pushed(margin: float, pairs: Tensor) -> Tensor:
        hinge = (margin - distance).clamp_min(0).masked_fill(~pairs, 0)
        return hinge.sum() / pairs.sum().clamp_min(1)

    return (batch_mean(distance.diagonal()) + pushed(negative, labels[:, None] != labels[None, :])
            + alpha * pushed(semipositive, semipositives(labels)))


def semipositives(labels: Tensor) -> Tensor:
    """Return ``(n, n)``, True where two different samples, of ``labels (n,)``, share a class."""
    same = labels[:, None] == labels[None, :]
    return same & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
