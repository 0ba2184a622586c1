"""The meaning of a table of aligned arrays: its modalities, labels, parts and names.

Reserved names: ``labels`` (or ``label``), ``class``, ``train``, ``split``, ``class_names``,
``class_embeddings`` and ``ids`` (or ``id``). Every other array of two or more dimensions with a row
per label is a modality; a one-dimensional one rides along as metadata. ``mask_M`` is the mask of
the modality M, whose rows are tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.arrays import float32
from crossalign.data.side_information import assert_unique_names
from crossalign.data.splits import hold_out
from crossalign.labels import classes_held, label_array, named_rows, rarest, sample_labels, whole
from crossalign.names import written
from crossalign.several import refuse_several
from crossalign.types import Views

Array = npt.NDArray[Any]
Table = dict[str, Array]

RESERVED = ("labels", "label", "class", "train", "split", "class_names", "class_embeddings",
            "ids", "id")
MASK = "mask_"
"""Prefix of the name of a modality of token rows, for the mask that says which tokens are real."""
TEST_FRACTION = 0.25
TRUE, FALSE = ("true", "1", "1.0"), ("false", "0", "0.0")
"""Texts of a flag, in lower case."""


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
        Whether the test part is the data set's own; False if it was drawn here.
    """

    views: Views
    test: Array
    names: tuple[str, ...]
    embeddings: Array
    official: bool

    @property
    def labels(self) -> Array:
        """Classes of the rows ``(n,)``, or ``(n, C)`` bool for several a row."""
        return self.views.truth


def pairs_of_table(table: Table, *, modalities: Sequence[str] | None = None,
                   one_based: bool = False, seed: int = 0) -> Pairs:
    """Check a table and split it into modalities, labels, classes and parts.

    Parameters
    ----------
    table : mapping of name to array
        Arrays by the names that the module lists.
    modalities : strings, optional
        Names of the modalities to keep, in this order; by default all, in the table's order.
    one_based : bool
        Whether labels count class names from 1, as in MATLAB files; default False.
    seed : int
        Seed of the quarter per class that is the test part if the table names none; default 0.

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
    data, meta, masks = modalities_of_table(table, len(labels), modalities)
    test = _test_part(table, labels, names, seed)
    empty = np.setdiff1d(np.arange(len(names)), classes_held(labels[~test]))
    if len(empty):
        raise ValueError(f"labels: class {names[empty[0]]!r} has no training sample; give it one "
                         "or remove the class.")
    if not test.any():
        raise ValueError("train: marks every sample, so there is no test part; mark some as test.")
    ids = table.get("ids", table.get("id"))
    views = Views(data, labels, ids=ids, masks=masks, meta=meta)
    return Pairs(views, test, tuple(names), embeddings, "train" in table or "split" in table)


def test_part(pairs: Pairs, seed: int) -> str:
    """Describe for a protocol how the test part was made."""
    return "official" if pairs.official else drawn_test_words(
        pairs.labels, len(pairs.names), pairs.test, seed)


def drawn_test_words(labels: Array, n_classes: int, test: Array, seed: int) -> str:
    """Describe for a protocol a test part, (n,) bool, that `drawn_test_part` made."""
    single = n_classes - len(classes_held(labels[test]))
    return (f"{TEST_FRACTION:.0%} per class, seed {seed}"
            + (f"; {single} classes of one sample have none" if single else ""))


def labels_of_table(table: Table, one_based: bool) -> tuple[Array, list[str]]:
    """Return labels ``(n,)`` from 0, or ``(n, C)`` bool if samples have several, and the class
    names.

    Words are matched with ``class_names`` if the table has them. Whole numbers are rows of
    ``class_names``, or of ``class_embeddings``; without either, the classes are those that occur.
    """
    raw, texts = table.get("labels", table.get("label")), table.get("class")
    if raw is None:
        raw, texts = texts, None
    if raw is None:
        raise ValueError(f"labels: missing from the arrays {sorted(table)}; add 'labels', one per "
                         "sample.")
    several = raw.ndim == 2 and min(raw.shape) > 1
    labels = sample_labels(raw)
    if not len(labels):
        raise ValueError("labels: there are none; give one per sample.")
    texts = None if texts is None else sample_labels(texts, "class")
    if texts is not None and texts.shape != labels.shape[:1]:
        raise ValueError(f"class: shape {texts.shape} for {len(labels)} labels; give one per "
                         "label.")
    if "class_names" not in table:
        for name, words in (("labels", labels), ("class", texts)):
            if words is not None and words.dtype.kind == "U":
                refuse_several(words.tolist(), name)
    named_classes = table.get("class_names", table.get("class_embeddings"))
    named_classes = None if named_classes is None else np.atleast_1d(named_classes)
    named_classes = raw.T if named_classes is None and several else named_classes
    if named_classes is None:
        rows, names = named_rows(labels)
        return rows, names if texts is None else _named(names, rows, texts)
    names = [str(name) for name in (label_array(named_classes, "class_names").ravel()
                                    if "class_names" in table else range(len(named_classes)))]
    if several:
        if raw.shape[1] != len(names):
            raise ValueError(f"labels: {raw.shape[1]} columns for {len(names)} classes; give one "
                             "per class.")
        return labels, names
    if "class_names" not in table and labels.dtype.kind == "U" and not _are_numbers(labels):
        raise ValueError("class_names: missing, so nobody knows whose rows 'class_embeddings' are; "
                         "add the names of the classes in that order.")
    return _rows_of(labels, names, one_based), names


def _rows_of(labels: Array, names: list[str], one_based: bool) -> Array:
    """Return rows of named classes, by name if the labels are words, else by number."""
    if labels.dtype.kind == "U":
        at = {written(name): c for c, name in enumerate(names)}
        words = [written(word) for word in labels.tolist()]
        if set(words) <= set(at):
            assert_unique_names([written(name) for name in names], "class_names")
            return np.array([at[word] for word in words], dtype=np.int64)
        if not _are_numbers(labels):
            foreign = sorted(set(words) - set(at))
            raise ValueError(f"labels: {foreign[0]!r} is not among the {len(names)} class names; "
                             "add it or use its exact name.")
        labels = np.array([int(word) for word in words], dtype=object)
    rows, first = whole(labels), int(one_based)
    low, high = rows.min(), rows.max()
    if low < first or high > len(names) - 1 + first:
        raise ValueError(f"labels: {low}..{high} for {len(names)} classes; labels go from {first} "
                         f"to {len(names) - 1 + first}.")
    return rows.astype(np.int64) - first


def _are_numbers(words: Array) -> bool:
    """Return True if all words are of digits alone."""
    return bool(np.char.isdecimal(words).all())


def _named(values: list[str], rows: Array, texts: Array) -> list[str]:
    """Return the name that the column ``class`` gives to each label."""
    names = []
    for c, value in enumerate(values):
        texts_of_label = np.unique(texts[rows == c])
        if len(texts_of_label) > 1:
            raise ValueError(f"class: label {value} is called both {str(texts_of_label[0])!r} and "
                             f"{str(texts_of_label[1])!r}; give every label one name.")
        names.append(str(texts_of_label[0]))
    return names


def class_embeddings_of(table: Table, n_classes: int) -> Array:
    """Return side information ``(C, a)`` of the table, without columns if it has none."""
    if "class_embeddings" not in table:
        return np.zeros((n_classes, 0), dtype=np.float32)
    rows = table["class_embeddings"]
    if rows.ndim != 2 or len(rows) != n_classes or rows.dtype.kind not in "biuf":
        raise ValueError(f"class_embeddings: shape {rows.shape} of {rows.dtype} for {n_classes} "
                         "classes; give one row of numbers per class.")
    return float32(rows, "class_embeddings")


def modalities_of_table(table: Table, n: int, modalities: Sequence[str] | None = None, *,
                        least: int = 2) -> tuple[Table, dict[str, Array], Table]:
    """Return modalities in order, at least ``least``, then metadata, and the masks of token
    rows.
    """
    data: Table = {}
    meta: dict[str, Array] = {}
    masks = {name.removeprefix(MASK): values for name, values in table.items()
             if name.startswith(MASK)}
    stray = [name for name in masks if name not in table]
    if stray:
        raise ValueError(f"{MASK}{stray[0]}: is the mask of {stray[0]!r}, which is not among the "
                         f"arrays {sorted(table)}; add it or rename the mask.")
    for name, values in table.items():
        if name.startswith(MASK):
            continue
        if name in RESERVED or (modalities is not None and name not in modalities and (
                values.ndim != 1 or len(values) != n)):
            continue
        if values.ndim == 0 or len(values) != n:
            raise ValueError(f"{name}: shape {values.shape} for {n} labels; give one row per "
                             "label, choose the arrays to read with modalities, or call a vector "
                             "per class 'class_embeddings'.")
        if values.ndim == 1:
            meta[name] = values
        elif values.dtype.kind in "biuf":
            data[name] = values
        else:
            raise ValueError(f"{name}: holds {values.dtype}; give an array of numbers.")
    twice = [m for i, m in enumerate(modalities or ()) if m in (modalities or ())[:i]]
    if twice:
        raise ValueError(f"modalities: {twice[0]!r} stands twice; name each array once.")
    absent = [m for m in modalities or () if m not in data]
    if absent:
        raise ValueError(f"modalities: {absent[0]!r} is not among the arrays "
                         f"{sorted(set(table) - set(RESERVED))}; name one of those.")
    if len(data) < least:
        raise ValueError(f"path: {len(data)} modality {sorted(data)}; give at least "
                         f"{'one array' if least == 1 else 'two arrays'} (n, d) whose rows belong "
                         "together" + (", or to recognise classes a vector per class, as "
                                       "'class_embeddings' or a file of attributes." if least > 1
                                       else "."))
    data = data if modalities is None else {m: data[m] for m in modalities}
    return data, meta, {name: mask for name, mask in masks.items() if name in data}


def _test_part(table: Table, labels: Array, names: list[str], seed: int) -> Array:
    """Return the test part, (n,) bool."""
    if "split" in table or "train" in table:
        return np.asarray(words_of_parts(table, len(labels))[1] != "train")
    return drawn_test_part(labels, len(names), seed)


def drawn_test_part(labels: Array, n_classes: int, seed: int) -> Array:
    """Draw the test part, (n,) bool: a quarter of each class that has two samples or more.

    Raises
    ------
    ValueError
        If no class has two.
    """
    test = hold_out(rarest(labels), TEST_FRACTION, seed=seed)
    if not test.any():
        raise ValueError(f"labels: each of the {n_classes} classes has one sample, so no test "
                         "part can be drawn; give them two or more, or name the parts in 'split'.")
    return test


def words_of_parts(table: Table, n: int, others: Sequence[str] = ()) -> tuple[str, Array]:
    """Return the name of the array of parts, and the part of every sample, ``(n,)``.

    Words are ``train``, ``test`` and ``others``; under the name ``train`` also a mask. Under
    ``split`` bare numbers are refused, because 1 may mean either.
    """
    name = "split" if "split" in table else "train"
    words = np.char.lower(np.char.strip(label_array(table[name], name).ravel().astype(str)))
    if len(words) != n:
        raise ValueError(f"{name}: {len(words)} entries for {n} labels; give one per sample.")
    if name == "train":
        words = np.where(np.isin(words, TRUE), "train", words)
        words = np.where(np.isin(words, FALSE), "test", words)
    parts = ["train", "test", *others]
    if not np.isin(words, parts).all():
        row = int(np.flatnonzero(~np.isin(words, parts))[0])
        raise ValueError(f"{name}: {str(words[row])!r} in row {row} (counted from 0) is not a "
                         f"part; write {', '.join(map(repr, parts))}, or call a mask of 1 (train) "
                         "and 0 'train'.")
    return name, words
