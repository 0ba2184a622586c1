"""A fitted model that embeds the samples of a benchmark once, however often they are asked for.

Scores, confidences and figures each read codes of the same test samples, through a head or
directly. Within one evaluation nobody changes those arrays, so the answer for an array and a
modality is kept. Memory-mapped samples are read anew a block at a time and gain nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from copy import copy
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.models.blockwise import as_given
from crossalign.models.roles import Aligner, Distributional
from crossalign.types import Views

Array = npt.NDArray[Any]

KEPT = 8
"""Arrays whose embeddings are kept: test parts through two modalities, twice over."""


class _Once:
    """A method ``embed(x, modality)`` that keeps its answers for the last arrays."""

    def __init__(self, embed: Callable[..., Any]) -> None:
        self.embed = embed
        self.answers: OrderedDict[tuple[int, int, str], tuple[Any, Any]] = OrderedDict()

    def __call__(self, x: Any, modality: Any) -> Any:
        held = _arrays(x, modality)
        if held is None:
            return self.embed(x, modality)
        key = _key(held, modality)
        if key not in self.answers:
            self.answers[key] = held, self.embed(x, modality)  # holds them, so that ids stay theirs
            while len(self.answers) > KEPT:
                self.answers.popitem(last=False)
        self.answers.move_to_end(key)
        return self.answers[key][1]

    def knows(self, x: Any, modality: str) -> bool:
        """Return whether samples have been embedded."""
        held = _arrays(x, modality)
        return held is not None and _key(held, modality) in self.answers


def _arrays(x: Any, modality: Any) -> tuple[Array, Array | None] | None:
    """Return the rows in memory and the mask of samples of one modality; None of others."""
    if isinstance(modality, str) and isinstance(x, Views) and not x.on_disk(modality):
        return x[modality], x.masks.get(modality)
    return (x, None) if isinstance(modality, str) and isinstance(x, np.ndarray) else None


def _key(held: tuple[Array, Array | None], modality: str) -> tuple[int, int, str]:
    return id(held[0]), id(held[1]), modality


def embedded_once(model: Any) -> Any:
    """Return a copy of a fitted model that keeps what it embeds; one that does not embed as it is.

    Its arrays and network are those of the model.
    """
    if not isinstance(model, Aligner):
        return model
    methods = (["embed_distribution"] if isinstance(model, Distributional) else
               ["project", "embed"])
    other = copy(model)
    for name in methods:
        setattr(other, name, _Once(getattr(other, name)))
    return other


def embedded_rows(model: Aligner, views: Views, modality: str, rows: Array,
                  method: str = "embed") -> Array:
    """Embed some samples, by the embedding of all of them where that is known.

    Parameters
    ----------
    model : Aligner
        Perhaps of `embedded_once`.
    views : Views
    modality : str
    rows : (n,) integers
    method : {"embed", "project"}

    Returns
    -------
    (n, d) array
    """
    embed = getattr(model, method)
    known = vars(model).get("embed_distribution", vars(model).get(method))
    if isinstance(known, _Once) and not views.on_disk(modality):
        whole = as_given(views, modality)
        if known.knows(whole, modality):
            return np.asarray(embed(whole, modality)[rows])
    return np.asarray(embed(as_given(views[rows], modality), modality))
