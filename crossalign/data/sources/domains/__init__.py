"""One file of samples of several domains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from crossalign.data.registry import Place, Source
from crossalign.data.sources.domains.file import holds_domains
from crossalign.types import Benchmark


def _recognises(place: Place) -> bool:
    file = place.path
    return file.suffix.lower() == ".npz" and file.is_file() and holds_domains(file)


def _read(path: Path, task: str | None, *, variant: str, seed: int, **_: Any) -> Benchmark:
    from crossalign.data.sources.domains.source import load_domains

    return load_domains(path, variant=variant, seed=seed)


SOURCE = Source("domains", "one .npz of features, label and domain", _read, ("retrieval",),
                any_variant=True, recognises=_recognises, precedence=40)
