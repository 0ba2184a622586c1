"""Captions of the pictures that a file lists, all captions of a picture as its references.

With classes, some are unseen, as in recognition. Without, pictures are held out: those that the
file says, or a quarter.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from crossalign.data.benchmarks import held_out_pictures
from crossalign.data.descriptions import Unseen, recognition_of
from crossalign.data.samples import RawSamples, Samples
from crossalign.data.sources.manifest.parts import of_parts, with_parts
from crossalign.data.sources.manifest.pictures import Listed, texts_of
from crossalign.data.sources.picture_folder.texts import names_as_words
from crossalign.data.table import words_of_parts
from crossalign.names import written
from crossalign.types import Benchmark, Captions


def captioned(file: Path, listed: Listed, facts: dict[str, Any], seed: int,
              unseen: Unseen) -> RawSamples:
    """Return the pictures of a file with their captions.

    Raises
    ------
    ValueError
        If a picture has no caption, or unseen classes are given where there are no classes.
    """
    texts = texts_of(listed, "caption")
    names = list(listed.by_class)
    if listed.one_class and unseen is not None:
        raise ValueError("unseen: given where no column says the class; name it by --columns "
                         "class=NAME.")
    cut: Callable[[Samples], Benchmark]
    if listed.one_class:
        cut = partial(_held_out, listed.split is not None)
    elif listed.split is not None:
        cut = partial(of_parts, None)
    else:
        cut = recognition_of(names, unseen,
                             seen_tested=max(map(len, listed.by_class.values())) > 1)
    classes = None if listed.one_class else [(text,) for text in names_as_words(names)]
    return RawSamples(
        written(file.stem), {"image": listed.by_class}, cut,
        {**facts, **({"side_information": "none"} if listed.one_class else {})},
        np.zeros((len(names), 0), np.float32), seed, texts=texts,
        of_texts={"of": "captions of the pictures"}, ids=listed.ids, meta=with_parts(listed),
        noted=listed.noted, said=Captions(tuple(listed.ids), tuple(texts)),
        class_texts=classes)


def _held_out(split: bool, samples: Samples) -> Benchmark:
    """Hold out the pictures that do not train, as the file says, or a share of them."""
    if not split:
        return held_out_pictures(samples)
    words = words_of_parts(dict(samples.views.meta), len(samples.views))[1]
    return held_out_pictures(samples, (words != "train", "the file's"))
