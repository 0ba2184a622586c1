"""Letters drawn by the typefaces that matplotlib ships."""

from __future__ import annotations

from typing import Any

from crossalign.data.registry import Source
from crossalign.data.samples import RawSamples
from crossalign.types import Benchmark


def _read(task: str | None, *, variant: str, tokens: bool, seed: int, unseen: Any = None,
          **_: Any) -> Benchmark:
    from crossalign.data.sources.glyphs.source import load_glyphs

    return load_glyphs(SOURCE.tasks_of(variant)[0] if task is None else task, variant=variant,
                       tokens=tokens, seed=seed, unseen=unseen)


def _read_raw(task: str | None, *, variant: str, seed: int, unseen: Any = None,
              **_: Any) -> RawSamples:
    from crossalign.data.sources.glyphs.raw import read_glyphs

    return read_glyphs(SOURCE.tasks_of(variant)[0] if task is None else task, variant=variant,
                       seed=seed, unseen=unseen)


def _encoders() -> dict[str, Any]:
    from crossalign.data.sources.glyphs.names import LetterNames
    from crossalign.encoders import Ink

    return {"encoder": Ink(), "text_encoder": LetterNames()}


SOURCE = Source("glyphs", "letters of the typefaces that matplotlib ships: image, text and "
                "attributes; 'glyphs:sketch' is retrieval between sketch and image", _read,
                ("gzsl", "retrieval", "transfer", "caption", "vqa"),
                {"sketch": ("retrieval",)}, tokens=True, options=("unseen",),
                raw=("pictures", "texts"), read_raw=_read_raw, encoders=_encoders)
