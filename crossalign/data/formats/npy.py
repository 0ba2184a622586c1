"""Files of .npy as arrays, alone or in a folder. Nothing is ever unpickled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.formats.array_headers import read_header
from crossalign.reading import existing, unreadable

Array = npt.NDArray[Any]

MEMORY_MAP_BYTES = 256 * 2**20
"""Size in bytes above which arrays of .npy files, and of uncompressed .npz files, stay on disk."""

NPY_SIGNATURE = b"\x93NUMPY"


def read_npy(path: str | Path) -> Array:
    """Read one .npy array; a large one is memory-mapped.

    Raises
    ------
    ValueError
        If there is no such file, it is damaged, or it holds pickled objects.
    """
    file = existing(path, NPY_SIGNATURE)
    size = file.stat().st_size
    with file.open("rb") as stream:
        read_header(stream, file, size)
    try:
        return np.asanyarray(np.load(file, mmap_mode="r" if size > MEMORY_MAP_BYTES else None,
                                     allow_pickle=False))
    except (ValueError, OSError, EOFError) as error:
        raise ValueError(unreadable(file, error)) from error


def read_npy_folder(path: str | Path) -> dict[str, Array]:
    """Read every .npy file of a folder, by its name without the suffix.

    Raises
    ------
    ValueError
        If a file is damaged or holds pickled objects.
    """
    return {file.stem: read_npy(file) for file in sorted(Path(path).glob("*.npy"))}
