"""Concepts of a folder of emoji: what the list says of each, and the painters that drew it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from crossalign.data.noted import Noted
from crossalign.names import written
from crossalign.reading import check_regular

CONCEPTS = "concepts.jsonl"
"""File with an object a line: ``id``, ``name``, ``group``, ``subgroup`` and ``keywords``."""
PAINTERS = ("openmoji", "google", "twitter")
"""Folders of coloured pictures, ``<id>.png``."""
ENGLISH = "en"
SKETCH = "sketch"
"""Folder of line drawings."""
LARGEST = 2**26
"""Size of the largest list that is read, in bytes."""


class Concept(NamedTuple):
    """Emoji of the list.

    Attributes
    ----------
    id, name, group, subgroup : str
    keywords : tuple of str
    captions_by_language : mapping of language to captions
        Name, and all keywords as a second text, in English and every other language of the list.
    """

    id: str
    name: str
    group: str
    subgroup: str
    keywords: tuple[str, ...]
    captions_by_language: Mapping[str, tuple[str, ...]] = {}

    @property
    def text(self) -> str:
        """The name, and the keywords behind it."""
        return f"{self.name}: {', '.join(self.keywords)}" if self.keywords else self.name

    @property
    def captions(self) -> tuple[str, ...]:
        """The name, and all keywords as a second text."""
        return _captions(self.name, self.keywords)


def _captions(name: str, keywords: Sequence[str]) -> tuple[str, ...]:
    return (name, ", ".join(keywords)) if keywords else (name,)


def read_concepts(folder: Path) -> list[Concept]:
    """Read the concepts of a folder, sorted by name.

    Raises
    ------
    ValueError
        If the list is missing or damaged, or two concepts have one name or one id.
    """
    file = folder / CONCEPTS
    check_regular(file)
    if file.stat().st_size > LARGEST:
        raise ValueError(f"path: {str(file)!r} has {file.stat().st_size} bytes, more than the "
                         f"{LARGEST} that are read; make it again.")
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
        concepts = [_concept(json.loads(line)) for line in lines if line.strip()]
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError, KeyError, TypeError,
            AttributeError) as error:
        raise ValueError(f"path: {str(file)!r} is damaged ({type(error).__name__}); make it "
                         "again.") from None
    for key in ("id", "name"):
        values = [getattr(concept, key) for concept in concepts]
        twice = next((v for v in values if values.count(v) > 1), None) if len(
            set(values)) < len(values) else None
        if twice is not None:
            raise ValueError(f"path: the {key} {twice!r} stands twice in {str(file)!r}; make it "
                             "again.")
    return sorted(concepts, key=lambda concept: concept.name)


def _concept(row: dict[str, Any]) -> Concept:
    texts = [row[key] for key in ("id", "name", "group", "subgroup")]
    if not all(isinstance(text, str) and text for text in texts) or "/" in texts[0]:
        raise TypeError(texts)
    code, name, group, subgroup = map(written, texts)
    keywords = {ENGLISH: row["keywords"], **row.get("keywords_by_language", {})}
    words = {language: tuple(written(str(word)) for word in of)
             for language, of in keywords.items()}
    names = {**{language: written(str(of)) for language, of in row.get("names", {}).items()},
             ENGLISH: name}
    return Concept(code, name, group, subgroup, words[ENGLISH], {
        language: _captions(of, words.get(language, ())) for language, of in names.items()})


def drawn(folder: Path, concepts: Sequence[Concept],
          painters: Sequence[str]) -> tuple[list[Concept], dict[str, list[Path]], Noted]:
    """Return the concepts that all painters drew, their files, and the others.

    Raises
    ------
    ValueError
        If a painter drew none.
    """
    there = {painter: {file.name for file in (folder / painter).iterdir()}
             if (folder / painter).is_dir() else set() for painter in painters}
    empty = next((painter for painter, names in there.items() if not names), None)
    if empty is not None:
        raise ValueError(f"path: the folder {str(folder)!r} has no pictures by {empty!r}; choose "
                         "among its folders.")
    kept = [concept for concept in concepts
            if all(f"{concept.id}.png" in names for names in there.values())]
    here = {concept.id for concept in kept}
    lacking = [concept.name for concept in concepts if concept.id not in here]
    files = {painter: [folder / painter / f"{concept.id}.png" for concept in kept]
             for painter in painters}
    return kept, files, {"concepts_that_a_painter_lacks": lacking} if lacking else {}


def facts_of(painters: Sequence[str]) -> dict[str, Any]:
    """Return the facts of a protocol about the painters of its pictures."""
    return {"painters": list(painters)}
