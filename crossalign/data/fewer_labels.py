"""Fewer labelled rows: the supervision of a benchmark for recognition.

Of the training rows of seen classes some keep their label, and the others, without one, stand in a
split of their own, ``"unlabelled"``, which no model is fitted on. Rows are drawn by the seed of the
run, class after class in turn, so that of 200 labelled rows 50 are those that a draw of 50 gives,
and classes are as even as their rows allow.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from crossalign.data.splits.rows import random_keys
from crossalign.types import Benchmark
from crossalign.types.benchmark import SUPERVISION

if TYPE_CHECKING:
    from crossalign.data.supervision import Supervision

Array = npt.NDArray[Any]

TASKS = ("gzsl", "zsl")
"""Tasks whose benchmarks may have fewer labelled rows."""
LABELLED, MISLABELLED, TAKEN_FOR = 1003, 1004, 1005
"""Streams of the draws of labelled rows, of those whose label is wrong, and of the classes that
they are taken for, apart from those of splits.
"""


def check_labelled(bench: Benchmark, supervision: Supervision) -> None:
    """Raise ValueError if so many rows cannot be labelled in a benchmark for recognition."""
    if supervision.labels != "both":
        raise ValueError(f"labels: got {supervision.labels!r}, and {bench.task} learns from labels "
                         "of rows; give their number as pairs, and leave labels out.")
    if supervision.pairs == 0:
        raise ValueError(f"pairs: got 0, and {bench.task} learns from labelled rows; give a number "
                         "from 1.")


def with_fewer_labels(bench: Benchmark, supervision: Supervision, seed: int) -> Benchmark:
    """Return a benchmark for recognition whose training part has fewer labelled rows.

    Parameters
    ----------
    bench : Benchmark
        Benchmark for recognition.
    supervision : Supervision
        ``pairs`` is the number of labelled rows, all if there are fewer; ``unpaired`` the number of
        the others that stay; ``wrong`` the share of labels that are of another class.
    seed : int
        Seed of the draws.
    """
    train = bench["train"]
    order = in_turn(train.truth, seed)
    count = len(order) if supervision.pairs is None else supervision.pairs
    labelled, others = np.sort(order[:count]), order[count:][:supervision.unpaired]
    labels = train.truth.copy()
    wrong = order[:count][np.argsort(random_keys(len(train), seed, MISLABELLED)[order[:count]])]
    wrong = wrong[:round(supervision.wrong * len(labelled))]
    labels[wrong] = of_another_class(labels[wrong], labels[labelled], seed)
    splits = {**bench.splits, "train": train.with_labels(labels).take(labelled)}
    if len(others):
        splits["unlabelled"] = train.with_labels(None).take(np.sort(others))
    facts = {"labelled": len(labelled), "unlabelled": len(others), "wrong_labels": len(wrong)}
    protocol = {**bench.protocol, SUPERVISION: facts}
    if "samples" in protocol:
        protocol["samples"] = {**protocol["samples"], "train": len(labelled)}
    return replace(bench, splits=splits, protocol=protocol)


def in_turn(labels: Array, seed: int) -> Array:
    """Return rows ``(n,)`` in random order, one of every class, then a second one, and so on."""
    order = np.argsort(random_keys(len(labels), seed, LABELLED), kind="stable")
    by_class = order[np.argsort(labels[order], kind="stable")]
    places = np.arange(len(labels)) - np.searchsorted(labels[by_class], labels[by_class])
    place = np.empty(len(labels), dtype=int)
    place[by_class] = places
    return np.asarray(order[np.argsort(place[order], kind="stable")])


def of_another_class(labels: Array, among: Array, seed: int) -> Array:
    """Return for every label ``(n,)`` one of the other classes that occur ``among`` labels.

    Raises
    ------
    ValueError
        If there is no other class.
    """
    if not len(labels):
        return labels
    held = np.unique(among)
    if len(held) < 2:
        raise ValueError("wrong: the labelled rows are of one class, and a wrong label is of "
                         "another; give more pairs, or 0.")
    steps = 1 + random_keys(len(labels), seed, TAKEN_FOR) % np.uint64(len(held) - 1)
    return np.asarray(held[(np.searchsorted(held, labels) + steps.astype(int)) % len(held)])
