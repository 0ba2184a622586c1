"""Captions of the pictures that a file lists, all captions of a picture as its references.

With classes, some are unseen, as in recognition. Without, pictures are held out: those that the
file says, or a quarter.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from crossalign.data.descriptions import Unseen
from crossalign.data.samples import RawSamples
from crossalign.data.sources.manifest.parts import with_parts, words_apart
from crossalign.data.sources.manifest.pictures import Listed, texts_of
from crossalign.data.sources.picture_folder.texts import names_as_words
from crossalign.names import written
from crossalign.types import Captions


def captioned(file: Path, listed: Listed, facts: dict[str, Any], seed: int,
              unseen: Unseen) -> RawSamples:
    """Return the pictures of a file with their captions.

    Raises
    ------
    ValueError
        If a picture has no caption, or as `parts.words_apart`.
    """
    texts = texts_of(listed, "caption")
    names = list(listed.by_class)
    cut = words_apart(listed, unseen)
    classes = None if listed.one_class else [(text,) for text in names_as_words(names)]
    return RawSamples(
        written(file.stem), {"image": listed.by_class}, cut,
        {**facts, **({"side_information": "none"} if listed.one_class else {})},
        np.zeros((len(names), 0), np.float32), seed, texts=texts,
        of_texts={"of": "captions of the pictures"}, ids=listed.ids, meta=with_parts(listed),
        noted=listed.noted, said=Captions(tuple(listed.ids), tuple(texts)),
        class_texts=classes)
