"""Fingerprints: short hashes of files, samples, benchmarks and code.

Unfinished work is continued, and finished work reused, only where these are equal.
"""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.types import Benchmark, Captions, Classes, Questions, Views

LENGTH = 16
"""Number of hexadecimal digits of a fingerprint."""
PACKAGES = ("numpy", "scipy", "scikit-learn", "torch")
"""Packages besides our own whose versions matter to results."""
PIECE = 2**30
"""Number of bytes of a file that are hashed in one go; larger files are hashed in parallel
pieces.
"""
KNOWN = ("builtins", "crossalign", "sklearn", "torch")
"""Root modules that are represented by their versions."""


def file_digest(*files: str | Path) -> str:
    """Return the first `LENGTH` hex digits of a SHA-256 over files.

    A file larger than `PIECE` counts by its size and the SHA-256 of each of its pieces, so that
    several processor cores can work at it.
    """
    digest = hashlib.sha256()
    for file in map(Path, files):
        size = file.stat().st_size
        if size <= PIECE:
            _hashed(digest, file, 0)
            continue
        digest.update(str(size).encode())
        with ThreadPoolExecutor() as pool:
            for piece in pool.map(lambda start, file=file: _hashed(hashlib.sha256(), file, start),
                                  range(0, size, PIECE)):
                digest.update(piece.digest())
    return digest.hexdigest()[:LENGTH]


def _hashed(digest: Any, file: Path, start: int) -> Any:
    """Add a piece of a file to a digest and return the digest."""
    remaining = PIECE
    with file.open("rb") as stream:
        stream.seek(start)
        while block := stream.read(min(2**22, remaining)):
            digest.update(block)
            remaining -= len(block)
    return digest


def arrays_fingerprint(arrays: Iterable[npt.NDArray[Any] | None]) -> str:
    """Hash types, shapes and contents of arrays, in order."""
    digest = hashlib.sha256()
    for array in arrays:
        _add(digest, array)
    return digest.hexdigest()[:LENGTH]


def samples_fingerprint(views: Views) -> str:
    """Hash everything that samples hold, reading memory-mapped rows a block at a time."""
    digest = hashlib.sha256()
    for modality in views.modalities:
        digest.update(f"{modality} {len(views)}".encode())
        for rows in views.blocks(modality):
            _add(digest, views.read(modality, rows))
    _add(digest, views.labels)
    _add(digest, views.ids)
    for kind in (views.present, views.masks, views.meta):
        for name in sorted(kind):
            digest.update(name.encode())
            _add(digest, kind[name])
    return digest.hexdigest()[:LENGTH]


def classes_fingerprint(classes: Classes) -> str:
    """Hash side information, seen classes and names."""
    return arrays_fingerprint([classes.embeddings, classes.seen, np.array(classes.names)])


def said_fingerprint(said: Captions | Questions) -> str:
    """Hash captions or questions: texts, answers, types and the ids of samples."""
    return hashlib.sha256(json.dumps(said.plain()).encode()).hexdigest()[:LENGTH]


def benchmark_fingerprint(bench: Benchmark) -> str:
    """Hash splits, classes, protocol, and the benchmark's validation set."""
    validation = bench.validation()
    parts = [bench.task, bench.name, classes_fingerprint(bench.classes),
             json.dumps(dict(bench.protocol), sort_keys=True, default=repr),
             *(f"{split} {samples_fingerprint(views)}" for split, views in bench.splits.items()),
             "" if validation is None else benchmark_fingerprint(validation),
             *([] if bench.said is None else [said_fingerprint(bench.said)])]
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:LENGTH]


def code_fingerprint(*models: object) -> str:
    """Hash this library's sources, the modules of models from elsewhere, and versions."""
    modules = {kind.__module__ for model in models for kind in type(model).__mro__
               if kind.__module__.partition(".")[0] not in KNOWN}
    files = (getattr(sys.modules.get(name), "__file__", None) for name in sorted(modules))
    own = "".join(hashlib.sha256(Path(f).read_bytes()).hexdigest() for f in files if f is not None)
    return hashlib.sha256((_library() + own).encode()).hexdigest()[:LENGTH]


@cache
def _library() -> str:
    """Hash versions and sources, once per process."""
    digest = hashlib.sha256(platform.python_version().encode())
    for package in PACKAGES:
        digest.update(f"{package} {metadata.version(package)}\n".encode())
    root = Path(__file__).parent
    for file in sorted(root.rglob("*.py")):
        digest.update(str(file.relative_to(root)).encode() + file.read_bytes())
    return digest.hexdigest()


def _add(digest: Any, array: npt.NDArray[Any] | None) -> None:
    if array is None:
        digest.update(b"none")
        return
    digest.update(f"{array.dtype.str}{array.shape}".encode())
    content = (repr(array.tolist()).encode("utf-8", "surrogatepass") if array.dtype.hasobject
               else np.ascontiguousarray(array).tobytes())
    digest.update(content)
