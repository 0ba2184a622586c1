"""Clips without their order: frames shuffled, or a single one of them.

Beside a clip as it is they tell what order is worth to a model.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.sentences import nearest
from crossalign.types import Benchmark, Views

Array = npt.NDArray[Any]

TOKENS = "tokens"


def shuffled_frames(x: Array, mask: Array, ids: Array, seed: int = 0) -> tuple[Array, Array]:
    """Put the real frames of every clip into a random order of its own.

    A clip has the same order wherever it stands, among whatever others.

    Parameters
    ----------
    x : (n, f, d)
    mask : (n, f) bool
        True where a frame is real; those places stay the real ones.
    ids : (n,)
        Names of the clips, by which orders are drawn.
    seed : int
        Seed of the orders.
    """
    order = np.argsort(~mask, axis=1, kind="stable")                 # real ones first
    keys = np.zeros(mask.shape)
    for row, name in zip(keys, ids.tolist(), strict=True):
        drawn_by = hashlib.blake2b(f"{seed} {name}".encode(), digest_size=8).digest()
        row[:] = np.random.default_rng(int.from_bytes(drawn_by)).random(len(row))
    drawn = np.argsort(np.where(mask, keys, 2.0), axis=1, kind="stable")
    turned = x.copy()
    np.put_along_axis(turned, order[..., None], np.take_along_axis(x, drawn[..., None], 1), 1)
    return turned, mask


def single_frames(x: Array, mask: Array, ids: Array | None = None,
                  seed: int = 0) -> tuple[Array, Array]:
    """Keep the middle one of the real frames of every clip, ``(n, 1, d)``; of an even number the
    earlier. It does not depend on ``ids`` and ``seed``.
    """
    order = np.argsort(~mask, axis=1, kind="stable")
    middle = np.maximum(mask.sum(axis=1) - 1, 0) // 2
    place = np.take_along_axis(order, middle[:, None], axis=1)
    return (np.take_along_axis(x, place[..., None], axis=1),
            np.take_along_axis(mask, place, axis=1))


ORDERS: dict[str, Callable[[Array, Array, Array, int], tuple[Array, Array]]] = {
    "shuffled": shuffled_frames, "single": single_frames}
"""Ways to lose the order of a clip."""


def reordered(bench: Benchmark, modality: str, order: str, seed: int = 0) -> Benchmark:
    """Return a benchmark whose token rows have lost their order, on every run and in validation.

    Parameters
    ----------
    bench : Benchmark
    modality : str
        Modality with tokens, such as ``"clip"``; all others stay as they are.
    order : {"shuffled", "single"}
        One of `ORDERS`.
    seed : int
        Seed of the orders.

    Raises
    ------
    ValueError
        If there is no such way, or the modality has no tokens.
    """
    kinds = bench["train"].kinds
    if kinds.get(modality) != TOKENS:
        raise ValueError(f"modality: got {modality!r}; choose one with tokens, among "
                         f"{[m for m, kind in kinds.items() if kind == TOKENS]}.")
    if order not in ORDERS:
        raise ValueError(f"order: got {order!r}; {nearest(order, ORDERS)}")
    return bench.map(partial(_reordered, modality=modality, order=order, seed=seed))


def _reordered(bench: Benchmark, modality: str, order: str, seed: int) -> Benchmark:
    return replace(bench, splits={
        name: _without_order(views, modality, ORDERS[order], seed) if modality in views else views
        for name, views in bench.splits.items()},
        protocol={**bench.protocol, "frames": f"{modality}: {order}"})


def _without_order(views: Views, modality: str,
                   change: Callable[[Array, Array, Array, int], tuple[Array, Array]],
                   seed: int) -> Views:
    data = {m: views[m] for m in views.modalities}
    real = views.masks.get(modality, np.ones(data[modality].shape[:2], dtype=bool))
    data[modality], mask = change(data[modality], real, views.ids, seed)
    masks = {**views.masks, modality: mask}
    made = Views(data, views.labels, present=views.present, masks=masks, meta=views.meta,
                 kinds=views.kinds)
    made.ids = views.ids
    return made
