"""Folders of sketches beside folders of photos."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from crossalign.data.registry import Place, Source
from crossalign.data.samples import RawSamples
from crossalign.data.sources.sketches.folders import sides_of


def _recognises(place: Place) -> bool:
    return place.is_folder and sides_of(place.path) is not None


def _read(path: Path, task: str | None, *, variant: str, tokens: bool, log: Any,
          **options: Any) -> RawSamples:
    from crossalign.data.sources.sketches.source import read_sketches

    return read_sketches(path, **options)


SOURCE = Source("sketches", "a folder with class folders of sketches beside such of photos", _read,
                ("retrieval",), tokens=True, options=("attributes", "unseen"),
                raw=("pictures",),
                recognises=_recognises, precedence=20, encloses=True)
