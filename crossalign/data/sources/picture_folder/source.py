"""A folder of class folders of pictures as retrieval between pictures and their texts.

A picture and its text are a pair, and the protocol is that of `pairs`: ten fixed splits of the
classes into halves; a quarter of each class are queries.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from crossalign.data.class_folders import class_files
from crossalign.data.encoding import encoded_benchmark
from crossalign.data.noted import joined
from crossalign.data.samples import RawSamples, Samples
from crossalign.data.side_information import side_information_of
from crossalign.data.sources.pairs.source import pairs_retrieval
from crossalign.data.sources.picture_folder.texts import DESCRIPTION, texts_of
from crossalign.data.table import drawn_test_part, drawn_test_words
from crossalign.names import written
from crossalign.reading import expanded
from crossalign.types import Benchmark


def load_picture_folder(folder: str | Path, *, attributes: str | Path | None = None, seed: int = 0,
                        **encoding: Any) -> Benchmark:
    """Load retrieval between the pictures of a folder and their texts.

    Parameters
    ----------
    folder, attributes, seed
        Arguments of `read_picture_folder`.
    encoding : Any
        Arguments of `encoding.encoded`: ``tokens``, ``encoder``, ``text_encoder``, ``cache`` and
        ``log``.

    Returns
    -------
    Benchmark
        Benchmark of the modalities ``image`` and ``text``.

    Raises
    ------
    ValueError
        One sentence, as those two functions do, or for too few classes or pictures.
    """
    return encoded_benchmark(read_picture_folder(folder, attributes=attributes, seed=seed),
                             **encoding)


def read_picture_folder(folder: str | Path, *, attributes: str | Path | None = None,
                        seed: int = 0) -> RawSamples:
    """Find the pictures of a folder and read their texts.

    Parameters
    ----------
    folder : str or Path
        Folder with a folder of pictures per class, whose names are the classes. Text files beside
        them are read as `texts.texts_of` says.
    attributes : str or Path, optional
        File of side information, see `side_information`; default none.
    seed : int
        Seed of the class splits and of the quarter of each class that are queries; default 0.

    Raises
    ------
    ValueError
        One sentence: no folder of pictures, or a text or side information that cannot be read.
    """
    folder = expanded(folder, "folder")
    by_class, passed = class_files(folder)
    if not by_class:
        raise ValueError(f"path: the folder {str(folder)!r} holds no folder of pictures; put the "
                         "pictures of each class into a folder with its name.")
    texts, alone = texts_of([file for files in by_class.values() for file in files])
    embeddings, side = side_information_of(attributes, list(by_class))
    return RawSamples(
        written(folder.resolve().name), {"image": by_class}, _cut, {"side_information": side},
        embeddings, seed, texts=texts, of_texts={"of": DESCRIPTION}, noted=joined(passed, alone))


def _cut(samples: Samples) -> Benchmark:
    """Make retrieval with a quarter of each class as queries."""
    test = drawn_test_part(samples.labels, len(samples.class_names), samples.seed)
    words = drawn_test_words(samples.labels, len(samples.class_names), test, samples.seed)
    return pairs_retrieval(replace(samples, facts={**samples.facts, "test_part": words}), test)
