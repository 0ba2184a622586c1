"""Files of .npz as a dict of arrays, the large ones left on disk. Nothing is ever unpickled.

The claims of the members are held against the archive and against the memory before any is read.
"""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from crossalign.data.formats.array_headers import Header, read_header
from crossalign.data.formats.npy import MEMORY_MAP_BYTES
from crossalign.reading import check_room, existing, unreadable

Array = npt.NDArray[Any]

ZIP_SIGNATURE = b"PK"
SUFFIX = ".npy"
ENCRYPTED = 1
"""Bit of a member's flags that marks encryption."""


def read_npz(path: str | Path) -> dict[str, Array]:
    """Read every array of an .npz file; large ones that are not compressed are memory-mapped.

    Raises
    ------
    ValueError
        If there is no such file, it is damaged or encrypted, it holds pickled objects, records or
        what is no array, or it takes more memory than is free.
    """
    file = existing(path, ZIP_SIGNATURE)
    try:
        with file.open("rb") as stream, zipfile.ZipFile(stream) as archive:
            headers = _headers(archive, file)
            mapped = {name for name, (info, header) in headers.items()
                      if info.compress_type == zipfile.ZIP_STORED
                      and header.size > MEMORY_MAP_BYTES}
            check_room(file, sum(header.size for name, (_, header) in headers.items()
                                 if name not in mapped),
                       "save it without compression, so that large arrays stay on disk, or give "
                       "less")
            return {name: _mapped(stream, *member) if name in mapped else _read(archive, member[0])
                    for name, member in headers.items()}
    except Exception as error:  # a damaged archive raises a dozen kinds
        if _said(error):
            raise
        raise ValueError(unreadable(file, error)) from error


def array_shapes(path: str | Path) -> dict[str, tuple[int, ...]]:
    """Return the shape of every array of an .npz file, without reading it.

    Raises
    ------
    ValueError
        As `read_npz`, but for the memory.
    """
    file = existing(path, ZIP_SIGNATURE)
    try:
        with zipfile.ZipFile(file) as archive:
            return {name: header.shape for name, (_, header) in _headers(archive, file).items()}
    except Exception as error:  # a damaged archive raises a dozen kinds
        if _said(error):
            raise
        raise ValueError(unreadable(file, error)) from error


def _said(error: Exception) -> bool:
    """Return True if an error is a sentence about the file already."""
    return isinstance(error, ValueError) and str(error).startswith("path: ")


def _headers(archive: zipfile.ZipFile, file: Path) -> dict[str, tuple[zipfile.ZipInfo, Header]]:
    """Return member and header of every array of an archive, by name."""
    members: dict[str, tuple[zipfile.ZipInfo, Header]] = {}
    for info in archive.infolist():
        name = info.filename.removesuffix(SUFFIX)
        if info.flag_bits & ENCRYPTED:
            raise ValueError(f"path: {str(file)!r} is encrypted; save it without a password.")
        if not info.filename.endswith(SUFFIX):
            raise ValueError(f"path: {str(file)!r} holds {info.filename!r}, which is no array; "
                             "save it with np.savez.")
        if name in members:
            raise ValueError(f"path: {str(file)!r} holds {name!r} twice; save it again.")
        with archive.open(info) as member:
            members[name] = info, read_header(member, file, info.file_size)
    return members


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Array:
    with archive.open(info) as member:
        return np.asarray(np.lib.format.read_array(member, allow_pickle=False))


def _mapped(stream: IO[bytes], info: zipfile.ZipInfo, header: Header) -> Array:
    """Return a memory map of an array that lies in an .npz file uncompressed."""
    stream.seek(info.header_offset + 26)  # of a member: its own header, its name, an extra
    lengths = struct.unpack("<HH", stream.read(4))
    return np.memmap(stream.name, header.dtype, "r",
                     info.header_offset + 30 + sum(lengths) + header.start, header.shape,
                     "F" if header.columns_first else "C")
