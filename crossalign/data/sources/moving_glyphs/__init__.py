"""Letters that move, drawn by the typefaces that matplotlib ships."""

from __future__ import annotations

from typing import Any

from crossalign.data.registry import Source
from crossalign.data.samples import RawSamples
from crossalign.types import Benchmark


def _read(task: str | None, *, seed: int, **_: Any) -> Benchmark:
    from crossalign.data.sources.moving_glyphs.source import load_moving_glyphs

    return load_moving_glyphs(SOURCE.tasks[0] if task is None else task, seed=seed)


def _read_raw(task: str | None, *, seed: int, **_: Any) -> RawSamples:
    from crossalign.data.sources.moving_glyphs.raw import read_moving_glyphs

    return read_moving_glyphs(SOURCE.tasks[0] if task is None else task, seed=seed)


def _encoders() -> dict[str, Any]:
    from crossalign.data.sources.moving_glyphs.names import MovingLetterNames
    from crossalign.encoders import HOG

    return {"encoder": HOG(), "text_encoder": MovingLetterNames()}


SOURCE = Source("moving_glyphs", "clips of letters that slide, turn, grow or are drawn, one motion "
                "or two in an order: clip, text and attributes", _read,
                ("gzsl", "retrieval", "vqa"), tokens=True, pool="time",
                raw=("pictures", "texts"), read_raw=_read_raw, encoders=_encoders)
