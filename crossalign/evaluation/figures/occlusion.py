"""Arrays of the occlusion maps of a report: parts of test pictures that what is said rests on.

A map needs the pictures, and an encoder that reads one that was changed: what the benchmark has as
its open encoder of them. That it is the right one is seen by encoding each picture anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.formats.pictures import prepared, read_picture
from crossalign.encoders.steps import steps_of
from crossalign.tasks.occlusion import LEAST, occlusion, reduced
from crossalign.types import Benchmark, Encoder, Views

Array = npt.NDArray[Any]
Score = Callable[[Array], Array]
"""Function from features ``(n, d)`` to log-odds ``(n,)``."""
MAPPED, BY_NETWORK = 8, 4
"""Largest number of maps of a report, each of which encodes about 146 pictures, and of those that a
network reads, which takes a hundred times as long as a formula.
"""
APART = 0.1
"""Largest distance of features that are read anew from those of the sample, by their length."""


def most_maps(bench: Benchmark) -> int:
    """Return the largest number of maps of the first modality of a benchmark."""
    encoder = bench.encoders.get(bench.modalities[0])
    return BY_NETWORK if getattr(encoder, "learned", True) else MAPPED


def maps_of(bench: Benchmark, test: Views, rows: Sequence[int], scores: Sequence[Score],
            ) -> tuple[list[tuple[Array, Array]], str]:
    """Return pictures and maps ``(h, w)`` of test samples, and why there are none.

    Parameters
    ----------
    bench : Benchmark
        Benchmark, which has the encoder of the pictures of its first modality.
    test : Views
        Test samples.
    rows : sequence of int
        Rows of those to map.
    scores : sequence of callable
        Log-odds, for each, of what is said of it.

    Returns
    -------
    maps, reason
        One pair for each row and an empty string, or none and a clause that follows "as".
    """
    modality, found = bench.modalities[0], []
    encoder = bench.encoders.get(modality)
    if encoder is None:
        return [], "no encoder came with the data that would read covered pictures"
    if test.kind(modality) != "vectors":
        return [], "pictures are rows of tokens here"
    for row, score in zip(rows, scores, strict=True):
        picture = whole_picture(test, row, modality)
        if picture is None:
            return [], "the data have no pictures, or they have gone"
        read, kept = read_by(encoder, [picture])[0], np.asarray(test[modality][row])
        if read.shape != kept.shape or np.linalg.norm(read - kept) > APART * np.linalg.norm(kept):
            return [], "the features are not those of the pictures as they are now"
        if min(picture.shape[:2]) < LEAST:
            return [], "the pictures are too small to cover parts of"

        def scored(pictures: Sequence[Array], score: Score = score) -> Array:
            return score(read_by(encoder, pictures))

        found.append((picture, occlusion(picture, scored).fall))
    return found, ""


def whole_picture(views: Views, row: int, modality: str) -> Array | None:
    """Return the picture of a sample as its encoder read it, at most reduced; None if there is
    none.
    """
    column, files = (views.meta.get(f"{what}:{modality}") for what in ("show", "file"))
    if column is not None and column.dtype.kind not in "US":
        return np.asarray(column[row])
    if files is None:
        return None
    try:
        return reduced(read_picture(Path(files[row]), None, "RGB").pixels)
    except ValueError:                         # the file has gone since its features were computed
        return None


def read_by(encoder: Encoder, pictures: Sequence[Array]) -> Array:
    """Encode pictures in uint8 of any size, ``(n, d)``, in blocks that suit the encoder."""
    from PIL import Image

    steps, rows = steps_of(encoder), []
    for start in range(0, len(pictures), steps.block):
        rows.append(steps.encode([
            steps.prepare(prepared(Image.fromarray(picture), steps.side, encoder.mode).pixels)
            for picture in pictures[start:start + steps.block]]))
    return np.concatenate(rows)
