"""The two files of an xlsa17 folder, read and checked one variable at a time.

MATLAB counts from 1; what leaves this file counts from 0.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.formats.matlab import Variables, read_mat, refuse_unread
from crossalign.data.side_information import SUFFIXES, assert_unique_names
from crossalign.reading import expanded
from crossalign.sentences import nearest, one_of

Array = npt.NDArray[Any]

FEATURES, SPLITS = "res101.mat", "att_splits.mat"


def required_file(folder: Path, name: str) -> Path:
    """Return ``folder / name``, or raise a ValueError that says where to get the file."""
    if (folder / name).is_file():
        return folder / name
    if name == FEATURES:
        raise ValueError(
            f"{FEATURES}: missing from {str(folder)!r}, so there are no features to train on; copy "
            "it from the data set's folder in xlsa17.zip, the public archive of the proposed split "
            "by Xian et al., or extract features of your own (2048-d pool5 of a ResNet-101, as "
            "papers do) and save there a MATLAB file with 'features' (d x n, any width) and "
            f"'labels' (n x 1, from 1) in the row order that the lists of {SPLITS} count.")
    raise ValueError(f"{name}: missing from {str(folder)!r}; copy it from the data set's folder in "
                     "xlsa17.zip, the public archive of the proposed split by Xian et al., where "
                     f"it lies beside {FEATURES}.")


def side_file(folder: Path, attributes: str | Path) -> Path:
    """Find the side-information file, first in ``folder``."""
    for file in (folder / attributes, expanded(attributes, "attributes")):
        if file.is_file():
            return file
    there = sorted(f.name for f in folder.iterdir() if f.suffix in SUFFIXES and f.name != FEATURES)
    other = f"choose {one_of(there)} or give the path of another."
    raise ValueError(f"attributes: there is no file {str(attributes)!r} in {str(folder)!r}; "
                     f"{nearest(attributes, there, other)}")


def matrix(stored: Variables, name: str, file: str = SPLITS) -> Array:
    """Return a variable that must be there and hold numbers."""
    refuse_unread(stored, name)
    if name not in stored:
        raise ValueError(f"{name}: missing from {file}, which holds {sorted(stored)}; "
                         "use a file of the proposed split.")
    array = stored[name]
    if array.dtype.kind not in "biuf":
        kind = {"U": "text", "O": "a cell array of matrices"}.get(array.dtype.kind, array.dtype)
        raise ValueError(f"{name}: holds {kind} in {file}; give numbers.")
    return array


def _integers(stored: Variables, name: str, file: str) -> Array:
    values = matrix(stored, name, file).ravel()
    if values.dtype.kind == "f" and not (np.isfinite(values).all() and (values % 1 == 0).all()):
        raise ValueError(f"{name}: holds fractions or NaN in {file}; give whole numbers from 1.")
    return values.astype(np.int64)


def read_features(folder: Path) -> tuple[Array, Array]:
    """Read (n, d) features and (n,) labels counted from 0."""
    stored = read_mat(required_file(folder, FEATURES), ["features", "labels"])
    labels = _integers(stored, "labels", FEATURES) - 1  # MATLAB counts from 1; undone here
    features = matrix(stored, "features", FEATURES)
    if len(labels) == 0:
        raise ValueError(f"labels: {FEATURES} holds none; give one per sample.")
    if features.ndim == 2 and features.shape[1] == len(labels):
        features = features.T  # (d, n) -> (n, d)
    elif features.ndim != 2 or features.shape[0] != len(labels):
        raise ValueError(f"features: shape {features.shape} in {FEATURES} fits no axis to the "
                         f"{len(labels)} labels; give (d, n).")
    features = np.ascontiguousarray(features, dtype=np.float32)
    if not np.isfinite(features).all():
        bad = int(np.flatnonzero(~np.isfinite(features).all(axis=1))[0])
        raise ValueError(f"features: sample {bad + 1} of {FEATURES} holds NaN or infinity; "
                         "repair or remove it.")
    return features, labels


def read_class_names(lists: Variables) -> list[str] | None:
    """Return the names of the classes in order, each once; ``None`` if the file has none."""
    refuse_unread(lists, "allclasses_names")
    if "allclasses_names" not in lists:
        return None
    stored_names = lists["allclasses_names"]
    if stored_names.dtype.kind != "U":
        raise ValueError(f"allclasses_names: holds {stored_names.dtype} of shape "
                         f"{stored_names.shape} in {SPLITS}; give a cell array of texts, one per "
                         "class.")
    names = [str(name).strip() for name in stored_names]
    assert_unique_names(names, SPLITS)
    return names


def count_classes(lists: Variables, names: list[str] | None, labels: Array) -> int:
    """Return the number of classes: of names, else of columns of ``att``.

    Raises
    ------
    ValueError
        If ``att`` is no matrix, or its classes may as well be its rows, or a label is of none.
    """
    if names is not None:
        n_classes = len(names)
    else:
        shape, largest = matrix(lists, "att").shape, int(labels.max()) + 1
        if len(shape) != 2:
            raise ValueError(f"att: shape {shape} in {SPLITS}; give (a, C), one column per class.")
        if shape[0] == largest != shape[1]:
            raise ValueError(f"att: shape {shape} in {SPLITS} with labels up to {largest}; give "
                             "(a, C), one column per class, or name the classes in "
                             "allclasses_names.")
        n_classes = int(shape[1])
    if labels.min() < 0 or labels.max() >= n_classes:
        based = ", and these are 0-based" if labels.min() == -1 else ""
        raise ValueError(f"labels: {labels.min() + 1}..{labels.max() + 1} in {FEATURES}, but "
                         f"{SPLITS} has {n_classes} classes; labels count from 1 to "
                         f"{n_classes}{based}.")
    return n_classes


def read_rows(lists: Variables, name: str, n: int) -> Array:
    """Return sorted rows counted from 0, each once and within the n samples.

    A logical mask, one entry per sample, is read as the rows that it marks.
    """
    listed = _integers(lists, name, SPLITS)
    if is_mask(listed, n):
        return np.flatnonzero(listed)
    rows = np.sort(listed) - 1  # MATLAB counts from 1; undone here
    if len(rows) == 0:
        raise ValueError(f"{name}: empty in {SPLITS}; every split needs samples.")
    if len(rows) > 2 and np.isin(listed, (0, 1)).all():
        raise ValueError(f"{name}: a logical mask of {len(rows)} entries in {SPLITS} for {n} "
                         "samples; give one per sample, or the rows that it marks, from 1.")
    if rows[0] == -1:
        raise ValueError(f"{name}: goes from 0 to {rows[-1] + 1} in {SPLITS}, so its lists are "
                         "0-based or damaged; samples count from 1, so add 1 to every list.")
    if rows[0] < 0 or rows[-1] >= n:
        raise ValueError(f"{name}: goes from {rows[0] + 1} to {rows[-1] + 1}, but {FEATURES} has "
                         f"samples 1 to {n}; take both files from the same data set.")
    if (np.diff(rows) == 0).any():
        twice = int(rows[:-1][np.diff(rows) == 0][0]) + 1
        raise ValueError(f"{name}: lists sample {twice} twice in {SPLITS}; list each once.")
    return rows


def is_mask(listed: Array, n: int) -> bool:
    """Return True if a list has an entry 0 or 1 for each of n samples, as no list of rows can."""
    return n > 1 and listed.shape == (n,) and bool(np.isin(listed, (0, 1)).all())
