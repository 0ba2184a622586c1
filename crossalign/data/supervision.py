"""Supervision: how many training pairs a benchmark gives, how many rows alone, and which labels.

The samples, the classes and the test part stay what they are, and so does the split id. Of the
training samples some are pairs, and each of the others is seen through one modality. Validation is
under the same supervision. The protocol states it, so that reports under different supervision do
not compare.

For retrieval that is about pairs; for recognition, which knows of none, about labelled rows, see
`data.fewer_labels`.

Draws depend on the seed of the run and on nothing else: of 50 pairs, 20 are those that a draw of 20
gives, and a sample that is no pair shows the same modality whatever the number of pairs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from crossalign.data.fewer_labels import TASKS, check_labelled, with_fewer_labels
from crossalign.data.splits.rows import random_keys
from crossalign.labels import NO_CLASS, has_class
from crossalign.preprocessing.pooling import POOLINGS, TIME
from crossalign.sentences import short
from crossalign.types import Benchmark, Views
from crossalign.types.benchmark import SUPERVISION

Array = npt.NDArray[Any]

PAIRED, WRONG = 1001, 1002
"""Streams of the draws of pairs and of wrong ones, apart from those of splits."""
ALL = "all"
"""Word for all pairs, or all other rows."""


@dataclass(frozen=True)
class Supervision:
    """Supervision of the training part of a benchmark for retrieval or recognition.

    What is said of pairs is for retrieval. For ``gzsl`` and ``zsl`` ``pairs`` is the number of
    labelled rows in all, ``unpaired`` that of rows without a label, ``wrong`` the share of labels
    that are of another class, and ``labels`` is ``"both"``.

    Parameters
    ----------
    pairs : int, optional
        Number of training samples that are pairs, seen through all modalities; default all. Each of
        the others is seen through one modality, in turn.
    unpaired : int, optional
        Number of these others that stay, of each modality; default all.
    labels : str
        ``"both"``, by default; ``"one"`` or the name of a modality: samples that have the first
        modality, or this one, are labelled; or ``"none"``.
    wrong : float
        Share of the pairs that are wrong, from 0, the default, to 1: the first modality stands
        beside the others of another such pair. A wrong pair has the label of its first modality, or
        of the one that is labelled.

    Raises
    ------
    ValueError
        For a number that is negative, or a share outside of 0 to 1.
    """

    pairs: int | None = None
    unpaired: int | None = None
    labels: str = "both"
    wrong: float = 0.0

    def __post_init__(self) -> None:
        for name in ("pairs", "unpaired"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise ValueError(f"{name}: got {value}; give a number from 0, or {ALL}.")
        if not 0 <= self.wrong <= 1:
            raise ValueError(f"wrong: got {self.wrong}; give a share of the pairs from 0 to 1.")

    @classmethod
    def read(cls, pairs: str | None = None, unpaired: str | None = None, labels: str | None = None,
             wrong: str | None = None) -> Supervision:
        """Read the words of a command line or of a file; None where nothing is said.

        Raises
        ------
        ValueError
            For what is no number.
        """
        return cls(_count(pairs, "pairs"), _count(unpaired, "unpaired"),
                   "both" if labels is None else labels, 0.0 if wrong is None else _share(wrong))

    @property
    def full(self) -> bool:
        """True where nothing is taken away."""
        return self == Supervision()


def supervised(bench: Benchmark, supervision: Supervision) -> Benchmark:
    """Return a benchmark whose training part has less supervision, on every run and in validation.

    Run k draws its pairs with seed k, also of a benchmark with one official split. In validation
    there are as many pairs or labelled rows, or all if there are fewer; its queries and gallery, or
    test rows, keep their labels.

    Parameters
    ----------
    bench : Benchmark
        Benchmark for retrieval or recognition.
    supervision : Supervision
        With nothing taken away, the benchmark is returned as it is.

    Raises
    ------
    ValueError
        If the benchmark is for another task, has fewer pairs, or no modality of the name whose
        samples are to be labelled; if one pair alone would be wrong; if no training row is left; or
        if its tokens were pooled by attention that full supervision has trained.
    """
    if supervision.full:
        return bench
    if bench.task in TASKS:
        check_labelled(bench, supervision)
    elif bench.task != "retrieval":
        raise ValueError(f"task: {bench.name!r} is loaded for {bench.task}, and pairs, unpaired, "
                         "labels and wrong are about training rows of retrieval and gzsl; choose "
                         "one of these tasks, or leave them out.")
    if bench.protocol.get("tokens") == f"pooled: {TIME}":
        raise ValueError(f"pool: {TIME!r} was learnt from all training rows of {bench.name!r} and "
                         "their classes, and less supervision is asked for; choose "
                         f"{' or '.join(POOLINGS)}.")
    return replace(_of_run(bench, supervision, 0), resplit=partial(_of_run, bench, supervision),
                   class_splits=bench.class_splits)


def _of_run(bench: Benchmark, supervision: Supervision, run: int) -> Benchmark:
    """Return the benchmark of one run, with its validation."""
    part = bench.run(run)
    labelled = bench.task in TASKS
    there = len(part["train"]) if labelled else int(_whole(part["train"]).sum())
    if supervision.pairs is not None and supervision.pairs > there:
        raise ValueError(f"pairs: got {supervision.pairs}, and the training part of {bench.name!r} "
                         f"has {there}; give at most {there}, or {ALL}.")
    limited = with_fewer_labels if labelled else _limited
    return replace(part, resplit=None).map(partial(limited, supervision=supervision, seed=run))


def _limited(bench: Benchmark, supervision: Supervision, seed: int) -> Benchmark:
    """Return a benchmark with less in its training part."""
    train = bench["train"]
    if len(train.modalities) < 2:
        raise ValueError(f"pairs: {bench.name!r} has one modality, {train.modalities[0]!r}, and a "
                         "pair has two; choose other data.")
    drawn = _draw(train, supervision, seed)
    side = _labelled_side(supervision.labels, train)
    views = _labelled(_seen_through(train, drawn), train, drawn, side)
    facts = {"pairs": len(drawn.pairs), "wrong_pairs": len(drawn.wrong),
             "unpaired": {m: int((drawn.side == i).sum()) for i, m in enumerate(train.modalities)},
             "labels": "none" if side is None else side}
    protocol = {**bench.protocol, SUPERVISION: facts}
    if "samples" in protocol:
        protocol["samples"] = {**protocol["samples"], "train": len(views)}
    return replace(bench, splits={**bench.splits, "train": views}, protocol=protocol)


class _Draw(NamedTuple):
    """Rows that stay, in order; for each the place of its modality, -1 for a pair; rows of pairs,
    and of the wrong ones among them.
    """

    rows: Array
    side: Array
    pairs: Array
    wrong: Array


def _whole(train: Views) -> Array:
    """Return True for samples that have every modality, ``(n,)`` bool."""
    return np.asarray(np.all([train.has(m) for m in train.modalities], axis=0))


def _draw(train: Views, supervision: Supervision, seed: int) -> _Draw:
    """Draw pairs, all if there are fewer, and the modality through which each other row is seen."""
    has = np.stack([train.has(m) for m in train.modalities], axis=1)      # (n, M)
    whole = np.flatnonzero(_whole(train))
    order = whole[np.argsort(random_keys(len(train), seed, PAIRED)[whole])]
    count = len(order) if supervision.pairs is None else supervision.pairs
    pairs = order[:count]
    side = has.argmax(axis=1)                                             # of rows that lack one
    side[order] = np.arange(len(order)) % has.shape[1]
    others = [np.concatenate([order[count:], np.flatnonzero(has.any(axis=1) & ~has.all(axis=1))])]
    if supervision.unpaired is not None:
        others = [others[0][side[others[0]] == m][:supervision.unpaired]
                  for m in range(has.shape[1])]
    side[pairs] = -1
    rows = np.sort(np.concatenate([pairs, *others]))
    if not len(rows):
        raise ValueError("unpaired: 0 with 0 pairs leaves no training row; give more of either.")
    return _Draw(rows, side[rows], np.sort(pairs), _wrong(pairs, supervision.wrong, seed,
                                                         len(train)))


def _wrong(pairs: Array, share: float, seed: int, n: int) -> Array:
    """Draw the wrong ones among pairs, in the order in which they exchange modalities."""
    count = round(share * len(pairs))
    if count == 1:
        raise ValueError(f"wrong: {share:g} of {len(pairs)} pairs is one pair, which has no other "
                         "to exchange its modality with; give a larger share, or 0.")
    return pairs[np.argsort(random_keys(n, seed, WRONG)[pairs])[:count]]


def _seen_through(train: Views, drawn: _Draw) -> Views:
    """Return the rows that stay, each through the modalities that it keeps."""
    first, *others = train.modalities
    views = train
    if len(drawn.wrong):
        source = np.arange(len(train))
        source[drawn.wrong] = np.roll(drawn.wrong, -1)
        moved = train.select(*others).take(source)
        moved.meta, moved.lost_digits = {}, ()
        views = train.select(first).beside(moved)
    lost = {m: (drawn.side >= 0) & (drawn.side != i) for i, m in enumerate(train.modalities)}
    return views.take(drawn.rows).without({m: of for m, of in lost.items() if of.any()})


def _labelled(views: Views, train: Views, drawn: _Draw, side: str | None) -> Views:
    """Return rows with the labels that are known of them."""
    if side is None or train.labels is None:
        return views.with_labels(None)
    labels = train.labels.copy()
    if side not in (BOTH, train.modalities[0]):
        labels[drawn.wrong] = labels[np.roll(drawn.wrong, -1)]
    labels = labels[drawn.rows]
    if side != BOTH:
        labels[~views.has(side)] = NO_CLASS if labels.ndim == 1 else False
    return views.with_labels(labels)


BOTH = "both"


def _labelled_side(labels: str, train: Views) -> str | None:
    """Return the modality whose samples are labelled, `BOTH`, or None.

    Raises
    ------
    ValueError
        For another word.
    """
    if labels == "none":
        return None
    if labels == "one":
        return train.modalities[0]
    if labels == BOTH or labels in train.modalities:
        return labels
    raise ValueError(f"labels: got {short(labels)}; choose none, one, both or the modality whose "
                     f"samples are labelled, {' or '.join(train.modalities)}.")


def readable(views: Views, *, unpaired: bool, unlabelled: bool) -> Views:
    """Return the training samples that a model can read, under less supervision.

    Parameters
    ----------
    views : Views
        Training samples.
    unpaired, unlabelled : bool
        Whether the model takes samples that lack a modality, and samples without a class among
        others that have one; those that it does not take are left out.
    """
    kept = np.ones(len(views), dtype=bool)
    if not unpaired:
        for m in views.modalities:
            kept &= views.has(m)
    if not unlabelled and views.labels is not None:
        kept &= has_class(views.labels)
    if not kept.any():
        raise ValueError("pairs: no training pair is left for a model that learns from pairs "
                         "alone; give some, or choose a model that handles missing modalities.")
    return views if kept.all() else views[kept]


def _count(text: str | None, name: str) -> int | None:
    if text is None or text == ALL:
        return None
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"{name}: got {short(text)}; give a number from 0, or {ALL}.")
    return int(text)


def _share(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"wrong: got {short(text)}; give a share of the pairs from 0 to 1.") \
            from None
