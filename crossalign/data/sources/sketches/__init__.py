"""Folders of sketches beside folders of photos."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from crossalign.data.registry import Place, Source
from crossalign.data.sources.sketches.folders import sides_of
from crossalign.types import Benchmark


def _recognises(place: Place) -> bool:
    return place.is_folder and sides_of(place.path) is not None


def _read(path: Path, task: str | None, *, variant: str, **options: Any) -> Benchmark:
    from crossalign.data.sources.sketches.source import load_sketches

    return load_sketches(path, **options)


SOURCE = Source("sketches", "a folder with class folders of sketches beside such of photos", _read,
                ("retrieval",), tokens=True, options=("attributes", "unseen", "encoder"),
                recognises=_recognises, precedence=20, encloses=True)
