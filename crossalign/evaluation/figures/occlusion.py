"""Arrays of the occlusion maps of a report: parts of test pictures that what is said rests on.

A map needs the pictures and their encoder. A report has neither networks nor files of its own, so
only encoders without a network are opened again, by their facts in the protocol; that they are the
right ones is seen by encoding each picture anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.formats.pictures import prepared, read_picture
from crossalign.data.sources.glyphs.samples import FEATURES
from crossalign.encoders.gradients import oriented_gradients
from crossalign.encoders.hog import HOG
from crossalign.encoders.ink import Ink
from crossalign.encoders.steps import steps_of
from crossalign.tasks.occlusion import LEAST, occlusion, reduced
from crossalign.types import Benchmark, Encoder, Views

Array = npt.NDArray[Any]
Reader = Callable[[Sequence[Array]], Array]
"""Function from pictures in uint8 to their features ``(n, d)``."""
Score = Callable[[Array], Array]
"""Function from features ``(n, d)`` to log-probabilities ``(n,)``."""
APART = 0.1
"""Largest distance of features that are read anew from those of the sample, by their length."""
ELSEWHERE = "--occlusion of a space draws it"


def maps_of(bench: Benchmark, test: Views, rows: Sequence[int], scores: Sequence[Score],
            ) -> tuple[list[tuple[Array, Array]], str]:
    """Return pictures and maps ``(h, w)`` of test samples, and why there are none.

    Parameters
    ----------
    bench : Benchmark
        Benchmark, whose protocol says what encoded the pictures of its first modality.
    test : Views
        Test samples.
    rows : sequence of int
        Rows of those to map.
    scores : sequence of callable
        Log-probability, for each, of what is said of it.

    Returns
    -------
    maps, reason
        One pair for each row and an empty string, or none and a clause that follows "as".
    """
    modality, found = bench.modalities[0], []
    reader = reader_of(bench.protocol)
    if reader is None:
        return [], f"the report does not have the encoder of the pictures; {ELSEWHERE}"
    if test.kind(modality) != "vectors":
        return [], "pictures are rows of tokens here"
    for row, score in zip(rows, scores, strict=True):
        picture = whole_picture(test, row, modality)
        if picture is None:
            return [], "the data have no pictures, or they have gone"
        read, kept = reader([picture])[0], np.asarray(test[modality][row])
        if read.shape != kept.shape or np.linalg.norm(read - kept) > APART * np.linalg.norm(kept):
            return [], "the features are not those of the pictures as they are now"
        if min(picture.shape[:2]) < LEAST:
            return [], "the pictures are too small to cover parts of"

        def scored(pictures: Sequence[Array], score: Score = score) -> Array:
            return score(reader(pictures))

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


def reader_of(protocol: Mapping[str, Any]) -> Reader | None:
    """Return what encoded the pictures of a benchmark; None if only a network could."""
    features = protocol.get("features")
    if features == FEATURES["hog"] and protocol.get("name") == "glyphs":
        return lambda pictures: oriented_gradients((255 - np.stack(pictures)) / np.float32(255))
    if not isinstance(features, Mapping):
        return None
    return next((_reading(encoder) for encoder in (HOG(), Ink(), Ink(whole=True))
                 if encoder.facts.items() <= features.items()), None)


def _reading(encoder: Encoder) -> Reader:
    from PIL import Image

    steps = steps_of(encoder)
    return lambda pictures: np.asarray(steps.encode([
        steps.prepare(prepared(Image.fromarray(picture), steps.side, encoder.mode).pixels)
        for picture in pictures]))
