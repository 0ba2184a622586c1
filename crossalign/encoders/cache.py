"""Arrays kept on disk between runs: built once, read back without pickle.

A cache can only save time. A file that is missing, truncated or damaged, as its checksums tell, is
built again, and without a writable folder nothing is kept. A file appears whole, under its name, so
that two processes may write the same one.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from crossalign.files import replacing

Arrays = dict[str, npt.NDArray[Any]]

_UNREADABLE = (OSError, EOFError, KeyError, ValueError, TypeError, MemoryError, RuntimeError,
               zipfile.BadZipFile, zlib.error)
"""Exceptions that numpy and zipfile raise on a file that is not the archive it was."""


def cache_folder() -> Path:
    """Return the per-user cache folder; it need not exist yet.

    ``$CROSSALIGN_CACHE`` if set, else ``$XDG_CACHE_HOME/crossalign``, else ``~/.cache/crossalign``.
    """
    variable = os.environ.get("CROSSALIGN_CACHE")
    if variable:
        return Path(variable).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path("~/.cache").expanduser()) / "crossalign"


def cache_path(key: Mapping[str, Any]) -> Path:
    """Return the file of a key: its ``"name"`` and a SHA-256 of all of it.

    Raises
    ------
    ValueError
        If the key has no name or holds what JSON cannot.
    """
    name = key.get("name")
    if not isinstance(name, str) or not name.replace("-", "").replace("_", "").isalnum():
        raise ValueError(f"key: its name is {name!r}; give key['name'] as one word.")
    try:
        text = json.dumps(dict(key), sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"key: not expressible as JSON ({error}); "
                         "use strings, numbers, lists and mappings.") from None
    return cache_folder() / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:24]}.npz"


def cached_arrays(key: Mapping[str, Any], build: Callable[[], Arrays]) -> Arrays:
    """Return the arrays of ``build()``, from disk if they were kept under the same key.

    Parameters
    ----------
    key : mapping
        JSON-able facts on which the arrays depend (parameters, versions), with a ``"name"``.
    build : callable
        Function that makes the arrays; called if the file is missing or cannot be read.

    Returns
    -------
    arrays : mapping of name to array

    Raises
    ------
    ValueError
        If the key is not JSON-able, or an array holds Python objects (they would need pickle).
    """
    path = cache_path(key)
    arrays_kept = _read(path)
    if arrays_kept is not None:
        return arrays_kept
    arrays = {name: np.asarray(values) for name, values in build().items()}
    for name, values in arrays.items():
        if values.dtype.hasobject:
            raise ValueError(f"build: array {name!r} holds Python objects; "
                             "return numbers or fixed-width strings.")
    with contextlib.suppress(OSError):
        _write(path, arrays)
    return arrays


_BLOCK = 2**22


class Kept(NamedTuple):
    """Rows, and notes taken while they were made."""

    rows: npt.NDArray[Any]
    notes: list[Any]


Blocks = Iterable[tuple[npt.NDArray[Any] | None, Sequence[Any]]]
"""Consecutive rows ``(b, ...)``, or None for no row, and JSON-able notes on them."""


def rows_path(key: Mapping[str, Any]) -> Path:
    """Return the file of the rows of a key, see `cache_path`."""
    return cache_path(key).with_suffix(".npy")


def cached_rows(key: Mapping[str, Any], build: Callable[[], Blocks]) -> Kept:
    """Return rows out of consecutive blocks, memory-mapped if they were or can be kept.

    Parameters
    ----------
    key : mapping
        JSON-able facts on which the rows depend, with a ``"name"``, see `cached_arrays`.
    build : callable
        Function that gives the blocks, of one type and shape but for their length; it complains by
        ValueError. Never more than one block is in memory, unless the cache folder cannot be
        written.

    Raises
    ------
    ValueError
        If the key is not JSON-able, or no block has a row.
    """
    path = rows_path(key)
    rows_kept = mapped_rows(path)
    if rows_kept is None:
        try:
            _write_rows(path, build())
            rows_kept = mapped_rows(path)
        except OSError:
            pass
    if rows_kept is not None:
        return rows_kept
    return gathered(build())


def gathered(blocks: Blocks) -> Kept:
    """Concatenate the rows of blocks in memory."""
    parts = list(blocks)
    return Kept(np.concatenate([rows for rows, _ in parts if rows is not None]),
                [note for _, notes in parts for note in notes])


_TAIL, _MARK = struct.Struct("<QII8s"), b"xalign 1"
"""The end of a file of rows: length and CRC-32 of the notes, CRC-32 of all before them, a mark."""


def mapped_rows(path: Path) -> Kept | None:
    """Return the rows of a file, or None if there is none or a bit is not as it was written."""
    try:
        with path.open("rb") as file:
            file.seek(-_TAIL.size, os.SEEK_END)
            length, of_notes, of_rows, mark = _TAIL.unpack(file.read())
            file.seek(-_TAIL.size - length, os.SEEK_END)
            end, notes = file.tell(), file.read(length)
            if (mark, of_notes) != (_MARK, zlib.crc32(notes)) or of_rows != _checksum(file, end):
                return None
            file.seek(0)
            np.lib.format.read_magic(file)
            none = 0 in np.lib.format.read_array_header_1_0(file)[0]         # which has no map
        rows: npt.NDArray[Any] = np.load(path, None if none else "r", allow_pickle=False)
        return Kept(rows, json.loads(notes))
    except (*_UNREADABLE, struct.error):
        return None


def _checksum(file: IO[bytes], end: int) -> int:
    """Compute the CRC-32 of the first ``end`` bytes of a file."""
    file.seek(0)
    checksum, remaining = 0, end
    while remaining and (block := file.read(min(remaining, _BLOCK))):
        checksum, remaining = zlib.crc32(block, checksum), remaining - len(block)
    return checksum


def _write_rows(path: Path, blocks: Blocks) -> None:
    """Write one .npy file, block by block, and behind it notes and checksums.

    A full disk is an OSError here, unlike with a memory map.
    """
    with replacing(path) as draft, draft.open("w+b") as file:
        written, form = 0, None
        notes: list[Any] = []
        for rows, noted in blocks:
            notes += noted
            if rows is None:
                continue
            if form is None:
                form = (np.lib.format.dtype_to_descr(rows.dtype), rows.shape[1:])
                _write_header(file, 0, *form)
            file.write(np.ascontiguousarray(rows).tobytes())
            written += len(rows)
        if form is None:
            raise ValueError("build: gave no row; give one or more.")
        end = file.tell()
        file.seek(0)
        _write_header(file, written, *form)                 # as long as before, NumPy promises
        of_rows, text = _checksum(file, end), json.dumps(notes).encode()
        file.seek(end)
        file.write(text + _TAIL.pack(len(text), zlib.crc32(text), of_rows, _MARK))


def _write_header(file: IO[bytes], n: int, descr: Any, shape: tuple[int, ...]) -> None:
    np.lib.format.write_array_header_1_0(file, {
        "descr": descr, "fortran_order": False, "shape": (n, *shape)})


def _read(path: Path) -> Arrays | None:
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except _UNREADABLE:
        return None


def _write(path: Path, arrays: Arrays) -> None:
    with replacing(path) as draft, draft.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
