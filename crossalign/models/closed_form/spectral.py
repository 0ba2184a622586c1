"""Spectral embedding: coordinates of rows on the graph of their nearest neighbours.

    w(x, y) = ([y among the k nearest of x] + [x among the k nearest of y]) / 2,     w(x, x) = 0
    d(x) = sum_j w(x, x_j),     sum_j w(x_i, x_j) / d(x_i) psi(x_j) = lambda psi(x_i)

(Belkin & Niyogi, Neural Computation 2003; diffusion maps: Coifman & Lafon 2006.) The leading
psi but for the constant one are coordinates in which neighbours lie close, whatever the shape on
which the rows lie. Other rows follow by the same equation, read the other way (Nystroem: Bengio et
al., NeurIPS 2003):

    psi(x) = sum_j w(x, x_j) / d(x) psi(x_j) / lambda

which gives the rows of the graph what they have. Rows that are alike are one node.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

from crossalign.models.rows import Array

METRICS = ("cosine", "euclidean")
MOST = 8192
"""Most rows that are nodes of a graph."""
BLOCK = 1024
"""Rows whose distances to all nodes are in memory at a time."""
SAME = 1e-8
"""Half the greatest squared distance of rows that are one, where rows have length one or so."""
TIE = 1e-12
"""Difference of half squared distances that rounding makes."""


class SpectralMap(NamedTuple):
    """Embedded nodes of a graph, and what it takes to embed other rows.

    Attributes
    ----------
    nodes : (n, d) float32
        Rows.
    reach : (n,)
        Closeness of every node and its k-th nearest, see `_closeness`.
    coordinates : (n, c)
        Columns psi.
    values : (c,)
        Their lambda, descending.
    neighbours : int
        Number k.
    metric : {"cosine", "euclidean"}
        Distance by which rows are near.
    """

    nodes: Array
    reach: Array
    coordinates: Array
    values: Array
    neighbours: int
    metric: str

    def __call__(self, x: Array) -> Array:
        """Embed rows ``(m, d)``, scaled as the nodes were; returns ``(m, c)`` float64."""
        parts = [w @ self.coordinates / (w.sum(axis=1)[:, None] * self.values) for w in
                 affinities(x, self.nodes, self.reach, self.neighbours, self.metric)]
        return np.concatenate(parts) if parts else np.zeros((0, len(self.values)))


def spectral_map(x: Array, n_components: int, neighbours: int, rng: np.random.Generator,
                 metric: str = "cosine") -> SpectralMap:
    """Embed rows ``(m, d)`` by the graph of at most 8,192 of them, drawn by ``rng``.

    There are at most two coordinates fewer than nodes, and as many neighbours as `joined_to` says;
    coordinates whose lambda is not above 0 are left out. ``rng`` also starts the search for
    eigenvectors.

    Raises
    ------
    ValueError
        If fewer than three rows differ, or their graph has no coordinate.
    """
    x = np.asarray(x, dtype=np.float32)
    _, first = np.unique(np.round(_comparable(x, x, metric), 6), axis=0, return_index=True)
    nodes = x[rng.permutation(first)[:MOST]]
    n = len(nodes)
    if n < 3:
        raise ValueError(f"X: {n} rows of a modality differ; give at least three for a graph.")
    k = joined_to(n, neighbours)
    reach = np.concatenate([_kth(close, k) for close in _closeness(nodes, nodes, metric)])
    w = sparse.vstack(list(affinities(nodes, nodes, reach, k, metric))).tocsr()
    roots = np.sqrt(np.asarray(w.sum(axis=1)).ravel())
    flat = roots / np.linalg.norm(roots)                       # of the constant coordinate
    inner = sparse.diags(1 / roots) @ w @ sparse.diags(1 / roots)
    rest = LinearOperator((n, n), dtype=np.float64,
                          matvec=lambda v: inner @ v - flat * (flat @ v.ravel()))
    try:
        values, vectors = eigsh(rest, k=min(n_components, n - 2), which="LA",
                                v0=rng.standard_normal(n))
    except ArpackNoConvergence:
        raise ValueError(f"X: the coordinates of a graph of {n} rows and {k} neighbours of each "
                         "did not converge; take fewer n_components, or more neighbours."
                         ) from None
    order = [i for i in np.argsort(-values) if values[i] > TIE]
    if not order:
        raise ValueError(f"X: {n} rows of a modality differ, and a graph of {k} neighbours of each "
                         "has no coordinate; give more samples.")
    signs = np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(len(values))])
    return SpectralMap(nodes, reach, (vectors * signs / roots[:, None])[:, order], values[order], k,
                       metric)


def joined_to(n: int, neighbours: int) -> int:
    """Return to how many nearest ones each of n nodes is joined: at most half of all, as a graph in
    which everything is near everything has no coordinates.
    """
    return max(1, min(neighbours, n // 2))


def affinities(x: Array, nodes: Array, reach: Array, k: int,
               metric: str) -> Iterator[sparse.csr_array]:
    """Yield the affinities ``w (b, n)`` of blocks of rows ``(m, d)`` to nodes ``(n, d)``."""
    for close in _closeness(x, nodes, metric):
        near = close >= _kth(close, k)[:, None] - TIE
        near_them = close >= reach - TIE
        yield sparse.csr_array((near.astype(np.float64) + near_them) / 2)


def _closeness(x: Array, nodes: Array, metric: str) -> Iterator[Array]:
    """Yield minus half the squared distances of blocks of rows to all nodes; -inf for a node that
    is the row itself.
    """
    there = _comparable(nodes, nodes, metric)
    squares = (there**2).sum(axis=1) / 2
    for at in range(0, len(x), BLOCK):
        here = _comparable(x[at:at + BLOCK], nodes, metric)
        close = here @ there.T - squares - (here**2).sum(axis=1)[:, None] / 2
        yield np.where(close > -SAME, -np.inf, close)


def _comparable(x: Array, nodes: Array, metric: str) -> Array:
    """Return rows in float64, of length one, or in units of the nodes' root mean squared length."""
    lengths: Array
    x = np.asarray(x, dtype=np.float64)
    if metric == "cosine":
        lengths = np.linalg.norm(x, axis=1, keepdims=True)
    else:
        lengths = np.sqrt(np.mean((nodes.astype(np.float64)**2).sum(axis=1, keepdims=True), axis=0))
    return np.asarray(x / np.where(lengths > 0, lengths, 1))


def _kth(close: Array, k: int) -> Array:
    """Return the k-th largest of every row."""
    return np.asarray(np.partition(close, -k, axis=1)[:, -k])
