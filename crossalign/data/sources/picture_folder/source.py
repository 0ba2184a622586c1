"""A folder of class folders of pictures: retrieval of pictures and texts, recognition, captions.

In retrieval a picture and its text are a pair, and the protocol is that of `pairs`: ten fixed
splits of the classes into halves; a quarter of each class are queries. In recognition the text of
a class is its side information, see `recognition`.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy.typing as npt

from crossalign.data.benchmarks import Retrieval
from crossalign.data.class_folders import TEXT, class_files, tables_beside
from crossalign.data.class_texts import classes_file
from crossalign.data.descriptions import Unseen, described, recognition_of
from crossalign.data.encoding import encoded_benchmark
from crossalign.data.noted import CAPTIONS_NOT_READ, Noted, joined
from crossalign.data.samples import RawSamples, Samples
from crossalign.data.side_information import side_information_of
from crossalign.data.sources.pairs.source import ZERO_SHOT, pairs_retrieval
from crossalign.data.sources.picture_folder.captions import captioned
from crossalign.data.sources.picture_folder.texts import (
    DESCRIPTION,
    NAME_AND_DESCRIPTION,
    texts_of,
    texts_of_classes,
)
from crossalign.data.splits import unseen_mask
from crossalign.data.table import drawn_test_part, drawn_test_words
from crossalign.names import identifier, written
from crossalign.reading import expanded
from crossalign.types import Benchmark

Array = npt.NDArray[Any]
Classes = dict[str, list[Path]]


def load_picture_folder(folder: str | Path, task: str | None = None, *,
                        attributes: str | Path | None = None,
                        class_texts: str | Path | None = None, unseen: Unseen = None,
                        seed: int = 0, **encoding: Any) -> Benchmark:
    """Load the pictures of a folder and the texts of them or of their classes.

    Parameters
    ----------
    folder, task, attributes, class_texts, unseen, seed
        Arguments of `read_picture_folder`.
    encoding : Any
        Arguments of `encoding.encoded`: ``tokens``, ``encoder``, ``text_encoder``, ``cache`` and
        ``log``.

    Returns
    -------
    Benchmark
        Benchmark of the modalities ``image`` and, in retrieval, ``text``.

    Raises
    ------
    ValueError
        One sentence, as those two functions do, or for too few classes or pictures.
    """
    raw = read_picture_folder(folder, task, attributes=attributes, class_texts=class_texts,
                              unseen=unseen, seed=seed)
    return encoded_benchmark(raw, **encoding)


def read_picture_folder(folder: str | Path, task: str | None = None, *,
                        attributes: str | Path | None = None,
                        class_texts: str | Path | None = None, unseen: Unseen = None,
                        seed: int = 0) -> RawSamples:
    """Find the pictures of a folder and read the texts of them or of their classes.

    Parameters
    ----------
    folder : str or Path
        Folder with a folder of pictures per class, whose names are the classes. Text files beside
        them are read as `texts.texts_of` says.
    task : {"retrieval", "gzsl", "zsl", "caption"}, optional
        Task; by default retrieval, or gzsl if ``class_texts`` or ``unseen`` is given.
    attributes : str or Path, optional
        File of side information, see `side_information`; in recognition instead of texts.
    class_texts : str or Path, optional
        File of texts of the classes for recognition and captions, see `data.class_texts`; by
        default one called ``classes.csv``, ``.tsv``, ``.json`` or ``.txt`` in the folder, else the
        folders' names and the text files of those names beside them.
    unseen : str, Path or strings, optional
        Unseen classes, as `splits.unseen_mask` takes them; by default those of ten fixed class
        splits: half of the classes in retrieval, a quarter in recognition and captions.
    seed : int
        Seed of the class splits and of held-out pictures; default 0.

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
    return read_classes(folder, by_class, passed, task, attributes=attributes,
                        class_texts=class_texts, unseen=unseen, seed=seed)


def read_classes(folder: Path, by_class: Classes, passed: Noted, task: str | None, *,
                 attributes: str | Path | None, class_texts: str | Path | None, unseen: Unseen,
                 seed: int) -> RawSamples:
    """Read the texts of files of some classes, or of the classes; see `read_picture_folder`."""
    passed = joined(passed, tables_beside(folder, (attributes, class_texts, unseen)))
    found = folder, by_class, passed, seed
    if task == "caption":
        if attributes is not None:
            raise ValueError(f"attributes: got {str(attributes)!r} for captions, whose classes are "
                             "described by texts; leave it out.")
        return captioned(*found, class_texts, unseen)
    if task in ZERO_SHOT or (task is None and (class_texts is not None or unseen is not None)):
        return _recognition(*found, task != "zsl", attributes, class_texts, unseen)
    if class_texts is not None:
        raise ValueError(f"class_texts: got {str(class_texts)!r} for retrieval, which reads the "
                         "texts of pictures; choose the task gzsl.")
    return _retrieval(*found, attributes, unseen)


def _retrieval(folder: Path, by_class: Classes, passed: Noted, seed: int,
               attributes: str | Path | None, unseen: Unseen) -> RawSamples:
    """Return pictures and their texts as pairs."""
    texts, alone = texts_of([file for files in by_class.values() for file in files])
    embeddings, side = side_information_of(attributes, list(by_class))
    file = classes_file(folder)
    unused = {} if file is None else {"class_texts_not_read_for_retrieval": [file.name]}
    fixed = None if unseen is None else unseen_mask(unseen, list(by_class))
    return RawSamples(
        written(folder.resolve().name), {"image": by_class}, partial(pairs_of_classes, fixed),
        {"side_information": side}, embeddings, seed, texts=texts, of_texts={"of": DESCRIPTION},
        noted=joined(passed, alone, unused))


def pairs_of_classes(fixed: tuple[Array, str] | None, samples: Samples,
                     test: Array | None = None) -> Benchmark:
    """Make retrieval with a test part, ``(n,)`` bool, as queries; by default a quarter of each
    class.
    """
    words = "the file's"
    if test is None:
        test = drawn_test_part(samples.labels, len(samples.class_names), samples.seed)
        words = drawn_test_words(samples.labels, len(samples.class_names), test, samples.seed)
    samples = replace(samples, facts={**samples.facts, "test_part": words})
    if fixed is None:
        return pairs_retrieval(samples, test)
    return Retrieval(samples, ~fixed[0][None], test, unseen=fixed[1]).benchmark()


def _recognition(folder: Path, by_class: Classes, passed: Noted, seed: int, seen_tested: bool,
                 attributes: str | Path | None, class_texts: str | Path | None,
                 unseen: Unseen) -> RawSamples:
    """Return pictures of classes that are described by a text or by attributes."""
    of_class, stray = texts_of_classes([files[0].parent for files in by_class.values()])
    own = list(of_class.values()), {"of": NAME_AND_DESCRIPTION}
    about = described(folder, list(by_class), own, attributes=attributes, class_texts=class_texts)
    return RawSamples(
        written(folder.resolve().name),
        {"image": {name: by_class.get(name, []) for name in about.names}},
        recognition_of(about.names, unseen, seen_tested=seen_tested), about.facts,
        about.embeddings, seed, class_texts=about.texts, of_texts=about.of_texts,
        noted=joined(passed, _captions(by_class), stray, about.noted))


def _captions(by_class: Classes) -> Noted:
    """Return the captions beside pictures, which recognition does not read."""
    folders = dict.fromkeys(file.parent for files in by_class.values() for file in files)
    found = [identifier(f"{folder.name}/{file.name}") for folder in folders
             for file in sorted(folder.iterdir()) if file.suffix.lower() == TEXT]
    return {CAPTIONS_NOT_READ: found} if found else {}
