"""Headers of arrays in NumPy's format, held against the content of their files.

A header of a hundred bytes can claim any size, so it is read and checked before room is made.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from crossalign.reading import unreadable


class Header(NamedTuple):
    """Shape, order and type of an array, and the place where its numbers start."""

    shape: tuple[int, ...]
    columns_first: bool
    dtype: np.dtype[Any]
    start: int

    @property
    def size(self) -> int:
        """Size of the array in bytes."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_header(stream: IO[bytes], file: Path, held: int) -> Header:
    """Read the header at the start of a stream of ``held`` bytes.

    Raises
    ------
    ValueError
        If it is damaged, claims more than the stream holds, or is of Python objects or records.
    """
    try:
        read = (np.lib.format.read_array_header_1_0
                if np.lib.format.read_magic(stream) == (1, 0)
                else np.lib.format.read_array_header_2_0)
        header = Header(*read(stream), stream.tell())
    except Exception as error:  # whatever Python's own parser raises, MemoryError too
        raise ValueError(unreadable(file)) from error
    if header.dtype.hasobject:
        raise ValueError(unreadable(file, pickled=True))
    if header.dtype.kind == "V":
        raise ValueError(f"path: {str(file)!r} holds records of the type {header.dtype}; save one "
                         "plain array of numbers or strings per field.")
    empty = not header.dtype.itemsize and 0 not in header.shape
    if min(header.shape, default=0) < 0 or empty or header.size > held - header.start:
        raise ValueError(f"path: {str(file)!r} claims an array of shape {header.shape} of "
                         f"{header.dtype}, {header.size} bytes, and holds "
                         f"{held - header.start}; it is truncated or corrupt, save it again.")
    return header
