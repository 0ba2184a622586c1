"""Pictures that one file lists, with what it says of them, for all tasks but transfer.

Classes make recognition, texts make retrieval and captions. With both, retrieval is that of
`pairs`. Without classes a picture and its captions belong to nothing but each other: pictures ask,
and the gallery are captions.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.benchmarks import Retrieval, random_halves
from crossalign.data.descriptions import Unseen, described, recognition_of
from crossalign.data.encoding import encoded_benchmark
from crossalign.data.noted import CAPTIONS_NOT_READ, QUESTIONS_NOT_READ, Noted, joined
from crossalign.data.samples import RawSamples, Samples
from crossalign.data.sources.manifest.cells import plain
from crossalign.data.sources.manifest.columns import Roles, roles_of
from crossalign.data.sources.manifest.listing import COLUMNS, Columns, read_listing
from crossalign.data.sources.manifest.parts import OF, of_parts, with_parts, with_words
from crossalign.data.sources.manifest.pictures import (
    Listed,
    captions_of,
    listed_pictures,
    texts_of,
)
from crossalign.data.sources.manifest.questions import questions_of
from crossalign.data.sources.pairs.source import ZERO_SHOT
from crossalign.data.sources.picture_folder.source import pairs_of_classes
from crossalign.data.splits import unseen_mask
from crossalign.data.table import words_of_parts
from crossalign.names import written
from crossalign.reading import expanded
from crossalign.types import Benchmark, Captions

Array = npt.NDArray[Any]


def load_manifest(path: str | Path, task: str | None = None, *,
                  columns: Mapping[str, str] | None = None,
                  attributes: str | Path | None = None, class_texts: str | Path | None = None,
                  unseen: Unseen = None, seed: int = 0, **encoding: Any) -> Benchmark:
    """Load the pictures that a file lists, with their texts, questions, or texts of classes.

    Parameters
    ----------
    path, task, columns, attributes, class_texts, unseen, seed
        Arguments of `read_manifest`.
    encoding : Any
        Arguments of `encoding.encoded`: ``tokens``, ``encoder``, ``text_encoder``, ``cache`` and
        ``log``.

    Raises
    ------
    ValueError
        One sentence, as those two functions do, or for too few classes or pictures.
    """
    raw = read_manifest(path, task, columns=columns, attributes=attributes,
                        class_texts=class_texts, unseen=unseen, seed=seed)
    return encoded_benchmark(raw, **encoding)


def read_manifest(path: str | Path, task: str | None = None, *,
                  columns: Mapping[str, str] | None = None,
                  attributes: str | Path | None = None, class_texts: str | Path | None = None,
                  unseen: Unseen = None, seed: int = 0) -> RawSamples:
    """Read a file that lists pictures.

    Parameters
    ----------
    path : str or Path
        ``.csv``, ``.tsv``, ``.jsonl`` or ``.parquet`` file with a row for each picture, or for each
        caption of one, or question about it. Files of pictures are relative to it and lie below its
        folder. Or a ``.json`` file of captions as COCO writes it, see `coco`.
    task : {"retrieval", "gzsl", "zsl", "caption", "vqa"}, optional
        Task; by default retrieval if there are texts, else vqa if there are questions and no
        classes, else gzsl.
    columns : mapping of role to column, optional
        Columns of the roles ``path``, ``text``, ``class``, ``question``, ``answer``, ``type``,
        ``second``, ``split`` and ``id``; by default those with a usual name, see `columns.USUAL`.
        All other columns are kept as ``meta``.
    attributes, class_texts : str or Path, optional
        Descriptions of the classes, for recognition, as `data.descriptions.described` takes them;
        by default the classes' names.
    unseen : str, Path or strings, optional
        Unseen classes, if no column says the split.
    seed : int
        Seed of the class splits and of held-out pictures; default 0.

    Raises
    ------
    ValueError
        One sentence for whatever is wrong with the file.
    """
    file = expanded(path)
    table, place, noted = read_listing(file)
    roles = roles_of(list(table), columns)
    listed = listed_pictures(table, roles, place)
    describes = attributes is not None or class_texts is not None
    asks = task == "vqa" or (task is None and roles.question is not None
                             and not roles.texts and roles.class_name is None)
    recognises = not asks and (task in ZERO_SHOT or (
        task is None and (describes or unseen is not None or not roles.texts)))
    listed = listed._replace(noted=joined(listed.noted, noted, {} if asks else _unread(
        table, roles.question, listed)))
    _check_columns(list(table), roles, recognises, None if asks else task or "retrieval")
    if unseen is not None and listed.split is not None:
        raise ValueError(f"unseen: given beside the column {roles.split!r}, which says the split; "
                         "leave one out, as by --columns split=.")
    facts = {COLUMNS: roles.named}
    if recognises:
        return _recognition(file, listed, facts, task, seed, attributes, class_texts, unseen)
    if describes:
        raise ValueError("class_texts: descriptions of classes are given for "
                         f"{'vqa' if asks else task or 'retrieval'}, which does not read them; "
                         "choose the task gzsl, or leave them out.")
    if asks:
        said, of_said = questions_of(table, roles, listed, place)
        return with_words(file, listed, facts, seed, unseen, said, noted=of_said)
    if task == "caption":
        texts, called = captions_of(listed)
        captions = Captions(tuple(listed.ids), tuple(texts))
        return with_words(file, listed, facts, seed, unseen, captions, texts, called)
    return _retrieval(file, listed, facts, seed, unseen)


def _check_columns(header: list[str], roles: Roles, recognises: bool, task: str | None) -> None:
    """Raise ValueError where no column is that of the class, or of the texts, that a task reads;
    None reads neither, and captions are texts or names of classes.
    """
    if recognises and roles.class_name is None:
        raise ValueError(f"columns: none of {header} is known as that of the class, which "
                         "recognition needs; name it by --columns class=NAME, or "
                         + ("choose the task retrieval or caption, which read the texts."
                            if roles.texts else "that of texts by text=NAME."))
    named = task == "caption" and roles.class_name is not None
    if task is not None and not recognises and not roles.texts and not named:
        raise ValueError(f"columns: none of {header} is known as that of a text, which {task} "
                         "needs; name it by --columns text=NAME, or "
                         + ("that of the class by class=NAME." if task == "caption" else
                            "choose the task gzsl."))


def _unread(table: Columns, column: str | None, listed: Listed) -> Noted:
    """Return the note on pictures whose questions a task does not read."""
    cells = [] if column is None else table[column]
    asked = [listed.of_rows[row] for row, cell in enumerate(cells)
             if plain(cell, str(column), row)]
    return {QUESTIONS_NOT_READ: [*dict.fromkeys(asked)]} if asked else {}


def _recognition(file: Path, listed: Listed, facts: dict[str, Any], task: str | None, seed: int,
                 attributes: str | Path | None, class_texts: str | Path | None,
                 unseen: Unseen) -> RawSamples:
    names = list(listed.by_class)
    own = listed.named, {"of": "the class's name"}
    about = described(file.parent, names, own, attributes=attributes, class_texts=class_texts)
    cut = (recognition_of(about.names, unseen, seen_tested=task != "zsl")
           if listed.split is None else partial(of_parts, task))
    unread: Noted = {} if listed.texts is None else {
        CAPTIONS_NOT_READ: [i for i, of in zip(listed.ids, listed.texts, strict=True) if of]}
    return RawSamples(
        written(file.stem), {"image": {name: listed.by_class.get(name, [])
                                       for name in about.names}},
        cut, {**facts, **about.facts}, about.embeddings, seed, class_texts=about.texts,
        of_texts=about.of_texts, ids=listed.ids, meta=with_parts(listed),
        noted=joined(listed.noted, about.noted, unread))


def _retrieval(file: Path, listed: Listed, facts: dict[str, Any], seed: int,
               unseen: Unseen) -> RawSamples:
    texts = texts_of(listed, "retrieval")
    apart = listed.one_class
    if apart and unseen is not None:
        raise ValueError("unseen: given where no column says the class; name it by --columns "
                         "class=NAME.")
    fixed = None if unseen is None else unseen_mask(unseen, list(listed.by_class))
    cut = partial(captions_retrieval if apart else _of_pairs, listed.split is not None, fixed)
    return RawSamples(
        written(file.stem), {"image": listed.by_class}, cut,
        {**facts, "side_information": "none"}, np.zeros((len(listed.by_class), 0), np.float32),
        seed, texts=texts, of_texts={"of": OF}, apart=apart,
        ids=listed.ids, meta=with_parts(listed), noted=listed.noted)


def _of_pairs(split: bool, fixed: tuple[Array, str] | None, samples: Samples) -> Benchmark:
    """Make retrieval of pictures and texts by class; test pictures ask."""
    test = words_of_parts(dict(samples.views.meta), len(samples.views))[1] != "train" \
        if split else None
    return pairs_of_classes(fixed, samples, test)


def captions_retrieval(split: bool, _: tuple[Array, str] | None, samples: Samples) -> Benchmark:
    """Make retrieval of the captions of a picture: each picture is a class of its own."""
    asks = samples.sides["image"]
    if not split:
        return Retrieval(samples, random_halves(samples), asks, queries_train=True,
                         describe=_gallery).benchmark()
    words = words_of_parts(dict(samples.views.meta), len(samples.views))[1]
    seen = np.zeros(len(samples.class_names), dtype=bool)
    seen[samples.labels[asks & (words == "train")]] = True
    return Retrieval(samples, seen[None], asks, queries_train=True, unseen="the column of parts",
                     describe=_gallery).benchmark()


def _gallery(_: Samples, __: Any) -> dict[str, str]:
    return {"test_part": "pictures of no training caption ask", "gallery": "their captions"}
