"""Maximum mean discrepancy between two batches."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from crossalign.losses.batch_mean import no_pairs
from crossalign.losses.pairwise import squared_distances


def mmd(x: Tensor, y: Tensor, scales: Sequence[float] = (1.0,)) -> Tensor:
    """Compute the squared MMD with RBF kernels, a scalar (Gretton et al. 2012, V-statistic).

    ``x (n, d)`` and ``y (m, d)``. The kernel is the mean over ``scales`` of ``exp(-s * |a - b|^2 /
    median)``, where the median is of the squared distances between all distinct pairs of the pooled
    batch and carries no gradient (LCALE eq. 7 leaves the width open). The result is never negative;
    it is 0 if one of the two has no row.
    """
    if not len(x) or not len(y):
        return no_pairs(x, y)
    pooled = torch.cat([x, y])
    squared = squared_distances(pooled, pooled)                                  # (n + m, n + m)
    with torch.no_grad():
        rows, columns = torch.triu_indices(len(pooled), len(pooled), offset=1, device=x.device)
        width = squared[rows, columns].median().clamp_min(1e-12)
    kernel = torch.stack([(-s * squared / width).exp() for s in scales]).mean(dim=0)
    n = len(x)
    return kernel[:n, :n].mean() + kernel[n:, n:].mean() - 2 * kernel[:n, n:].mean()
