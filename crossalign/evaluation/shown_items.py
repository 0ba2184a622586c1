"""Which samples a page shows, and how one looks."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.types import Benchmark, Views

Array = npt.NDArray[Any]


def shown_item(views: Views, row: int, modality: str, bench: Benchmark) -> dict[str, Any]:
    """How one sample looks on a page: its picture or text where the data has one, and its class."""
    shown = views.meta.get(f"show:{modality}")
    name = "" if views.labels is None else bench.classes.names[views.labels[row]]
    if shown is None:
        return {"image": None, "text": f"{name} ({views.ids[row]})"}
    if shown.dtype.kind in "US":
        return {"image": None, "text": str(shown[row])}
    return {"image": shown[row], "text": name}


def some_rows(views: Views, classes: int, samples: int) -> Array:
    """Sorted rows of at most so many samples, of at most so many classes, spread evenly."""
    present = np.unique(views.truth)
    kept = present[spread(len(present), classes)]
    members = np.flatnonzero(np.isin(views.truth, kept))
    return np.asarray(members[spread(len(members), samples)])


def spread(n: int, k: int) -> Array:
    """At most k row numbers spread evenly over n."""
    return np.unique(np.linspace(0, n - 1, min(n, k)).astype(np.int64))
