"""Labels: read as written, without loss, and told from marks of missing ones.

Labels are text, numbers of any width or dates, one per sample; or rows of 0 and 1, a column per
class, in which a row may mark several. All labels from users are read by these functions.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.arrays import refuse_rows
from crossalign.names import one_spelling

Array = npt.NDArray[Any]

NO_CLASS = -1
"""Label of a sample that is of none of the classes; nothing is trained on it."""

MISSING = frozenset((
    "", "#n/a", "#n/a n/a", "#na", "-1.#ind", "-1.#qnan", "-nan", "1.#ind", "1.#qnan", "<na>",
    "n/a", "na", "nan", "none", "null"))
"""Marks of an empty cell in tables, in any case: pandas' own list."""


def is_mark(text: str) -> bool:
    """Return True for a text that is the mark of a missing one; an empty one is none."""
    bare = text.strip().lower()
    return bool(bare) and bare in MISSING


def label_array(labels: npt.ArrayLike, name: str = "labels") -> Array:
    """Return labels in a type that holds each as it was given; bytes become text.

    If an accented word occurs in both spellings of Unicode, all words are brought to one (`names`).

    Parameters
    ----------
    labels : array, list, or column of a data frame
        Text or numbers, of any shape.
    name : str
        Name of the labels in errors; default ``"labels"``.

    Raises
    ------
    ValueError
        If some are missing (None, NaN, NA, masked), text and numbers are mixed, an integer has
        more than 64 bits, or they are neither.
    """
    if np.ma.is_masked(labels):
        refuse_rows(np.ma.getmaskarray(np.ma.asarray(labels)), name, "masked labels",
                    "give each a label or drop it")
    array = np.asarray(labels, dtype=object if isinstance(labels, list | tuple) else None)
    if array.dtype.kind == "O":
        array = _typed(array, name)
    if array.dtype.kind == "S":
        array = np.array(_texts(array.ravel().tolist(), name), dtype=str).reshape(array.shape)
    if array.dtype.kind not in "biufUM":
        raise ValueError(f"{name}: dtype {array.dtype}; give text or numbers.")
    if array.dtype.kind in "fM":
        refuse_rows(array != array, name, "NaN", "give each a label or drop it")
    return one_spelling(array) if array.dtype.kind == "U" else array


def sample_labels(labels: npt.ArrayLike, name: str = "labels") -> Array:
    """Return labels of samples that all have a class, ``(n,)``, or ``(n, L)`` bool if some have
    several.

    A column or row of labels becomes ``(n,)``, and so do rows of 0 and 1 that each mark one class.

    Raises
    ------
    ValueError
        As `label_array`; if a label is empty, the mark of a missing one (`MISSING`) or `NO_CLASS`;
        or if a row of 0 and 1 marks no class.
    """
    array = label_array(labels, name)
    if array.ndim == 2 and min(array.shape) > 1:
        sets = class_sets(array, name)
        empty = ~sets.any(axis=1) if sets.ndim == 2 else np.zeros(len(sets), bool)
        refuse_rows(empty, name, "no class is marked", "mark one or remove the row")
        return sets
    if array.ndim != 1 and array.size != max(array.shape, default=0):
        raise ValueError(f"{name}: shape {array.shape}; give one label per sample, (n,), or rows "
                         "of 0 and 1, (n, classes).")
    array = array.ravel()
    if array.dtype.kind == "U":
        bare = np.char.lower(np.char.strip(array))
        refuse_rows(np.isin(bare, list(MISSING)), name,
                    "an empty cell, or a mark of a missing label as nan, NA or N/A,",
                    "give each a class or remove the row, and write a class of such a name "
                    "in another way")
    lacking = array == (str(NO_CLASS) if array.dtype.kind == "U" else NO_CLASS)
    refuse_rows(lacking, name, f"{NO_CLASS}, which is no class,",
                "give each sample a class or drop it")
    return array


def class_sets(array: Array, name: str = "labels") -> Array:
    """Turn rows of 0 and 1 into ``(n, L)`` bool, or into ``(n,)`` columns if each row marks one
    class.

    Raises
    ------
    ValueError
        If there are other values.
    """
    if array.dtype.kind not in "biuf" or not np.isin(array, (0, 1)).all():
        raise ValueError(f"{name}: {array.dtype} of shape {array.shape}; give one label per "
                         "sample, (n,), or rows of 0 and 1, (n, classes).")
    sets = array.astype(bool)
    return sets.argmax(axis=1) if (sets.sum(axis=1) == 1).all() else sets


def named_rows(labels: Array) -> tuple[Array, list[str]]:
    """Turn labels ``(n,)`` into rows of their classes, and return the class names as written.

    The classes are sorted: by number if all of them read as whole numbers, else as text.

    Raises
    ------
    ValueError
        If a label is a fraction, or a float beyond 2^53.
    """
    values, rows = np.unique(whole(labels), return_inverse=True)
    names = [str(int(v)) if values.dtype.kind in "biu" else str(v) for v in values]
    numbers = [_number(text) for text in names] if values.dtype.kind == "U" else [None]
    if any(number is None for number in numbers):
        return rows, names
    order = np.array(sorted(range(len(names)), key=lambda c: (numbers[c], names[c])))
    return np.argsort(order)[rows], [names[c] for c in order]


def whole(labels: Array, name: str = "labels") -> Array:
    """Turn floats into the integers that they are; leave all else as it is.

    Raises
    ------
    ValueError
        If one is a fraction, infinite, or beyond what its type tells apart (2^53 in float64).
    """
    if labels.dtype.kind != "f":
        return labels
    refuse_rows(~_is_whole(labels), name,
                f"dtype {labels.dtype}, which is no whole number,", "give one class per sample, "
                "as whole numbers or words")
    bits = np.finfo(labels.dtype).nmant + 1
    refuse_rows(np.abs(labels.astype(np.float64)) > 2.0**bits, name,
                f"floats above 2^{bits}, which stand for several integers,", "store integers")
    return labels.astype(np.int64)


def class_rows(labels: npt.ArrayLike, name: str = "labels") -> Array:
    """Return rows of `Classes`, ``(n,)`` int64, `NO_CLASS` for a sample of none; ``(n, L)`` of
    several.

    Raises
    ------
    ValueError
        If they are words, fractions, below `NO_CLASS` or beyond int64.
    """
    array = label_array(labels, name)
    if array.ndim == 2 and array.shape[1] > 1:
        return class_sets(array, name)
    if array.dtype.kind == "U":
        word = repr(str(array.ravel()[0])) if array.size else "text"
        raise ValueError(f"{name}: words, as {word}; give (n,) integers, rows of Classes, as "
                         "classes.rows(words) and np.unique(words, return_inverse=True)[1] are.")
    if array.ndim != 1 or array.dtype.kind not in "biuf":
        raise ValueError(f"{name}: dtype {array.dtype} of shape {array.shape}; give (n,) integers, "
                         "rows of Classes.")
    if array.dtype.kind == "f" and not _is_whole(array).all():
        raise ValueError(f"{name}: dtype {array.dtype} with fractions; give (n,) integers, rows of "
                         "Classes.")
    array = whole(array, name)
    wide = array > np.iinfo(np.int64).max if array.dtype.kind == "u" else np.zeros(array.shape)
    refuse_rows(wide, name, "numbers above 2^63, which are no rows of Classes,",
                "give np.unique(labels, return_inverse=True)[1]")
    array = array.astype(np.int64)
    refuse_rows(array < NO_CLASS, name, "negative numbers", "give rows of Classes, from 0, or "
                f"{NO_CLASS} for a sample of no class")
    return array


def check_class_rows(labels: Array, n_classes: int, name: str = "labels") -> None:
    """Raise ValueError unless labels ``(n,)`` or ``(n, L)`` are all of the n_classes classes.

    `NO_CLASS` is refused: as an index it would mean the last row.
    """
    if labels.ndim == 2:
        if labels.shape[1] != n_classes:
            raise ValueError(f"{name}: {labels.shape[1]} columns for {n_classes} classes; give one "
                             "per class.")
        return
    refuse_rows(labels == NO_CLASS, name, f"{NO_CLASS}, which is no class,",
                "give each sample a class or drop it")
    if labels.size and labels.max() >= n_classes:
        raise ValueError(f"{name}: {labels.min()}..{labels.max()} outside the {n_classes} classes; "
                         f"give rows of Classes, 0 to {n_classes - 1}.")


def _is_whole(labels: Array) -> Array:
    """Return bool of the same shape, True for finite numbers without a fraction."""
    return np.asarray(np.isfinite(labels) & (np.floor(labels) == labels))


def label_record(labels: Array) -> Any:
    """Return labels ``(n,)`` as JSON holds them: a list, with its type where the list alone would
    give another back; dates are ISO text.
    """
    dates = labels.dtype.kind == "M"
    values = (np.datetime_as_string(labels) if dates else labels).tolist()
    again = np.array(values)
    if labels.dtype.kind == again.dtype.kind == "U" or labels.dtype == again.dtype:
        return values
    return {"dtype": labels.dtype.str, "values": values}


def recorded_labels(record: Any) -> Array:
    """Return the labels that `label_record` wrote; ValueError for a type that labels never have."""
    if not isinstance(record, dict):
        return np.array(record)
    dtype = np.dtype(record["dtype"])
    if dtype.kind not in "biufUM":
        raise ValueError(f"labels of the type {dtype}")
    return np.array(record["values"], dtype=dtype)


def classes_held(labels: Array) -> Array:
    """Return the sorted rows of the classes that occur in labels ``(n,)`` or ``(n, L)``; `NO_CLASS`
    is none.
    """
    if labels.ndim == 2:
        return np.flatnonzero(labels.any(axis=0))
    return np.unique(labels[labels != NO_CLASS])


def has_class(labels: Array) -> Array:
    """Return True for samples that are of a class, ``(n,)`` bool."""
    return np.asarray(labels != NO_CLASS if labels.ndim == 1 else labels.any(axis=1))


def rarest(labels: Array) -> Array:
    """Return one class per sample, ``(n,)``: among several the class with the fewest samples."""
    if labels.ndim == 1:
        return labels
    counts = labels.sum(axis=0)
    return np.asarray(np.where(labels, counts, len(labels) + 1).argmin(axis=1))


def exact(labels: Array) -> Array:
    """Return whole numbers as int64 if they fit, as objects if they are too wide for floats.

    No two different numbers become equal; text and fractions stay as they are.
    """
    if labels.dtype.kind not in "biuf":
        return labels
    if labels.dtype.kind == "f" and not _is_whole(labels).all():
        return labels
    if labels.dtype.kind in "uf" and labels.size and np.abs(labels).max() >= 2**63:
        return np.array([int(x) for x in labels.ravel()], dtype=object).reshape(labels.shape)
    return labels.astype(np.int64)


def common_codes(*labels: Array) -> list[Array]:
    """Return integers ``(n,)`` for each of several arrays ``(n,)``, equal where the labels are."""
    plain = [exact(array) for array in labels]
    if len({array.dtype.kind for array in plain}) > 1:
        plain = [array.astype(object) for array in plain]
    _, codes = np.unique(np.concatenate(plain), return_inverse=True)
    return np.split(codes, np.cumsum([len(array) for array in plain])[:-1])


def _typed(array: Array, name: str) -> Array:
    """Turn objects into text or numbers."""
    values = array.ravel().tolist()
    text = [isinstance(value, str | bytes) for value in values]
    missing = [not word and is_missing(value) for value, word in zip(values, text, strict=True)]
    refuse_rows(np.reshape(missing, array.shape), name, "None or NaN",
                "give each a label or drop it")
    if not values:
        return np.zeros(array.shape, np.int64)
    if any(text) and not all(text):
        raise ValueError(f"{name}: text and numbers, as {values[text.index(True)]!r} and "
                         f"{values[text.index(False)]!r}; give labels of one type.")
    if all(text):
        return np.array(_texts(values, name), dtype=str).reshape(array.shape)
    if all(isinstance(value, bool | np.bool_) for value in values):
        return np.array(values, dtype=bool).reshape(array.shape)
    if all(isinstance(value, int | np.integer) and not isinstance(value, np.timedelta64)
           for value in values):
        for wide in (np.int64, np.uint64):
            if np.iinfo(wide).min <= min(values) and max(values) <= np.iinfo(wide).max:
                return np.array(values, dtype=wide).reshape(array.shape)
        raise ValueError(f"{name}: {max(values, key=abs)} has more than 64 bits; give such labels "
                         "as text.")
    try:
        typed = np.array(values).reshape(array.shape)
    except (ValueError, TypeError):
        typed = array
    if typed.dtype.kind == "O":
        raise ValueError(f"{name}: {type(values[0]).__name__}; give text or numbers.")
    return typed


def _texts(values: list[str | bytes], name: str) -> list[str]:
    """Return texts, decoding bytes as UTF-8."""
    try:
        return [value.decode() if isinstance(value, bytes) else value for value in values]
    except UnicodeDecodeError as error:
        raise ValueError(f"{name}: bytes that are not UTF-8, as {error.object!r}; give "
                         "text.") from None


def is_missing(value: object) -> bool:
    """Return True for None, NaN, and pandas' NA and NaT."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float) and value != value


def missing_values(values: Array) -> Array:
    """Return True where a value of ``(n,)`` is missing, see `is_missing`, ``(n,)`` bool."""
    if values.dtype.kind == "O":
        return np.array([is_missing(value) for value in values], dtype=bool)
    if values.dtype.kind in "fcmM":
        return np.asarray(values != values)
    return np.zeros(len(values), dtype=bool)


def refuse_repeated(ids: Array, name: str = "ids") -> None:
    """Raise ValueError, naming the first, if one of the identifiers ``(n,)`` stands there twice."""
    try:
        times = Counter(ids.tolist())
    except TypeError:
        raise ValueError(f"{name}: lists or other values without a hash among them; give every "
                         "sample a name or a number.") from None
    twice = next((value for value, count in times.items() if count > 1), None)
    if twice is not None:
        raise ValueError(f"{name}: {twice!r} stands there {times[twice]} times; give every sample "
                         "its own.")


def _number(text: str) -> float | None:
    """Return the whole number that a text reads as, else None."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if np.isfinite(value) and value % 1 == 0 else None
