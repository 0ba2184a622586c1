"""Checked samples of one modality, as `Views` keeps them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.arrays import float32, refuse_rows
from crossalign.types.kinds import check_kind, kind_of

Array = npt.NDArray[Any]


def checked_modality(name: str, values: npt.ArrayLike, told: str | None, present: Array | None,
                     mask: Array | None) -> tuple[Array, str]:
    """Return samples of a modality as `Views` keeps them, and their kind.

    Memory maps, images, token ids and floats of 16 and 32 bits keep their type; other numbers
    become float32. Missing and masked values become zeros, but not in a memory map.

    Parameters
    ----------
    name : str
    values : array, list or data frame
    told : str, optional
        Kind, if the user named it.
    present : (n,) bool, optional
    mask : (n, t) bool, optional
        Real tokens; ``(n, f, t)`` for frames.

    Raises
    ------
    ValueError
        As `kind_of` and `arrays.float32`; if an array is empty along an axis of its features, a
        mask does not fit, or a present sample holds NaN, infinity or a negative token id.
    """
    array, kind = _kept(values, f"data[{name!r}]", told)
    if 0 in array.shape[1:]:
        raise ValueError(f"data[{name!r}]: shape {array.shape} has no columns or no tokens; give "
                         "one or more.")
    inner = array.shape if kind == "ids" else array.shape[:-1]
    if mask is not None and (kind in ("vectors", "images") or mask.shape != inner):
        raise ValueError(f"masks[{name!r}]: shape {mask.shape} does not fit data of shape "
                         f"{array.shape}; give (n, t) for (n, t, d) tokens.")
    if isinstance(array, np.memmap):
        return array, kind
    if present is not None and len(present) == len(array) and not present.all():
        array = blanked(array, present)
    if mask is not None and not mask.all():
        array = blanked(array, mask)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        row = int(np.flatnonzero(~np.isfinite(array.reshape(len(array), -1)).all(axis=1))[0])
        raise ValueError(f"data[{name!r}]: row {row} holds NaN or infinity in {array.dtype}; "
                         "repair it or mark it missing in present.")
    if array.dtype.kind == "i":
        refuse_rows(array < 0, f"data[{name!r}]", "negative token ids", "give the rows of a "
                    "vocabulary, from 0, and mark padding in masks")
    return array, kind


def blanked(values: Array, there: Array) -> Array:
    """Return the values with zeros where ``there``, along their first axes, is False."""
    there = there.reshape(*there.shape, *[1] * (values.ndim - there.ndim))
    return np.where(there, values, values.dtype.type(0))


def _kept(values: npt.ArrayLike, name: str, told: str | None) -> tuple[Array, str]:
    """Return samples in the type in which they are kept, and their kind."""
    if isinstance(values, np.memmap):
        return values, kind_of(values, name, told)
    if told is not None:
        check_kind(told, name)
    exact = told in ("images", "ids") or getattr(values, "dtype", None) in (np.uint8, np.float16)
    if exact and not np.ma.is_masked(values) and not hasattr(values, "toarray"):
        array = np.asarray(values)
        kind = kind_of(array, name, told)
        if kind in ("images", "ids") or array.dtype == np.float16:
            return array, kind
    array = float32(values, name)
    return array, kind_of(array, name, told)
