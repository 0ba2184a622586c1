"""Folders in the layout of the proposed split."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from crossalign.data.registry import Place, Source
from crossalign.data.sources.xlsa17.files import FEATURES, SPLITS
from crossalign.types import Benchmark


def _recognises(place: Place) -> bool:
    return bool(place.names & {SPLITS, FEATURES}) or (
        not place.is_folder and place.path.name in (SPLITS, FEATURES))


def _read(path: Path, task: str | None, *, seed: int, attributes: str | Path = SPLITS,
          **_: Any) -> Benchmark:
    from crossalign.data.sources.xlsa17.source import load_xlsa17

    folder = path if path.is_dir() else path.parent
    return load_xlsa17(folder, task, attributes=attributes, seed=seed)


SOURCE = Source("xlsa17", f"a folder with {SPLITS} and {FEATURES} (xlsa17)", _read, ("gzsl",),
                options=("attributes",), recognises=_recognises, precedence=70, encloses=True)
