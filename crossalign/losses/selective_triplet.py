"""Triplets between two modalities that tell a sample's own partner from others of its class.

In a batch of pairs, an anchor of one modality has one *positive* in the other, its partner;
*semi-positives* are the other samples of its class, *negatives* those of other classes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from crossalign.losses.batch_mean import no_pairs
from crossalign.losses.pairwise_contrast import semipositives

CHOICES = ("selective", "all")


def selective_triplets(distance: Tensor, labels: Tensor, *, negative: float = 0.5,
                       semipositive: float = 0.5, alpha: float = 0.1,
                       choice: str = "selective") -> tuple[Tensor, Tensor, Tensor]:
    """Compute the loss of both directions, and its two parts, scalars (FGAN: Ge et al. 2025, eq.
    18).

    ``A-P-N + alpha A-P-S``, each the mean over rows and over columns of ``distance (n, n)``, whose
    pair i is ``(i, i)``; ``labels (n,)`` are the classes. ``negative`` and ``semipositive`` are the
    margins m1 and m2. The paper anchors images only; like its code, this anchors both sides.

    Raises
    ------
    ValueError
        If ``distance`` is not square or ``choice`` is unknown; see `anchor_positive_negative`.
    """
    if distance.ndim != 2 or distance.shape[0] != distance.shape[1]:
        raise ValueError(f"distance: shape {tuple(distance.shape)}; give (n, n) of paired rows")
    both = (distance, distance.T)
    apn = torch.stack([anchor_positive_negative(d, labels, negative, choice) for d in both]).mean()
    aps = torch.stack([anchor_positive_semipositive(d, labels, semipositive, choice)
                       for d in both]).mean()
    return apn + alpha * aps, apn, aps


def anchor_positive_negative(distance: Tensor, labels: Tensor, margin: float,
                             choice: str = "selective") -> Tensor:
    """Compute the hinge of partner against negatives, ``max(m + d_ii - d_ij, 0)``, a scalar (eq.
    15).

    ``"selective"`` takes the *closest* negative j of each row, ``"all"`` the mean over all. Rows
    without a negative are left out of the mean, which is 0 if no row has one.
    """
    return _hinge(distance, labels[:, None] != labels[None, :], margin, choice, nearest=True)


def anchor_positive_semipositive(distance: Tensor, labels: Tensor, margin: float,
                                 choice: str = "selective") -> Tensor:
    """Compute the hinge of partner against semi-positives, a scalar (eq. 17).

    It differs from `anchor_positive_negative` in taking the *farthest* semi-positive of each row:
    only the least similar sample of a class is pushed away from the anchor.
    """
    return _hinge(distance, semipositives(labels), margin, choice, nearest=False)


def _hinge(distance: Tensor, others: Tensor, margin: float, choice: str, nearest: bool) -> Tensor:
    if choice not in CHOICES:
        raise ValueError(f"choice={choice!r} is unknown; give one of {', '.join(CHOICES)}")
    if not len(distance):
        return no_pairs(distance)
    violated = (margin + distance.diagonal()[:, None] - distance).clamp_min(0)   # (n, n)
    has = others.any(dim=1)
    if choice == "all":
        rows = violated.masked_fill(~others, 0).sum(dim=1) / others.sum(dim=1).clamp_min(1)
    else:
        rejected = torch.inf if nearest else -torch.inf
        candidates = distance.detach().masked_fill(~others, rejected)
        selection = candidates.argmin(dim=1) if nearest else candidates.argmax(dim=1)
        rows = violated.gather(1, selection[:, None])[:, 0].masked_fill(~has, 0)
    return rows.sum() / has.sum().clamp_min(1)
