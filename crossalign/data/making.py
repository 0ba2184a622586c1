"""Folders in the layout of xlsa17, written from any benchmark of recognition."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from crossalign.data.sources.xlsa17.files import FEATURES, SPLITS
from crossalign.files import check_new, new_folder, replacing
from crossalign.reading import expanded
from crossalign.types import Benchmark, Views, split_id

Array = npt.NDArray[Any]

LARGEST = 2**32 - 2**16
"""Size of the largest array of a MATLAB file of version 5, in bytes."""
LISTS = {"train": "trainval_loc", "test_seen": "test_seen_loc", "test_unseen": "test_unseen_loc"}


class Made(NamedTuple):
    """Counts of a folder that was made.

    Attributes
    ----------
    samples, classes : int
    width : int
        Width of the features.
    side : int
        Width of the side information.
    same_id : bool
        True where the split id is that of the benchmark.
    """

    samples: int
    classes: int
    width: int
    side: int
    same_id: bool

    def __str__(self) -> str:
        same = "the same split id" if self.same_id else "the same split under another id"
        return (f"{self.samples} samples of width {self.width}, {self.classes} classes described "
                f"by {self.side} numbers each, {same}")


def make_xlsa17(bench: Benchmark, out: str | Path) -> Made:
    """Write a benchmark as a folder with ``res101.mat`` and ``att_splits.mat``.

    Samples stand class by class in the order of their identifiers, or as numbered ones were, so
    that a data set in this order keeps its split id. Validation classes are written as
    ``train_loc`` and ``val_loc``.

    Parameters
    ----------
    bench : Benchmark
        Benchmark of the task gzsl or zsl with one modality of vectors, and side information.
    out : str or Path
        Folder to make; it must not exist.

    Returns
    -------
    Made
        Counts of what was written.

    Raises
    ------
    ValueError
        One sentence: another task, tokens or several modalities, no side information, more than
        4 GB of features, or a folder that exists.
    """
    folder = expanded(out, "out")
    check_new(folder)
    modality = _checked(bench)
    rows = _in_order(bench)
    whole = _samples(bench, rows, modality)
    features, lists = whole["features"], _lists(bench, rows)
    with new_folder(folder) as draft:
        _save(draft / FEATURES, whole)
        _save(draft / SPLITS, {"att": bench.classes.embeddings.T.astype(np.float64), **lists,
                               "allclasses_names": _cells(bench.classes.names)})
    made = split_id({part: lists[name].ravel() - 1 for part, name in LISTS.items()
                     if name in lists})
    return Made(features.shape[1], len(bench.classes), features.shape[0],
                bench.classes.embeddings.shape[1], made == bench.protocol.get("split_id"))


def _checked(bench: Benchmark) -> str:
    """Return the modality of a benchmark that the layout can hold."""
    if bench.task not in ("gzsl", "zsl"):
        raise ValueError(f"task: {bench.name!r} is loaded for {bench.task}, and the layout holds "
                         "recognition; choose the task gzsl or zsl.")
    if not bench.classes.embeddings.shape[1]:
        raise ValueError(f"attributes: the classes of {bench.name!r} have no side information; "
                         "give a file of attributes.")
    views = bench["train"]
    if len(views.modalities) != 1 or views.kind(views.modalities[0]) != "vectors":
        kinds = ", ".join(f"{m} of {kind}" for m, kind in views.kinds.items())
        raise ValueError(f"modalities: {bench.name!r} has {kinds}, and the layout holds vectors of "
                         "one; choose one by modalities, and pool tokens.")
    (modality,) = views.modalities
    size = sum(len(of) for of in bench.splits.values()) * views.widths[modality] * 4
    if size > LARGEST:
        raise ValueError(f"{modality}: takes {size} bytes, more than the {LARGEST} that an array "
                         "of such a file may have; choose an encoder with narrower rows.")
    return modality


def _in_order(bench: Benchmark) -> dict[str, Array]:
    """Return the rows, from 0, that the samples of every split get."""
    labels = np.concatenate([views.truth for views in bench.splits.values()])
    ids = np.concatenate([views.ids for views in bench.splits.values()])
    order = np.lexsort((ids, labels)) if ids.dtype.kind == "U" else np.argsort(ids, kind="stable")
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    ends = np.cumsum([len(views) for views in bench.splits.values()])[:-1]
    return dict(zip(bench.splits, np.split(place, ends), strict=True))


def _samples(bench: Benchmark, rows: Mapping[str, Array], modality: str) -> dict[str, Array]:
    """Return features (d, n), labels (n, 1) from 1, and the identifiers of the samples."""
    n = sum(map(len, rows.values()))
    features = np.zeros((n, bench["train"].widths[modality]), dtype=np.float32)
    labels, ids = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=object)
    for split, views in bench.splits.items():
        for block in views.blocks(modality):
            features[rows[split][block]] = views.read(modality, block)
        labels[rows[split]], ids[rows[split]] = views.truth, [str(i) for i in views.ids]
    return {"features": features.T, "labels": (labels + 1).astype(np.int32)[:, None],
            "image_files": _cells(ids.tolist())}


def _lists(bench: Benchmark, rows: Mapping[str, Array]) -> dict[str, Array]:
    """Return the index lists, from 1."""
    lists = {LISTS[split]: _column(of) for split, of in rows.items()}
    validation = bench.validation()
    if validation is not None:
        at = dict(zip(bench["train"].ids.tolist(), rows["train"].tolist(), strict=True))

        def trained(*splits: str) -> Array:
            of: list[Views] = [validation[split] for split in splits if split in validation.splits]
            return _column(np.array([at[i] for views in of for i in views.ids.tolist()]))

        lists |= {"train_loc": trained("train", "test_seen"), "val_loc": trained("test_unseen")}
    return lists


def _column(rows: Array) -> Array:
    return np.asarray((np.sort(rows) + 1).astype(np.int32)[:, None])


def _cells(texts: Any) -> Array:
    """Return texts as a cell array (n, 1)."""
    cells = np.empty((len(texts), 1), dtype=object)
    cells[:, 0] = list(texts)
    return cells


def _save(file: Path, variables: Mapping[str, Array]) -> None:
    from scipy.io import savemat

    with replacing(file) as draft:
        savemat(draft, dict(variables), appendmat=False, do_compression=True)
