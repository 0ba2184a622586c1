"""Benchmarks from aligned pairs: zero-shot retrieval over fixed class splits, and transfer.

Retrieval trains on the seen-class pairs of the training part; queries are unseen-class items of the
test part, and the gallery is the unseen-class items of the *training* part. There are ten fixed
splits of the classes into halves; a number is the mean over them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt

from crossalign.data.benchmarks import (
    QUERIES,
    Retrieval,
    check_classes,
    random_halves,
    transfer,
)
from crossalign.data.cuts import Cut
from crossalign.data.formats.matlab import refuse_unread, unread_fact
from crossalign.data.named_files import with_named_files
from crossalign.data.samples import Samples
from crossalign.data.sources.pairs.files import read_pairs
from crossalign.data.sources.pairs.gzsl import BY_CLASS, gzsl_of_table
from crossalign.data.table import (
    MASK,
    RESERVED,
    Pairs,
    Table,
    pairs_of_table,
    test_part,
)
from crossalign.fingerprints import file_digest
from crossalign.names import written
from crossalign.reading import expanded
from crossalign.types import Benchmark

Array = npt.NDArray[Any]

SEVERAL = ("several classes a sample; what has one in common is relevant; training samples have "
           "seen classes only, queries and gallery an unseen one or more, and these alone count")
ZERO_SHOT = ("gzsl", "zsl")


def load_pairs(path: str | Path, task: str | None = None, *,
               modalities: Sequence[str] | None = None, seed: int = 0,
               attributes: str | Path | None = None,
               unseen: str | Path | Sequence[str] | None = None) -> Benchmark:
    """Load a benchmark of labelled rows: of two or more aligned views, or of classes with vectors.

    Parameters
    ----------
    path : str or Path
        File or folder: a folder of ``.npy`` files, or one ``.npz``, ``.mat``, ``.csv`` or ``.tsv``
        file. Arrays are modalities, beside ``labels`` and, if there, ``train`` or ``split``,
        ``class_names``, ``class_embeddings``, ``ids``; columns of a ``.csv`` are
        ``image_0, image_1, ..., text_0, ..., label[, split][, class]``.
    task : {"retrieval", "transfer", "gzsl", "zsl"}, optional
        Task; by default retrieval, or gzsl if there is one modality, or ``attributes``.
        ``"transfer"`` has the training part twice: unlabelled as ``pairs``, labelled as ``train``.
        ``"gzsl"`` and ``"zsl"`` are those of `gzsl_of_table`.
    modalities : strings, optional
        Names of the modalities, in order; the first is the query or source. Default all.
    seed : int
        Seed of the class splits and, without an official one, of the test part (a quarter per
        class); default 0.
    attributes : str or Path, optional
        File of class embeddings, for gzsl.
    unseen : str, Path or strings, optional
        Names of the unseen classes, for gzsl.

    Returns
    -------
    Benchmark
        Benchmark of the first class split; ``run(k)`` gives the others.

    Raises
    ------
    ValueError
        One sentence for whatever is wrong with the files.
    """
    path = expanded(path)
    table, files, one_based = read_pairs(path)
    return load_table(path, table, files, task, one_based=one_based, modalities=modalities,
                      seed=seed, attributes=attributes, unseen=unseen)


def load_table(path: Path, table: Table, files: list[Path], task: str | None = None, *,
               one_based: bool = False, modalities: Sequence[str] | None = None, seed: int = 0,
               attributes: str | Path | None = None,
               unseen: str | Path | Sequence[str] | None = None) -> Benchmark:
    """Make the benchmark of a table that was read from a path.

    Parameters
    ----------
    path : Path
        Place that was asked for, whose name is that of the benchmark.
    table : mapping of str to array
        Arrays of the data set, see `load_pairs`.
    files : paths
        Files that hold the table; pictures that it names lie in the folder of the first.
    one_based : bool
        Whether labels count from 1; default False.
    task, modalities, seed, attributes, unseen
        Options of `load_pairs`.

    Raises
    ------
    ValueError
        One sentence for whatever is wrong with the table.
    """
    if task not in (None, "retrieval", "transfer", *ZERO_SHOT):
        raise ValueError(f"task: got {task!r}; a file of arrays serves 'retrieval', 'transfer', "
                         "'gzsl' or 'zsl'.")
    table.update(with_named_files(table, files[0].parent))  # a table also knows what was not read
    refuse_unread(table, *(modalities or ()))
    name = written(path.resolve().name if path.is_dir() else path.stem)
    classwise: dict[str, Any] = {"attributes": attributes, "unseen": unseen}
    if task in ZERO_SHOT or (task is None and (any(v is not None for v in classwise.values())
                                               or _has_one_modality(table, modalities))):
        return gzsl_of_table(name, table, files, task=task, modalities=modalities,
                             one_based=one_based, seed=seed, **classwise)
    for argument, value in classwise.items():
        if value is not None:
            raise ValueError(f"{argument}: got {str(value)!r} for {task}, which does not take it; "
                             "choose the task gzsl, or give 'class_embeddings' in the file.")
    pairs = pairs_of_table(table, modalities=modalities, one_based=one_based, seed=seed)
    samples = Samples(name, pairs.views, pairs.names, pairs.embeddings,
                      _facts(pairs, files, seed) | unread_fact(table), seed)
    if task == "transfer":
        return transfer(samples, pairs.test)
    return pairs_retrieval(samples, pairs.test)


def _has_one_modality(table: Table, modalities: Sequence[str] | None) -> bool:
    """Return True if the samples of a table are seen in one way only, and it describes their
    classes.
    """
    if modalities is not None:
        return len(modalities) == 1
    rows = [name for name, values in table.items() if values.ndim > 1 and name not in (
        *RESERVED, *BY_CLASS) and not name.startswith(MASK)]
    return len(rows) == 1 and "class_embeddings" in table


def pairs_retrieval(samples: Samples, test: Array) -> Benchmark:
    """Make retrieval over random halves of the classes, with the test part, ``(n,)`` bool, as
    queries.
    """
    check_classes(len(samples.class_names), "labels")
    return Retrieval(samples, random_halves(samples), test, describe=_described).benchmark()


def _described(samples: Samples, cut: Cut) -> dict[str, Any]:
    """Return the facts of one cut: the gallery, and in validation the queries."""
    if not cut.validates:
        return {"gallery": "unseen classes of the training part"}
    return {"gallery": "unseen validation classes less the queries",
            "test_part": f"{QUERIES:.0%} per class, seed {samples.seed}"}


def _facts(pairs: Pairs, files: list[Path], seed: int) -> dict[str, Any]:
    width = pairs.embeddings.shape[1]
    return {
        "features": {"files": [f.name for f in files], "widths": pairs.views.widths,
                     "sha256": file_digest(*files)},
        "normalisation": "none (model's own)",
        "side_information": {"width": int(width)} if width else "none",
        "test_part": test_part(pairs, seed),
        **({"labels": SEVERAL} if pairs.labels.ndim == 2 else {}),
    }
