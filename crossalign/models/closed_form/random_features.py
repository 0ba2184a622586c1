"""Quasi-random features: rows in which an inner product is a kernel between the rows.

    f(x) = [x, sqrt(d / F) (cos Wx, sin Wx)],      f(x)'f(y) ~ x'y + d exp(-g |x - y|^2 / 2d)

with the F rows of W normal of variance g / d: a linear and a Gaussian kernel, which weigh alike for
rows of unit variance (random Fourier features: Rahimi and Recht, NeurIPS 2007). Directions of W are
orthogonal frames, for which the kernel is met with less variance than by independent ones (Yu et
al., NeurIPS 2016).
"""

from __future__ import annotations

import numpy as np
import torch

from crossalign.models.rows import Array
from crossalign.sampling import directions

BANDWIDTH = 0.3
"""Factor g of squared distances per column."""


def frequencies(width: int, count: int, seed: int, kind: str = "orthogonal") -> Array:
    """Draw the rows of W ``(count, width)`` in float32, with lengths as of normal rows.

    ``kind`` is one of `sampling.DIRECTIONS`.
    """
    draw = torch.Generator().manual_seed(seed)
    along = directions(torch.randn(count, width, generator=draw), kind)
    lengths = torch.randn(count, width, generator=draw).norm(dim=1, keepdim=True)
    return np.asarray((along * lengths * np.sqrt(BANDWIDTH / width)).numpy())


def lifted(x: Array, rows: Array) -> Array:
    """Return the features ``(n, d + 2 F)`` of rows ``(n, d)``, given W ``(F, d)``."""
    angles = x @ rows.T.astype(x.dtype)
    scale = np.sqrt(x.shape[1] / len(rows))
    return np.concatenate([x, scale * np.cos(angles), scale * np.sin(angles)], axis=1)
