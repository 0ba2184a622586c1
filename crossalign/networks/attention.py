"""Hierarchical attention: over the regions of a sample, over its modalities, over classes.

The hierarchy follows Yang et al. (2016), with a mechanism of its own on every level.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from crossalign.networks.experts import product_of_experts


class RegionAttention(nn.Module):
    """Multi-head attention with one learned seed s, which pools token rows.

    The block PMA of the Set Transformer (Lee et al. 2019, sec. 3.2) with k = 1: ``h = LN(s +
    Multihead(s, X, X))``, ``LN(h + relu(W h + b))``; its layer on tokens is left to the adapter.
    With one seed only ``W_K^T W_Q s`` in every head and the sum of s and biases matter, so these
    are learned: token weights are one linear map, and only pooled tokens become values. That costs
    ``n t d heads`` and not ``n t d^2``.

    Parameters
    ----------
    dim : int
        Width of tokens and of the result.
    heads : int
        Number of attention heads; default 4.

    Raises
    ------
    ValueError
        If ``heads`` does not divide ``dim``.
    """

    def __init__(self, dim: int, heads: int = 4) -> None:
        super().__init__()
        if heads < 1 or dim % heads > 0:
            raise ValueError(f"heads={heads} does not divide dim={dim}; give one of its divisors")
        self.scores = nn.Linear(dim, heads, bias=False)
        self.values = nn.Linear(dim, dim, bias=False)
        self.output = nn.Linear(dim, dim)
        self.norm = nn.LayerNorm(dim)
        self.feed = nn.Linear(dim, dim)
        self.feed_norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Pool tokens ``(n, t, dim)`` with ``mask (n, t)``, True where real, to rows ``(n, dim)``.

        Vectors ``(n, dim)`` come back unchanged. All samples without real tokens get one and the
        same row. Masked tokens have no influence as long as they are finite.
        """
        if x.ndim == 2:
            return x
        pooled = self._attend(x, mask) @ x                                   # (n, heads, dim)
        weight = self.values.weight.view(pooled.shape[1], -1, x.shape[2])    # (heads, -1, dim)
        h = self.norm(self.output(torch.einsum("nhd,hkd->nhk", pooled, weight).flatten(1)))
        rows: Tensor = self.feed_norm(h + self.feed(h).relu())
        return rows

    def weights(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the attention ``(n, t)`` to tokens ``(n, t, dim)``, a mean over heads.

        It sums to one over real tokens and is 0 on the others.
        """
        return self._attend(x, mask).mean(dim=1)

    def _attend(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Return the attention of every head, ``(n, heads, t)``."""
        scores: Tensor = self.scores(x).mT
        if mask is None:
            return scores.softmax(dim=2)
        hidden = ~mask[:, None]
        # the lowest number, unlike -inf, leaves a row without real tokens finite
        scores = scores.masked_fill(hidden, torch.finfo(scores.dtype).min)
        return scores.softmax(dim=2).masked_fill(hidden, 0.0)


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
