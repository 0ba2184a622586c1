"""Contrast of a batch of pairs in which every combination of rows is judged by itself."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from crossalign.losses.batch_mean import no_pairs


def sigmoid_contrast(logits: Tensor) -> Tensor:
    """Compute ``-1/n sum_ij log sigmoid(z_ij logits_ij)`` of ``logits (n, n)``, a scalar.

    ``z_ij`` is 1 where a row and a column are a pair, on the diagonal, and -1 elsewhere; a logit is
    a cosine over a temperature, plus a bias (SigLIP: Zhai et al., ICCV 2023, section 3.2). Without
    a pair it is 0.
    """
    if not len(logits):
        return no_pairs(logits)
    signs = 2 * torch.eye(len(logits), dtype=logits.dtype, device=logits.device) - 1
    return -functional.logsigmoid(signs * logits).sum(dim=1).mean()
