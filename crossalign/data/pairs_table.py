"""A table of aligned arrays made sense of: which are modalities, labels, parts and names.

Reserved names: ``labels`` (or ``label``), ``class``, ``train``, ``split``, ``class_names``,
``class_embeddings`` and ``ids`` (or ``id``). Every other array of two or more dimensions with a
row per label is a modality; a one-dimensional one rides along as metadata.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.side_information import assert_unique_names
from crossalign.data.splits import hold_out
from crossalign.types import Views

Array = npt.NDArray[Any]
Table = dict[str, Array]

RESERVED = ("labels", "label", "class", "train", "split", "class_names", "class_embeddings",
            "ids", "id")
TEST_FRACTION = 0.25


@dataclass(frozen=True)
class Pairs:
    """Labelled rows of two or more modalities, in a training and a test part.

    Attributes
    ----------
    views : n labelled samples
    test : (n,) bool
    names : C class names
    embeddings : (C, a) float32, a = 0 where there is no side information
    official : bool
        False where the test part was drawn here.
    """

    views: Views
    test: Array
    names: tuple[str, ...]
    embeddings: Array
    official: bool

    @property
    def labels(self) -> Array:
        """(n,) classes of the rows."""
        assert self.views.labels is not None
        return self.views.labels


def pairs_of_table(table: Table, *, modalities: Sequence[str] | None = None,
                   one_based: bool = False, seed: int = 0) -> Pairs:
    """Check a table and give it its meaning.

    Parameters
    ----------
    table : mapping of name to array
        As the module says.
    modalities : strings, optional
        Keep these, in this order; every modality in the table's order by default.
    one_based : bool
        True where labels count class names from 1, as in MATLAB files.
    seed : int
        Of the quarter per class that is the test part where the table names none.

    Raises
    ------
    ValueError
        If labels are missing or out of range, lengths differ, there are fewer than two
        modalities or classes, or a class has no training row.
    """
    labels, names = labels_of_table(table, one_based)
    if len(names) < 2:
        raise ValueError(f"labels: {len(names)} class; give at least two classes.")
    assert_unique_names(names, "class_names")
    embeddings = class_embeddings_of(table, len(names))
    data, meta = _columns(table, len(labels), modalities)
    test = _test_part(table, labels, names, seed)
    empty = np.setdiff1d(np.arange(len(names)), labels[~test])
    if len(empty):
        raise ValueError(f"labels: class {names[empty[0]]!r} has no training sample; give it one "
                         "or remove the class.")
    if not test.any():
        raise ValueError("train: marks every sample, so there is no test part; mark some as test.")
    ids = table.get("ids", table.get("id"))
    views = Views(data, labels, ids=ids, meta=meta)
    if len(np.unique(views.ids)) < len(views):
        raise ValueError("ids: some stand twice; give every sample its own.")
    return Pairs(views, test, tuple(names), embeddings, "train" in table or "split" in table)


def labels_of_table(table: Table, one_based: bool) -> tuple[Array, list[str]]:
    """(n,) labels from 0 and the class names."""
    raw, texts = table.get("labels", table.get("label")), table.get("class")
    if raw is None and texts is None:
        raise ValueError(f"labels: missing from the arrays {sorted(table)}; add 'labels', one per "
                         "sample.")
    if raw is None or (raw.dtype.kind in "US" and not _whole_numbers(raw)):
        called = np.ravel(np.asarray(texts if raw is None else raw)).astype(str)
        names, labels = np.unique(called, return_inverse=True)
        return labels, [str(name) for name in names]
    if not _whole_numbers(raw):
        raise ValueError(f"labels: dtype {raw.dtype} of shape {raw.shape} with values that are not "
                         "whole numbers; give one class per sample.")
    labels = raw.ravel().astype(np.float64).astype(np.int64)
    if texts is not None and texts.shape != labels.shape:
        raise ValueError(f"class: shape {texts.shape} for {len(labels)} labels; give one per "
                         "label.")
    known = table.get("class_names", table.get("class_embeddings"))
    if known is None:
        values, rows = np.unique(labels, return_inverse=True)
        return rows, [str(v) for v in values] if texts is None else _named(values, rows, texts)
    known, labels = np.atleast_1d(known), labels - int(one_based)
    if len(labels) and (labels.min() < 0 or labels.max() >= len(known)):
        first = int(one_based)
        raise ValueError(f"labels: {labels.min() + first}..{labels.max() + first} for {len(known)} "
                         f"classes; labels go from {first} to {len(known) - 1 + first}.")
    named = "class_names" in table
    return labels, [str(name) for name in (np.ravel(known) if named else range(len(known)))]


def _whole_numbers(values: Array) -> bool:
    try:
        numbers = np.ravel(values).astype(np.float64)
    except ValueError:
        return False
    return bool(np.isfinite(numbers).all() and (numbers % 1 == 0).all())


def _named(values: Array, rows: Array, texts: Array) -> list[str]:
    names = []
    for c, value in enumerate(values):
        found = np.unique(texts[rows == c])
        if len(found) > 1:
            raise ValueError(f"class: label {value} is called both {str(found[0])!r} and "
                             f"{str(found[1])!r}; give every label one name.")
        names.append(str(found[0]))
    return names


def class_embeddings_of(table: Table, n_classes: int) -> Array:
    """Side information ``(C, a)`` of the table, without columns where it has none."""
    if "class_embeddings" not in table:
        return np.zeros((n_classes, 0), dtype=np.float32)
    rows = table["class_embeddings"]
    if rows.ndim != 2 or len(rows) != n_classes or rows.dtype.kind not in "biuf":
        raise ValueError(f"class_embeddings: shape {rows.shape} of {rows.dtype} for {n_classes} "
                         "classes; give one row of numbers per class.")
    return rows.astype(np.float32)


def _columns(table: Table, n: int,
             modalities: Sequence[str] | None) -> tuple[Table, dict[str, Array]]:
    """Modalities in order, and what rides along."""
    data: Table = {}
    meta: dict[str, Array] = {}
    for name, values in table.items():
        if name in RESERVED or (modalities is not None and values.ndim > 1
                                and name not in modalities):
            continue
        if values.ndim == 0 or len(values) != n:
            raise ValueError(f"{name}: shape {values.shape} for {n} labels; give one row per "
                             "label, or choose the arrays to read with modalities.")
        if values.ndim == 1:
            meta[name] = values
        elif values.dtype.kind in "biuf":
            data[name] = values
        else:
            raise ValueError(f"{name}: holds {values.dtype}; give an array of numbers.")
    absent = [m for m in modalities or () if m not in data]
    if absent:
        raise ValueError(f"modalities: {absent[0]!r} is not among the arrays {sorted(data)}; name "
                         "one of those.")
    if len(data) < 2:
        raise ValueError(f"path: {len(data)} modality {sorted(data)}; give at least two arrays "
                         "(n, d) whose rows belong together.")
    return (data if modalities is None else {m: data[m] for m in modalities}), meta


def _test_part(table: Table, labels: Array, names: list[str], seed: int) -> Array:
    """(n,) bool."""
    if "split" in table or "train" in table:
        name = "split" if "split" in table else "train"
        values = np.array([str(v).strip().lower() for v in np.ravel(table[name])])
        if len(values) != len(labels):
            raise ValueError(f"{name}: {len(values)} entries for {len(labels)} labels; give one "
                             "per sample.")
        train = np.isin(values, ["train", "true", "1", "1.0"])
        other = ~train & ~np.isin(values, ["test", "false", "0", "0.0"])
        if other.any():
            raise ValueError(f"{name}: {str(values[other][0])!r} is not a part; write "
                             "'train' or 'test', or a mask of 0 and 1.")
        return ~train
    single = np.flatnonzero(np.bincount(labels, minlength=len(names)) == 1)
    if len(single):
        raise ValueError(f"labels: class {names[single[0]]!r} has one sample, so no test part can "
                         "be drawn; give it two or more, or name the parts in 'split'.")
    return hold_out(labels, TEST_FRACTION, seed=seed)
