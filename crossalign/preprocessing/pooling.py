"""Token rows as vectors, for models that read nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.preprocessing.tokens import real_tokens
from crossalign.types import Benchmark, Views

Array = npt.NDArray[Any]


def mean_token(x: npt.ArrayLike) -> Array:
    """Mean ``(n, d)`` of the real tokens of ``(n, t, d)``; zeros where there is none."""
    tokens = np.asarray(x)
    count = np.maximum(real_tokens(tokens).sum(axis=1, keepdims=True), 1)
    return np.asarray(tokens.sum(axis=1) / count, dtype=np.float32)


def as_vectors(x: npt.ArrayLike) -> Array:
    """``(n, d)`` as it is; of tokens ``(n, t, d)`` their mean."""
    rows = np.asarray(x)
    return mean_token(rows) if rows.ndim == 3 else rows


def flat_tokens(x: npt.ArrayLike) -> Array:
    """All tokens of ``(n, t, d)`` side by side, padding too, ``(n, t d)``."""
    return np.asarray(x, dtype=np.float32).reshape(len(np.asarray(x)), -1)


POOLINGS: dict[str, Callable[[npt.ArrayLike], Array]] = {"mean": mean_token, "flat": flat_tokens}
"""How tokens become a vector: their mean, which forgets their order, or all of them."""


def pool_tokens(bench: Benchmark, how: str) -> Benchmark:
    """A benchmark whose token modalities are vectors, on every run and in validation.

    Tokens are read a block of samples at a time. The protocol says ``tokens``.

    Raises
    ------
    ValueError
        If ``how`` is not one of `POOLINGS`, or no modality has tokens.
    """
    if how not in POOLINGS:
        raise ValueError(f"pool: got {how!r}; choose one of {list(POOLINGS)}.")
    if not any(views.kind(m) == "tokens" for views in bench.splits.values()
               for m in views.modalities):
        raise ValueError(f"pool: {bench.name} has no tokens to pool; leave it out.")
    return bench.map(partial(_pooled, how=how))


def _pooled(bench: Benchmark, how: str) -> Benchmark:
    return replace(
        bench, splits={name: _vectors(views, how) for name, views in bench.splits.items()},
        protocol={**bench.protocol, "tokens": f"pooled: {how}"})


def _vectors(views: Views, how: str) -> Views:
    data = {m: _rows(views, m, POOLINGS[how]) if kind == "tokens" else views[m]
            for m, kind in views.kinds.items()}
    kinds = {m: "vectors" if kind == "tokens" else kind for m, kind in views.kinds.items()}
    return Views(data, views.labels, ids=views.ids, present=views.present, meta=views.meta,
                 kinds=kinds)


def _rows(views: Views, modality: str, pool: Callable[[npt.ArrayLike], Array]) -> Array:
    return np.concatenate([pool(views.read(modality, rows)) for rows in views.blocks(modality)])
