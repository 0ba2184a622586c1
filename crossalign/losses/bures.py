"""Closed-form 2-Wasserstein distance between the Gaussians of two samples."""

from __future__ import annotations

import torch
from torch import Tensor

from crossalign.losses.batch_mean import no_pairs


def bures_w2(x: Tensor, y: Tensor, eps: float = 1e-4) -> Tensor:
    """Compute ``W2^2(N(m_x, S_x + eps I), N(m_y, S_y + eps I))``, a scalar, for two samples.

    The samples are ``x (n, d)`` and ``y (m, d)``. The distance is ``|m_x - m_y|^2 + tr S_x + tr S_y
    - 2 tr (S_x^1/2 S_y S_x^1/2)^1/2`` with full covariances, divided by n and m (Givens & Shortt
    1984). The last trace is the sum of the singular values of ``A B^T`` where ``A^T A = S_x`` and
    ``B^T B = S_y``; its gradient has no differences of eigenvalues in a denominator and stays
    finite where they are equal, also at ``x = y``. ``eps``, in squared units of the samples, serves
    samples with fewer rows than dimensions. The distance of equal samples is zero up to rounding of
    either sign; it is exactly zero if a sample has no row.
    """
    if not len(x) or not len(y):
        return no_pairs(x, y)
    a, b = _root(x, eps), _root(y, eps)
    means = (x.mean(dim=0) - y.mean(dim=0)).square().sum()
    shared: Tensor = torch.linalg.svdvals(a @ b.T).sum()
    return means + a.square().sum() + b.square().sum() - 2 * shared


def _root(rows: Tensor, eps: float) -> Tensor:
    """Return ``A (d, d)`` with ``A^T A`` the covariance plus ``eps I``, without squaring the
    rows.
    """
    width = rows.shape[1]
    ridge = eps**0.5 * torch.eye(width, dtype=rows.dtype, device=rows.device)
    centred = (rows - rows.mean(dim=0)) / len(rows)**0.5
    root: Tensor = torch.linalg.qr(torch.cat([centred, ridge]))[1]
    return root
