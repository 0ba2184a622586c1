"""A sliced transport plan from samples to the Gaussians of classes.

    P = mean over directions of the optimal plan on that line from samples z_i . theta to draws
        (m_c + s e) . theta, each draw worth its share of the size of its class

On a line the optimal plan couples by rank, so it takes a sort. Directions are orthonormal (Rowland
et al., AISTATS 2019), draws are quasi-random, and the mean over directions is the expected sliced
plan with equal weights (Liu et al., "Expected sliced transport plans", ICLR 2025). In one dimension
it is the exact plan. In many, every line puts samples beside draws of whatever class lies there.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from crossalign.arrays import Array
from crossalign.heads.base import Places
from crossalign.sampling import directions, quasi_normal

LINES = 64
"""Number of directions."""
DRAWS = 8
"""Number of draws of every class."""


def sliced_plan(spaces: Sequence[Places], shares: Array, seed: int) -> Array:
    """Compute the plan ``(n, C)``, the mean over several spaces; shares of a sample sum to 1.

    Parameters
    ----------
    spaces : sequence of Places
        Places of classes and samples.
    shares : (n, C)
        Another plan, by which the sizes of classes and their deviation are estimated.
    seed : int
        Seed of draws and directions.
    """
    generator = torch.Generator().manual_seed(seed)
    plan = np.zeros(shares.shape)
    for places in spaces:
        if not len(places.rows):                          # no sample has the view of this space
            continue
        rows, means, given = places.rows, places.means, shares[places.here]
        if places.whitener is not None:
            rows, means = rows @ places.whitener, means @ places.whitener
        points = drawn(means, deviation(rows, means, given), generator)            # (S, C, d)
        masses = np.broadcast_to(given.sum(axis=0) / len(points), points.shape[:2])
        lines = directions(torch.randn(LINES, means.shape[1], generator=generator)).numpy()
        plan[places.here] += mean_plan(rows, points, masses, lines)
    empty = plan.sum(axis=1) == 0
    plan[empty] = shares[empty]
    return np.asarray(plan / plan.sum(axis=1, keepdims=True))


def deviation(rows: Array, means: Array, shares: Array) -> float:
    """Return the deviation of samples ``(n, d)`` from means ``(C, d)``, in every direction."""
    squares = (shares.sum(axis=1) @ (rows**2).sum(axis=1) - 2 * (shares * (rows @ means.T)).sum()
               + shares.sum(axis=0) @ (means**2).sum(axis=1))
    return float(np.sqrt(max(squares, 0) / (shares.sum() * rows.shape[1])))


def drawn(means: Array, spread: float, generator: torch.Generator) -> Array:
    """Draw ``(S, C, d)`` points around means ``(C, d)``, quasi-random ones for every class."""
    noise = quasi_normal(DRAWS, means.shape[1],
                         lambda *tail: torch.rand(len(means), *tail, generator=generator))
    return np.asarray(means + spread * noise.numpy())


def mean_plan(rows: Array, points: Array, masses: Array, lines: Array) -> Array:
    """Compute the mean ``(n, C)`` of the plans along lines ``(L, d)``, from samples ``(n, d)`` of
    mass 1 to points ``(S, C, d)`` of masses ``(S, C)``, which sum to n.
    """
    n, (count, classes, width) = len(rows), points.shape
    owner, weight = np.tile(np.arange(classes), count), masses.ravel()
    plan = np.zeros(n * classes)
    for x, y in zip(lines @ rows.T, lines @ points.reshape(-1, width).T, strict=True):
        i, j, mass = line_plan(x, y, weight)
        plan += np.bincount(i * classes + owner[j], mass, minlength=len(plan))
    return np.asarray(plan.reshape(n, classes) / len(lines))


def line_plan(x: Array, y: Array, masses: Array) -> tuple[Array, Array, Array]:
    """Couple samples ``x (n,)`` of mass 1 with points ``y (m,)`` of masses that sum to n, by rank.

    Returns
    -------
    i, j, mass : (n + m,)
        Which sample gives which point how much: the optimal plan for every convex cost.
    """
    rows, points = np.argsort(x, kind="stable"), np.argsort(y, kind="stable")
    ends = np.cumsum(masses[points])
    ends *= len(x) / ends[-1]
    steps = np.arange(1.0, len(x) + 1)
    cuts = np.sort(np.concatenate([steps, ends]))
    mass = np.diff(cuts, prepend=0.0)
    middle = cuts - mass / 2
    i = np.minimum(np.searchsorted(steps, middle), len(x) - 1)
    j = np.minimum(np.searchsorted(ends, middle), len(y) - 1)
    return rows[i], points[j], mass
