"""Two codes of one sample, each re-weighted by how the dimensions of both go together."""

from __future__ import annotations

import torch
from torch import Tensor

FORMS = ("plain", "residual", "scaled")


def cross_weighting(z_x: Tensor, z_a: Tensor, form: str = "residual") -> tuple[Tensor, Tensor]:
    """Vision-Semantic Alignment of codes ``(n, d)`` of two modalities (ACMR, Fig. 4).

    ``R = z_x z_a^T`` is d by d for every sample, ``S`` its softmax over the index of ``z_x`` (every
    column sums to one), and both codes are multiplied by ``S``.

    ``form="plain"`` is the authors' code. ``"scaled"`` divides ``R`` by ``sqrt(d)``, the normaliser
    of the paper's figure: ``S`` is then nearly uniform and passes on little more than the mean of a
    code. ``"residual"`` is the scaled form added to the code itself.
    """
    d = z_x.shape[1]
    scores = z_a[:, :, None] * z_x[:, None, :]                               # (n, d_a, d_x)
    if form != "plain":
        scores = scores * d**-0.5
    weights = scores.softmax(dim=2)                                          # S transposed
    x, a = (torch.stack([z_x, z_a], dim=1) @ weights).unbind(dim=1)          # (n, d) each
    return (z_x + x, z_a + a) if form == "residual" else (x, a)
