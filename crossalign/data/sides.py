"""Samples that are seen in one of several modalities each, as one after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.samples import SAMPLE
from crossalign.types import Views

Array = npt.NDArray[Any]
FILE = "file:"
"""Beginning of the names of columns of files, which are of one modality."""


def joined_sides(sides: Mapping[str, Views]) -> Views:
    """Join the samples of all modalities, one after the other, each with its own only."""
    views = list(sides.values())
    first, *others = views
    if not others:
        return first
    number = np.repeat(np.arange(len(views)), [len(of) for of in views])
    whole = _spread(first, number == 0)
    for k, of in enumerate(others, 1):
        whole = whole.beside(_spread(of, number == k))
    whole.ids = np.concatenate([of.ids for of in views])
    whole.present = {modality: number == k for k, modality in enumerate(sides)}
    return whole.with_labels(np.concatenate([of.truth for of in views]))


def apart(pictures: Views, texts: Views, counts: Sequence[int] | Array) -> Views:
    """Join pictures and their texts, so many of each, as samples; a picture is a class."""
    owner = np.repeat(np.arange(len(pictures)), counts)
    (modality,) = pictures.modalities
    payload = {name: of for name, of in pictures.meta.items() if not name.startswith(FILE)}
    own = pictures.with_labels(np.arange(len(pictures)))
    own.ids = np.array([_id_of(modality, name) for name in pictures.ids])
    own.meta = {name: of for name, of in pictures.meta.items() if name.startswith(FILE)}
    of_text = texts.with_labels(owner)
    number = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    of_text.ids = np.array([f"text/{pictures.ids[i]}#{k}" for i, k in zip(owner, number,
                                                                       strict=True)])
    whole = joined_sides({modality: own, "text": of_text})
    both = np.concatenate([np.arange(len(pictures)), owner])
    whole.meta |= {name: values[both] for name, values in payload.items()}
    return whole


def seen_once(views: Views, modality: str) -> Views:
    """Return the samples of a modality, each once, by their own ids, also where they are parts of
    drawn pairs.
    """
    drawn = views.meta.get(SAMPLE + modality)
    if drawn is None:
        return views[np.flatnonzero(views.has(modality))]
    once = views[np.sort(np.unique(drawn, return_index=True)[1])]
    once.ids = once.meta[SAMPLE + modality]
    return once


def ids_in(views: Views, modality: str, ids: Sequence[Any]) -> tuple[Any, ...]:
    """Return the ids of samples of a modality as they are in views: as they are given, or where
    texts are samples beside them.
    """
    there = set(views.ids.tolist())
    return tuple(ids) if there & set(ids) else tuple(_id_of(modality, name) for name in ids)


def _id_of(modality: str, name: Any) -> str:
    return f"{modality}/{name}"


def _spread(views: Views, has: Array) -> Views:
    """Spread samples of one modality to the rows, ``(n,)`` bool, that have it; rows between are
    absent.

    Features on disk stay there: an absent row points to the first, which ``present`` hides.
    """
    at = np.zeros(len(has), dtype=np.int64)
    at[has] = np.arange(len(views))
    (modality,) = views.modalities
    spread = views[at]
    if views.on_disk(modality):
        return spread
    data = np.zeros((len(has), *views[modality].shape[1:]), views[modality].dtype)
    data[has] = views[modality]
    return Views({modality: data}, meta=spread.meta, kinds=views.kinds, masks=spread.masks)
