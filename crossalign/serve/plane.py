"""The map of a space: its items on a plane, by the two principal components of their vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.space.thumbs import THUMB_KEY

Array = npt.NDArray[Any]


def on_plane(vectors: Array) -> Array:
    """Return the first two principal components of vectors.

    Parameters
    ----------
    vectors : (n, d) floats
        Rows, centred here.

    Returns
    -------
    places : (n, 2) float64
        Components, within [-1, 1]; zeros where the rows do not differ.
    """
    from sklearn.decomposition import PCA

    rows = np.asarray(vectors, dtype=np.float64)
    places = np.zeros((len(rows), 2))
    if len(rows) < 2 or not np.ptp(rows, axis=0).any():
        return places
    width = min(2, rows.shape[1])
    places[:, :width] = PCA(width, random_state=0).fit_transform(rows)
    places /= np.abs(places).max()
    return places


def points(ids: Sequence[str], vectors: Array, payloads: Sequence[dict[str, Any]]) -> list[
        dict[str, Any]]:
    """Return the points of a map: ids, places, classes, modalities and short texts."""
    found = []
    for name, place, payload in zip(ids, on_plane(vectors), payloads, strict=True):
        point = {"id": str(name), "x": round(float(place[0]), 4), "y": round(float(place[1]), 4)}
        for key in ("class", "modality"):
            if key in payload:
                point[key] = payload[key]
        if "text" in payload:
            point["text"] = str(payload["text"])[:80]
        point["thumb"] = THUMB_KEY in payload
        found.append(point)
    return found
