"""MATLAB files, version 5 (SciPy) and version 7.3 (HDF5), as a dict of arrays.

Numbers come as MATLAB shows them (a ``d x n`` matrix is ``(d, n)``, sparse ones are filled up). A
cell array of texts and a char matrix become a one-dimensional array of str, a cell array of
matrices becomes a one-dimensional array of arrays. Other variables are not read, but named. Nothing
is ever unpickled.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.formats.matlab_cells import Unread, filled, gathered, opaque, text_lines
from crossalign.data.noted import NOT_READ, noted_fact
from crossalign.reading import NoRoomError, check_regular, check_room

Array = npt.NDArray[Any]

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"


class Variables(dict[str, Array]):
    """Variables of a file by name.

    Attributes
    ----------
    unread : mapping of name to `Unread`
        Variables of the file that were not read.
    """

    def __init__(self, values: Mapping[str, Array], unread: Mapping[str, Unread]) -> None:
        super().__init__(values)
        self.unread = dict(unread)


def read_mat(path: str | Path, names: Iterable[str] | None = None) -> Variables:
    """Read the variables of a MATLAB file.

    Parameters
    ----------
    path : str or Path
        The file.
    names : strings, optional
        Names of the variables to read, if present; the others are not even decompressed. Default
        all.

    Returns
    -------
    Variables
        Matrices in MATLAB's own orientation; cells of texts as ``(n,)`` str and of matrices as
        ``(n,)`` arrays, in column order; ``unread`` names the rest.

    Raises
    ------
    ValueError
        If there is no such file, it is truncated, corrupt or no MATLAB file, or what it claims to
        hold takes more memory than is free.
    """
    file = Path(path)
    check_regular(file)
    selection = None if names is None else list(names)
    try:
        if _is_hdf5(file):
            from crossalign.data.formats.matlab_v73 import read_v73

            values = read_v73(file, selection)
        else:
            values = _read_v5(file, selection)
    except NoRoomError:
        raise
    except Exception as error:  # a damaged file raises a dozen kinds, from zlib's to KeyError
        raise ValueError(f"path: {str(file)!r} ({file.stat().st_size} bytes) cannot be read as a "
                         "MATLAB file, so it is truncated, corrupt or not one; "
                         "copy or download it again.") from error
    return Variables({name: value for name, value in values.items()
                      if not isinstance(value, Unread)},
                     {name: value for name, value in values.items() if isinstance(value, Unread)})


def refuse_unread(table: Mapping[str, Any], *names: str) -> None:
    """Raise ValueError if a variable that is needed is in the file but was not read."""
    unread = getattr(table, "unread", {})
    for name in names:
        if name in unread:
            raise ValueError(f"{name}: is {unread[name].what}, which is not read; "
                             f"{unread[name].instead}.")


def not_read(table: Mapping[str, Any]) -> dict[str, str]:
    """Return the variables that were not read: name and kind of each."""
    return {name: unread.what for name, unread in getattr(table, "unread", {}).items()}


def unread_fact(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return the variables that were not read as a fact for a protocol, if there are any."""
    return noted_fact({NOT_READ: [f"{name} ({what})" for name, what in not_read(table).items()]},
                      most=None)


def _is_hdf5(file: Path) -> bool:
    with file.open("rb") as stream:
        head = stream.read(520)
    # MATLAB writes 512 bytes of its own before the HDF5 signature; other writers none.
    return head.startswith(HDF5_SIGNATURE) or head[512:] == HDF5_SIGNATURE


# -- version 5 ---------------------------------------------------------------------------------
SMALLER = "save fewer or smaller variables"
OBJECT = "None"
"""Name that SciPy gives to every MATLAB object; the object knows its own."""


BYTES = {"int8": 1, "uint8": 1, "logical": 1, "int16": 2, "uint16": 2, "int32": 4, "uint32": 4,
         "single": 4, "char": 4}
"""Bytes of an item by class; items of other classes take 8."""


def _read_v5(file: Path, names: list[str] | None) -> dict[str, Array | Unread]:
    from scipy.io import loadmat

    check_room(file, sum(math.prod(shape) * BYTES.get(kind, 8) for name, shape, kind
                         in _v5_claims(file) if names is None or name in names), SMALLER)
    raw = loadmat(file, variable_names=None if names is None else [*names, OBJECT])
    values: dict[str, Array | Unread] = {}
    for stored, value in raw.items():
        if stored.startswith("__"):
            continue
        fields = getattr(value, "dtype", np.dtype(float)).names or ()
        if "s0" in fields:  # of an object: its name, system, class and content
            stored = _word(value["s0"])
        if names is None or stored in names:
            values[stored] = _v5_value(value)
    return values


def _v5_claims(file: Path) -> list[tuple[str, tuple[int, ...], str]]:
    """Return name, shape and class of the variables, from their headers alone."""
    from scipy.io import whosmat

    try:
        return list(whosmat(file))
    except TypeError:  # an object has no shape, and SciPy then lists nothing
        return []


def _word(value: Array) -> str:
    word = value.ravel()[0]
    return word.decode("latin-1") if isinstance(word, bytes) else str(word)


def _v5_value(value: Any) -> Array | Unread:
    if hasattr(value, "toarray"):  # sparse
        return filled(value.tocsc())
    array = np.asarray(value)
    if "s2" in (array.dtype.names or ()):
        return opaque(_word(array["s2"]))
    if array.dtype.names is not None:
        return opaque("struct" if type(value) is np.ndarray else type(value).__name__)
    if array.dtype.kind in "US":
        return text_lines(array.ravel(order="F"))
    if array.dtype.kind != "O":
        return array
    if array.size == 1 and isinstance(array.item(), np.ndarray) and array.item().dtype == object:
        return _v5_value(array.item())  # a cell around a cell
    return gathered([_v5_value(item) for item in array.ravel(order="F")])
