"""What a piece of work is of: short hashes of files, samples, benchmarks and the code at work.

Unfinished work goes on, and finished work is used again, where these are equal and nowhere else.
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

from crossalign.types import Benchmark, Classes, Views

LENGTH = 16
"""Hexadecimal digits of a fingerprint."""
PACKAGES = ("numpy", "scipy", "scikit-learn", "torch")
"""Packages that compute, beside our own."""
PIECE = 2**30
"""Bytes of a file that are hashed one after another; those of a larger one side by side."""
KNOWN = ("builtins", "crossalign", "sklearn", "torch")
"""Roots of modules whose version stands for them."""


def file_digest(*files: str | Path) -> str:
    """SHA-256 over files, the first `LENGTH` hex digits.

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
    """The digest, which has read a piece of a file."""
    left = PIECE
    with file.open("rb") as stream:
        stream.seek(start)
        while block := stream.read(min(2**22, left)):
            digest.update(block)
            left -= len(block)
    return digest


def arrays_fingerprint(arrays: Iterable[npt.NDArray[Any] | None]) -> str:
    """Of types, shapes and contents, in order."""
    digest = hashlib.sha256()
    for array in arrays:
        _add(digest, array)
    return digest.hexdigest()[:LENGTH]


def samples_fingerprint(views: Views) -> str:
    """Of all that samples hold; what is memory-mapped is read a block at a time."""
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
    """Of side information, which classes are seen, and names."""
    return arrays_fingerprint([classes.embeddings, classes.seen, np.array(classes.names)])


def benchmark_fingerprint(bench: Benchmark) -> str:
    """Of splits, classes, protocol, and of the benchmark on which choices are made."""
    validation = bench.validation()
    parts = [bench.task, bench.name, classes_fingerprint(bench.classes),
             json.dumps(dict(bench.protocol), sort_keys=True, default=repr),
             *(f"{split} {samples_fingerprint(views)}" for split, views in bench.splits.items()),
             "" if validation is None else benchmark_fingerprint(validation)]
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:LENGTH]


def code_fingerprint(*models: object) -> str:
    """Of this library's sources, of the modules of models from elsewhere, and of versions."""
    modules = {kind.__module__ for model in models for kind in type(model).__mro__
               if kind.__module__.partition(".")[0] not in KNOWN}
    files = (getattr(sys.modules.get(name), "__file__", None) for name in sorted(modules))
    own = "".join(hashlib.sha256(Path(f).read_bytes()).hexdigest() for f in files if f is not None)
    return hashlib.sha256((_library() + own).encode()).hexdigest()[:LENGTH]


@cache
def _library() -> str:
    """Versions and sources, read once."""
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
