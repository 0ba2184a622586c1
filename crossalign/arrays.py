"""Arrays: checks of those from users, as numbers in float32, flags and data frames; rows of unit
length, and rows spread evenly.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

STEPS = 256
"""Number of values that float32 must tell apart between the least and the largest of a column."""
NOISE = 1e-9
"""Relative spread below which a column counts as constant up to rounding: it differs by less than
this share of the spread of the widest column, or by less than a thousandth of this share of its own
size.
"""


NO_NUMBERS = {"c": "complex numbers", "m": "spans of time", "M": "dates", "V": "records"}
"""Kinds of arrays that must not become numbers, and their names in errors."""


def float32(values: npt.ArrayLike, name: str, fix: str = "encode raw items first") -> Array:
    """Convert numbers to float32, with a warning if that cannot hold how they differ.

    Parameters
    ----------
    values : array, list or data frame
        Numbers of any real type.
    name : str
        Name of the values in errors.
    fix : str
        Advice in the error for values that are not numbers.

    Raises
    ------
    ValueError
        If they are not real numbers, some are masked, or they are a sparse matrix.
    """
    refuse_masked(values, name)
    refuse_sparse(values, name)
    try:
        original = np.asarray(values)
        if original.dtype.kind in NO_NUMBERS:
            raise TypeError(NO_NUMBERS[original.dtype.kind])
        with np.errstate(over="ignore"):  # becomes infinite, which is for the caller to refuse
            array = np.ascontiguousarray(original, dtype=np.float32).reshape(original.shape)
    except (TypeError, ValueError, RuntimeError) as error:  # of tensors that record gradients
        raise ValueError(f"{name}: not an array of numbers ({error}); {fix}.") from None
    if original.dtype.kind in "iuf" and original.dtype.itemsize > 4:
        warn_of_lost_digits(original, name)
    return array


def as_numbers(name: str, values: npt.ArrayLike) -> Array:
    """Return values as an array of real numbers or bools, in their own type.

    Raises
    ------
    ValueError
        No numbers, a sparse matrix, or masked numbers inside.
    """
    refuse_masked(values, name)
    refuse_sparse(values, name)
    try:
        array = np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:  # of tensors that record gradients
        raise ValueError(f"{name}: got no array of numbers ({error}); give real numbers.") from None
    if array.dtype.kind == "O" and all(isinstance(v, Real) for v in array.ravel().tolist()):
        array = array.astype(np.float64)
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{name}: got dtype {array.dtype}; give real numbers.")
    return array


def refuse_masked(values: object, name: str) -> None:
    """Raise ValueError if numbers of a masked array are masked."""
    if np.ma.is_masked(values):
        masked = int(np.count_nonzero(np.ma.getmaskarray(np.ma.asarray(values))))
        raise ValueError(f"{name}: a masked array with {masked} masked numbers;"
                         " give them values, as filled(0) does, or drop those samples.")


def refuse_sparse(values: object, name: str) -> None:
    """Raise ValueError for a sparse matrix."""
    if hasattr(values, "toarray"):
        raise ValueError(f"{name}: a sparse matrix of shape {getattr(values, 'shape', None)}; give "
                         "an array, as its toarray() is, or fewer columns by TruncatedSVD.")


def warn_of_lost_digits(values: Array, name: str) -> None:
    """Warn if columns ``(..., d)`` differ by less than float32 can tell apart."""
    if values.ndim < 2 or not values.size:
        return
    rows = values.reshape(-1, values.shape[-1])
    low, high = (end(rows, axis=0).astype(np.float64) for end in (np.min, np.max))
    size = np.maximum(np.abs(low), np.abs(high))                               # (d,)
    with np.errstate(over="ignore", invalid="ignore"):
        spread, step = high - low, np.spacing(size.astype(np.float32)).astype(np.float64)
        noise = NOISE * np.maximum(1e-3 * size, spread.max())
        whole = values.dtype.kind in "iu"  # a step of one apart, without noise
        lost = (spread < STEPS * step) & (spread > noise * (not whole)) & (step > whole)
    lost[lost] = (rows[:, lost] != rows[:, lost].astype(np.float32)).any(axis=0)
    if lost.any():
        worst = int(np.flatnonzero(lost)[(spread / step)[lost].argmin()])
        place = f"column {worst} lies between {low[worst]:.10g} and {high[worst]:.10g}"
        share = f"{int(lost.sum())} of {len(lost)} columns"
        if (notes := _LOST.get()) is not None:
            notes.append(f"{name} ({share}; {place})")
        warnings.warn(f"{name}: float32 cannot hold how the numbers of {share} differ: {place}, "
                      f"where float32 has steps of {step[worst]:.3g}; subtract the mean of the "
                      "training rows in float64 first.", stacklevel=4)


_LOST: ContextVar[list[str] | None] = ContextVar("lost digits", default=None)


@contextmanager
def lost_digits_noted() -> Iterator[list[str]]:
    """Collect which arrays `warn_of_lost_digits` warns of meanwhile, one line each.

    Of nested collections both collect.
    """
    notes: list[str] = []
    outer, token = _LOST.get(), _LOST.set(notes)
    try:
        yield notes
    finally:
        _LOST.reset(token)
        if outer is not None:
            outer += notes


def flags(values: npt.ArrayLike, name: str) -> Array:
    """Convert booleans, or numbers 0 and 1 that cannot be taken for row numbers, to bool.

    Raises
    ------
    ValueError
        If they are anything else, as the row numbers ``[0, 1, 2]`` are.
    """
    array = np.asarray(values)
    if array.dtype.kind == "O" and all(isinstance(v, bool | np.bool_) for v in array.ravel()):
        array = array.astype(bool)
    if array.dtype == bool or not array.size:
        return array.astype(bool)
    numbers = array.dtype.kind in "iuf" and bool(np.isin(array, (0, 1)).all())
    if not numbers or (array.ndim == 1 and len(np.unique(array)) == len(array)):
        raise ValueError(f"{name}: got {array.dtype} {_short(array)}; give one bool each, or, for "
                         "row numbers, np.isin(np.arange(n), rows).")
    return array.astype(bool)


def row_numbers(rows: npt.ArrayLike, n: int, what: str = "samples") -> Array:
    """Return row numbers ``(k,)`` int64 from 0, for row numbers or a mask ``(n,)`` of bools.

    Raises
    ------
    IndexError
        If a mask has another length, a number is a fraction or outside of -n..n-1, or there are
        several axes.
    """
    array = np.atleast_1d(np.asarray(rows))
    if array.dtype == bool and array.shape != (n,):
        raise IndexError(f"mask of shape {array.shape} for {n} {what}.")
    if array.dtype == bool:
        return np.flatnonzero(array)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise IndexError(f"indices: {array.dtype} of shape {array.shape}; give whole numbers, (k,),"
                         f" or one bool for each of the {n} {what}.")
    numbers = array.astype(np.int64)
    numbers = np.where(numbers < 0, numbers + n, numbers)
    if numbers.size and (numbers.min() < 0 or numbers.max() >= n):
        raise IndexError(f"indices: {int(numbers.min())}..{int(numbers.max())} out of range "
                         f"for {n} {what}.")
    return numbers


def check_frames(columns: Mapping[str, Any]) -> None:
    """Raise ValueError if data frames whose rows belong together have different indexes."""
    frames = {name: values.index for name, values in columns.items()
              if hasattr(values, "iloc") and hasattr(values, "index")}
    for name, index in frames.items():
        first = next(iter(frames))
        if len(index) != len(frames[first]) or index.equals(frames[first]):
            continue  # lengths are compared with those of arrays
        row = next(i for i, (a, b) in enumerate(zip(frames[first], index, strict=True)) if a != b)
        raise ValueError(
            f"{name}: its index disagrees with that of {first}, first in row {row}, "
            f"{index[row]!r} against {frames[first][row]!r}; bring both in one order, as "
            "frame.loc[other.index], or give arrays, as frame.to_numpy() is, to go by position.")


def column_names(values: object) -> list[str]:
    """Return the names of the columns of a data frame if all are strings, else none."""
    names = list(getattr(values, "columns", ()))
    return [str(name) for name in names] if all(isinstance(n, str) for n in names) else []


def refuse_rows(bad: npt.ArrayLike, name: str, what: str, fix: str) -> None:
    """Raise ValueError if any row is bad: ``name: what in rows 1, 2 (counted from 0); fix.``"""
    rows = np.unique(np.argwhere(np.asarray(bad))[:, :1])
    if not len(rows):
        return
    numbers = ", ".join(str(row) for row in rows[:5])
    more = f" and {len(rows) - 5} more" if len(rows) > 5 else ""
    raise ValueError(f"{name}: {what} in {'row' if len(rows) == 1 else 'rows'} {numbers}{more} "
                     f"(counted from 0); {fix}.")


def evenly(n: int, most: int) -> Array:
    """Return at most so many of n row numbers, spread evenly."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).astype(np.int64))


def unit_rows(rows: npt.ArrayLike) -> Array:
    """Scale rows ``(n, d)`` to length one, float32; a row of zeros stays one."""
    rows = np.asarray(rows)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1), dtype=np.float32)


def _short(array: Array) -> str:
    text = ", ".join(str(v) for v in array.ravel()[:5].tolist())
    return f"[{text}, ...]" if array.size > 5 else f"[{text}]"
