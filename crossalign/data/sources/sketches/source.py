"""Zero-shot sketch-based image retrieval from folders, as Sketchy and TU-Berlin are unpacked.

Every unseen sketch is a query and the gallery is every unseen photo, the protocol of the
literature; training pairs are drawn within the seen classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.benchmarks import Retrieval, random_halves
from crossalign.data.cuts import Cut
from crossalign.data.encoding import encoded_benchmark
from crossalign.data.samples import RawSamples, Samples
from crossalign.data.side_information import side_information_of
from crossalign.data.sources.sketches.folders import sketch_files
from crossalign.data.splits import unseen_mask
from crossalign.names import written
from crossalign.reading import expanded
from crossalign.types import Benchmark

Array = npt.NDArray[Any]


def load_sketches(folder: str | Path, *, unseen: str | Path | Sequence[str] | None = None,
                  attributes: str | Path | None = None, seed: int = 0,
                  **encoding: Any) -> Benchmark:
    """Load retrieval of photos by sketches.

    Parameters
    ----------
    folder, unseen, attributes, seed
        Arguments of `read_sketches`.
    encoding : Any
        Arguments of `encoding.encoded`: ``tokens``, ``encoder``, ``cache`` and ``log``.

    Returns
    -------
    Benchmark
        Benchmark whose queries have the modality ``sketch``, and its gallery ``photo``.

    Raises
    ------
    ValueError
        One sentence, as those two functions do.
    """
    return encoded_benchmark(read_sketches(folder, unseen=unseen, attributes=attributes, seed=seed),
                             **encoding)


def read_sketches(folder: str | Path, *, unseen: str | Path | Sequence[str] | None = None,
                  attributes: str | Path | None = None, seed: int = 0) -> RawSamples:
    """Find the sketches and photos of a folder.

    Parameters
    ----------
    folder : str or Path
        Folder with both sides, see `folders`.
    unseen : str, Path or strings, optional
        Unseen classes, as `splits.unseen_mask` takes them; by default half of the classes,
        over ten fixed splits ``run(k)``.
    attributes : str or Path, optional
        File of side information, see `side_information`; default none.
    seed : int
        Seed of the class splits and of drawn pairs; default 0.

    Raises
    ------
    ValueError
        One sentence: an unknown split, or a class that lacks a side.
    """
    folder = expanded(folder, "folder")
    pictures, places, passed = sketch_files(folder)
    names = tuple(pictures["sketch"])
    fixed, called = (None, "") if unseen is None else unseen_mask(unseen, names)
    embeddings, side = side_information_of(attributes, names)
    facts = {"side_information": side,
             "pairs": f"drawn within the class, every sample at least once, seed {seed}",
             "test_part": "all sketches of unseen classes",
             "gallery": "all photos of unseen classes"}
    return RawSamples(written(folder.resolve().name), pictures, partial(_cut, fixed, called), facts,
                      embeddings, seed, features={"folders": places}, noted=passed)


def _cut(fixed: Array | None, called: str, samples: Samples) -> Benchmark:
    """Make retrieval over the unseen classes that are given, (C,) bool, or over random halves."""
    seen = random_halves(samples) if fixed is None else ~fixed[None]
    return Retrieval(samples, seen, samples.sides["sketch"], queries_train=True,
                     share=float((~seen[0]).mean()), unseen=None if fixed is None else called,
                     describe=_counts).benchmark()


def _counts(samples: Samples, cut: Cut) -> dict[str, Any]:
    """Count the samples of each side that train and test."""
    test = np.concatenate([cut.rows["query"], cut.rows["gallery"]])
    return {"samples_by_domain": {
        side: {"train": int(has[cut.rows["train"]].sum()), "test": int(has[test].sum())}
        for side, has in samples.sides.items()}}
