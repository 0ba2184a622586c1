"""Recognition over class splits: the cut of samples whose classes nobody has divided for good."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.benchmarks import RUNS, gzsl
from crossalign.data.noted import NOTED, noted_fact
from crossalign.data.samples import Samples
from crossalign.data.splits import Rows, class_splits, group_splits, hold_out, tuning_rows
from crossalign.data.splits.rows import HELD_OUT
from crossalign.labels import classes_held
from crossalign.types import Benchmark

Array = npt.NDArray[Any]

UNSEEN = 0.25
"""Share of the classes with samples that are unseen, unless they are given; two at least."""

GROUPS_UNSEEN = "whole groups of seen classes play unseen, {} of the others held out"


@dataclass(frozen=True)
class Recognition:
    """Samples of one label each, and the way in which they are cut for zero-shot recognition.

    Classes without samples are candidates: unseen, and possible answers for every sample. Where the
    samples have groups of classes, whole groups are unseen, about half of the classes.

    Parameters
    ----------
    samples : Samples
        All samples.
    unseen : (C,) bool, optional
        Unseen classes; by default a quarter of those with samples, over ten fixed class splits.
    called : str
        Name of the choice of unseen classes; default none.
    seen_tested : bool
        Whether a fifth of every seen class is held out to test, which makes gzsl; default True. If
        not, all of them train, which makes zsl.
    """

    samples: Samples
    unseen: Array | None = None
    called: str = ""
    seen_tested: bool = True

    def benchmark(self, k: int = 0) -> Benchmark:
        """Return the benchmark of the k-th class split, or of the classes given.

        Raises
        ------
        ValueError
            If fewer than three classes have samples, no class with samples would be seen or unseen,
            or every seen class has one sample where they are tested.
        """
        fixed = self.unseen is not None
        with_samples = classes_held(self.samples.labels[self.samples.used])
        seen = self._seen(with_samples, k)
        rows, single = self._rows(seen)
        facts = self._facts(k, with_samples, single)
        validation, origin = self._tuning(rows["train"], seen[with_samples], 0)
        facts |= ({"no_validation": origin} if validation is None
                  else {"validation": f"{origin}; seed {self.samples.seed}"})
        samples = replace(self.samples, leaks={"single_class_split": fixed, **self.samples.leaks})
        return replace(gzsl(samples, rows, validation, facts),
                       validation_again=partial(self._again, samples, rows, seen[with_samples]),
                       resplit=None if fixed else self.benchmark,
                       class_splits=None if fixed else len(self._divisions(with_samples)))

    def _tuning(self, train: Array, seen: Array, draw: int) -> tuple[Rows | None, str]:
        """Choose validation rows within the training rows, in one of several draws."""
        seed = self.samples.seed + draw
        tuning: Rows = {}
        if self.samples.groups is not None:
            classes = np.unique(self.samples.labels[train])
            try:
                apart = self._groups_apart(self.samples.groups[classes], 1, seed)[0]
            except ValueError:
                return None, "the seen classes are of one group, and none of it could play unseen"
            tuning = {"train_loc": train[np.isin(self.samples.labels[train], classes[apart])],
                      "val_loc": train[np.isin(self.samples.labels[train], classes[~apart])]}
        return tuning_rows(self.samples.labels, train, seen, tuning, seed,
                           seen_tested=self.seen_tested, told=GROUPS_UNSEEN)

    def _divisions(self, with_samples: Array) -> Array:
        """Return True where a class is seen in a class split, ``(runs, m)`` bool; few groups have
        fewer.
        """
        if self.samples.groups is not None:
            return self._groups_apart(self.samples.groups[with_samples], RUNS, self.samples.seed)
        n = len(with_samples)
        return class_splits(n, n - max(2, round(UNSEEN * n)), RUNS, seed=self.samples.seed)

    @staticmethod
    def _groups_apart(groups: Array, runs: int, seed: int) -> Array:
        return group_splits(np.unique(groups, return_inverse=True)[1], runs, seed=seed)

    def _again(self, samples: Samples, rows: Rows, seen: Array, draw: int) -> Benchmark | None:
        """Return a further validation benchmark."""
        validation, origin = self._tuning(rows["train"], seen, draw)
        facts = {"validation": f"{origin}; seed {samples.seed + draw}"}
        return gzsl(samples, rows, validation, facts).validation()

    def _seen(self, with_samples: Array, k: int) -> Array:
        """Return True for the classes that train, (C,) bool."""
        n = len(with_samples)
        seen = np.zeros(len(self.samples.class_names), dtype=bool)
        if self.unseen is not None:
            seen[with_samples] = ~self.unseen[with_samples]
            if seen.any() and self.unseen[with_samples].any():
                return seen
            lacking = "unseen" if seen.any() else "seen"
            raise ValueError(f"unseen: {self.called!r} leaves no {lacking} class with samples, of "
                             f"{n}; name other classes.")
        if n < 3:
            raise ValueError(f"classes: {n} have samples; zero-shot recognition needs three, two "
                             "of them unseen, or every answer would be right.")
        seen[with_samples] = self._divisions(with_samples)[k]
        return seen

    def _rows(self, seen: Array) -> tuple[Rows, list[str]]:
        """Return the rows of every split, and the seen classes that no sample tests."""
        labels = self.samples.labels
        of_seen = np.flatnonzero(self.samples.used & seen[labels])
        rows = {"test_unseen": np.flatnonzero(self.samples.used & ~seen[labels])}
        if not self.seen_tested:
            return {"train": of_seen, **rows}, []
        held = hold_out(labels[of_seen], HELD_OUT, seed=self.samples.seed)
        if not held.any():
            raise ValueError("classes: no seen class has two samples, of which one could test it; "
                             "give more, or choose the task zsl.")
        single = np.setdiff1d(np.flatnonzero(seen), labels[of_seen[held]])
        return ({"train": of_seen[~held], "test_seen": of_seen[held], **rows},
                [self.samples.class_names[c] for c in single])

    def _facts(self, k: int, with_samples: Array, single: list[str]) -> dict[str, Any]:
        """Return facts of the split, and what is noted of it beside what is noted of the
        samples.
        """
        seed = self.samples.seed
        of: Mapping[str, Any] = {"unseen": self.called} if self.unseen is not None else {
            "k": k, "of": len(self._divisions(with_samples)), "seed": seed}
        held = f"{HELD_OUT:.0%} of each seen class held out, seed {seed}"
        notes = noted_fact({"seen_classes_of_one_sample_not_tested": single})
        both = {**self.samples.facts.get(NOTED, {}), **notes.get(NOTED, {})}
        return {"class_split": of, "split": held if self.seen_tested else
                "all samples of seen classes train", **({NOTED: both} if both else {})}
