"""Captions of emoji: the name, and all keywords as a second reference, in a language of the list.

Whole subgroups are unseen, as in retrieval. All painters' pictures of an emoji have its captions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.recognition import Recognition
from crossalign.data.samples import RawSamples, Samples
from crossalign.data.sources.emoji.concepts import Concept, drawn, facts_of
from crossalign.types import Benchmark, Captions

Array = npt.NDArray[Any]


def captioned_emoji(name: str, folder: Path, concepts: Sequence[Concept], painters: Sequence[str],
                    seed: int, language: str) -> RawSamples:
    """Return every picture with the captions of its emoji, which is a class by its name in their
    language.

    Raises
    ------
    ValueError
        If the list has no captions in the language, or two emoji have one name there.
    """
    known = list(dict.fromkeys(language for concept in concepts
                               for language in concept.captions_by_language))
    if language not in known:
        raise ValueError(f"data: the variant {language!r} is no language of the list of "
                         f"{str(folder)!r}; choose among {known}.")
    told = [concept for concept in concepts if language in concept.captions_by_language]
    silent = [concept.name for concept in concepts if language not in concept.captions_by_language]
    kept, files, noted = drawn(folder, told, painters)
    if silent:
        noted = {**noted, f"concepts_without_a_name_in_{language}": silent}
    names = _names(kept, language)
    texts = [concept.captions_by_language[language] for concept in kept for _ in painters]
    ids = [f"{painter}/{concept.id}" for concept in kept for painter in painters]
    groups = np.array([concept.subgroup for concept in kept])
    return RawSamples(
        name, {"image": {own: [files[painter][i] for painter in painters]
                         for i, own in enumerate(names)}},
        partial(_subgroups_unseen, groups, len(painters) > 1),
        {**facts_of(painters), "language": language}, np.zeros((0, 0), np.float32), seed,
        texts=texts, class_texts=[concept.captions_by_language[language] for concept in kept],
        ids=ids, of_texts={"of": "the emoji's name, and its keywords"}, noted=noted,
        meta={"painter": np.tile(painters, len(kept))}, said=Captions(tuple(ids), tuple(texts)))


def _names(concepts: Sequence[Concept], language: str) -> list[str]:
    """Return the names of emoji in a language."""
    names = [concept.captions_by_language[language][0] for concept in concepts]
    twice = next((own for own, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        of = [concept.id for concept, own in zip(concepts, names, strict=True) if own == twice]
        raise ValueError(f"data: the emoji {of} have one name in {language!r}, {twice!r}; give "
                         "each its own in the list.")
    return names


def _subgroups_unseen(groups: Array, seen_tested: bool, samples: Samples) -> Benchmark:
    return Recognition(replace(samples, groups=groups), seen_tested=seen_tested).benchmark()
