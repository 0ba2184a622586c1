"""Agreement of two point clouds on the lengths at which their points join."""

from __future__ import annotations

import torch
from torch import Tensor

from crossalign.losses.batch_mean import no_pairs


def persistence_gap(x: Tensor, z: Tensor, scale_free: bool = True) -> Tensor:
    """Compute how far apart the persistence lengths of ``x (n, p)`` and ``z (n, d)`` are, a scalar.

    The 0-dimensional persistence of a cloud is the lengths of its minimum spanning tree. Along the
    edges of either tree, the lengths in both clouds are compared: half the squared differences,
    averaged over the n - 1 edges, and the two trees added (Moor et al. 2020, who sum). The choice
    of edges carries no gradient.

    ``scale_free`` divides the distances of each cloud by their mean, which carries no gradient
    either, so that inputs and codes need not have the same units. For fewer than two points the
    result is 0.

    Raises
    ------
    ValueError
        If there are not as many points in x as in z.
    """
    if len(x) != len(z):
        raise ValueError(f"z: {len(z)} points against {len(x)}; give the same points in both")
    if len(x) < 2:
        return no_pairs(x, z)
    edges, scales = [], []
    for cloud in (x.detach(), z.detach()):
        distances = torch.cdist(cloud, cloud, compute_mode="donot_use_mm_for_euclid_dist")
        edges.append(spanning_tree(distances))
        scales.append(distances.mean().clamp_min(1e-12) if scale_free else 1.0)
    gap = x.new_zeros(())
    for tree in edges:
        lengths_x, lengths_z = (_lengths(cloud, tree) / scale
                                for cloud, scale in zip((x, z), scales, strict=True))
        gap = gap + 0.5 * (lengths_x - lengths_z).square().mean()
    return gap


def spanning_tree(distances: Tensor) -> Tensor:
    """Find the edges ``(2, n - 1)`` of a minimum spanning tree of ``distances (n, n)`` (Prim 1957).

    Zero distances are edges like others. Runs on the CPU in ``O(n^2)``.
    """
    table = distances.detach().cpu()
    nearest = table[0].clone()                                   # of each point to the tree
    parents = torch.zeros(len(table), dtype=torch.int64)         # the point it is nearest to
    nearest[0] = torch.inf
    outside = torch.ones(len(table), dtype=torch.bool)
    outside[0] = False
    children = []
    for _ in range(len(table) - 1):
        child = int(nearest.argmin())
        children.append(child)
        outside[child] = False
        closer = (table[child] < nearest) & outside
        parents[closer] = child
        nearest = torch.where(closer, table[child], nearest)
        nearest[child] = torch.inf
    ends = torch.tensor(children)
    return torch.stack([parents[ends], ends]).to(distances.device)


def _lengths(cloud: Tensor, edges: Tensor) -> Tensor:
    """Compute lengths ``(n - 1,)``, with a finite gradient where two points coincide."""
    return ((cloud[edges[0]] - cloud[edges[1]]).square().sum(dim=1) + 1e-12).sqrt()
