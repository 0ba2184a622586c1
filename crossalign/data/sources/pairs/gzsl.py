"""Zero-shot recognition from a table of arrays: features, labels and a vector per class.

The table says which classes are unseen and which rows test, by the first of these that it has:
``split`` (or the mask ``train``) by sample; ``seen`` or ``unseen`` by class, with a fifth of each
seen class held out; else a quarter of the classes is drawn to be unseen.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.arrays import flags
from crossalign.data.benchmarks import gzsl
from crossalign.data.formats.matlab import unread_fact
from crossalign.data.samples import Samples
from crossalign.data.side_information import (
    assert_unique_names,
    read_class_rows,
    read_side_information,
    unit_rows,
)
from crossalign.data.splits import Rows, gzsl_validation, hold_out, tuning_rows
from crossalign.data.splits.rows import HELD_OUT
from crossalign.data.splits.unseen import unseen_mask
from crossalign.data.table import (
    FALSE,
    TRUE,
    Table,
    class_embeddings_of,
    labels_of_table,
    modalities_of_table,
    words_of_parts,
)
from crossalign.fingerprints import file_digest
from crossalign.labels import label_array
from crossalign.names import written
from crossalign.types import Benchmark, Views

Array = npt.NDArray[Any]

BY_CLASS = ("seen", "unseen")
"""Names of arrays that mark seen or unseen classes."""


def gzsl_of_table(name: str, table: Table, files: Sequence[Path], *, task: str | None = None,
                  modalities: Sequence[str] | None = None, one_based: bool = False,
                  attributes: str | Path | None = None,
                  unseen: str | Path | Sequence[str] | None = None, seed: int = 0) -> Benchmark:
    """Make a generalized zero-shot benchmark of labelled rows.

    Parameters
    ----------
    name : str
    table : mapping of name to array
        Arrays: ``labels``, one array of features or more, ``class_embeddings`` and, if there,
        ``class_names``, ``split`` or ``train``, ``seen`` or ``unseen``, ``ids``.
    files : where the table stands
    task : str, optional
        Task; ``"gzsl"`` insists on test samples of seen classes, without which the task is zsl.
    modalities : strings, optional
        Names of the modalities to keep, in this order; default all.
    one_based : bool
        Whether labels count from 1; default False.
    attributes : str or Path, optional
        File of class embeddings; if it names its classes and the table does not, they are the
        classes.
    unseen : str, Path or strings, optional
        Names of the unseen classes; see `splits.unseen.unseen_mask`.
    seed : int
        Seed of everything that is drawn; default 0.

    Raises
    ------
    ValueError
        One sentence: no class embeddings, a part that does not fit its class, a seen class without
        a training row, no unseen class with a sample.
    """
    side: dict[str, Any] = {"array": "class_embeddings"}
    if attributes is not None:
        table, side = _with_attributes(table, attributes)
    labels, names = labels_of_table(table, one_based)
    if labels.ndim == 2:
        raise ValueError("labels: mark several classes a sample; recognition takes one label per "
                         "sample.")
    assert_unique_names(names, "class_names")
    embeddings = class_embeddings_of(table, len(names))
    if not embeddings.shape[1]:
        raise ValueError("class_embeddings: missing, and recognition of unseen classes rests on a "
                         "vector per class; add the array, (C, a), or give a file as attributes.")
    side |= {"width": int(embeddings.shape[1]), "l2_normalised_rows": unit_rows(embeddings)}
    data, meta, masks = modalities_of_table(
        {key: values for key, values in table.items() if key not in BY_CLASS}, len(labels),
        modalities, least=1)
    views = Views(data, labels, ids=table.get("ids", table.get("id")), masks=masks, meta=meta)
    rows, how = _parts(table, labels, names, _unseen_of(table, names, labels, unseen), seed)
    if "test_seen" not in rows and task == "gzsl":
        raise ValueError("split: tests no sample of a seen class, so there is no gzsl; choose the "
                         "task zsl.")
    seen = np.isin(np.arange(len(names)), labels[rows["train"]])
    facts = {"features": {"files": [file.name for file in files], "widths": views.widths,
                          "sha256": file_digest(*files)},
             "normalisation": "none (model's own)", "side_information": side, "split": how,
             **unread_fact(table)}
    held = np.isin(np.arange(len(names)), labels)
    validation, origin = tuning_rows(labels, rows["train"], seen[held], {}, seed,
                                     seen_tested="test_seen" in rows)
    return gzsl(Samples(name, views, tuple(names), embeddings, facts, seed), rows, validation,
                {"no_validation": origin} if validation is None else {
                    "validation": f"{origin}; seed {seed}"})


def _with_attributes(table: Table, attributes: str | Path) -> tuple[Table, dict[str, Any]]:
    """Return the table with the class embeddings of a file, and their names if it has none
    itself.
    """
    file = Path(attributes).name
    if "class_names" in table:
        names_of_classes = [str(name)
                            for name in label_array(table["class_names"], "class_names").ravel()]
        rows, how = read_side_information(attributes, names_of_classes, len(names_of_classes))
        return {**table, "class_embeddings": rows}, {"file": file, "mapped": how}
    raw = table.get("labels", table.get("label", table.get("class", np.zeros(0))))
    rows, names = read_class_rows(attributes, len(np.unique(raw)))
    if names is None:
        return {**table, "class_embeddings": rows}, {"file": file, "mapped": "by order"}
    assert_unique_names(names, file)
    return ({**table, "class_embeddings": rows, "class_names": np.array(names)},
            {"file": file, "mapped": "by name"})


def _unseen_of(table: Table, names: Sequence[str], labels: Array,
               unseen: str | Path | Sequence[str] | None) -> Array | None:
    """Return (C,) bool if the table or the caller says which classes are unseen, else None."""
    if unseen is not None:
        return unseen_mask(unseen, names)[0]
    arrays = [key for key in BY_CLASS if key in table]
    if not arrays:
        return None
    marked = {key: _marked(table[key], key, names, labels) for key in arrays}
    if len(arrays) == 2 and (marked["seen"] == marked["unseen"]).any():
        c = int(np.flatnonzero(marked["seen"] == marked["unseen"])[0])
        raise ValueError(f"unseen: the class {names[c]!r} is both seen and unseen, or neither; "
                         "give one of the two arrays.")
    return marked["unseen"] if "unseen" in marked else ~marked["seen"]


def _marked(values: Array, key: str, names: Sequence[str], labels: Array) -> Array:
    """Return (C,) bool for class names, for a flag per class, or for one per sample."""
    array = label_array(values, key).ravel()
    words = np.char.lower(np.char.strip(array)) if array.dtype.kind == "U" else array
    if array.dtype.kind == "U" and not np.isin(words, TRUE + FALSE).all():
        marked = {written(word) for word in array.tolist()}
        foreign = sorted(marked - {written(name) for name in names})
        if foreign:
            raise ValueError(f"{key}: {foreign[0]!r} is not among the {len(names)} classes; use "
                             "its exact name.")
        return np.array([written(name) in marked for name in names])
    if array.dtype.kind == "U":
        array = np.isin(words, TRUE)
    if len(array) == len(labels) != len(names):
        array = flags(array, key)
        count, true = (np.bincount(labels, weights, minlength=len(names))
                       for weights in (None, array))
        mixed = (true > 0) & (true < count)
        if mixed.any():
            raise ValueError(f"{key}: differs between samples of the class "
                             f"{names[int(np.flatnonzero(mixed)[0])]!r}; give one per class.")
        return np.asarray(true > 0)
    if len(array) != len(names):
        raise ValueError(f"{key}: {len(array)} entries for {len(names)} classes; give one flag per "
                         "class, or names of classes.")
    return flags(array, key)


def _parts(table: Table, labels: Array, names: Sequence[str], unseen: Array | None,
           seed: int) -> tuple[Rows, str]:
    """Return the rows of every split, and a description of the choice."""
    if "split" in table or "train" in table:
        rows, how = given_parts(table, labels, names, unseen), "the file's"
    elif unseen is not None:
        of_seen = np.flatnonzero(~unseen[labels])
        held = hold_out(labels[of_seen], HELD_OUT, seed=seed)
        rows = {"train": of_seen[~held], "test_seen": of_seen[held],
                "test_unseen": np.flatnonzero(unseen[labels])}
        how = f"the file's classes, {HELD_OUT:.0%} of each seen class held out, seed {seed}"
    else:
        if len(np.unique(labels)) < 2:
            raise ValueError(f"labels: {len(np.unique(labels))} class has samples; give two or "
                             "more, one of them unseen.")
        rows = gzsl_validation(labels, seed=seed)
        how = (f"a quarter of the classes drawn, {HELD_OUT:.0%} of each other class held out, seed "
               f"{seed}")
    if unseen is not None:
        missing = np.setdiff1d(np.flatnonzero(~unseen), labels[rows["train"]])
        if len(missing):
            raise ValueError(f"seen: the class {names[missing[0]]!r} has no training sample; give "
                             "it one or mark it unseen.")
    for split in ("train", "test_unseen"):
        if not len(rows[split]):
            raise ValueError(f"split: no sample is of {split!r}; mark some, or the classes, in "
                             "'split' or 'seen'.")
    return {split: index for split, index in rows.items() if len(index)}, how


def given_parts(table: Table, labels: Array, names: Sequence[str], unseen: Array | None) -> Rows:
    """Return the rows of the parts that the table names; ``test`` is divided by class."""
    key, words = words_of_parts(table, len(labels), ("test_seen", "test_unseen"))
    is_seen = np.isin(labels, labels[words == "train"])
    for wrong, what in (
            ((words == "test_unseen") & is_seen, "has training samples"),
            ((words == "test_seen") & ~is_seen, "has no training sample"),
            ((words == "train") & (np.zeros(len(labels), bool) if unseen is None
                                   else unseen[labels]), "is marked unseen")):
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise ValueError(f"{key}: row {row} (counted from 0) is of {str(words[row])!r}, and "
                             f"its class {names[labels[row]]!r} {what}; move it to another part.")
    return {"train": np.flatnonzero(words == "train"),
            "test_seen": np.flatnonzero((words != "train") & is_seen),
            "test_unseen": np.flatnonzero((words != "train") & ~is_seen)}
