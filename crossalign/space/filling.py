"""Items of a space, of every modality, and what its index keeps of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.samples import ALL, CLIP, Samples
from crossalign.models.blockwise import encoded
from crossalign.pace import Log, Pace
from crossalign.space.answering import SAID
from crossalign.space.items import CLASS, IMAGE, LOOKS, SKETCH, TEXT
from crossalign.space.space import Space
from crossalign.space.thumbs import (
    MOST_THUMBS,
    STRIP,
    THUMB,
    THUMB_KEY,
    thumb_of,
    thumb_of_file,
)
from crossalign.types import Views

Array = npt.NDArray[Any]


def fill(space: Space, samples: Samples, log: Log) -> None:
    """Add all samples, each modality as items of its own; of a text that stands several times,
    one.
    """
    model = space.fitted.model
    for kind in (*LOOKS, SKETCH, TEXT):
        if kind not in samples.views:
            continue
        side = IMAGE if kind == SKETCH and SKETCH not in model.views else kind
        if side not in model.views:
            continue
        here = samples.views.having(kind)
        names = here.ids.tolist()
        if kind == SKETCH:                                         # a picture may have that id
            names = [f"{SKETCH}/{str(name).removeprefix(SKETCH + '/')}" for name in names]
        if kind == TEXT:
            words = here.meta[f"show:{TEXT}"]
            first = np.sort(np.unique(words, return_index=True)[1])
            here, names = here.take(first), [f"{TEXT}:{word}" for word in words[first].tolist()]
        rows = here if side == kind else Views({side: here[kind]})
        vectors = model.index_vectors(encoded(model.similarity_inputs, rows, side))
        about = _payload(here, kind, samples, space.root, log)
        if space.captions and side == space.looks:
            log(f"saying what {len(here):,} items show ({kind})")
            for one, text in zip(about, space.caption_rows(here[kind]), strict=True):
                one[SAID] = text
        space.index.add(vectors, [str(n) for n in names], about)


def _payload(views: Views, kind: str, samples: Samples, root: str | None,
             log: Log) -> list[dict[str, Any]]:
    """Return what an index keeps of samples: class, file, text and a small picture."""
    about: list[dict[str, Any]] = [{"modality": kind} for _ in range(len(views))]
    if views.labels is not None and views.labels.ndim == 1 and samples.class_names != (ALL,):
        for one, label in zip(about, views.truth.tolist(), strict=True):
            one[CLASS] = samples.class_names[label]
    for key, values in views.meta.items():
        what = key.partition(":")[0]
        if key == f"show:{kind}" and values.ndim > 1:              # pixels of what is in no file
            for one, pixels in zip(about, values, strict=True):
                one[THUMB_KEY] = thumb_of(pixels, STRIP * THUMB if kind == CLIP else THUMB)
            continue
        if key == f"show:{kind}":
            what = TEXT
        elif key != f"file:{kind}" and ":" in key:              # words, drawn pairs and the like
            continue
        for one, value in zip(about, values.tolist(), strict=True):
            one[what] = value
    if kind in LOOKS and f"file:{kind}" in views.meta and len(views) <= MOST_THUMBS:
        _add_thumbs(about, log)
    for one in about:
        if "file" in one:
            one["file"] = os.path.relpath(one["file"], root)
    return about


def _add_thumbs(about: Sequence[dict[str, Any]], log: Log) -> None:
    """Add small pictures as data URIs; of one that cannot be read there is none."""
    with Pace(log, "kept", len(about), "small pictures") as pace:
        for n, one in enumerate(about):
            with suppress(ValueError):
                one[THUMB_KEY] = thumb_of_file(Path(one["file"]), one["modality"])
            pace(n + 1)
