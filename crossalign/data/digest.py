"""Short fingerprints of files and rows, so that two numbers can be told to rest on one input."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

WHOLE_BYTES, END_BYTES = 2**30, 2**26


def file_digest(*files: str | Path) -> str:
    """SHA-256 over files, first 16 hex digits.

    Of a file larger than 1 GiB, its size and its first and last 64 MiB stand for the whole.
    """
    digest = hashlib.sha256()
    for file in files:
        size = Path(file).stat().st_size
        with Path(file).open("rb") as stream:
            if size <= WHOLE_BYTES:
                while block := stream.read(2**22):
                    digest.update(block)
            else:
                digest.update(str(size).encode() + stream.read(END_BYTES))
                stream.seek(-END_BYTES, 2)
                digest.update(stream.read())
    return digest.hexdigest()[:16]


def row_digests(arrays: Iterable[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """(n,) uint64, equal where the rows of all arrays are equal to the bit."""
    columns = [np.ascontiguousarray(a).reshape(len(a), -1).view(np.uint8) for a in arrays]
    rows = (hashlib.blake2b(b"".join(c[i].tobytes() for c in columns), digest_size=8).digest()
            for i in range(len(columns[0])))
    return np.frombuffer(b"".join(rows), dtype=np.uint64)
