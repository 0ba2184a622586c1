"""Hits that match, and hits that are only the nearest: there is always a nearest item.

A hit matches if its similarity exceeds one cut-off, and does not if it is at most another, lower
one; between them nothing is known. Validation chose both for queries and items of its kinds, see
`cutoffs`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.space.items import IMAGE, SKETCH

Array = npt.NDArray[Any]
CUTOFFS, NOTHING = "cutoffs", "nothing"
"""Settings of a space: similarities by direction that a match exceeds, and exceeds at least."""


def way(query: str, item: str) -> str:
    """Return the name of the direction from one kind to another; a sketch is a picture."""
    asked, found = (IMAGE if kind == SKETCH else kind for kind in (query, item))
    return f"{asked}->{found}"


def matches(kind: str, scores: Array, payloads: Sequence[Mapping[str, Any]],
            cutoffs: Mapping[str, float], nothing: Mapping[str, float]) -> list[bool | None]:
    """Tell which hits of a query of some kind match, and which do not; None where it is not known.

    Parameters
    ----------
    kind : str
        Kind of the query, see `space.items`.
    scores : (k,) float
        Similarities of the hits.
    payloads : k mappings
        Payloads of the hits, with their ``modality``.
    cutoffs, nothing : mapping of direction to float
        Similarities that a match exceeds, and that it exceeds at least.
    """
    ways = [way(kind, str(one.get("modality", ""))) for one in payloads]
    return [True if score > np.float32(cutoffs.get(direction, np.inf)) else
            False if score <= np.float32(nothing.get(direction, -np.inf)) else None
            for score, direction in zip(scores, ways, strict=True)]
