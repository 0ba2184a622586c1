"""Hierarchical attention: over the modalities of a sample, over classes.

The hierarchy follows Yang et al. (2016), with a mechanism of its own on every level.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from crossalign.networks.experts import product_of_experts


class ModalityFusion(nn.Module):
    """Codes of one sample's modalities as one Gaussian, each with a gate on its precision.

    `product_of_experts` with ``g_m = 2 sigmoid(w_m mean_m + b_m)``, in (0, 2) and near one at
    first. Missing modalities are left out of the product, row by row.

    Parameters
    ----------
    order : sequence of str
        Names of the modalities.
    latent : int
        Width d of the codes.
    """

    def __init__(self, order: Sequence[str], latent: int) -> None:
        super().__init__()
        self.order = list(order)
        self.gates = nn.ModuleList(nn.Linear(latent, 1) for _ in self.order)

    def forward(self, codes: Mapping[str, tuple[Tensor, Tensor]],
                present: Mapping[str, Tensor] | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Return mean and log-variance ``(n, d)``, and weights ``(n, M)`` of all modalities in
        order.

        ``codes[m]`` is mean and log-variance ``(n, d)``, and ``present[m] (n,)`` is for modalities
        that some sample lacks. Weights are shares of the precision, averaged over d; a missing
        modality has weight 0. Raises a ValueError for no codes or those of an unknown modality.
        """
        if not codes or not set(codes) <= set(self.order):
            raise ValueError(f"codes={list(codes)} holds no modality, or one that is not in "
                             f"{self.order}; give at least one of these")
        names = [m for m in self.order if m in codes]
        means, logvars = (torch.stack([codes[m][i] for m in names], dim=1) for i in range(2))
        here = torch.ones(means.shape[:2], dtype=torch.bool, device=means.device)
        for m, has in (present or {}).items():
            if m in names:
                here[:, names.index(m)] = has
        mean, logvar, shares = product_of_experts(means, logvars, here,
                                                  self._log_gates(names, means, here))
        weights = means.new_zeros(len(means), len(self.order))
        weights[:, [self.order.index(m) for m in names]] = shares.mean(dim=2)
        return mean, logvar, weights

    def _log_gates(self, names: Sequence[str], means: Tensor, here: Tensor) -> Tensor:
        """Return the logarithms of the gates ``(n, len(names))``."""
        present_means = means.masked_fill(~here[:, :, None], 0.0)
        scores = [self.gates[self.order.index(m)](present_means[:, i]) for i, m in enumerate(names)]
        return logsigmoid(torch.cat(scores, dim=1)) + math.log(2)


def class_distances(mean: Tensor, prototypes: Tensor, logvar: Tensor | None = None,
                    class_logvar: Tensor | None = None) -> Tensor:
    """Compute expected squared distances ``(n, C)`` of Gaussians ``(n, d)`` to classes ``(C, d)``.

    ``|mean - mean_c|^2 + tr sigma^2 + tr sigma_c^2``, the closed form of PCME++ (Chun 2024); a
    variance that is None counts as zero. It is computed in single precision at least, without an
    array ``(n, C, d)``.
    """
    x, c = (r.float() if r.dtype in (torch.bfloat16, torch.float16) else r
            for r in (mean, prototypes))
    with torch.autocast(x.device.type, enabled=False):
        distances = x.square().sum(dim=1)[:, None] + c.square().sum(dim=1) - 2 * x @ c.T
    if logvar is not None:
        distances = distances + logvar.exp().sum(dim=1)[:, None]
    return distances if class_logvar is None else distances + class_logvar.exp().sum(dim=1)


class ClassAttention(nn.Module):
    """Attention of samples to class prototypes, whose scores are the class logits.

    The logits are ``-D / tau`` with D from `class_distances` and a learned tau. The variance of a
    sample adds the same to all its distances: a softmax does not see it, a threshold does.

    Parameters
    ----------
    temperature : float
        Initial tau, default 0.1. Squared distances between unit rows are at most 4.
    uncertain : bool
        Whether variances count; default True.

    Raises
    ------
    ValueError
        If ``temperature`` is not positive.
    """

    def __init__(self, temperature: float = 0.1, uncertain: bool = True) -> None:
        super().__init__()
        if not temperature > 0:
            raise ValueError(f"temperature={temperature} is not above 0; give one such as 0.1")
        self.uncertain = uncertain
        self.log_temperature = nn.Parameter(torch.tensor(math.log(temperature)))

    def forward(self, mean: Tensor, prototypes: Tensor, logvar: Tensor | None = None,
                class_logvar: Tensor | None = None) -> Tensor:
        """Return logits ``(n, C)`` for codes ``(n, d)`` and prototypes ``(C, d)``."""
        if not self.uncertain:
            logvar = class_logvar = None
        distances = class_distances(mean, prototypes, logvar, class_logvar)
        return -distances * torch.exp(-self.log_temperature)
