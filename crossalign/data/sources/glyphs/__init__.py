"""Letters drawn by the typefaces that matplotlib ships."""

from __future__ import annotations

from typing import Any

from crossalign.data.registry import Source
from crossalign.types import Benchmark


def _read(task: str | None, *, variant: str, tokens: bool, seed: int, **_: Any) -> Benchmark:
    from crossalign.data.sources.glyphs.source import load_glyphs

    return load_glyphs(SOURCE.tasks_of(variant)[0] if task is None else task, variant=variant,
                       tokens=tokens, seed=seed)


SOURCE = Source("glyphs", "letters of the typefaces that matplotlib ships: image, text and "
                "attributes; 'glyphs:sketch' is retrieval between sketch and image", _read,
                ("gzsl", "retrieval", "transfer"), {"sketch": ("retrieval",)}, tokens=True)
