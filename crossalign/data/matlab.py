"""MATLAB files, version 5 (SciPy) and version 7.3 (HDF5), as a dict of arrays.

Numbers come as MATLAB shows them (a ``d x n`` matrix is ``(d, n)``), a cell array of strings as a
one-dimensional array of str, and structs are left out. Nothing is ever unpickled.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"


def read_mat(path: str | Path, names: Iterable[str] | None = None) -> dict[str, Array]:
    """Variables of a MATLAB file.

    Parameters
    ----------
    path : str or Path
        The file.
    names : strings, optional
        Read only these, where present; the others are not even decompressed.

    Returns
    -------
    dict
        Matrices in MATLAB's own orientation; cells of strings as ``(n,)`` str, in column order.

    Raises
    ------
    ValueError
        If there is no such file, or it is truncated, corrupt or no MATLAB file.
    """
    file = Path(path)
    if not file.is_file():
        raise ValueError(f"path: there is no file {str(file)!r}; check the name.")
    wanted = None if names is None else list(names)
    try:
        values = _read_hdf5(file, wanted) if _is_hdf5(file) else _read_v5(file, wanted)
    except MemoryError:
        raise
    except Exception as error:  # a damaged file raises a dozen kinds, from zlib's to KeyError
        raise ValueError(f"path: {str(file)!r} ({file.stat().st_size} bytes) cannot be read as a "
                         "MATLAB file, so it is truncated, corrupt or not one; "
                         "copy or download it again.") from error
    return values


def _is_hdf5(file: Path) -> bool:
    with file.open("rb") as stream:
        head = stream.read(520)
    # MATLAB writes 512 bytes of its own before the HDF5 signature; other writers none.
    return head.startswith(HDF5_SIGNATURE) or head[512:] == HDF5_SIGNATURE


# -- version 5 ---------------------------------------------------------------------------------
def _read_v5(file: Path, names: list[str] | None) -> dict[str, Array]:
    from scipy.io import loadmat

    raw = loadmat(file, variable_names=names)
    cleaned = {name: _v5_value(value) for name, value in raw.items() if not name.startswith("__")}
    return {name: value for name, value in cleaned.items() if value is not None}


def _v5_value(value: Any) -> Array | None:
    if hasattr(value, "toarray"):  # sparse
        return np.asarray(value.toarray())
    array = np.asarray(value)
    if array.dtype.names is not None:
        return None
    if array.dtype.kind in "US":
        return np.array([str(text).rstrip() for text in array.ravel()])
    if array.dtype.kind != "O":
        return array
    texts = [_v5_text(item) for item in array.ravel(order="F")]
    return None if any(text is None for text in texts) else np.array(texts, dtype=str)


def _v5_text(item: Any) -> str | None:
    while isinstance(item, np.ndarray) and item.size == 1:
        item = item.item()
    if isinstance(item, np.ndarray) and item.size == 0 and item.dtype.kind in "US":
        return ""
    return item if isinstance(item, str) else None


# -- version 7.3 -------------------------------------------------------------------------------
def _read_hdf5(file: Path, names: list[str] | None) -> dict[str, Array]:
    import h5py

    with h5py.File(file, "r") as stored:
        keys = [k for k in stored if not k.startswith("#") and (names is None or k in names)]
        cleaned = {key: _hdf5_value(stored[key], stored) for key in keys}
    return {name: value for name, value in cleaned.items() if value is not None}


def _hdf5_value(item: Any, stored: Any) -> Array | None:
    import h5py

    if not isinstance(item, h5py.Dataset):  # a struct, or a sparse matrix
        return None
    if item.dtype == h5py.ref_dtype:
        # HDF5's row order is MATLAB's column order.
        texts = [_hdf5_text(stored[reference]) for reference in np.asarray(item[()]).ravel()]
        return None if any(text is None for text in texts) else np.array(texts, dtype=str)
    if h5py.check_string_dtype(item.dtype) is not None:
        return np.array(item.asstr()[()], dtype=str).ravel()
    if _matlab_class(item) == "char":
        return np.array([_hdf5_text(item)])
    if item.attrs.get("MATLAB_empty", 0):
        return np.zeros(tuple(int(size) for size in item[()]))
    return np.asarray(item[()]).T


def _hdf5_text(item: Any) -> str | None:
    import h5py

    if not isinstance(item, h5py.Dataset):
        return None
    if item.attrs.get("MATLAB_empty", 0):
        return ""
    if h5py.check_string_dtype(item.dtype) is not None:
        return str(np.array(item.asstr()[()], dtype=str).ravel()[0])
    if _matlab_class(item) == "char" or item.dtype == np.uint16:
        return "".join(chr(int(code)) for code in np.asarray(item[()]).ravel())
    return None


def _matlab_class(item: Any) -> str:
    kind = item.attrs.get("MATLAB_class", b"")
    return kind.decode() if isinstance(kind, bytes) else str(kind)
