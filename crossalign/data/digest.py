"""Short fingerprints of files and rows, so that two numbers can be told to rest on one input."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

PIECE = 2**30
"""Bytes of a file that are hashed one after another; those of a larger one side by side."""


def file_digest(*files: str | Path) -> str:
    """SHA-256 over files, first 16 hex digits.

    A file larger than `PIECE` counts by its size and the SHA-256 of each of its pieces, so that
    several processor cores can work at it.
    """
    digest = hashlib.sha256()
    for file in map(Path, files):
        size = file.stat().st_size
        if size <= PIECE:
            _add(digest, file, 0)
            continue
        digest.update(str(size).encode())
        with ThreadPoolExecutor() as pool:
            for piece in pool.map(lambda start, file=file: _add(hashlib.sha256(), file, start),
                                  range(0, size, PIECE)):
                digest.update(piece.digest())
    return digest.hexdigest()[:16]


def _add(digest: Any, file: Path, start: int) -> Any:
    """The digest, which has read a piece of a file."""
    left = PIECE
    with file.open("rb") as stream:
        stream.seek(start)
        while block := stream.read(min(2**22, left)):
            digest.update(block)
            left -= len(block)
    return digest


def row_digests(arrays: Iterable[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """(n,) uint64, equal where the rows of all arrays are equal to the bit."""
    columns = [np.ascontiguousarray(a).reshape(len(a), -1).view(np.uint8) for a in arrays]
    rows = (hashlib.blake2b(b"".join(c[i].tobytes() for c in columns), digest_size=8).digest()
            for i in range(len(columns[0])))
    return np.frombuffer(b"".join(rows), dtype=np.uint64)
