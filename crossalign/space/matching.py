"""Hits that match, and hits that are only the nearest: there is always a nearest item.

A hit matches if its similarity exceeds a cut-off, which validation chose for queries and items of
its kinds, see `cutoffs`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.space.items import IMAGE, SKETCH

Array = npt.NDArray[Any]


def way(query: str, item: str) -> str:
    """Return the name of the direction from one kind to another; a sketch is a picture."""
    asked, found = (IMAGE if kind == SKETCH else kind for kind in (query, item))
    return f"{asked}->{found}"


def matches(kind: str, scores: Array, payloads: Sequence[Mapping[str, Any]],
            cutoffs: Mapping[str, float]) -> list[bool | None]:
    """Tell which hits of a query of some kind match; None where no cut-off is known.

    Parameters
    ----------
    kind : str
        Kind of the query, see `space.items`.
    scores : (k,) float
        Similarities of the hits.
    payloads : k mappings
        Payloads of the hits, with their ``modality``.
    cutoffs : mapping of direction to float
        Similarities that a match exceeds.
    """
    least = [cutoffs.get(way(kind, str(one.get("modality", "")))) for one in payloads]
    return [None if cutoff is None else bool(score > np.float32(cutoff))
            for score, cutoff in zip(scores, least, strict=True)]
