"""Files of .npz as a dict of arrays, the large ones left on disk. Nothing is ever unpickled."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from crossalign.data.tables import MEMORY_MAP_BYTES, existing, unreadable

Array = npt.NDArray[Any]

ZIP_SIGNATURE = b"PK"


def read_npz(path: str | Path) -> dict[str, Array]:
    """Every array of an .npz file; large ones that are not compressed are memory-mapped.

    Raises
    ------
    ValueError
        If there is no such file, it is damaged, or it holds pickled objects.
    """
    file = existing(path, ZIP_SIGNATURE)
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            mapped = _mapped_members(stream, stored.zip)
            return {name: mapped[name] if name in mapped else np.asarray(stored[name])
                    for name in stored.files}
    except (ValueError, OSError, EOFError, KeyError, NotImplementedError, zipfile.BadZipFile,
            zlib.error) as error:
        raise ValueError(unreadable(file, error)) from error


def array_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether columns come first, and type of an array, from the start of a .npy file."""
    read = (np.lib.format.read_array_header_1_0
            if np.lib.format.read_magic(stream) == (1, 0) else np.lib.format.read_array_header_2_0)
    shape, columns_first, dtype = read(stream)
    return shape, columns_first, dtype


def _mapped_members(stream: IO[bytes], archive: zipfile.ZipFile) -> dict[str, Array]:
    """The large arrays that lie in an .npz file as they are."""
    mapped: dict[str, Array] = {}
    for info in archive.infolist():
        if info.compress_type != zipfile.ZIP_STORED or info.file_size <= MEMORY_MAP_BYTES:
            continue
        with archive.open(info) as member:
            shape, columns_first, dtype = array_header(member)
            header = member.tell()
        if dtype.hasobject:
            continue
        stream.seek(info.header_offset + 26)  # of a member: its own header, its name, an extra
        lengths = struct.unpack("<HH", stream.read(4))
        mapped[info.filename.removesuffix(".npy")] = np.memmap(
            stream.name, dtype, "r", info.header_offset + 30 + sum(lengths) + header, shape,
            "F" if columns_first else "C")
    return mapped
