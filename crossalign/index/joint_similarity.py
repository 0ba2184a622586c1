"""The joint similarity of FGAN: cosine of embeddings plus agreement of label distributions.

For unit embeddings e and label distributions p, with the symmetric divergence J,

    Sim(a, b) = e_a . e_b + tanh(-J(a, b)),     J(a, b) = KL(p_a || p_b) + KL(p_b || p_a)

(Ge et al. 2025, eq. 29-31). Two properties make it computable for many pairs at once.

J is an inner product. With l = log p and h = <p, l>,

    J(a, b) = <p_a - p_b, l_a - l_b> = h_a + h_b - <p_a, l_b> - <l_a, p_b>,

so all pairs are one matrix product over rows [p, l] and [l, p], and no array of pairs x labels is
made. These are the *factors* of a row.

tanh(-J) is convex, so it is the highest of its tangents, and Sim the highest of the linear scores
``cos - s J + const`` over the slopes s of tangents, which are inner products too, of

    [e_a, s p_a, s l_a, s]  and  [e_b, l_b, p_b, -h_b].

If m tangents come within g of tanh(-J) everywhere, whatever has rank k by Sim has, under one of
their scores, no higher rank than it would have k-th best minus g by Sim: the union of what m
searches find holds the best, given a few more places than k. Slope 0, the asymptote, must be among
them: for distributions far apart only the cosine counts.

In single precision tanh(-J) is exactly -1 from about J = 9.5 on, in double precision from 19.
``1 + tanh(-J) = 2 / (1 + exp(2 J))`` has full precision up to J = 350: `label_similarity` is that,
and a joint score here is Sim + 1.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv

Array = npt.NDArray[Any]


class JointRows(NamedTuple):
    """Unit embeddings ``(n, d)``; p and log p, ``(n, L)``, float32; <p, log p> ``(n,)``."""

    embeddings: Array
    probabilities: Array
    logs: Array
    negentropy: Array


class Factors(NamedTuple):
    """Factors from which pairs are scored: cosines from ``embeddings (n, d)``, J from the rest.

    J is the sum of both rows' ``offsets (n,)`` minus the inner product of their ``labels (n, r)``.
    """

    embeddings: Array
    labels: Array
    offsets: Array


def joint_rows(embeddings: npt.ArrayLike, logits: npt.ArrayLike) -> JointRows:
    """Normalise rows of ``(n, d)`` embeddings and ``(n, L)`` logits or log-probabilities.

    Raises
    ------
    ValueError
        If shapes do not fit or a value is NaN or infinite, as the logarithm of zero is.
    """
    e, z = _finite("embeddings", embeddings), _finite("logits", logits)
    if len(e) != len(z):
        raise ValueError(f"logits: {len(z)} rows for {len(e)} embeddings; give one for each.")
    length = np.linalg.norm(e, axis=1, keepdims=True)
    z -= z.max(axis=1, keepdims=True)
    logs = (z - np.log(np.exp(z).sum(axis=1, keepdims=True))).astype(np.float32)
    p = np.exp(logs)
    h = np.einsum("nl,nl->n", p, logs, dtype=np.float64)
    return JointRows((e / np.where(length > 0, length, 1)).astype(np.float32), p, logs, h)


def exact_factors(rows: JointRows, *, query: bool) -> Factors:
    """Return all of a row: labels ``(n, 2 L)`` are [p, log p] of a query, [log p, p] of an item."""
    halves = [rows.probabilities, rows.logs]
    return Factors(rows.embeddings, np.hstack(halves if query else halves[::-1]), rows.negentropy)


def joint_scores(queries: JointRows, items: JointRows) -> Array:
    """Compute ``(q, n)`` float64 values of Sim + 1, exactly."""
    a, b = exact_factors(queries, query=True), exact_factors(items, query=False)
    wide = [part.astype(np.float64) for part in (*a[:2], *b[:2])]
    divergence = a.offsets[:, None] + b.offsets - wide[1] @ wide[3].T
    similarity: Array = wide[0] @ wide[2].T + label_similarity(np.maximum(divergence, 0))
    return similarity


def label_similarity(divergence: Array) -> Array:
    """Compute ``1 + tanh(-J)`` for J >= 0, strictly decreasing in double precision up to J =
    350.
    """
    falling = np.exp(-2.0 * divergence)
    similarity: Array = 2.0 * falling / (1.0 + falling)
    return similarity


def tangent_slopes(m: int) -> Array:
    """Choose slopes s ``(m,)`` of m tangents of tanh(-J) that follow it evenly, the last one 0.

    The error between tangents grows with the square of the integral of the root of the curvature,
    which for t = tanh J is an incomplete beta function of t^2: they stand in equal parts of it, 0.4
    of a part from J = 0, where little curvature lies. The largest error is 0.16, 0.06, 0.03 and
    0.018 for m = 2 to 5.
    """
    return 1.0 - np.asarray(betaincinv(0.75, 0.5, (np.arange(m) + 0.4) / (m - 0.6)))  # 1 - t^2


def augmented(factors: Factors, slope: float | None = None) -> Array:
    """Return rows ``(n, d + r + 1)`` whose inner products are ``cos - slope * J``, up to a
    constant.

    The constant, ``slope * offset`` of the query, changes no ranking. Items have slope None.
    """
    if slope is None:
        parts = [factors.embeddings, factors.labels, -factors.offsets[:, None]]
    else:
        parts = [factors.embeddings, slope * factors.labels,
                 np.full((len(factors.offsets), 1), slope)]
    return np.hstack(parts).astype(np.float32)


def _finite(name: str, values: npt.ArrayLike) -> Array:
    rows = np.array(values, dtype=np.float64)
    if rows.ndim != 2:
        raise ValueError(f"{name}: shape {rows.shape}; give (n, width).")
    if not np.isfinite(rows).all():
        bad = int(np.flatnonzero(~np.isfinite(rows).all(axis=1))[0])
        raise ValueError(f"{name}: row {bad} holds NaN or infinity; repair it, and add a floor to "
                         "probabilities of zero before their logarithm.")
    return rows
