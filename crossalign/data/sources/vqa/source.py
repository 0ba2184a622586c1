"""Questions about pictures as a task: a part trains and the others are tested.

Pictures have no classes, so that all of them are of one, seen. Where one part is there, a quarter
of its pictures is held out. Validation holds out training pictures.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from crossalign.data.benchmarks import held_out_pictures
from crossalign.data.encoding import encoded_benchmark
from crossalign.data.noted import joined
from crossalign.data.samples import ALL, RawSamples, Samples
from crossalign.data.sources.vqa.annotated import is_annotated, read_annotated
from crossalign.data.sources.vqa.easy import read_easy
from crossalign.names import written
from crossalign.reading import expanded
from crossalign.types import Benchmark, Questions

PART = "part"
"""Name under which the part of each picture is kept."""


def load_vqa(folder: str | Path, *, seed: int = 0, **encoding: Any) -> Benchmark:
    """Load a folder of questions about pictures.

    Parameters
    ----------
    folder, seed
        Arguments of `read_vqa`.
    encoding : Any
        Arguments of `encoding.encoded`: ``tokens``, ``encoder``, ``cache`` and ``log``.

    Raises
    ------
    ValueError
        One sentence, as those two functions do.
    """
    return encoded_benchmark(read_vqa(folder, seed=seed), **encoding)


def read_vqa(folder: str | Path, *, seed: int = 0) -> RawSamples:
    """Read the questions of a folder and find their pictures.

    Parameters
    ----------
    folder : str or Path
        Folder as `annotated` or `easy` describe it.
    seed : int
        Seed of held-out pictures; default 0.

    Raises
    ------
    ValueError
        One sentence for whatever is wrong with the files.
    """
    folder = expanded(folder, "folder")
    annotated = is_annotated({file.name for file in folder.iterdir()})
    parts = read_annotated(folder) if annotated else read_easy(folder)
    files = [(part.name, number, file) for part in parts for number, file in part.pictures.items()]
    said = Questions(
        tuple(text for part in parts for text in part.texts),
        tuple(answers for part in parts for answers in part.answers),
        tuple(kind for part in parts for kind in part.types),
        tuple((f"{part.name}/{number}",) for part in parts for number in part.about))
    return RawSamples(
        written(folder.resolve().name), {"image": {ALL: [file for _, _, file in files]}},
        partial(_by_part, {part.name for part in parts if part.trains}),
        {"side_information": "none"}, np.zeros((1, 0), np.float32), seed,
        ids=[f"{name}/{number}" for name, number, _ in files],
        meta={PART: np.array([name for name, _, _ in files])},
        noted=joined(*(part.noted for part in parts)), said=said)


def _by_part(train: set[str], samples: Samples) -> Benchmark:
    part = samples.views.meta[PART]
    trains = np.isin(part, sorted(train))
    if trains.all() or not trains.any():
        return held_out_pictures(samples)
    return held_out_pictures(samples, (
        ~trains, f"parts of the folder: training on {', '.join(sorted(train))}"))
