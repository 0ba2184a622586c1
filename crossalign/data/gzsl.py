"""Generalized zero-shot benchmarks out of rows and classes, whatever they were read from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.leaks import leak_record
from crossalign.data.splits import Rows, gzsl_validation, validation_rows
from crossalign.types import Benchmark, Classes, Views, split_id

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class GzslSource:
    """All rows and classes of a data set, from which benchmarks are cut.

    Attributes
    ----------
    name : str
    views : n labelled samples
    classes : Classes
    known : mapping
        Named ways to be wrong (`LEAKS`) that the files settle.
    """

    name: str
    views: Views
    classes: Classes
    known: Mapping[str, bool] = field(default_factory=dict)

    def benchmark(self, rows: Rows, facts: Mapping[str, Any],
                  validation: Callable[[], Benchmark] | None = None) -> Benchmark:
        """Splits ``train``, ``test_unseen`` and, for gzsl, ``test_seen`` of those rows."""
        splits = {split: self.views[index] for split, index in rows.items()}
        return Benchmark(self.name, _task_of(rows), splits, self.classes,
                         self.protocol(rows, facts, self.classes), validation)

    def restricted(self, rows: Rows, facts: Mapping[str, Any]) -> Benchmark:
        """The benchmark of validation rows: its classes alone, numbered from 0."""
        labels = self.views.truth
        kept = np.unique(np.concatenate([labels[index] for index in rows.values()]))
        classes = self.classes.take(kept, np.isin(kept, labels[rows["train"]]))
        splits = {split: self.views[index].with_labels(np.searchsorted(kept, labels[index]))
                  for split, index in rows.items()}
        own = {**facts, "split": f"validation rows of {self.name}"}
        return Benchmark(f"{self.name} (validation)", _task_of(rows), splits, classes,
                         self.protocol(rows, own, classes))

    def protocol(self, rows: Rows, facts: Mapping[str, Any], classes: Classes) -> dict[str, Any]:
        """What makes two numbers comparable."""
        settled = {"scaler_fit_on_all": False, "validation_holds_test_rows": False,
                   "duplicate_gallery_rows": False, "query_in_gallery": False,
                   "single_class_split": True}
        described = {"seen": int(classes.seen.sum()), "unseen": int(classes.unseen.sum())}
        held = np.unique(self.views.truth[np.concatenate(list(rows.values()))])
        if len(held) < len(classes):
            described["unseen_without_samples"] = len(classes) - len(held)
        return {
            "split_id": split_id(rows), **facts, "classes": described,
            "samples": {split: len(index) for split, index in rows.items()},
            "leaks": leak_record(**(settled | dict(self.known))),
        }


def _task_of(rows: Rows) -> str:
    return "gzsl" if "test_seen" in rows else "zsl"


def tuning_rows(labels: Array, train: Array, seen: Array, tuning: Rows, fraction: float,
                seed: int, *, seen_tested: bool = True) -> tuple[Rows | None, str]:
    """Validation rows within the training rows, and how they were chosen.

    Parameters
    ----------
    labels : (n,) classes of all rows
    train : rows that are trained on
    seen : bool
        Of the classes that have samples.
    tuning : mapping
        ``train_loc`` and ``val_loc``, both or neither; without them as large a share of the
        classes plays unseen as is unseen in the test.
    fraction : float
        Part of each remaining class that is held out as seen validation rows.
    seed : int
    seen_tested : bool
        False where the test has no samples of seen classes; then validation has none either.

    Returns
    -------
    rows : dict or None
        None where there are too few classes or samples to validate on.
    how : str
        How they were chosen, or why there are none.
    """
    if {"train_loc", "val_loc"} <= set(tuning):
        found = validation_rows(train, tuning["train_loc"], tuning["val_loc"], labels,
                                fraction, seed)
        how = "classes of val_loc unseen, {} of train_loc held out, both within trainval_loc"
    elif seen.sum() < 2:
        return None, "one seen class leaves none to play unseen in validation"
    else:
        wanted = min(max(1, round(seen.sum() * float((~seen).mean()))), int(seen.sum()) - 1)
        at = gzsl_validation(labels[train], n_unseen=wanted, fraction=fraction, seed=seed)
        found = {split: train[index] for split, index in at.items()}
        how = f"{wanted} seen classes drawn to play unseen, {{}} of the others held out"
    if not seen_tested:
        pool = np.union1d(found["train"], found["test_seen"])
        return {"train": pool, "test_unseen": found["test_unseen"]}, how.format("nothing")
    if not len(found["test_seen"]):
        return None, ("no class has two training samples, of which to hold one out for "
                      "validation")
    return found, how.format(f"{fraction:.0%} per class")
