"""Omniglot: pictures and pen strokes of the same drawings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from crossalign.data.registry import Place, Source
from crossalign.types import Benchmark


def _recognises(place: Place) -> bool:
    return any(name.startswith("images_") and name.endswith(".zip") for name in place.names)


def _read(path: Path, task: str | None, *, variant: str, tokens: bool, seed: int,
          **_: Any) -> Benchmark:
    from crossalign.data.sources.omniglot.source import load_omniglot

    return load_omniglot(path, variant=variant, tokens=tokens, seed=seed)


SOURCE = Source("omniglot", "a folder with images_PART.zip and strokes_PART.zip (Omniglot)", _read,
                ("retrieval",), {"alphabets": ("retrieval",)}, tokens=True,
                recognises=_recognises, precedence=50, encloses=True)
