"""A product of Gaussian experts."""

from __future__ import annotations

import torch
from torch import Tensor


def product_of_experts(means: Tensor, logvars: Tensor, present: Tensor | None = None,
                       log_gates: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """Multiply M diagonal Gaussians; the precision is ``sum_m g_m / sigma_m^2`` (Wu & Goodman
    2018).

    Means and log-variances are ``(n, M, d)``. An expert whose ``present (n, M)`` is False is
    ignored, whatever it holds. ``log_gates (n, M)`` are ``log g_m`` (generalised product: Cao &
    Fleet 2014). A row without any expert is the prior ``N(0, I)``, which is not used otherwise.

    Returns mean and log-variance ``(n, d)``, and every expert's share of the precision ``(n, M,
    d)``. The computation is in logarithms, so no variance is too large or too small for it.
    """
    log_precision = -logvars
    if log_gates is not None:
        log_precision = log_precision + log_gates[:, :, None]
    prior = torch.full_like(log_precision[:, :1], -torch.inf)
    if present is not None:
        absent = ~present[:, :, None]
        means = means.masked_fill(absent, 0.0)
        log_precision = log_precision.masked_fill(absent, -torch.inf)
        prior = prior.masked_fill(absent.all(dim=1, keepdim=True), 0.0)
    log_precision = torch.cat([log_precision, prior], dim=1)                 # (n, M + 1, d)
    shares = log_precision.softmax(dim=1)[:, :-1]
    return (shares * means).sum(dim=1), -log_precision.logsumexp(dim=1), shares
