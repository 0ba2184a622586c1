"""Checks of the arguments that several metrics share.

Each error is one sentence that names the argument, its value and the fix.
"""

from collections.abc import Collection, Sized
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossalign.arrays import as_numbers
from crossalign.labels import common_codes, label_array
from crossalign.sentences import nearest

Array = NDArray[Any]


def as_labels(name: str, labels: ArrayLike) -> Array:
    """Return `labels` as a non-empty one-dimensional array, each label as it was given.

    Raises
    ------
    ValueError
        Not one-dimensional, empty, missing ones inside, or text and numbers mixed.
    """
    array = label_array(labels, name)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(
            f"{name}: got shape {array.shape}; give a non-empty one-dimensional array of labels."
        )
    return array


def as_codes(**labels: ArrayLike) -> list[NDArray[np.int32]]:
    """Turn label arrays into integers, (n,) each, that are equal where the labels are.

    Raises
    ------
    ValueError
        As `as_labels`, or some are text and the others are not.
    """
    arrays = {name: as_labels(name, values) for name, values in labels.items()}
    (first, one), *others = arrays.items()
    for name, other in others:
        if _type_of(one) != _type_of(other):
            raise ValueError(
                f"{first}: got dtype {one.dtype} and {name} has dtype {other.dtype}; "
                "give labels of one type."
            )
    return [codes.astype(np.int32) for codes in common_codes(*arrays.values())]


def _type_of(labels: Array) -> str:
    """Return the kind of labels: those of two kinds are never equal."""
    return labels.dtype.kind if labels.dtype.kind in "UM" else "number"


def as_scores(name: str, scores: ArrayLike) -> NDArray[np.float64]:
    """Return `scores` as a two-dimensional float64 array without NaN.

    Raises
    ------
    ValueError
        Not two-dimensional, or NaN inside.
    """
    array = as_numbers(name, scores).astype(np.float64, copy=False)
    if array.ndim != 2:
        raise ValueError(f"{name}: got shape {array.shape}; give (items, classes) scores.")
    if np.isnan(array).any():
        raise ValueError(f"{name}: got NaN; give a number for every item and class.")
    return array


def as_rows(name: str, rows: ArrayLike) -> Array:
    """Return `rows` as a non-empty (n, d) array of finite numbers in its own precision.

    float32 and float64 stay; smaller types become float32, other numbers float64.

    Raises
    ------
    ValueError
        Not two-dimensional, empty, not real numbers, or NaN or infinity inside.
    """
    array = as_numbers(name, rows)
    if array.ndim != 2 or array.size == 0:
        raise ValueError(f"{name}: got shape {array.shape}; give a non-empty (n, d) array.")
    array = as_floats(name, array)
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: got NaN or infinity; drop or repair those rows.")
    return array


def as_floats(name: str, array: Array) -> Array:
    """Return `array` as float32 if that holds its type exactly, else as float64.

    Raises
    ------
    ValueError
        Not real numbers.
    """
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{name}: got dtype {array.dtype}; give real numbers.")
    exact_in_float32 = np.result_type(array.dtype, np.float32) == np.float32
    return array.astype(np.float32 if exact_in_float32 else np.float64, copy=False)


def check_same_length(name: str, array: Sized, other_name: str, other: Sized) -> None:
    """Raise ValueError unless two arrays describe the same number of items.

    Raises
    ------
    ValueError
        Their first axes differ.
    """
    if len(array) != len(other):
        raise ValueError(
            f"{name}: got {len(array)} rows and {other_name} has {len(other)}; give one per item."
        )


def check_k(k: int | None, required: bool = False) -> None:
    """Raise ValueError unless a cut-off is a positive integer, or None where it is not required.

    Raises
    ------
    ValueError
        Anything else.
    """
    if k is None and not required:
        return
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
        alternative = "" if required else ", or None for the whole gallery"
        raise ValueError(f"k: got {k!r}; give a positive integer{alternative}.")


def check_positive(name: str, value: float) -> None:
    """Raise ValueError unless a factor is a positive finite number.

    Raises
    ------
    ValueError
        Anything else.
    """
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 < value < np.inf:
        raise ValueError(f"{name}: got {value!r}; give a positive number.")


def check_choice(name: str, value: str, choices: Collection[str]) -> None:
    """Raise ValueError unless an option is one of its names.

    Raises
    ------
    ValueError
        It is not.
    """
    if value not in choices:
        raise ValueError(f"{name}: got {value!r}; {nearest(value, choices)}")
