"""Benchmarks: named splits of samples, and the check that none of them leaks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from crossalign.labels import check_class_rows, classes_held, has_class
from crossalign.sentences import nearest
from crossalign.types.captions import Captions
from crossalign.types.classes import Classes
from crossalign.types.encoders import Encoder
from crossalign.types.questions import Questions
from crossalign.types.views import Views

SUPERVISION = "supervision"
"""Entry of a protocol about training rows that are less than all pairs with all labels."""


@dataclass(frozen=True)
class Benchmark:
    """Splits of samples, their classes, and the protocol that makes two numbers comparable.

    Parameters
    ----------
    name : str
        Name that the user typed, or the folder's name.
    task : {"gzsl", "zsl", "retrieval", "transfer", "caption", "vqa"}
        Purpose of the benchmark. ``gzsl`` has splits ``train``, ``test_seen``, ``test_unseen``;
        ``zsl`` has those without ``test_seen``, and its score, T1, is one of ``gzsl`` too;
        ``retrieval`` has ``train``, ``query``, ``gallery``; ``transfer`` has ``pairs``
        (unlabelled), ``train`` (labelled source), ``test``; ``caption`` and ``vqa`` have ``train``
        and ``test_seen``, ``test_unseen`` or both.
    splits : mapping of split name to Views
        Samples of each split.
    classes : Classes
        Classes of all splits.
    protocol : mapping
        JSON-able facts that make numbers comparable: split id, feature source, normalisation, side
        information.
    validation_split : callable, optional
        Function that makes the benchmark on which hyper-parameters and gamma are chosen; it never
        touches test rows or test classes.
    validation_again : callable, optional
        Function ``validation_again(k)`` to a further validation benchmark, k from 1 on, for which
        classes were drawn anew within the training classes, or None if that cannot be; by default
        there is the one alone.
    resplit : callable, optional
        Function ``resplit(k)`` to the k-th fixed class split; None for a benchmark with one
        official split.
    class_splits : int, optional
        Number of fixed class splits that ``resplit`` has; by default it takes any ``k``.
    said : Captions or Questions, optional
        Captions of the samples, which ``caption`` needs, or questions about them, which ``vqa``
        needs: ``said.of(bench["train"])`` are those of a split.
    pools : mapping of modality to pooling
        Poolings that made vectors of token rows, each a name or a fitted function, see
        `preprocessing.pooling`; default none.
    encoders : mapping of modality to Encoder
        Open encoders of pictures that made the rows, where they are at hand, so that a picture that
        was changed can be read as well; default none.
    """

    name: str
    task: str
    splits: Mapping[str, Views]
    classes: Classes
    protocol: Mapping[str, Any] = field(default_factory=dict)
    validation_split: Callable[[], Benchmark] | None = None
    resplit: Callable[[int], Benchmark] | None = None
    class_splits: int | None = None
    validation_again: Callable[[int], Benchmark | None] | None = None
    said: Captions | Questions | None = None
    pools: Mapping[str, Any] = field(default_factory=dict)
    encoders: Mapping[str, Encoder] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.task not in TASK_SPLITS:
            raise ValueError(f"task: got {self.task!r}; {nearest(self.task, TASK_SPLITS)}")
        missing = [s for s in TASK_SPLITS[self.task] if s not in self.splits]
        either = self.task in SAID and "train" in self.splits and len(missing) == 1
        if missing and not either:
            raise ValueError(f"splits: {self.task} needs {list(TASK_SPLITS[self.task])}; "
                             f"missing {missing}.")
        for split, views in self.splits.items():
            if len(views) == 0:
                raise ValueError(f"splits[{split!r}]: holds no sample; check the split file.")
            if views.labels is not None:
                labels = views.labels
                if split == "train" and SUPERVISION in self.protocol:
                    labels = labels[has_class(labels)]
                check_class_rows(labels, len(self.classes), f"splits[{split!r}]: labels")
        check_splits(self)
        check_said(self)

    def __repr__(self) -> str:
        splits = ", ".join(f"{split}={views!r}" for split, views in self.splits.items())
        said = "" if self.said is None else f", said={self.said!r}"
        return f"Benchmark({self.name!r}, {self.task!r}, {splits}, classes={self.classes!r}{said})"

    def __getitem__(self, split: str) -> Views:
        return self.splits[split]

    @property
    def modalities(self) -> tuple[str, ...]:
        """Names of the modalities, in order; by convention the first is the source or query."""
        return self.splits["train"].modalities

    def validation(self, k: int = 0) -> Benchmark | None:
        """Return the leak-free validation benchmark, or None if the data has none.

        From ``k`` = 1 on it is a further one, with other classes drawn within the training classes,
        or None where they are given for good.
        """
        if k:
            return None if self.validation_again is None else self.validation_again(k)
        return None if self.validation_split is None else self.validation_split()

    def run(self, k: int) -> Benchmark:
        """Return the benchmark of run ``k``: the k-th class split, or this one if it is fixed.

        Raises
        ------
        ValueError
            If there is no such class split.
        """
        if self.resplit is None:
            return self
        reason = self.lacks(k)
        if reason is not None:
            raise ValueError(f"k: got {k}; {reason}.")
        return self.resplit(k)

    def lacks(self, k: int) -> str | None:
        """Return why there is no run ``k``, or None where there is."""
        n = self.class_splits
        if self.resplit is None or n is None or 0 <= k < n:
            return None
        return f"there are {n} fixed class splits, 0 to {n - 1}"

    def map(self, change: Callable[[Benchmark], Benchmark]) -> Benchmark:
        """Return what ``change`` makes of this benchmark, of every run and of validation.

        The result pickles where the benchmark and ``change`` do.

        Parameters
        ----------
        change : callable
            From a benchmark to one with other splits, protocol or name.
        """
        validate, again, further = self.validation_split, self.resplit, self.validation_again
        return replace(
            change(self),
            validation_split=None if validate is None else partial(_changed, validate, change),
            validation_again=None if further is None else partial(_changed, further, change),
            resplit=None if again is None else partial(_changed, again, change))

    def with_name(self, name: str) -> Benchmark:
        """Return the same benchmark under another name, on every run."""
        return self.map(partial(_renamed, self.name, name))


def _changed(maker: Callable[..., Any], change: Callable[[Benchmark], Benchmark],
             *run: int) -> Any:
    """Return what a maker makes, changed on all of its own runs too; None if it makes none."""
    made = maker(*run)
    return None if made is None else made.map(change)


def _renamed(old: str, new: str, bench: Benchmark) -> Benchmark:
    """Return a benchmark with ``new`` in the place of ``old`` in its name."""
    return replace(bench, name=bench.name.replace(old, new) if old in bench.name else new)


TASK_SPLITS: dict[str, dict[str, bool | None]] = {
    "gzsl": {"train": True, "test_seen": True, "test_unseen": False},
    "zsl": {"train": True, "test_unseen": False},
    "retrieval": {"train": True, "query": False, "gallery": False},
    "transfer": {"pairs": None, "train": None, "test": None},
    "caption": {"train": True, "test_seen": True, "test_unseen": False},
    "vqa": {"train": True, "test_seen": True, "test_unseen": False},
}
"""Splits of each task: of seen classes only (True), of unseen ones only (False), of any (None)."""

SAID: dict[str, type[Captions] | type[Questions]] = {of.task: of for of in (Captions, Questions)}
"""Tasks about what is said of samples, by what they need; one of their two tests is enough."""


def check_splits(bench: Benchmark) -> None:
    """Raise ValueError if a zero-shot split leaks.

    Training rows must be of seen classes, unseen test rows of unseen classes, and no sample may
    stand in two splits (compared by ``ids``). Training rows may lack labels where the protocol
    states their supervision.
    """
    seen = bench.classes.seen
    wants = {split: seen_only for split, seen_only in TASK_SPLITS[bench.task].items()
             if seen_only is not None and split in bench.splits}
    for split, is_seen in wants.items():
        labels = bench.splits[split].labels
        if labels is None and split == "train" and SUPERVISION in bench.protocol:
            continue
        if labels is None:
            raise ValueError(f"splits[{split!r}]: unlabelled; {bench.task} needs labels.")
        held = classes_held(labels)
        wrong = held[seen[held] != is_seen]
        if len(wrong):
            raise ValueError(
                f"splits[{split!r}]: holds the {'unseen' if is_seen else 'seen'} class "
                f"{bench.classes.names[wrong[0]]!r}; it may hold {'seen' if is_seen else 'unseen'} "
                "classes only.")
    names = list(wants)
    for i, first in enumerate(names):
        for second in names[i + 1:]:
            both = np.intersect1d(bench.splits[first].ids, bench.splits[second].ids)
            if len(both):
                raise ValueError(f"splits: {len(both)} samples stand in both {first!r} and "
                                 f"{second!r}, for example {both[0]!r}; make them disjoint.")


def check_said(bench: Benchmark) -> None:
    """Raise ValueError where a task lacks captions or questions, of some split or altogether."""
    wanted = SAID.get(bench.task)
    if wanted is None:
        return
    if not isinstance(bench.said, wanted):
        raise ValueError(f"said: got {type(bench.said).__name__} for {bench.task}; give "
                         f"{wanted.__name__}.")
    for split, views in bench.splits.items():
        if len(bench.said.of(views)) == 0:
            raise ValueError(f"splits[{split!r}]: no question is about its samples alone; give "
                             "some.")
