"""Benchmarks out of aligned pairs: zero-shot retrieval over fixed class splits, and transfer.

Retrieval: train on the seen-class pairs of the training part, ask with unseen-class items of the
test part, search among unseen-class items of the *training* part. Ten fixed splits of the classes
into halves; a number is the mean over them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.declaration import declared, equal_digests, equal_rows
from crossalign.data.formats.matlab import refuse_unread, unread_fact
from crossalign.data.sources.pairs.files import read_pairs
from crossalign.data.sources.pairs.gzsl import BY_CLASS, gzsl_of_table
from crossalign.data.splits import Rows, class_splits, hold_out
from crossalign.data.table import (
    MASK,
    RESERVED,
    TEST_FRACTION,
    Pairs,
    Table,
    pairs_of_table,
    test_part,
)
from crossalign.fingerprints import file_digest
from crossalign.labels import classes_held, rarest
from crossalign.names import written
from crossalign.reading import expanded
from crossalign.types import Benchmark, Classes, Views

Array = npt.NDArray[Any]

RUNS = 10
VALIDATION_QUERIES = 0.25
SEVERAL = ("several classes a sample; what has one in common is relevant; training samples have "
           "seen classes only, queries and gallery an unseen one or more, and these alone count")
ZERO_SHOT = ("gzsl", "zsl")


def load_pairs(path: str | Path, task: str | None = None, *,
               modalities: Sequence[str] | None = None, seed: int = 0,
               attributes: str | Path | None = None,
               unseen: str | Path | Sequence[str] | None = None) -> Benchmark:
    """Benchmark out of labelled rows: of two or more aligned views, or of classes with vectors.

    Parameters
    ----------
    path : str or Path
        The Wikipedia folder (``raw_features.mat`` and its lists); a folder of ``.npy`` files; or
        one ``.npz``, ``.mat``, ``.csv`` or ``.tsv`` file. Arrays are modalities, beside ``labels``
        and, if there, ``train`` or ``split``, ``class_names``, ``class_embeddings``, ``ids``;
        columns of a ``.csv`` are ``image_0, image_1, ..., text_0, ..., label[, split][, class]``.
    task : {"retrieval", "transfer", "gzsl", "zsl"}, optional
        ``transfer`` has the training part twice: unlabelled as ``pairs``, labelled as ``train``.
        ``gzsl`` and ``zsl`` are of `gzsl_table.gzsl_of_table`. By default retrieval, or gzsl where
        there is one modality, or ``attributes``.
    modalities : strings, optional
        Which, in which order; the first is the query or source.
    seed : int
        Of the class splits and, without an official one, of the test part (a quarter per class).
    attributes : str or Path, optional
        A file of class embeddings, for gzsl.
    unseen : str, Path or strings, optional
        Names of the unseen classes, for gzsl.

    Returns
    -------
    Benchmark
        Of the first class split; ``run(k)`` gives the others.

    Raises
    ------
    ValueError
        One sentence for whatever is wrong with the files.
    """
    if task not in (None, "retrieval", "transfer", *ZERO_SHOT):
        raise ValueError(f"task: got {task!r}; a file of arrays serves 'retrieval', 'transfer', "
                         "'gzsl' or 'zsl'.")
    path = expanded(path)
    table, files, one_based = read_pairs(path)
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
    source = _Source(name, pairs, _facts(pairs, files, seed) | unread_fact(table), seed)
    return source.transfer() if task == "transfer" else source.retrieval(0)


def _has_one_modality(table: Table, modalities: Sequence[str] | None) -> bool:
    """Whether a table is of samples seen one way only, and says something of their classes."""
    if modalities is not None:
        return len(modalities) == 1
    rows = [name for name, values in table.items() if values.ndim > 1 and name not in (
        *RESERVED, *BY_CLASS) and not name.startswith(MASK)]
    return len(rows) == 1 and "class_embeddings" in table


def pairs_benchmark(name: str, pairs: Pairs, facts: dict[str, Any], *, seed: int,
                    digests: Mapping[str, Array] | None = None,
                    known: Mapping[str, bool] | None = None) -> Benchmark:
    """Retrieval over pairs that were read elsewhere; see `load_pairs`.

    Parameters
    ----------
    name : str
    pairs : Pairs
    facts : mapping
        Of the protocol.
    seed : int
    digests : mapping of modality to (n,) uint64, optional
        Equal where two rows are, and those of the first modality where two samples are; by default
        the rows themselves are compared, unless they are on disk.
    known : mapping, optional
        Named ways to be wrong (`LEAKS`) that are settled.
    """
    return _Source(name, pairs, facts, seed, digests, known or {}).retrieval(0)


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


@dataclass(frozen=True)
class _Source:
    """All pairs of a file, from which benchmarks are cut."""

    name: str
    pairs: Pairs
    facts: dict[str, Any]
    seed: int
    digests: Mapping[str, Array] | None = None
    known: Mapping[str, bool] = field(default_factory=dict)

    def retrieval(self, k: int) -> Benchmark:
        """The k-th fixed class split."""
        if not 0 <= k < RUNS:
            raise ValueError(f"k: got {k}; there are {RUNS} fixed class splits, 0 to {RUNS - 1}.")
        if len(self.pairs.names) < 4:
            raise ValueError(f"labels: {len(self.pairs.names)} classes; retrieval needs four, two "
                             "of them unseen, or every item found would be right.")
        test = self.pairs.test
        divisions = class_splits(len(self.pairs.names), runs=RUNS, seed=self.seed)
        tested = np.isin(np.arange(len(self.pairs.names)), classes_held(self.pairs.labels[test]))
        silent = np.flatnonzero(~(tested & ~divisions).any(axis=1))
        if len(silent):
            raise ValueError(f"labels: no unseen class of the class split {silent[0]} has a test "
                             "sample; give more classes two samples or more, so that one can ask.")
        seen = divisions[k]
        of_seen = self.only_of(seen)
        rows = {"train": np.flatnonzero(~test & of_seen),
                "query": np.flatnonzero(test & ~of_seen),
                "gallery": np.flatnonzero(~test & ~of_seen)}
        classes = Classes(self.pairs.embeddings, seen, self.pairs.names)
        facts = {**self.facts, "class_split": {"k": k, "of": RUNS, "seed": self.seed},
                 "gallery": "unseen classes of the training part"}
        parts = self.validation_rows(rows["train"], seen)
        validate = None
        if isinstance(parts, str):
            facts["no_validation"] = parts
        else:
            validate = partial(self.validation, parts, seen)
        splits = {split: self.part(index, np.arange(len(seen)), seen, split)
                  for split, index in rows.items()}
        return Benchmark(self.name, "retrieval", splits, classes,
                         self.protocol(rows, facts, classes), validate, self.retrieval)

    def only_of(self, classes: Array) -> Array:
        """(n,) bool, samples of no class but these, ``(C,)`` bool."""
        labels = self.pairs.labels
        return np.asarray(classes[labels] if labels.ndim == 1
                          else ~labels[:, ~classes].any(axis=1))

    def part(self, rows: Array, kept: Array, seen: Array, split: str) -> Views:
        """Samples whose classes are numbered among the ``kept``.

        Of several classes a sample, those that ask and are found have their unseen ones alone.
        """
        views, labels = self.pairs.views[rows], self.pairs.labels[rows]
        if labels.ndim == 1:
            return views.with_labels(np.searchsorted(kept, labels))
        wanted = seen if split == "train" else ~seen
        return views.with_labels((labels & wanted)[:, kept])

    def validation_rows(self, train: Array, seen: Array) -> Rows | str:
        """Rows of validation inside the training rows, or why there are none.

        Half the seen classes play unseen, at least two of them, since with one every item found
        would be right.
        """
        kept = np.flatnonzero(seen)
        if len(kept) < 3:
            return f"{len(kept)} seen classes leave no two to play unseen in validation"
        known = np.isin(np.arange(len(seen)), kept[self.known_classes(len(kept))])
        of_known = self.only_of(known)[train]
        apart = train[~of_known]
        asks = hold_out(rarest(self.pairs.labels[apart]), VALIDATION_QUERIES, seed=self.seed)
        if not asks.any():
            return ("no class that would play unseen in validation has two training samples, of "
                    "which one could ask")
        return {"train": train[of_known], "query": apart[asks], "gallery": apart[~asks]}

    def known_classes(self, n: int) -> Array:
        """(n,) bool, which of n seen classes stay seen in validation."""
        seen: Array = class_splits(n, min((n + 1) // 2, n - 2), runs=1, seed=self.seed)[0]
        return seen

    def validation(self, rows: Rows, seen: Array) -> Benchmark:
        """The retrieval benchmark of validation rows; its classes are numbered among the seen."""
        kept = np.flatnonzero(seen)
        known = np.isin(np.arange(len(seen)), kept[self.known_classes(len(kept))])
        splits = {split: self.part(index, kept, known, split) for split, index in rows.items()}
        classes = Classes(self.pairs.embeddings, seen, self.pairs.names).take(
            kept, self.known_classes(len(kept)))
        facts = {**self.facts, "gallery": "unseen validation classes less the queries",
                 "test_part": f"{VALIDATION_QUERIES:.0%} per class, seed {self.seed}"}
        return Benchmark(f"{self.name} (validation)", "retrieval", splits, classes,
                         self.protocol(rows, facts, classes))

    def transfer(self) -> Benchmark:
        """Unlabelled pairs, the labelled training part, and the test part."""
        if self.pairs.labels.ndim == 2:
            raise ValueError("labels: mark several classes a sample; transfer takes one label per "
                             "sample, and retrieval several.")
        train, test = np.flatnonzero(~self.pairs.test), np.flatnonzero(self.pairs.test)
        held = hold_out(self.pairs.labels[train], TEST_FRACTION, seed=self.seed)
        if not held.any():
            return self.transferred(self.name, train, test, no_validation=(
                "no class has two training samples, of which to hold one out for validation"))
        return self.transferred(self.name, train, test, lambda: self.transferred(
            f"{self.name} (validation)", train[~held], train[held]))

    def transferred(self, name: str, train: Array, test: Array, validate: Any = None,
                    **more: str) -> Benchmark:
        """Transfer from ``train`` rows to ``test`` rows; every class is seen."""
        views, rows = self.pairs.views, {"pairs": train, "train": train, "test": test}
        classes = Classes(self.pairs.embeddings, np.ones(len(self.pairs.names), bool),
                          self.pairs.names)
        splits = {split: views[index] for split, index in rows.items()}
        splits["pairs"] = splits["pairs"].with_labels(None)
        facts = {**self.facts, "source": views.modalities[0], "target": views.modalities[1],
                 **more}
        return Benchmark(name, "transfer", splits, classes,
                         self.protocol(rows, facts, classes), validate)

    def protocol(self, rows: dict[str, Array], facts: dict[str, Any],
                 classes: Classes) -> dict[str, Any]:
        """What makes two numbers comparable."""
        views, known = self.pairs.views, {}
        on_disk = any(views.on_disk(m) for m in views.modalities)  # too large
        if "gallery" not in rows or not len(rows["query"]) or not len(rows["gallery"]):
            pass
        elif self.digests is not None:
            samples = next(iter(self.digests.values()))
            known = equal_digests(samples[rows["query"]], samples[rows["gallery"]],
                                  [of[rows["gallery"]] for of in self.digests.values()])
        elif not on_disk:
            known = equal_rows(views[rows["query"]], views[rows["gallery"]])
        return declared(rows, facts, classes, **(dict(self.known) | known))
