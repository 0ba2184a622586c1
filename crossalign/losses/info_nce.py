"""Contrast of each pair with all other pairs of a batch."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from crossalign.losses.batch_mean import no_pairs


def info_nce(logits: Tensor) -> Tensor:
    """Compute the symmetric cross-entropy of ``logits (n, n)`` against the diagonal, a scalar.

    ``logits[i, j]`` is the cosine of row i of one modality and row j of the other over a
    temperature, and i belongs to i. The result is the mean over both directions and all rows (van
    den Oord et al. 2018; CLIP: Radford et al. 2021, figure 3). Without a pair it is 0.
    """
    if not len(logits):
        return no_pairs(logits)
    own = torch.arange(len(logits), device=logits.device)
    return 0.5 * (functional.cross_entropy(logits, own) + functional.cross_entropy(logits.T, own))
