"""Aligned arrays: files and folders of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from crossalign.data.registry import Place, Source
from crossalign.data.sources.pairs.files import SUFFIXES
from crossalign.types import Benchmark


def _recognises(place: Place) -> bool:
    if place.is_folder:
        return any(name.endswith(".npy") for name in place.names)
    return place.path.suffix.lower() in SUFFIXES and place.path.is_file()


def _read(path: Path, task: str | None, *, seed: int, variant: str, tokens: bool, log: Any,
          **options: Any) -> Benchmark:
    """Read a benchmark as `load` asks for it; see `source.load_pairs`."""
    from crossalign.data.sources.pairs.source import load_pairs

    return load_pairs(path, task, seed=seed, **options)


SOURCE = Source("pairs", "a folder of .npy files with labels.npy, one .npz, .mat, .csv or .tsv "
                "file of aligned arrays", _read, ("retrieval", "transfer", "gzsl"),
                options=("modalities", "attributes", "unseen"), recognises=_recognises,
                precedence=30)
