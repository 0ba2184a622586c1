"""Arrays kept on disk between runs: built once, read back without pickle.

A cache can only save time. A file that is missing, truncated or damaged is built again, and a
folder that cannot be written is done without.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.files import replacing

Arrays = dict[str, npt.NDArray[Any]]

_UNREADABLE = (OSError, EOFError, KeyError, ValueError, TypeError, MemoryError, RuntimeError,
               zipfile.BadZipFile, zlib.error)
"""What numpy and zipfile raise on a file that is not the archive it was."""


def cache_folder() -> Path:
    """The per-user cache folder; it need not exist yet.

    ``$CROSSALIGN_CACHE`` if set, else ``$XDG_CACHE_HOME/crossalign``, else
    ``~/.cache/crossalign``.
    """
    chosen = os.environ.get("CROSSALIGN_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path("~/.cache").expanduser()) / "crossalign"


def cache_path(key: Mapping[str, Any]) -> Path:
    """The file of a key: its ``"name"`` and a SHA-256 of all of it.

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
    """The arrays of ``build()``, from disk where they were kept under the same key.

    Parameters
    ----------
    key : mapping
        JSON-able facts on which the arrays depend (parameters, versions), with a ``"name"``.
    build : callable
        Makes the arrays; called where the file is missing or cannot be read.

    Returns
    -------
    arrays : mapping of name to array

    Raises
    ------
    ValueError
        If the key is not JSON-able, or an array holds Python objects (they would need pickle).
    """
    path = cache_path(key)
    kept = _read(path)
    if kept is not None:
        return kept
    arrays = {name: np.asarray(values) for name, values in build().items()}
    for name, values in arrays.items():
        if values.dtype.hasobject:
            raise ValueError(f"build: array {name!r} holds Python objects; "
                             "return numbers or fixed-width strings.")
    with contextlib.suppress(OSError):
        _write(path, arrays)
    return arrays


def cached_rows(key: Mapping[str, Any], n: int,
                build: Callable[[], Iterable[npt.NDArray[Any]]]) -> npt.NDArray[Any]:
    """``n`` rows out of consecutive blocks, memory-mapped where they were or can be kept.

    Parameters
    ----------
    key : mapping
        As in `cached_arrays`.
    n : int
    build : callable
        Gives the blocks, ``(b, ...)`` of one type and shape but for b; complains by ValueError.
        Never more than one block is in memory, unless the cache folder cannot be written.

    Raises
    ------
    ValueError
        If the key is not JSON-able, or there are not ``n`` rows.
    """
    path = cache_path(key).with_suffix(".npy")
    kept = _mapped(path, n)
    if kept is None:
        try:
            _write_rows(path, n, build())
            kept = _mapped(path, n)
        except OSError:
            pass
    return np.concatenate(list(build())) if kept is None else kept


def _mapped(path: Path, n: int) -> npt.NDArray[Any] | None:
    try:
        rows: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except _UNREADABLE:
        return None
    return rows if len(rows) == n else None


def _write_rows(path: Path, n: int, blocks: Iterable[npt.NDArray[Any]]) -> None:
    """One .npy file, block by block; what a full disk says is an OSError, unlike with a map."""
    with replacing(path) as draft, draft.open("wb") as file:
        written = 0
        for block in blocks:
            if written == 0:
                np.lib.format.write_array_header_1_0(file, {
                    "descr": np.lib.format.dtype_to_descr(block.dtype), "fortran_order": False,
                    "shape": (n, *block.shape[1:])})
            file.write(np.ascontiguousarray(block).tobytes())
            written += len(block)
        if written != n:
            raise ValueError(f"build: gave {written} rows of {n}; give them all.")


def _read(path: Path) -> Arrays | None:
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except _UNREADABLE:
        return None


def _write(path: Path, arrays: Arrays) -> None:
    with replacing(path) as draft, draft.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
