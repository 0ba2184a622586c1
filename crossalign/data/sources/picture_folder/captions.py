"""Captions of the pictures of class folders: their own, else all texts of their class.

Classes are unseen as in recognition.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from crossalign.data.class_folders import picture_id
from crossalign.data.descriptions import Unseen, described, recognition_of
from crossalign.data.noted import CAPTIONS_OF_CLASSES, Noted, joined
from crossalign.data.samples import RawSamples
from crossalign.data.sources.picture_folder.texts import (
    NAME_AND_DESCRIPTION,
    own_captions,
    texts_of_classes,
)
from crossalign.names import written
from crossalign.types import Captions

OF = "captions beside the picture, else the texts of the class"


def captioned(folder: Path, by_class: Mapping[str, Sequence[Path]], passed: Noted, seed: int,
              class_texts: str | Path | None, unseen: Unseen) -> RawSamples:
    """Return the pictures of a folder with their captions, and the texts of their classes.

    Raises
    ------
    ValueError
        As `descriptions.described` and `texts.own_captions`.
    """
    of_class, stray = texts_of_classes([files[0].parent for files in by_class.values()])
    own = list(of_class.values()), {"of": NAME_AND_DESCRIPTION}
    about = described(folder, list(by_class), own, class_texts=class_texts)
    assert about.texts is not None                       # there are no attributes
    of_name = dict(zip(about.names, about.texts, strict=True))
    pictures = {name: list(by_class.get(name, [])) for name in about.names}
    files = [(name, file) for name, of in pictures.items() for file in of]
    beside, alone = own_captions([file for _, file in files])
    texts = [of_name[name] if of is None else of
             for (name, _), of in zip(files, beside, strict=True)]
    ids = [picture_id(file) for _, file in files]
    called = {CAPTIONS_OF_CLASSES: [one for one, of in zip(ids, beside, strict=True) if of is None]}
    noted = joined(passed, alone, stray, called, about.noted)
    several = max(map(len, pictures.values())) > 1
    return RawSamples(
        written(folder.resolve().name), {"image": pictures},
        recognition_of(about.names, unseen, seen_tested=several), about.facts, about.embeddings,
        seed, texts=texts, class_texts=about.texts, ids=ids, of_texts={**about.of_texts, "of": OF},
        noted=noted, said=Captions(tuple(ids), tuple(texts)))
