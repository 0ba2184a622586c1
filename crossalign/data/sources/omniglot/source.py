"""Omniglot as retrieval between pictures and pen strokes.

Every drawing has two modalities that share no file: its picture and the way of the pen. Unseen
are half of the characters, or whole alphabets. A fixed quarter of the drawers asks and nothing
they drew trains, so that a hit is the same character by another hand.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.class_divisions import group_splits
from crossalign.data.declaration import declared, equal_rows
from crossalign.data.leaks import NO_BACKBONE
from crossalign.data.sources.omniglot.drawings import PIXELS, SIDE, Drawings, read_drawings, zips_of
from crossalign.data.sources.omniglot.stroke_features import DESCRIPTION, TOKENS
from crossalign.data.splits import class_splits
from crossalign.fingerprints import file_digest
from crossalign.names import written
from crossalign.reading import expanded
from crossalign.types import Benchmark, Classes, Views

Array = npt.NDArray[Any]

RUNS = 10
TASKS = ("retrieval", "alphabets")
QUARTERS, TEST, VALIDATION = 4, 0, 3
"""Drawers whose number leaves TEST when divided by QUARTERS ask; VALIDATION do in validation."""
PATCH = 4


def load_omniglot(folder: str | Path, task: str = "retrieval", *, tokens: bool = False,
                  seed: int = 0, cache: bool = True) -> Benchmark:
    """The benchmark of a folder with the zips of Omniglot.

    Parameters
    ----------
    folder : str or Path
        Holds ``images_PART.zip`` and ``strokes_PART.zip`` of one or more parts.
    task : {"retrieval", "alphabets"}
        What is unseen: half of the characters, or whole alphabets with about half of them.
    tokens : bool
        By default ``image`` is (n, 784) and ``strokes`` (n, 200). As tokens they are (n, 49, 18),
        patches of 4 x 4 pixels with their row and column, and (n, 32, 8) with a mask, as
        `stroke_features.stroke_pieces` gives them.
    seed : int
        Of the class splits; who asks does not depend on it.
    cache : bool
        Whether what was read is kept in the user's cache folder between runs.

    Returns
    -------
    Benchmark
        Of the first class split; ``run(k)`` gives the others. ``meta`` holds ``alphabet``,
        ``drawer`` and what a page shows, ``show:image`` and ``show:strokes``.

    Raises
    ------
    ValueError
        One sentence: an unknown task, too few characters, or whatever is wrong with the files.
    """
    if task not in TASKS:
        raise ValueError(f"task: got {task!r}; Omniglot serves 'retrieval' (characters unseen) and "
                         "'alphabets' (whole alphabets unseen).")
    folder = expanded(folder, "folder")
    drawings = read_drawings(folder, cache)
    files = zips_of(folder)
    described = {"image": f"{PATCH} x {PATCH} patches of {SIDE} x {SIDE} pixels, row and column",
                 "strokes": TOKENS} if tokens else {
        "image": f"{SIDE} x {SIDE} pixels, averaged from {PIXELS} x {PIXELS}, ink 1",
        "strokes": DESCRIPTION}
    facts = {"features": {"files": [f.name for f in files], **described,
                          "sha256": file_digest(*files)},
             "normalisation": "none (model's own)", "side_information": "none"}
    suffix = "-alphabets" * (task == "alphabets") + "-tokens" * tokens
    name = written(folder.resolve().name) + suffix
    return _Source(name, *_labelled(drawings, tokens), task, facts, seed).retrieval(0)


def _labelled(drawings: Drawings, tokens: bool) -> tuple[Views, tuple[str, ...]]:
    """All drawings and the names of their characters."""
    ink = drawings.picture.astype(np.float32) / 255                              # (n, 28, 28)
    character = [name.rpartition("/")[0] for name in drawings.name]
    names, labels = np.unique(character, return_inverse=True)
    data = {"image": patches(ink), "strokes": drawings.pieces} if tokens else {
        "image": ink.reshape(len(ink), -1), "strokes": drawings.strokes}
    meta = {"alphabet": np.array([name.partition("/")[0] for name in character]),
            "drawer": np.array([int(name.rpartition("_")[2]) for name in drawings.name]),
            "show:image": 255 - drawings.picture, "show:strokes": 255 - drawings.traced}
    _check(labels, meta["drawer"], names)
    views = Views(data, labels, ids=drawings.name, meta=meta,
                  masks={"strokes": drawings.mask} if tokens else None)
    return views, tuple(str(name) for name in names)


def _check(labels: Array, drawer: Array, names: Array) -> None:
    if len(names) < 4:
        raise ValueError(f"folder: {len(names)} characters; retrieval needs four, two of them "
                         "unseen, or every drawing found would be right.")
    for part in (drawer % QUARTERS == TEST, drawer % QUARTERS == VALIDATION,
                 ~np.isin(drawer % QUARTERS, (TEST, VALIDATION))):
        absent = np.setdiff1d(np.arange(len(names)), labels[part])
        if len(absent):
            drawn = np.unique(drawer[labels == absent[0]]).tolist()
            raise ValueError(f"folder: {str(names[absent[0]])!r} was drawn by {drawn} only, too "
                             "few to train, validate and test on; complete the zips.")


def patches(ink: Array) -> Array:
    """(n, 28, 28) pictures as (n, 49, 18): 16 pixels, then row and column from -1 to 1."""
    n, along = len(ink), SIDE // PATCH
    cells = ink.reshape(n, along, PATCH, along, PATCH).swapaxes(2, 3)
    place = np.stack(np.meshgrid(*[np.linspace(-1, 1, along)] * 2, indexing="ij"), axis=2)
    return np.concatenate([cells.reshape(n, along**2, PATCH**2),
                           np.broadcast_to(place.reshape(-1, 2), (n, along**2, 2))], axis=2)


@dataclass(frozen=True)
class _Source:
    """All drawings, from which benchmarks are cut."""

    name: str
    views: Views
    names: tuple[str, ...]
    task: str
    facts: dict[str, Any]
    seed: int

    def retrieval(self, k: int) -> Benchmark:
        """The k-th fixed class split."""
        everyone = np.arange(len(self.names))
        splits = self.divisions(everyone, RUNS)
        if not 0 <= k < len(splits):
            raise ValueError(f"k: got {k}; there are {len(splits)} fixed class splits, 0 to "
                             f"{len(splits) - 1}.")
        kept = np.flatnonzero(splits[k])
        bench = self.cut(self.name, np.arange(len(self.views)), everyone, splits[k], TEST,
                         {"k": k, "of": len(splits), "seed": self.seed})
        divisible = len(set(self.alphabets(kept))) > 1 if self.task == "alphabets" else (
            len(kept) > 2)
        return replace(bench, resplit=self.retrieval, validation_split=(
            lambda: self.validation(kept)) if divisible else None)

    def validation(self, kept: Array) -> Benchmark:
        """The same inside the training rows: some of the ``kept`` classes play unseen."""
        rows = np.flatnonzero(np.isin(self.views.truth, kept)
                              & (self.views.meta["drawer"] % QUARTERS != TEST))
        return self.cut(f"{self.name} (validation)", rows, kept, self.divisions(kept, 1)[0],
                        VALIDATION, {"k": 0, "of": 1, "seed": self.seed})

    def alphabets(self, classes: Array) -> list[str]:
        """The alphabet of each class."""
        return [self.names[c].partition("/")[0] for c in classes]

    def divisions(self, classes: Array, runs: int) -> Array:
        """(at most runs, len(classes)) bool, True where seen; at least two classes are not."""
        if self.task == "alphabets":
            _, groups = np.unique(self.alphabets(classes), return_inverse=True)
            return group_splits(groups, runs, seed=self.seed)
        n = len(classes)
        return class_splits(n, min((n + 1) // 2, n - 2), runs, seed=self.seed)

    def cut(self, name: str, among: Array, kept: Array, seen: Array, held: int,
            class_split: dict[str, Any]) -> Benchmark:
        """The benchmark of the rows ``among``, all of classes ``kept``, of which some are seen.

        Those drawers ask whose number leaves ``held``.
        """
        labels = np.searchsorted(kept, self.views.truth[among])
        drawer = self.views.meta["drawer"][among]
        asks, of_seen = drawer % QUARTERS == held, seen[labels]
        masks = {"train": of_seen & ~asks, "query": ~of_seen & asks, "gallery": ~of_seen & ~asks}
        splits = {split: self.views[among[mask]].with_labels(labels[mask])
                  for split, mask in masks.items()}
        classes = Classes(np.zeros((len(kept), 0)), seen, tuple(self.names[c] for c in kept))
        unseen = "characters" if self.task == "retrieval" else sorted(set(self.alphabets(
            kept[~seen])))
        facts = {**self.facts, "unseen": unseen, "class_split": class_split,
                 "test_part": f"drawers {np.unique(drawer[asks]).tolist()} of every alphabet",
                 "gallery": "unseen classes by the other drawers"}
        known = NO_BACKBONE | equal_rows(splits["query"], splits["gallery"])
        rows = {split: among[mask] for split, mask in masks.items()}
        return Benchmark(name, "retrieval", splits, classes,
                         declared(rows, facts, classes, **known))
