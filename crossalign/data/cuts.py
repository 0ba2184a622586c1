"""Cuts of samples, and the benchmark that each makes.

Here splits become a `Benchmark`: relabelling, names and protocol are the same for every source and
task.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from crossalign.data.declaration import declared
from crossalign.data.labelled import labelled_unseen
from crossalign.data.noted import NOTED
from crossalign.data.samples import Samples
from crossalign.data.splits import Rows
from crossalign.fingerprints import said_fingerprint
from crossalign.labels import classes_held
from crossalign.types import Benchmark, Views
from crossalign.types.benchmark import SAID

Array = npt.NDArray[Any]
TEXT = "text"
"""Name of the modality of captions and other texts of samples."""


class Cut(NamedTuple):
    """Rows of every split, and the classes ``subset (m,)``, with ``seen (m,)`` bool.

    ``facts`` are those of the protocol that hold for this cut alone.
    """

    rows: Rows
    subset: Array
    seen: Array
    validates: bool
    facts: Mapping[str, Any]


def made(samples: Samples, task: str, cut: Cut) -> Benchmark:
    """Make the benchmark of one cut.

    Parameters
    ----------
    samples : Samples
        All samples.
    task : {"gzsl", "zsl", "retrieval", "transfer", "caption", "vqa"}
        Kind of the benchmark.
    cut : Cut
        Cut with the splits of the task: ``train``, ``test_unseen`` and for gzsl ``test_seen``;
        ``train``, ``query`` and ``gallery``; ``pairs``, ``train`` and ``test``; or for caption and
        vqa ``train``, ``test_seen``, ``test_unseen`` or without one of the two.
    """
    splits, facts, leaks = KINDS[task](samples, cut)
    classes = samples.classes(cut.subset, cut.seen)
    facts = {**samples.facts, **facts, **cut.facts}
    of_labels = labelled_unseen(classes, samples.named)
    if of_labels:
        facts[NOTED] = {**facts.get(NOTED, {}), **of_labels}
        leaks = {**leaks, "backbone_saw_unseen_classes": True}
    protocol = declared(cut.rows, facts, classes, **{**leaks, **samples.leaks})
    if "test_unseen" in cut.rows:
        held = classes_held(samples.labels[np.concatenate(list(cut.rows.values()))])
        if len(held) < len(classes):
            protocol["classes"]["unseen_without_samples"] = len(classes) - len(held)
    name = samples.name + " (validation)" * cut.validates
    return Benchmark(name, task, splits, classes, protocol,
                     said=samples.said if task in SAID else None, encoders=samples.encoders)


Kind = tuple[dict[str, Views], dict[str, Any], dict[str, bool]]
"""Splits of a benchmark, and the facts and leaks that its task settles."""


def _recognised(samples: Samples, cut: Cut) -> Kind:
    return ({split: samples.part(index, cut.subset, cut.subset)
             for split, index in cut.rows.items()}, {},
            {"duplicate_gallery_rows": False, "query_in_gallery": False})


def _told(samples: Samples, cut: Cut) -> Kind:
    """Recognise, with what is said; features of captions are for training alone."""
    splits, _, leaks = _recognised(samples, cut)
    seen_alone = {split: views if split == "train" or len(views.modalities) == 1 else views.select(
        *(m for m in views.modalities if m != TEXT)) for split, views in splits.items()}
    said = samples.said
    facts = {} if said is None else {**said.counts(seen_alone), "said": said_fingerprint(said)}
    return seen_alone, facts, leaks


def _searched(samples: Samples, cut: Cut) -> Kind:
    of_seen = np.isin(np.arange(len(samples.class_names)), cut.subset[cut.seen])
    rows = cut.rows
    train = (samples.pairs(rows["train"], cut.subset) if samples.sides
             else samples.part(rows["train"], cut.subset, of_seen))
    return ({"train": train, **{split: samples.part(rows[split], cut.subset, ~of_seen)
                                for split in ("query", "gallery")}}, {},
            samples.equal(rows["query"], rows["gallery"]))


def _carried(samples: Samples, cut: Cut) -> Kind:
    splits = {split: samples.views[index] for split, index in cut.rows.items()}
    splits["pairs"] = splits["pairs"].with_labels(None)
    source, target = samples.views.modalities[:2]
    return splits, {"source": source, "target": target}, {}


KINDS: dict[str, Callable[[Samples, Cut], Kind]] = {
    "gzsl": _recognised, "zsl": _recognised, "retrieval": _searched, "transfer": _carried,
    "caption": _told, "vqa": _told}
"""Function that makes the splits of each task."""


@dataclass(frozen=True)
class Drawn:
    """Samples whose source draws the splits itself.

    Parameters
    ----------
    task : str
        Task, see `made`.
    draw : callable
        Function ``draw(run, validates)`` that gives the `Samples` and the `Cut` of a run, or of its
        validation.
    validates : bool
        Whether there is a validation; default True.
    runs_differ : bool
        Whether other runs have other splits; default True.
    class_splits : int, optional
        Number of class splits that the runs are; default None, none.
    """

    task: str
    draw: Callable[[int, bool], tuple[Samples, Cut]]
    validates: bool = True
    runs_differ: bool = True
    class_splits: int | None = None

    def benchmark(self, run: int = 0) -> Benchmark:
        """Return the benchmark of a run."""
        return replace(self._made(run, False),
                       validation_split=partial(self._made, run, True) if self.validates else None,
                       resplit=self.benchmark if self.runs_differ else None,
                       class_splits=self.class_splits)

    def _made(self, run: int, validates: bool) -> Benchmark:
        samples, cut = self.draw(run, validates)
        return made(samples, self.task, cut)
