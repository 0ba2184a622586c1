"""The divergence of Quasi-Stochastic Manifold Alignment, in our reading.

    1/|C| sum over classes of W2^2(P_a|c, P_b|c)  +  weight * D(P_a, P_b)

The first term compares, class by class, diagonal Gaussians in closed form; the second compares
samples without regard to classes. The second term does not change if the classes of one side are
permuted, so alone it may align the wrong ones: it is for samples that come in pairs. With more than
two modalities, each is compared with the 2-Wasserstein barycentre of all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from types import MappingProxyType

import torch
from torch import Tensor, nn

from crossalign.losses.batch_mean import no_pairs
from crossalign.losses.bures import bures_w2
from crossalign.losses.mmd import mmd
from crossalign.losses.sinkhorn import sinkhorn_divergence
from crossalign.losses.sliced_wasserstein import sliced_w2
from crossalign.sampling import directions

Marginal = Callable[[Tensor, Tensor, Tensor], Tensor]

MARGINALS: Mapping[str, Marginal] = MappingProxyType({
    "orthogonal": lambda x, y, noise: sliced_w2(x, y, directions(noise, "orthogonal")),
    "iid": lambda x, y, noise: sliced_w2(x, y, directions(noise, "iid")),
    "sobol": lambda x, y, noise: sliced_w2(x, y, directions(noise, "sobol")),
    "bures": lambda x, y, noise: bures_w2(x, y),
    "sinkhorn": lambda x, y, noise: sinkhorn_divergence(x, y),
    "mmd": lambda x, y, noise: mmd(x, y, scales=(0.25, 1.0, 4.0)),
})
"""Divergences of two samples ``(n, d)`` and ``(m, d)``, given normal noise ``(L, d)``, by name."""

TINIEST = 1e-12
"""Least variance; it keeps the gradient of a standard deviation finite at zero."""


def class_moments(mean: Tensor, std: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor,
                                                                      Tensor]:
    """Fit a Gaussian to each class: ``classes (C,)``, ``mean``, ``std (C, d)``, ``counts (C,)``.

    The Gaussians are diagonal. The samples are ``N(mean, std^2)``, ``(n, d)`` both, with ``labels
    (n,)``, any integers. The variance of a class is that of the mixture: the mean of ``std^2`` plus
    the variance of ``mean`` around the class's mean, divided by the count. For a single sample it
    is the sample's own. ``classes`` are sorted.
    """
    classes, member = torch.unique(labels, return_inverse=True)
    return classes, *_moments(mean, std, member, len(classes))


def class_conditional_w2(means: Sequence[Tensor], stds: Sequence[Tensor],
                         labels: Sequence[Tensor],
                         present: Sequence[Tensor | None] | None = None) -> Tensor:
    """Compute the squared 2-Wasserstein distance between the modalities, class by class, a scalar.

    Modality m has samples ``N(means[m], stds[m]^2)``, ``(n_m, d)`` each, of classes ``labels[m]``
    ``(n_m,)``; the side information may be one row per class. Samples with ``present[m] (n_m,)``
    False are left out. Each class has in each modality the Gaussian of `class_moments`. For two
    modalities, the distance is ``|mean_a - mean_b|^2 + |std_a - std_b|^2``; for more, it is the sum
    of such distances from every modality to their `barycentre` (for two, this would be half the
    distance). It is averaged over the classes seen in at least two modalities, and 0 if there is
    none.

    Raises
    ------
    ValueError
        If there are not as many ``means`` as ``stds`` and ``labels``, or fewer than two.
    """
    if not len(means) == len(stds) == len(labels) >= 2:
        raise ValueError(f"means: {len(means)}, with {len(stds)} stds and {len(labels)} labels; "
                         "give one of each for two or more modalities")
    means, stds, labels = (_present(z, present) for z in (means, stds, labels))
    members, classes = _members(torch.cat(list(labels)))
    by_modality = torch.split(members, [len(z) for z in labels])
    centres, spreads, counts = (torch.stack(z) for z in zip(
        *(_moments(mean, std, member, classes)
          for mean, std, member in zip(means, stds, by_modality, strict=True)), strict=True))
    seen = (counts > 0).to(centres)                                          # (N, C)
    if len(means) == 2:
        distance = _squared_w2(*centres, *spreads) * seen.prod(dim=0)
    else:
        centre, spread = barycentre(centres, spreads, seen)
        distance = (_squared_w2(centres, centre, spreads, spread) * seen).sum(dim=0)
    shared = (seen.sum(dim=0) >= 2).sum()
    return distance.sum() / shared.clamp_min(1)


def barycentre(means: Tensor, stds: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Compute mean and std ``(..., d)`` of the 2-Wasserstein barycentre of diagonal Gaussians.

    ``means`` and ``stds`` are ``(N, ..., d)``. ``weights``, ``(N,)`` or ``(N, ...)``, not negative,
    are divided by their sum; without them all weigh the same. If all are 0, mean and std are 0.
    Both are weighted means, exactly (Agueh & Carlier 2011, whose covariances here commute).
    """
    if weights is None:
        weights = means.new_ones(len(means))
    total = weights.sum(dim=0)
    shares = (weights / total.where(total > 0, total.new_ones(()))).to(means.dtype)
    shares = shares.reshape(*shares.shape, *[1] * (means.ndim - shares.ndim))
    return (shares * means).sum(dim=0), (shares * stds).sum(dim=0)


def marginal_divergence(samples: Sequence[Tensor], noise: Tensor, kind: str = "orthogonal",
                        present: Sequence[Tensor | None] | None = None) -> Tensor:
    """Compute the divergence between the modalities without regard to classes, a scalar.

    The samples of modality m are ``samples[m] (n_m, d)`` without those whose ``present[m] (n_m,)``
    is False; ``noise (L, d)`` is standard normal, L = d as a rule. For two modalities the
    divergence is ``MARGINALS[kind]``; for more, it is the sum over pairs divided by the number of
    modalities, which for the sliced distances is the sum of distances to their barycentre along
    each direction. A modality without a present sample is left out; with fewer than two left the
    result is 0.

    Raises
    ------
    ValueError
        If ``kind`` is not in `MARGINALS`.
    """
    if kind not in MARGINALS:
        raise ValueError(f"kind={kind!r} is unknown; give one of {', '.join(MARGINALS)}")
    here = [z for z in _present(samples, present) if len(z)]
    with torch.autocast(noise.device.type, enabled=False):
        pairs = [MARGINALS[kind](x, y, noise.to(x)) for x, y in combinations(here, 2)]
    total = sum(pairs, start=no_pairs(*samples))
    return total if len(samples) == 2 else total / max(len(here), 1)


def _present(parts: Sequence[Tensor], present: Sequence[Tensor | None] | None) -> list[Tensor]:
    """Return the present rows of each modality, in float32 at least."""
    exact = [z.float() if z.dtype in (torch.bfloat16, torch.float16) else z for z in parts]
    masks = [None] * len(parts) if present is None else present
    return [part if mask is None else part[mask] for part, mask in zip(exact, masks, strict=True)]


def _members(labels: Tensor) -> tuple[Tensor, int]:
    """Number the classes of labels from 0, ``(n,)``, and give an upper bound on their number.

    On a GPU the bound is n, because the number is not known before the device is done.
    """
    if labels.device.type == "cpu":
        classes, members = torch.unique(labels, return_inverse=True)
        return members, len(classes)
    ordered, order = labels.sort()
    changes = nn.functional.pad((ordered[1:] != ordered[:-1]).cumsum(0), (1, 0))
    return torch.empty_like(labels).scatter_(0, order, changes), len(labels)


def _moments(mean: Tensor, std: Tensor, member: Tensor,
             classes: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean and std ``(classes, d)`` and count ``(classes,)`` of the samples of each
    class.
    """
    counts = member.new_zeros(classes).index_add_(0, member, torch.ones_like(member))
    share = 1 / counts.clamp_min(1).to(mean.dtype)[:, None]
    empty = mean.new_zeros(classes, mean.shape[1])
    centre = empty.index_add(0, member, mean) * share
    variance = empty.index_add(0, member, std.square() + (mean - centre[member]).square()) * share
    return centre, variance.clamp_min(TINIEST).sqrt(), counts


def _squared_w2(mean_a: Tensor, mean_b: Tensor, std_a: Tensor, std_b: Tensor) -> Tensor:
    return (mean_a - mean_b).square().sum(dim=-1) + (std_a - std_b).square().sum(dim=-1)
