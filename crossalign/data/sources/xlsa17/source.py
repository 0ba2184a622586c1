"""Folders in the layout of the proposed split of Xian et al. (TPAMI 2018), known as xlsa17.

``res101.mat`` holds ``features`` (d, n) of any width and ``labels`` (n, 1); ``att_splits.mat``
holds ``att`` (a, C), ``allclasses_names`` and the index lists. All of them count from 1, and that
is undone here, once. Every fault of the files is one sentence.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.benchmarks import gzsl
from crossalign.data.formats.matlab import Variables, read_mat, unread_fact
from crossalign.data.samples import Samples
from crossalign.data.side_information import read_side_information, unit_rows
from crossalign.data.sources.xlsa17.files import (
    FEATURES,
    SPLITS,
    count_classes,
    is_mask,
    read_class_names,
    read_features,
    read_rows,
    required_file,
    side_file,
)
from crossalign.data.splits import Rows, assert_disjoint, leak, tuning_rows
from crossalign.fingerprints import file_digest
from crossalign.names import written
from crossalign.reading import expanded
from crossalign.types import Benchmark, Views

Array = npt.NDArray[Any]

LISTS = {"train": "trainval_loc", "test_seen": "test_seen_loc", "test_unseen": "test_unseen_loc"}
TUNING_LISTS = ("train_loc", "val_loc")


def load_xlsa17(folder: str | Path, task: str | None = None, *,
                attributes: str | Path = SPLITS, modality: str = "image",
                seed: int = 0) -> Benchmark:
    """Load the zero-shot benchmark of an xlsa17 folder, generalized if seen classes are tested.

    Parameters
    ----------
    folder : str or Path
        Folder with ``res101.mat`` and ``att_splits.mat``, MATLAB v5 or v7.3.
    task : {"gzsl", "zsl"}, optional
        Task; by default ``gzsl``, or ``zsl`` if the file has no ``test_seen_loc``. A file that has
        one is read as ``gzsl``, and `data.load` refuses it for ``zsl``.
    attributes : str or Path
        File with the side information, in ``folder`` or anywhere: a ``.mat`` with ``att`` (a, C),
        or ``.npy`` or ``.csv`` of shape (C, a). The split always comes from ``att_splits.mat``.
    modality : str
        Name of the feature modality.
    seed : int
        Seed of the validation split, default 0; the test split is the file's.

    Returns
    -------
    Benchmark
        Benchmark with splits ``train`` (= trainval), ``test_seen``, ``test_unseen``; ids are rows
        of the file. A class that has a description and no sample is unseen: a candidate for every
        sample, over which no accuracy is averaged.

    Raises
    ------
    ValueError
        One sentence for each of: a missing or damaged file, a missing variable, widths or labels
        that do not fit, NaN, overlapping rows or classes, a class named twice.
    """
    folder = expanded(folder, "folder")
    lists = read_mat(required_file(folder, SPLITS))
    features, labels = read_features(folder)
    names = read_class_names(lists)
    n_classes = count_classes(lists, names, labels)
    rows = _test_rows(lists, task, len(labels))
    tuning = {name: read_rows(lists, name, len(labels)) for name in TUNING_LISTS if name in lists}
    seen, tested = _seen_classes(labels, rows, n_classes, names)
    side = side_file(folder, attributes)
    embeddings, how = read_side_information(side, names, n_classes)
    raw_leak = _leak_sentence(tuning, rows)
    facts = {
        "features": {"file": FEATURES, "width": int(features.shape[1]),
                     "sha256": file_digest(folder / FEATURES)},
        "normalisation": "none (model's own)",
        "side_information": {"file": side.name, "width": int(embeddings.shape[1]),
                             "l2_normalised_rows": unit_rows(embeddings), "mapped": how},
        "split": f"{SPLITS} (proposed split)",
        **unread_fact(lists),
    }
    samples = Samples(
        written(folder.resolve().name), Views({modality: features}, labels),
        tuple(names or map(str, range(n_classes))), embeddings, facts, seed,
        {"unusual_side_information": side.name != SPLITS})
    validation, origin = tuning_rows(labels, rows["train"], seen[seen | tested], tuning,
                                     seed, seen_tested="test_seen" in rows)
    return gzsl(samples, rows, validation, {"no_validation": origin} if validation is None else {
        "validation": f"{origin}; seed {seed}; {raw_leak}"})


def _test_rows(lists: Variables, task: str | None, n: int) -> Rows:
    """Return disjoint rows of every split, without ``test_seen`` if the file tests no seen
    class.
    """
    absent = "test_seen_loc" not in lists or lists["test_seen_loc"].size == 0
    if absent and task == "gzsl":
        raise ValueError(f"test_seen_loc: missing from {SPLITS} or empty, so seen classes are not "
                         "tested and there is no gzsl; choose the task zsl.")
    rows = {split: read_rows(lists, name, n) for split, name in LISTS.items()
            if split != "test_seen" or not absent}
    as_given = {split: LISTS[split] + (" (a logical mask)" * is_mask(np.ravel(lists[LISTS[split]]),
                                                                     n)) for split in rows}
    assert_disjoint(**{as_given[split]: index for split, index in rows.items()})
    return rows


def _seen_classes(labels: Array, rows: Rows, n_classes: int,
                  names: list[str] | None) -> tuple[Array, Array]:
    """Return (C,) bool each, seen and tested as unseen, once classes are known to be disjoint."""
    held = {split: np.bincount(labels[index], minlength=n_classes) > 0
            for split, index in rows.items()}

    def named(mask: Array) -> str:
        c = int(np.flatnonzero(mask)[0])
        return repr(names[c]) if names is not None else str(c + 1)

    both = held["train"] & held["test_unseen"]
    if both.any():
        raise ValueError(f"test_unseen_loc: holds samples of {int(both.sum())} classes of "
                         f"trainval_loc, first {named(both)}; unseen classes may not be trained "
                         "on.")
    stray = held.get("test_seen", held["train"]) & ~held["train"]
    if stray.any():
        raise ValueError(f"test_seen_loc: holds class {named(stray)}, which has no sample in "
                         "trainval_loc; seen classes need training samples.")
    return held["train"], held["test_unseen"]


def _leak_sentence(tuning: Rows, rows: Rows) -> str:
    if len(tuning) < len(TUNING_LISTS):
        return "the file has no train_loc and val_loc"
    test = np.concatenate([index for split, index in rows.items() if split != "train"])
    count = leak(tuning["train_loc"], tuning["val_loc"], test)
    return (f"the file's own train_loc and val_loc hold {count['train_loc']} and "
            f"{count['val_loc']} test rows, which are left out")
