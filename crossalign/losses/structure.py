"""Neighbourhoods that a map should keep, compared with those before it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from crossalign.losses.batch_mean import no_pairs


def structure_gap(x: Tensor, z: Tensor, temperature: float = 0.05, levels: int = 2) -> Tensor:
    """Compare the neighbours of rows ``x (n, d)`` and of their images ``z (n, k)``, a scalar.

    ``mean_l (1 / l) JS(P_x^l, P_z^l)`` over the levels l = 1, 2, ... (STRUCTURE: Groeger et al.,
    NeurIPS 2025): P is the softmax of a row's cosines over the temperature, and its power l the
    chances of a walk of l steps. JS is the Jensen-Shannon divergence in nats, a mean over rows. The
    rows x are given and carry no gradient. The paper's code computes ``KL(m | p) + KL(m | q)`` of
    the mean m instead; this is the paper's formula. Without a row it is 0.
    """
    if not len(x):
        return no_pairs(x, z)
    with torch.no_grad():
        given = _neighbours(x, temperature)
    mapped = _neighbours(z, temperature)
    far, near = given, mapped
    gaps = []
    for level in range(1, levels + 1):
        if level > 1:
            far, near = far @ given, near @ mapped
        gaps.append(_jensen_shannon(far, near) / level)
    return torch.stack(gaps).mean()


def _neighbours(rows: Tensor, temperature: float) -> Tensor:
    """Return the softmax ``(n, n)`` of every row's cosines with all rows."""
    unit = functional.normalize(rows)
    return (unit @ unit.T / temperature).softmax(dim=1)


def _jensen_shannon(p: Tensor, q: Tensor) -> Tensor:
    """Return the Jensen-Shannon divergence of distributions ``(n, m)`` in rows, a mean over
    rows.
    """
    middle = 0.5 * (p + q)
    return 0.5 * (_relative_entropy(p, middle) + _relative_entropy(q, middle)).mean()


def _relative_entropy(p: Tensor, m: Tensor) -> Tensor:
    """Return KL(p | m) of every row, ``(n,)``; where p is 0 nothing is added."""
    tiny = torch.finfo(p.dtype).tiny
    return (p * (p.clamp_min(tiny).log() - m.clamp_min(tiny).log())).sum(dim=1)
