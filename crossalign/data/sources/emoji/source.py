"""Emoji as five tasks: recognition, search of names, search by sketches, change of the painter,
captions.

In retrieval and captions whole subgroups are unseen, as "face-smiling", over ten fixed splits. In
recognition a quarter of the emoji are. Every painter drew each, so that a class has two to four
pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.benchmarks import RUNS, Retrieval, transfer
from crossalign.data.cuts import Cut
from crossalign.data.descriptions import Unseen, recognition_of
from crossalign.data.encoding import encoded_benchmark
from crossalign.data.samples import ALL, RawSamples, Samples
from crossalign.data.sources.emoji.captions import captioned_emoji
from crossalign.data.sources.emoji.concepts import (
    ENGLISH,
    PAINTERS,
    SKETCH,
    Concept,
    drawn,
    facts_of,
    read_concepts,
)
from crossalign.data.splits import group_splits, hold_out
from crossalign.names import written
from crossalign.reading import expanded
from crossalign.types import Benchmark

Array = npt.NDArray[Any]
TESTED = 0.25
"""Share of the emoji of each group that tests a change of the painter."""


def load_emoji(folder: str | Path, task: str | None = None, *, variant: str = "",
               unseen: Unseen = None, seed: int = 0, **encoding: Any) -> Benchmark:
    """Load emoji for a task.

    Parameters
    ----------
    folder, task, variant, unseen, seed
        Arguments of `read_emoji`.
    encoding : Any
        Arguments of `encoding.encoded`: ``tokens``, ``encoder``, ``text_encoder``, ``cache`` and
        ``log``.

    Raises
    ------
    ValueError
        One sentence, as those two functions do.
    """
    return encoded_benchmark(read_emoji(folder, task, variant=variant, unseen=unseen, seed=seed),
                             **encoding)


def read_emoji(folder: str | Path, task: str | None = None, *, variant: str = "",
               unseen: Unseen = None, seed: int = 0) -> RawSamples:
    """Find the pictures and texts of a folder of emoji.

    Parameters
    ----------
    folder : str or Path
        Folder with ``concepts.jsonl`` and a folder of pictures for each painter.
    task : {"gzsl", "zsl", "retrieval", "transfer", "caption"}, optional
        Task; by default gzsl, or that of the variant.
    variant : str
        ``"sketch"`` for retrieval of pictures by line drawings, or two painters with a hyphen, as
        ``"openmoji-sketch"``, for transfer from one to the other; for captions a language of the
        list, as ``"de"``, by default English; default none.
    unseen : str, Path or strings, optional
        Names of unseen emoji, for recognition.
    seed : int
        Seed of the class splits and of held-out pictures; default 0.

    Raises
    ------
    ValueError
        One sentence: a damaged list, a painter that is not there, or a task that does not go with
        the variant.
    """
    folder = expanded(folder, "folder")
    concepts = read_concepts(folder)
    there = [name for name in (*PAINTERS, SKETCH) if (folder / name).is_dir()]
    task = task or ("gzsl" if not variant else "retrieval" if variant == SKETCH else "transfer")
    if (task == "transfer") != ("-" in variant) and (variant or task != "transfer"):
        raise ValueError(f"task: got {task!r} for the variant {variant!r}; write 'sketch' for "
                         "retrieval, or two painters, as 'openmoji-sketch', for transfer.")
    if unseen is not None and task not in ("gzsl", "zsl"):
        raise ValueError(f"unseen: given for {task}, in which whole subgroups are unseen or none; "
                         "choose the task gzsl.")
    name = written(folder.resolve().name)
    if task == "transfer":
        return _transfer(name, folder, concepts, variant or "-".join(there[:1] + there[-1:]), seed)
    if task == "retrieval":
        return (_by_sketch if variant else _by_name)(name, folder, concepts, there, seed)
    if task == "caption":
        return captioned_emoji(name, folder, concepts, there, seed, variant or ENGLISH)
    kept, files, noted = drawn(folder, concepts, there)
    names = [concept.name for concept in kept]
    by_class = {concept.name: [files[painter][i] for painter in there]
                for i, concept in enumerate(kept)}
    return RawSamples(name, {"image": by_class},
                      recognition_of(names, unseen, seen_tested=task == "gzsl"), facts_of(there),
                      np.zeros((0, 0), np.float32), seed,
                      class_texts=[(concept.text,) for concept in kept],
                      of_texts={"of": "the emoji's name and keywords"}, noted=noted,
                      meta={"painter": np.tile(there, len(kept))})


def _by_name(name: str, folder: Path, concepts: Sequence[Concept], there: Sequence[str],
             seed: int) -> RawSamples:
    """Return one picture of each emoji, and its name and its keywords as two texts."""
    kept, files, noted = drawn(folder, concepts, there[:1])
    groups = np.array([concept.subgroup for concept in kept])
    return RawSamples(
        name, {"image": {ALL: files[there[0]]}}, partial(_subgroups, "image", None),
        {**facts_of(there[:1]), "side_information": "none"}, np.zeros((1, 0), np.float32), seed,
        texts=[concept.captions for concept in kept], apart=True,
        ids=[concept.name for concept in kept], meta={"subgroup": groups},
        of_texts={"of": "the emoji's name, and its keywords"}, noted=noted)


def _by_sketch(name: str, folder: Path, concepts: Sequence[Concept], there: Sequence[str],
               seed: int) -> RawSamples:
    """Return line drawings, which ask, and coloured pictures."""
    kept, files, noted = drawn(folder, concepts, [*there, *[SKETCH] * (SKETCH not in there)])
    painters = [painter for painter in there if painter != SKETCH]
    if not painters:
        raise ValueError(f"path: the folder {str(folder)!r} has line drawings only; add pictures "
                         f"of one of {list(PAINTERS)}.")
    pictures = {SKETCH: {concept.name: [files[SKETCH][i]] for i, concept in enumerate(kept)},
                "image": {concept.name: [files[painter][i] for painter in painters]
                          for i, concept in enumerate(kept)}}
    groups = np.array([concept.subgroup for concept in kept])
    return RawSamples(name, pictures, partial(_subgroups, SKETCH, groups),
                      {**facts_of(there), "side_information": "none",
                       "pairs": f"drawn within the emoji, every sample at least once, seed {seed}"},
                      np.zeros((len(kept), 0), np.float32), seed, noted=noted)


def _subgroups(asks: str, groups: Array | None, samples: Samples) -> Benchmark:
    """Make retrieval in which whole subgroups are unseen; all their samples of one side ask."""
    if groups is None:                        # each picture is a class, and may not be readable
        groups = samples.views.meta["subgroup"][samples.sides[asks]]
    _, number = np.unique(groups, return_inverse=True)
    seen = group_splits(number, RUNS, seed=samples.seed)
    return Retrieval(replace(samples, groups=groups), seen, samples.sides[asks],
                     queries_train=True, describe=_described).benchmark()


def _described(_: Samples, __: Cut) -> dict[str, Any]:
    return {"test_part": "all that ask of unseen subgroups", "gallery": "all others of them"}


def _transfer(name: str, folder: Path, concepts: Sequence[Concept], variant: str,
              seed: int) -> RawSamples:
    """Return each emoji by two painters as a pair; its group is its class."""
    painters = variant.split("-")
    if len(painters) != 2 or len(set(painters)) < 2 or not set(painters) <= {*PAINTERS, SKETCH}:
        raise ValueError(f"data: the variant {variant!r} names no two painters; write two of "
                         f"{[*PAINTERS, SKETCH]} with a hyphen, as 'openmoji-sketch'.")
    kept, files, noted = drawn(folder, concepts, painters)
    at = sorted(range(len(kept)), key=lambda i: kept[i].group)
    pictures: dict[str, dict[str, list[Path]]] = {painter: {} for painter in painters}
    for i in at:
        for painter in painters:
            pictures[painter].setdefault(kept[i].group, []).append(files[painter][i])
    groups = dict.fromkeys(kept[i].group for i in at)
    return RawSamples(name, pictures, _painters, {
        **facts_of(painters), "side_information": "none",
        "test_part": f"{TESTED:.0%} of each group, seed {seed}"},
        np.zeros((len(groups), 0), np.float32), seed, paired=True, noted=noted)


def _painters(samples: Samples) -> Benchmark:
    return transfer(samples, hold_out(samples.labels, TESTED, seed=samples.seed))
