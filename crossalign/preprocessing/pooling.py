"""Token rows as vectors, for models that read nothing else."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.sentences import nearest
from crossalign.types import Benchmark, Views
from crossalign.types.modality import blanked

Array = npt.NDArray[Any]


Pool = Callable[[npt.ArrayLike, Array | None], Array]
"""Function from tokens ``(n, t, d)`` and the mask of the real ones, None for all, to vectors."""


def mean_token(x: npt.ArrayLike, mask: Array | None = None) -> Array:
    """Return the mean ``(n, d)`` of the real tokens of ``(n, t, d)``; zeros if there is none.

    Tokens are real where ``mask (n, t)`` is True, all of them without one. Frames
    ``(n, f, t, d)`` with ``mask (n, f, t)`` are averaged likewise.
    """
    tokens = np.asarray(x)
    inner = tuple(range(1, tokens.ndim - 1))
    if mask is None:
        count: Any = np.prod(tokens.shape[1:-1])
    else:
        tokens = blanked(tokens, mask)
        count = np.maximum(mask.sum(axis=inner), 1)[:, None]
    total = tokens.sum(axis=inner, dtype=np.result_type(tokens, np.float32))
    return np.asarray(total / count, dtype=np.float32)


def as_vectors(x: npt.ArrayLike, mask: Array | None = None) -> Array:
    """Return ``(n, d)`` as it is, and for tokens ``(n, t, d)`` the mean of the real ones."""
    rows = np.asarray(x)
    return mean_token(rows, mask) if rows.ndim > 2 else rows


def vectors_in(x: npt.ArrayLike | Views, modality: str) -> Array:
    """Apply `as_vectors` to rows, or to a modality of `Views`, whose mask says which tokens are
    real.
    """
    if isinstance(x, Views):
        return as_vectors(x[modality], x.masks.get(modality))
    return as_vectors(x)


def flat_tokens(x: npt.ArrayLike, mask: Array | None = None) -> Array:
    """Lay all tokens of ``(n, t, d)`` side by side, ``(n, t d)``, with zeros for padding."""
    tokens = np.asarray(x, dtype=np.float32)
    tokens = tokens if mask is None else blanked(tokens, mask)
    return tokens.reshape(len(tokens), -1)


POOLINGS: dict[str, Pool] = {"mean": mean_token, "flat": flat_tokens}
"""Ways to turn tokens into a vector: their mean, which forgets their order, or all of them."""
TIME = "time"
"""Name of the pooling that keeps their order and is learnt, see `data.time_pooling`."""
POOLED = ("tokens", "frames")
"""Kinds of modalities that can be pooled."""


Pools = Mapping[str, str | Pool]
"""Pooling of each modality: a name of `POOLINGS`, or a function that was fitted."""
Fit = Callable[[Benchmark], Pools]
"""Function that learns, from the training part of a benchmark, how to pool each modality."""


def pool_tokens(bench: Benchmark, how: str, fit: Fit | Pools | None = None) -> Benchmark:
    """Return a benchmark whose token modalities are vectors, on every run and in validation.

    Tokens are read a block of samples at a time. The protocol's entry ``tokens`` says so, and
    ``pools`` hold what did it.

    Parameters
    ----------
    bench : Benchmark
    how : str
        One of `POOLINGS`, or the name of what ``fit`` is or learns.
    fit : callable or mapping, optional
        Function that learns the pooling anew of every run, and of validation, or poolings that are
        given for good; default None, for `POOLINGS`.

    Raises
    ------
    ValueError
        If ``how`` is not one of `POOLINGS`, or no modality has tokens.
    """
    if fit is None and how not in POOLINGS:
        raise ValueError(f"pool: got {how!r}; {nearest(how, POOLINGS)}")
    if not any(has_tokens(views) for views in bench.splits.values()):
        raise ValueError(f"pool: {bench.name} has no tokens to pool; leave it out.")
    return bench.map(partial(_pooled, how=how, fit=fit))


def has_tokens(views: Views, among: Collection[str] | None = None) -> bool:
    """Return True if a modality, of all or ``among`` some, has tokens that can be pooled."""
    return any(kind in POOLED for m, kind in views.kinds.items() if among is None or m in among)


def pooled_views(views: Views, pools: Pools) -> Views:
    """Return samples with vectors in the place of the tokens of the modalities of ``pools``."""
    pools = {m: pool for m, pool in pools.items() if views.kinds.get(m) in POOLED}
    data = {m: _rows(views, m, pools[m]) if m in pools else views[m] for m in views.modalities}
    kinds = {m: "vectors" if m in pools else kind for m, kind in views.kinds.items()}
    pooled = Views(data, views.labels, present=views.present, meta=views.meta, kinds=kinds,
                   masks={m: mask for m, mask in views.masks.items() if kinds[m] != "vectors"})
    pooled.ids = views.ids
    return pooled


def pooled_rows(pool: str | Pool, x: npt.ArrayLike, mask: Array | None = None) -> Array:
    """Pool tokens ``(n, t, d)`` with the mask of the real ones by a name or a fitted function."""
    return (POOLINGS[pool] if isinstance(pool, str) else pool)(x, mask)


def _pooled(bench: Benchmark, how: str, fit: Fit | Pools | None) -> Benchmark:
    pools = fit(bench) if callable(fit) else fit or {
        m: how for views in bench.splits.values() for m, kind in views.kinds.items()
        if kind in POOLED}
    return replace(
        bench, splits={name: pooled_views(views, pools) for name, views in bench.splits.items()},
        protocol={**bench.protocol, "tokens": f"pooled: {how}"}, pools={**bench.pools, **pools})


def _rows(views: Views, modality: str, pool: str | Pool) -> Array:
    mask = views.masks.get(modality)
    return np.concatenate([pooled_rows(pool, views.read(modality, rows),
                                       None if mask is None else mask[rows])
                           for rows in views.blocks(modality)])
