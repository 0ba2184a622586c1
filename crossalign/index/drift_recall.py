"""Neighbours that two rankings share, for queries that were mapped into an old index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from crossalign.arrays import unit_rows
from crossalign.index.base import check_count, check_vectors
from crossalign.index.exact import ExactIndex

if TYPE_CHECKING:
    from crossalign.index.drift import DriftAdapter

Array = npt.NDArray[Any]


def kept_recall(adapter: DriftAdapter, old: npt.ArrayLike, new: npt.ArrayLike,
                queries: npt.ArrayLike, k: int = 10) -> float:
    """Compute the share of what an index encoded anew would find that the old one still finds.

    It is recall@k of mapped queries in the old gallery, against exact neighbours by the new
    encoder: 1 where nothing is lost. Give queries, and best a gallery, that `fit` has not read.

    Parameters
    ----------
    adapter : DriftAdapter
        Fitted adapter.
    old, new : array-like
        Rows ``(n, d)`` and ``(n, d')`` of the gallery by the old and by the new encoder.
    queries : array-like
        Rows ``(q, d')`` of queries by the new encoder.
    k : int
        Number of neighbours; default 10, at most n.

    Raises
    ------
    ValueError
        If the gallery's rows are not one for one, or ``k`` is below one.
    """
    check_count(k)
    old, new, queries = (unit_rows(check_vectors(rows)) for rows in (old, new, queries))
    if len(old) != len(new):
        raise ValueError(f"new: {len(new)} rows for {len(old)} of old; give both rows of the same "
                         "items.")
    return overlap(_nearest(adapter.transform(queries), old, k), _nearest(queries, new, k))


def _nearest(queries: Array, gallery: Array, k: int) -> Array:
    index = ExactIndex()
    index.add(gallery)
    return index.search(queries, k).indices


def others(queries: Array, gallery: Array, k: int) -> Array:
    """Return the k nearest other rows of a gallery, of which every query is one itself."""
    scores = queries @ gallery.T
    np.fill_diagonal(scores, -np.inf)
    return np.argpartition(-scores, k - 1, axis=1)[:, :k]


def overlap(found: Array, true: Array) -> float:
    """Return the mean share of the true neighbours ``(q, k)`` that are found."""
    return float(np.mean([np.isin(t, f).mean() for f, t in zip(found, true, strict=True)]))
