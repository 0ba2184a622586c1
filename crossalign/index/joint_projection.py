"""Short vectors that keep what matters to the joint similarity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crossalign.index.joint_similarity import Array, Factors, label_similarity

SAMPLE = 4096  # rows the projection is fitted to
QUERIES = 256  # of them, paired with all others
BASIS = 256    # directions of log p it is chosen among
FLOOR = 1e-10  # of the largest variance: directions below it are noise


@dataclass(frozen=True)
class JointProjection:
    """Factors of lower rank, whose scores are near the exact ones.

    With x = [p, log p] and the swap S of its halves, the term of J that couples two rows is ``x_a^T
    S x_b``. Means m are taken out first and put into the offsets, where they cost nothing, and the
    rest is replaced by ``sum_j sign_j y_aj y_bj`` with ``y = (x - m) B``.

    Attributes
    ----------
    axes : (d, c)
        Principal axes of the embeddings.
    mean : (2 L,)
        Mean m of x.
    maps : (2 L, r)
        The map B.
    signs : (r,)
        Sign of each term.
    """

    axes: Array
    mean: Array
    maps: Array
    signs: Array

    def shorten(self, exact: Factors, *, query: bool) -> Factors:
        """Return embeddings ``(n, c)``, labels ``(n, r)`` and offsets ``(n,)`` from exact
        factors.
        """
        half = len(self.mean) // 2
        to_offset, maps = np.roll(self.mean, half), self.maps                # labels are x
        if not query:                                                        # labels are S x
            to_offset, maps = self.mean, np.roll(maps, half, axis=0)
        labels = exact.labels @ maps - self.mean @ self.maps
        offsets = (exact.offsets - exact.labels @ to_offset
                   + 0.5 * self.mean @ np.roll(self.mean, half))
        return Factors(exact.embeddings @ self.axes, labels * self.signs if query else labels,
                       offsets.astype(np.float32))


def fit_projection(items: Factors, error: float) -> JointProjection:
    """Find the shortest projection whose cosine and tanh(-J) err by at most ``error`` each.

    The error is the root mean square over near pairs of a sample of the items: the best percent.
    Embeddings are cut to their principal axes. B minimises the error of ``x_a^T S x_b`` over all
    pairs: with second moments ``C = R R^T`` of x - m, it keeps the eigenvectors of ``R^T S R`` of
    largest absolute value. For speed this is solved within the first principal directions of log p,
    labels weighted by the root of their mean probability.
    """
    every = -(-len(items.offsets) // SAMPLE)
    sample = Factors(*(part[::every] for part in items))
    logs, p = np.split(sample.labels, 2, axis=1)
    p_mean, l_mean = p.mean(axis=0, dtype=np.float64), logs.mean(axis=0, dtype=np.float64)
    weight = np.sqrt(p_mean + 0.1 / len(p_mean))
    basis = _principal((logs - l_mean) * weight)[1][:, :BASIS]               # (L, b)
    to_p, to_l = basis / weight[:, None], basis * weight[:, None]
    z = np.hstack([(p - p_mean) @ to_p, (logs - l_mean) @ to_l])             # (m, 2 b)
    energy, vectors = _principal(z)
    root = np.sqrt(np.maximum(energy, FLOOR * energy[0]) + np.finfo(float).tiny)
    r = vectors * root                                                       # C = R R^T
    coupling = r.T @ np.roll(r, basis.shape[1], axis=0)
    strengths, directions = np.linalg.eigh((coupling + coupling.T) / 2)
    order = np.argsort(-np.abs(strengths))
    b = (vectors / root) @ directions[:, order] * np.sqrt(np.abs(strengths[order]))
    signs, axes = np.sign(strengths[order]), _principal(sample.embeddings)[1]

    rows, columns, slope = _near_pairs(sample)
    y, e = z @ b, sample.embeddings @ axes
    length = _terms(y[rows] * signs * y[columns] * slope[:, None], error)
    maps = np.vstack([to_p @ b[:basis.shape[1], :length], to_l @ b[basis.shape[1]:, :length]])
    axes = axes[:, :_terms(e[rows] * e[columns], error)]
    return JointProjection(*(part.astype(np.float32) for part in (
        axes, np.concatenate([p_mean, l_mean]), maps, signs[:length])))


def _near_pairs(sample: Factors) -> tuple[Array, Array, Array]:
    """Return rows and columns of near pairs, and the slope of tanh at their J, ``(pairs,)``
    each.
    """
    rows = np.arange(0, len(sample.offsets), -(-len(sample.offsets) // QUERIES))
    half = sample.labels.shape[1] // 2
    divergence = (sample.offsets[rows, None] + sample.offsets
                  - np.roll(sample.labels[rows], half, axis=1) @ sample.labels.T)
    agreement = label_similarity(np.maximum(divergence, 0))                  # 1 + tanh(-J)
    scores = sample.embeddings[rows] @ sample.embeddings.T + agreement
    scores[np.arange(len(rows)), rows] = -np.inf
    count = max(1, len(sample.offsets) // 100)
    columns = np.argpartition(-scores, count - 1, axis=1)[:, :count]
    near = np.take_along_axis(agreement, columns, axis=1).ravel()
    return np.repeat(rows, count), columns.ravel(), near * (2 - near)        # sech(J)^2


def _terms(terms: Array, error: float) -> int:
    """Count the first columns of ``(pairs, t)`` that come within ``error`` of the sum of all."""
    remainder = np.cumsum(terms[:, ::-1], axis=1)[:, ::-1]                        # (pairs, t)
    over = np.flatnonzero(np.sqrt(np.mean(remainder**2, axis=0)) > error)
    return int(over[-1]) + 1 if len(over) else 1


def _principal(rows: Array) -> tuple[Array, Array]:
    """Return mean energies ``(w,)`` along the principal directions ``(w, w)`` of ``(m, w)``,
    falling.
    """
    wide = rows.astype(np.float64)
    energy, vectors = np.linalg.eigh(wide.T @ wide / len(wide))
    return energy[::-1], vectors[:, ::-1]
