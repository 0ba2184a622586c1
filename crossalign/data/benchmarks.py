"""Benchmarks cut from samples: the rows and classes that train, query, form the gallery and
validate.

Validation is made inside the training classes: some of them, at least two, play unseen, because
with one every item found would be right. A source whose splits are part of how its samples are
drawn gives them as `cuts.Drawn`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.cuts import Cut, made
from crossalign.data.samples import Samples
from crossalign.data.splits import Rows, class_splits, group_splits, hold_out
from crossalign.labels import classes_held, rarest
from crossalign.types import Benchmark

Array = npt.NDArray[Any]

QUERIES = 0.25
"""Share of each class that are queries in validation, if the source does not choose them."""
HELD_OUT = 0.25
"""Share of each class that is held out for the validation of a transfer, captions or answers."""
RUNS = 10
"""Number of fixed class splits, unless a source has others."""


@dataclass(frozen=True)
class Retrieval:
    """Samples and the way in which they are cut for retrieval.

    Parameters
    ----------
    samples : Samples
        All samples.
    seen : (K, C) bool
        Seen classes of each class split.
    is_query : (n,) bool
        True for samples that are queries if their class is unseen; the other samples of unseen
        classes form the gallery.
    is_validation_query : (n,) bool, optional
        The same in validation; default a quarter of each class.
    queries_train : bool
        Whether these samples train if their class is seen; default False.
    share : float, optional
        Share of the seen classes that plays unseen in validation; default half.
    unseen : str, optional
        Name of the one published choice of unseen classes; default None, several class splits.
    describe : callable, optional
        Function ``describe(samples, cut)`` that gives further facts of the protocol of a cut.
    """

    samples: Samples
    seen: Array
    is_query: Array
    is_validation_query: Array | None = None
    queries_train: bool = False
    share: float | None = None
    unseen: str | None = None
    describe: Callable[[Samples, Cut], Mapping[str, Any]] | None = None

    def benchmark(self, k: int = 0) -> Benchmark:
        """Return the benchmark of the k-th class split.

        Raises
        ------
        ValueError
            If no unseen class of some class split has a sample that asks.
        """
        everyone, seen = np.arange(len(self.samples.class_names)), self.seen[k]
        with_query = np.isin(everyone, classes_held(self.samples.labels[self.is_query]))
        silent = np.flatnonzero(~(with_query & ~self.seen).any(axis=1))
        if len(silent):
            raise ValueError(f"labels: no unseen class of the class split {silent[0]} has a test "
                             "sample; give more classes two samples or more, so that one can ask.")
        fixed = self.unseen is not None
        of = {"k": k, "of": len(self.seen), **({"unseen": self.unseen} if fixed
                                              else {"seed": self.samples.seed})}
        among = np.ones(len(self.samples.views), dtype=bool)
        cut = self._cut(among, everyone, seen, self.is_query, validates=False)
        inner = self._validation_cut(seen)
        none = {"no_validation": inner} if isinstance(inner, str) else {}
        bench = self._benchmark(cut, {"class_split": of, **none})
        return replace(
            bench, validation_split=None if isinstance(inner, str) else partial(self._validation,
                                                                                inner),
            validation_again=partial(self._validation_again, seen),
            resplit=None if fixed else self.benchmark,
            class_splits=None if fixed else len(self.seen))

    def _cut(self, among: Array, subset: Array, seen: Array, is_query: Array, *,
             validates: bool) -> Cut:
        """Cut the samples ``among``, (n,) bool, all of classes ``subset``."""
        of_seen = self.samples.only_of(self._mask(subset[seen]))
        trains = of_seen if self.queries_train else of_seen & ~is_query
        unseen = among & ~of_seen & self.samples.used
        rows = {"train": np.flatnonzero(among & trains), "query": np.flatnonzero(unseen & is_query),
                "gallery": np.flatnonzero(unseen & ~is_query)}
        return Cut(rows, subset, seen, validates, {})

    def _validation_cut(self, seen: Array) -> Cut | str:
        """Return the cut inside the training samples, or why there is none."""
        subset = np.flatnonzero(seen)
        inner = self._nested(subset)
        if isinstance(inner, str):
            return inner
        among = self.samples.only_of(seen)
        among = among if self.queries_train else among & ~self.is_query
        is_query = self.is_validation_query
        if is_query is None and self.queries_train:
            is_query = self.is_query
        elif is_query is None:
            apart = np.flatnonzero(among & ~self.samples.only_of(self._mask(subset[inner])))
            is_query = np.zeros(len(among), dtype=bool)
            is_query[apart] = hold_out(rarest(self.samples.labels[apart]), QUERIES,
                                       seed=self.samples.seed)
            if not is_query.any():
                return ("no class that would play unseen in validation has two training samples, "
                        "of which one could ask")
        return self._cut(among, subset, inner, is_query, validates=True)

    def _nested(self, subset: Array) -> Array | str:
        """Return True for the seen classes that stay seen in validation, (m,) bool, or why none
        can.
        """
        if self.samples.groups is not None:
            _, groups = np.unique(self.samples.groups[subset], return_inverse=True)
            if groups.max() == 0:
                return "the seen classes are of one group, and none of it could play unseen"
            seen: Array = group_splits(groups, 1, seed=self.samples.seed)[0]
            return seen
        n = len(subset)
        if n < 3:
            return f"{n} seen classes leave no two to play unseen in validation"
        n_unseen = n // 2 if self.share is None else round(self.share * n)
        n_unseen = min(max(2, n_unseen), n - 1)
        seen = class_splits(n, n - n_unseen, runs=1, seed=self.samples.seed)[0]
        return seen

    def _validation(self, cut: Cut) -> Benchmark:
        return self._benchmark(cut, {"class_split": {"k": 0, "of": 1, "seed": self.samples.seed}})

    def _validation_again(self, seen: Array, draw: int) -> Benchmark | None:
        """Return a further validation benchmark, of other classes."""
        drawn = replace(self, samples=replace(self.samples, seed=self.samples.seed + draw))
        cut = drawn._validation_cut(seen)
        return None if isinstance(cut, str) else drawn._validation(cut)

    def _benchmark(self, cut: Cut, facts: Mapping[str, Any]) -> Benchmark:
        more = {} if self.describe is None else self.describe(self.samples, cut)
        leaks = {"single_class_split": len(self.seen) == 1, **self.samples.leaks}
        return made(replace(self.samples, leaks=leaks), "retrieval",
                    cut._replace(facts={**facts, **more}))

    def _mask(self, classes: Array) -> Array:
        """Return the mask ``(C,)`` of the classes at these rows."""
        return np.isin(np.arange(len(self.samples.class_names)), classes)


def random_halves(samples: Samples, runs: int = RUNS) -> Array:
    """Return fixed class splits ``(runs, C)`` bool, True where a class is seen: random halves."""
    return class_splits(len(samples.class_names), runs=runs, seed=samples.seed)


def check_classes(n: int, argument: str, noun: str = "classes", item: str = "item") -> None:
    """Raise ValueError if there are fewer than four classes, two of them unseen."""
    if n < 4:
        raise ValueError(f"{argument}: {n} {noun}; retrieval needs four, two of them unseen, or "
                         f"every {item} found would be right.")


def gzsl(samples: Samples, rows: Rows, validation: Rows | None,
         facts: Mapping[str, Any]) -> Benchmark:
    """Make a zero-shot benchmark, generalized if seen classes are tested.

    It is for captions or answers if samples come with them.

    Parameters
    ----------
    samples : Samples
        All samples.
    rows : mapping
        Rows of ``train``, ``test_unseen`` and, for gzsl, ``test_seen``; for captions and answers
        those of one of the two tests are enough.
    validation : mapping or None
        The same inside the training rows; its classes alone are those of the validation benchmark.
    facts : mapping
        Facts of the protocol beside those of the samples.
    """
    everyone = np.arange(len(samples.class_names))
    bench = _zero_shot(samples, rows, everyone, facts, validates=False)
    if validation is None:
        return bench
    subset = np.unique(np.concatenate([samples.labels[index] for index in validation.values()]))
    inner = {**facts, "split": f"validation rows of {samples.name}"}
    return replace(bench, validation_split=partial(_zero_shot, samples, validation, subset, inner,
                                                   validates=True))


def _zero_shot(samples: Samples, rows: Rows, subset: Array, facts: Mapping[str, Any], *,
               validates: bool) -> Benchmark:
    seen = np.isin(subset, samples.labels[rows["train"]])
    task = "gzsl" if "test_seen" in rows else "zsl"
    return made(samples, task if samples.said is None else samples.said.task,
                Cut(rows, subset, seen, validates, facts))


def held_out_pictures(samples: Samples, chosen: tuple[Array, str] | None = None) -> Benchmark:
    """Make a benchmark for captions or answers, of samples without classes of their own.

    Parameters
    ----------
    samples : Samples
        All samples, of one class, with captions or questions.
    chosen : ((n,) bool, str), optional
        Samples that are tested, and a description of the choice; by default a quarter is drawn.

    Raises
    ------
    ValueError
        If one side would be empty.
    """
    test, how = chosen or (hold_out(samples.labels, HELD_OUT, seed=samples.seed),
                           f"{HELD_OUT:.0%} of the pictures held out, seed {samples.seed}")
    train, tested = np.flatnonzero(~test), np.flatnonzero(test)
    if not (len(train) and len(tested)):
        raise ValueError(f"split: {len(train)} pictures train and {len(tested)} are tested; give "
                         "both sides one or more.")
    inner = hold_out(samples.labels[train], HELD_OUT, seed=samples.seed)
    validation = {"train": train[~inner], "test_seen": train[inner]}
    if not inner.any():
        return gzsl(samples, {"train": train, "test_seen": tested}, None,
                    {"split": how, "no_validation": "there is one training picture"})
    return gzsl(samples, {"train": train, "test_seen": tested}, validation, {
        "split": how,
        "validation": f"{HELD_OUT:.0%} of the training pictures, seed {samples.seed}"})


def transfer(samples: Samples, test: Array) -> Benchmark:
    """Make a transfer: unlabelled pairs, the labelled training part, and the test part, ``(n,)``
    bool.

    Raises
    ------
    ValueError
        If the samples have several labels each.
    """
    if samples.labels.ndim == 2:
        raise ValueError("labels: mark several classes a sample; transfer takes one label per "
                         "sample, and retrieval several.")
    train, test = np.flatnonzero(~test), np.flatnonzero(test)
    held = hold_out(samples.labels[train], HELD_OUT, seed=samples.seed)
    if not held.any():
        return _transferred(samples, train, test, {"no_validation": (
            "no class has two training samples, of which to hold one out for validation")})
    return replace(_transferred(samples, train, test, {}), validation_split=partial(
        _transferred, samples, train[~held], train[held], {}, validates=True))


def _transferred(samples: Samples, train: Array, test: Array, facts: Mapping[str, Any], *,
                 validates: bool = False) -> Benchmark:
    """Make the transfer from ``train`` rows to ``test`` rows; every class is seen."""
    everyone = np.arange(len(samples.class_names))
    return made(samples, "transfer", Cut({"pairs": train, "train": train, "test": test}, everyone,
                                         np.ones(len(everyone), dtype=bool), validates, facts))
