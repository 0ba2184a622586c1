"""The two files of an xlsa17 folder, read and checked one variable at a time.

MATLAB counts from 1; what leaves this file counts from 0.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.matlab import read_mat
from crossalign.data.side_information import SUFFIXES, assert_unique_names

Array = npt.NDArray[Any]

FEATURES, SPLITS = "res101.mat", "att_splits.mat"


def required_file(folder: Path, name: str) -> Path:
    """``folder / name``, or a ValueError that says what the file is and where to get it."""
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
    """The side-information file, looked for in ``folder`` first."""
    for file in (folder / attributes, Path(attributes)):
        if file.is_file():
            return file
    there = sorted(f.name for f in folder.iterdir() if f.suffix in SUFFIXES and f.name != FEATURES)
    raise ValueError(f"attributes: there is no file {str(attributes)!r} in {str(folder)!r}; "
                     f"choose one of {there} or give the path of another.")


def matrix(stored: dict[str, Array], name: str, file: str = SPLITS) -> Array:
    """A variable that must be there and be numbers."""
    if name not in stored:
        raise ValueError(f"{name}: missing from {file}, which holds {sorted(stored)}; "
                         "use a file of the proposed split.")
    array = stored[name]
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name}: holds {array.dtype} in {file}; give numbers.")
    return array


def _integers(stored: dict[str, Array], name: str, file: str) -> Array:
    values = matrix(stored, name, file).ravel()
    if values.dtype.kind == "f" and not (np.isfinite(values).all() and (values % 1 == 0).all()):
        raise ValueError(f"{name}: holds fractions or NaN in {file}; give whole numbers from 1.")
    return values.astype(np.int64)


def read_features(folder: Path) -> tuple[Array, Array]:
    """(n, d) features and (n,) labels counted from 0."""
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


def read_class_names(lists: dict[str, Array]) -> list[str] | None:
    """Names of the classes in order, each once; ``None`` where the file has none."""
    if "allclasses_names" not in lists:
        return None
    names = [str(name).strip() for name in lists["allclasses_names"]]
    assert_unique_names(names, SPLITS)
    return names


def read_rows(lists: dict[str, Array], name: str, n: int) -> Array:
    """Sorted rows counted from 0, each once and within the n samples."""
    rows = np.sort(_integers(lists, name, SPLITS)) - 1  # MATLAB counts from 1; undone here
    if len(rows) == 0:
        raise ValueError(f"{name}: empty in {SPLITS}; every split needs samples.")
    if rows[0] < 0 or rows[-1] >= n:
        raise ValueError(f"{name}: goes from {rows[0] + 1} to {rows[-1] + 1}, but {FEATURES} has "
                         f"samples 1 to {n}; take both files from the same data set.")
    if (np.diff(rows) == 0).any():
        twice = int(rows[:-1][np.diff(rows) == 0][0]) + 1
        raise ValueError(f"{name}: lists sample {twice} twice in {SPLITS}; list each once.")
    return rows
