"""Omniglot as retrieval between pictures and pen strokes.

Every drawing has two modalities that share no file: its picture and the way of the pen. Half of the
characters are unseen, or whole alphabets. The drawings of a fixed quarter of the drawers are
queries, and nothing they drew trains, so that a hit is the same character by another hand.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.benchmarks import RUNS, Retrieval, check_classes, random_halves
from crossalign.data.cuts import Cut
from crossalign.data.leaks import NO_BACKBONE
from crossalign.data.samples import Samples
from crossalign.data.sources.omniglot.drawings import PIXELS, SIDE, Drawings, read_drawings, zips_of
from crossalign.data.sources.omniglot.stroke_features import DESCRIPTION, TOKENS
from crossalign.data.splits import group_splits
from crossalign.fingerprints import file_digest
from crossalign.names import written
from crossalign.reading import expanded
from crossalign.types import Benchmark, Views

Array = npt.NDArray[Any]

ALPHABETS = "alphabets"
"""Variant with whole alphabets unseen."""
QUARTERS, TEST, VALIDATION = 4, 0, 3
"""Queries are by drawers whose number leaves TEST when divided by QUARTERS; in validation
VALIDATION.
"""
PATCH = 4


def load_omniglot(folder: str | Path, *, variant: str = "", tokens: bool = False, seed: int = 0,
                  cache: bool = True) -> Benchmark:
    """Load the benchmark of a folder with the zips of Omniglot.

    Parameters
    ----------
    folder : str or Path
        Folder with ``images_PART.zip`` and ``strokes_PART.zip`` of one or more parts.
    variant : {"", "alphabets"}
        Choice of unseen classes: half of the characters by default, or whole alphabets with about
        half of the characters.
    tokens : bool
        Whether to make tokens instead of vectors; default False: ``image`` is (n, 784) and
        ``strokes`` (n, 200). As tokens they are (n, 49, 18), patches of 4 x 4 pixels with their row
        and column, and (n, 32, 8) with a mask, as `stroke_features.stroke_pieces` gives them.
    seed : int
        Seed of the class splits, default 0; the queries do not depend on it.
    cache : bool
        Whether the drawings are kept in the user's cache folder between runs; default True.

    Returns
    -------
    Benchmark
        Benchmark of the first class split; ``run(k)`` gives the others. ``meta`` holds
        ``alphabet``, ``drawer`` and the content of a page, ``show:image`` and ``show:strokes``.

    Raises
    ------
    ValueError
        One sentence: an unknown variant, too few characters, or whatever is wrong with the files.
    """
    if variant not in ("", ALPHABETS):
        raise ValueError(f"variant: got {variant!r}; Omniglot has {ALPHABETS!r} (whole alphabets "
                         "unseen), and without one characters are unseen.")
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
    suffix = f"-{variant}" * bool(variant) + "-tokens" * tokens
    name = written(folder.resolve().name) + suffix
    views, names = _labelled(drawings, tokens)
    alphabets = np.array([character.partition("/")[0] for character in names])
    samples = Samples(name, views, names, np.zeros((len(names), 0), np.float32), facts, seed,
                      NO_BACKBONE, groups=alphabets if variant == ALPHABETS else None)
    seen = (random_halves(samples) if samples.groups is None
            else group_splits(alphabets, RUNS, seed=seed))
    quarter = views.meta["drawer"] % QUARTERS
    return Retrieval(samples, seen, quarter == TEST, quarter == VALIDATION,
                     describe=_described).benchmark()


def _described(samples: Samples, cut: Cut) -> dict[str, Any]:
    """Return the facts of one cut: the unseen classes and the drawers of the queries."""
    rows = np.concatenate(list(cut.rows.values()))
    drawer = samples.views.meta["drawer"][rows]
    drawers = np.unique(drawer[drawer % QUARTERS == (VALIDATION if cut.validates else TEST)])
    unseen = ("characters" if samples.groups is None
              else sorted(set(samples.groups[cut.subset[~cut.seen]].tolist())))
    return {"unseen": unseen, "test_part": f"drawers {drawers.tolist()} of every alphabet",
            "gallery": "unseen classes by the other drawers"}


def _labelled(drawings: Drawings, tokens: bool) -> tuple[Views, tuple[str, ...]]:
    """Return all drawings and the names of their characters."""
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
    check_classes(len(names), "folder", "characters", "drawing")
    for part in (drawer % QUARTERS == TEST, drawer % QUARTERS == VALIDATION,
                 ~np.isin(drawer % QUARTERS, (TEST, VALIDATION))):
        absent = np.setdiff1d(np.arange(len(names)), labels[part])
        if len(absent):
            drawers = np.unique(drawer[labels == absent[0]]).tolist()
            raise ValueError(f"folder: {str(names[absent[0]])!r} was drawn by {drawers} only, too "
                             "few to train, validate and test on; complete the zips.")


def patches(ink: Array) -> Array:
    """Cut (n, 28, 28) pictures into (n, 49, 18): 16 pixels, then row and column from -1 to 1."""
    n, along = len(ink), SIDE // PATCH
    cells = ink.reshape(n, along, PATCH, along, PATCH).swapaxes(2, 3)
    place = np.stack(np.meshgrid(*[np.linspace(-1, 1, along)] * 2, indexing="ij"), axis=2)
    return np.concatenate([cells.reshape(n, along**2, PATCH**2),
                           np.broadcast_to(place.reshape(-1, 2), (n, along**2, 2))], axis=2)
