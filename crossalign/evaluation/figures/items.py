"""Items: the samples that a page shows, and their look."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.arrays import evenly
from crossalign.data.formats.clips import read_clip
from crossalign.data.formats.pictures import read_pictures
from crossalign.data.formats.videos import is_video
from crossalign.labels import classes_held, rarest
from crossalign.types import Benchmark, Views

Array = npt.NDArray[Any]
FRAMES = 4
"""Number of frames of a clip that are shown."""
SIDE = 64
"""Side of a picture that is read from its file, in pixels."""


def shown_item(views: Views, row: int, modality: str, bench: Benchmark) -> dict[str, Any]:
    """Return the look of a sample on a page: its picture or text if the data has one, and its
    class.
    """
    column = views.meta.get(f"show:{modality}")
    name = "" if views.labels is None else ", ".join(
        bench.classes.names[c] for c in classes_held(views.labels[row:row + 1]))
    if column is not None and column.dtype.kind in "US":
        return {"image": None, "text": str(column[row])}
    picture = shown_picture(views, row, modality)
    return {"image": picture, "text": f"{name} ({views.ids[row]})" if picture is None else name}


def shown_picture(views: Views, row: int, modality: str) -> Array | None:
    """Return the picture of one sample, or None if the data has none.

    It is in ``show:M`` of modality M, or in the file that ``file:M`` names; of a clip it is some
    frames, side by side.
    """
    column, files = (views.meta.get(f"{what}:{modality}") for what in ("show", "file"))
    if column is not None and column.dtype.kind not in "US":
        return np.asarray(column[row])
    if files is None:
        return None
    file = Path(files[row])
    try:
        if file.is_dir() or is_video(file):
            return np.concatenate(read_clip(file, FRAMES, SIDE, "RGB").pixels, axis=1)
        return np.asarray(read_pictures([file], SIDE, "RGB")[0])
    except (ValueError, ImportError):  # the file has gone since its features were computed
        return None


def some_rows(views: Views, classes: int, samples: int) -> Array:
    """Return sorted rows of at most so many samples, of at most so many classes, spread evenly."""
    labels = rarest(views.truth)
    present = np.unique(labels)
    selection = present[evenly(len(present), classes)]
    members = np.flatnonzero(np.isin(labels, selection))
    return np.asarray(members[evenly(len(members), samples)])
