"""Parts that a manifest gives, and its pictures with what is said of them, cut into parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.benchmarks import gzsl, held_out_pictures
from crossalign.data.descriptions import Unseen, recognition_of
from crossalign.data.noted import CAPTIONS_OF_CLASSES, Noted, joined
from crossalign.data.samples import RawSamples, Samples, Texts
from crossalign.data.sources.manifest.pictures import Listed
from crossalign.data.sources.pairs.gzsl import given_parts
from crossalign.data.splits import tuning_rows
from crossalign.data.table import words_of_parts
from crossalign.names import written
from crossalign.types import Benchmark, Captions, Questions

Array = npt.NDArray[Any]
OF, ELSE_NAMES = "captions of the pictures", ", else the name of the class"
"""Whose texts they are, for a protocol."""
SPLIT = "split"
"""Name under which the part of each picture is kept."""


def with_parts(listed: Listed) -> dict[str, Array]:
    """Return the payload of pictures, with their parts if the file gives some."""
    return {**listed.meta, **({} if listed.split is None else {SPLIT: listed.split})}


def with_words(file: Path, listed: Listed, facts: Mapping[str, Any], seed: int, unseen: Unseen,
               said: Captions | Questions, texts: Sequence[Texts] | None = None,
               noted: Noted | None = None) -> RawSamples:
    """Return the pictures of a file with what is said of them, and their texts if they are read.

    Raises
    ------
    ValueError
        As `words_apart`.
    """
    called = CAPTIONS_OF_CLASSES in (noted or {})
    return RawSamples(
        written(file.stem), {"image": listed.by_class}, words_apart(listed, unseen),
        {**facts, **({"side_information": "none"} if listed.one_class else {})},
        np.zeros((len(listed.by_class), 0), np.float32), seed, texts=texts,
        of_texts={} if texts is None else {"of": OF + ELSE_NAMES * called}, ids=listed.ids,
        meta=with_parts(listed), noted=joined(listed.noted, noted or {}), said=said,
        class_texts=None if listed.one_class else listed.named)


def words_apart(listed: Listed, unseen: Unseen) -> Callable[[Samples], Benchmark]:
    """Return the cut of pictures with captions or questions.

    With classes some are unseen, as in recognition. Without, pictures are held out: those that the
    file says, or a quarter.

    Raises
    ------
    ValueError
        If unseen classes are given where there are no classes.
    """
    if listed.one_class:
        if unseen is not None:
            raise ValueError("unseen: given where no column says the class; name it by --columns "
                             "class=NAME.")
        return partial(_held_out, listed.split is not None)
    if listed.split is not None:
        return partial(of_parts, None)
    return recognition_of(list(listed.by_class), unseen,
                          seen_tested=max(map(len, listed.by_class.values())) > 1)


def _held_out(split: bool, samples: Samples) -> Benchmark:
    """Hold out the pictures that do not train, as the file says, or a share of them."""
    if not split:
        return held_out_pictures(samples)
    words = words_of_parts(dict(samples.views.meta), len(samples.views))[1]
    return held_out_pictures(samples, (words != "train", "the file's"))


def of_parts(task: str | None, samples: Samples) -> Benchmark:
    """Make recognition with the parts that the file says."""
    table = {SPLIT: samples.views.meta[SPLIT]}
    rows = given_parts(table, samples.labels, samples.class_names, None)
    rows = {part: index for part, index in rows.items() if len(index) or part != "test_seen"}
    if "test_seen" in rows and task == "zsl":
        rows.pop("test_seen")
    if "test_seen" not in rows and task == "gzsl":
        raise ValueError("split: tests no sample of a seen class, so there is no gzsl; choose the "
                         "task zsl.")
    if samples.said is not None and len(rows["test_unseen"]) == 0 and "test_seen" in rows:
        rows.pop("test_unseen")                       # what is said of seen classes is a task too
    empty = next((part for part in ("train", "test_unseen") if not len(rows.get(part, "-"))), None)
    if empty is not None:
        raise ValueError(f"split: no sample is of {empty!r}; mark some as 'train' and some of "
                         "classes that do not train as 'test', or leave the column out by "
                         "--columns split=.")
    seen = np.isin(np.unique(samples.labels), samples.labels[rows["train"]])
    validation, origin = tuning_rows(samples.labels, rows["train"], seen, {}, samples.seed,
                                     seen_tested="test_seen" in rows)
    how = {"no_validation": origin} if validation is None else {
        "validation": f"{origin}; seed {samples.seed}"}
    return gzsl(samples, rows, validation, {"split": "the file's", **how})
