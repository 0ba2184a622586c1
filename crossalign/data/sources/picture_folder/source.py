"""A folder of class folders of pictures as retrieval between pictures and their texts.

A picture and its text are a pair, and the protocol is that of `pairs`: ten fixed splits of the
classes into halves; a quarter of each class are queries.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from crossalign.data.class_folders import class_files, picture_id
from crossalign.data.digest import row_digests
from crossalign.data.leaks import NO_BACKBONE
from crossalign.data.noted import joined, noted_fact
from crossalign.data.picture_rows import chosen_encoder, encoded_classes, features_digest
from crossalign.data.side_information import side_information_of
from crossalign.data.sources.pairs.source import pairs_retrieval, samples_of
from crossalign.data.sources.picture_folder.texts import (
    DESCRIPTION,
    several,
    text_columns,
    texts_of,
)
from crossalign.data.table import pairs_of_table, test_part
from crossalign.encoders.char_ngrams import CharNgrams
from crossalign.names import written
from crossalign.pace import Log
from crossalign.reading import expanded
from crossalign.types import Benchmark, Encoder, TextEncoder


def load_picture_folder(folder: str | Path, *, tokens: bool = False,
                        encoder: Encoder | None = None,
                        text_encoder: TextEncoder | None = None,
                        attributes: str | Path | None = None,
                        seed: int = 0, cache: bool = True, log: Log | None = None) -> Benchmark:
    """Load retrieval between the pictures of a folder and their texts.

    Parameters
    ----------
    folder : str or Path
        Folder with a folder of pictures per class, whose names are the classes. Text files beside
        them are read as `texts.texts_of` says.
    tokens : bool, default False
        Whether features are token rows; the default encoder gives ``(n, 64, 34)`` of them, or
        ``(n, 512)`` vectors.
    encoder : Encoder, optional
        Encoder of the pictures; default `encoders.HOG`.
    text_encoder : TextEncoder, optional
        Encoder of the texts; default `encoders.CharNgrams`, with tokens if the pictures have
        tokens.
    attributes : str or Path, optional
        File of side information, see `side_information`; default none.
    seed : int
        Seed of the class splits and of the quarter of each class that are queries; default 0.
    cache : bool
        Whether features are kept in the user's cache folder between runs; default True.
    log : callable, optional
        Function called with lines on the progress of the encoding.

    Returns
    -------
    Benchmark
        Benchmark of the modalities ``image`` and ``text``. Tokens of pictures are memory-mapped
        from the cache.

    Raises
    ------
    ValueError
        One sentence: an encoder without the tokens asked for, too few classes or
        pictures, or a file that cannot be read.
    """
    folder = expanded(folder, "folder")
    features = chosen_encoder(tokens, encoder)
    by_class, passed = class_files(folder)
    if not by_class:
        raise ValueError(f"path: the folder {str(folder)!r} holds no folder of pictures; put the "
                         "pictures of each class into a folder with its name.")
    images = encoded_classes(by_class, features, keep=cache, log=log)
    texts, alone = texts_of(images.files)
    reader = text_encoder or CharNgrams(features.tokens)
    columns, of_texts = text_columns(texts, reader, log)
    embeddings, side = side_information_of(attributes, list(by_class))
    pairs = pairs_of_table({
        "image": images.rows, **columns,
        "file:image": np.array([str(file) for file in images.files]),
        "labels": images.labels,
        "class_names": np.array(list(by_class)), "class_embeddings": embeddings,
        "ids": np.array([picture_id(file) for file in images.files])}, seed=seed)
    facts = {"features": {**features.facts, "text": {**reader.facts, "of": DESCRIPTION,
                                                     **several(texts)},
                          "widths": pairs.views.widths,
                          "sha256": features_digest(images.digests, dict(features.facts), texts,
                                                    dict(reader.facts))},
             "normalisation": "none (model's own)", "side_information": side,
             "test_part": test_part(pairs, seed),
             **noted_fact(joined(passed, images.noted, alone, of_texts))}
    leaks = {} if text_encoder is not None else (
        NO_BACKBONE if encoder is None else {"text_features_fit_on_unseen": False})
    samples = samples_of(
        written(folder.resolve().name), pairs, facts, seed, leaks=leaks,
        digests={"image": images.digests, "text": row_digests([columns["text"]])})
    return pairs_retrieval(samples, pairs.test)
