"""Texts of the pictures of a folder: names of classes, and text files beside them.

A text is read as it is written, in NFC; the rest is up to its encoder. Each line of the text file
of a picture is a caption of its own.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from crossalign.data.class_folders import TEXT, picture_id
from crossalign.data.class_texts import STEM
from crossalign.data.noted import CAPTIONS_ALONE, Noted
from crossalign.data.samples import Texts
from crossalign.labels import is_mark
from crossalign.names import identifier, written
from crossalign.reading import check_regular

LARGEST = 2**20
"""Size of the largest text file that is read, in bytes."""

CLASSES = STEM + TEXT
"""Name of a file of texts of all classes, which is the description of none."""

NAME_AND_DESCRIPTION = "the class's name and description"
DESCRIPTION = f"captions beside the picture, else {NAME_AND_DESCRIPTION}"


def texts_of(files: Sequence[Path]) -> tuple[list[Texts], Noted]:
    """Return the texts of every picture, and text files that belong to no picture and no class.

    They are the lines of the text file of its name (``image_1.txt`` beside ``image_1.jpg``) if
    there is one; else one text of its class, its name (see `names_as_words`) and then the content
    of the text file of that name beside the folder (``sea_horse.txt`` beside ``sea_horse``).

    Raises
    ------
    ValueError
        If a text file cannot be read, is empty or larger than `LARGEST`.
    """
    of_class, stray = texts_of_classes(list(dict.fromkeys(file.parent for file in files)))
    own, alone = own_captions(files)
    return [of_class[file.parent] if texts is None else texts
            for file, texts in zip(files, own, strict=True)], {**alone, **stray}


def own_captions(files: Sequence[Path]) -> tuple[list[Texts | None], Noted]:
    """Return the captions of every picture in the text file of its name, None where there is no
    such file, and text files that belong to no picture.

    Raises
    ------
    ValueError
        As `texts_of`.
    """
    beside = {folder: _text_files(folder) for folder in dict.fromkeys(f.parent for f in files)}
    found = [beside[file.parent].get(written(file.stem)) for file in files]
    names = {(file.parent, written(file.stem)) for file in files}
    alone = [picture_id(text) for folder, texts in beside.items() for stem, text in texts.items()
             if (folder, stem) not in names]
    return ([None if text is None else captions(_read(text)) for text in found],
            {CAPTIONS_ALONE: alone} if alone else {})


def texts_of_classes(folders: Sequence[Path]) -> tuple[dict[Path, Texts], Noted]:
    """Return the text of every class folder, its name and then its description, and descriptions
    of no class.

    Raises
    ------
    ValueError
        As `texts_of`.
    """
    called = dict(zip(folders, names_as_words([written(f.name) for f in folders]), strict=True))
    described = {place: _text_files(place) for place in {f.parent for f in folders}}
    of_class: dict[Path, Texts] = {
        folder: (_described(name, described[folder.parent].get(written(folder.name))),)
        for folder, name in called.items()}
    classes = {(folder.parent, written(folder.name)) for folder in folders}
    stray = [identifier(text.name) for place, found in described.items()
             for stem, text in found.items()
             if (place, stem) not in classes and text.name != CLASSES]
    return of_class, {"descriptions_of_no_class": stray} if stray else {}


def names_as_words(names: Sequence[str]) -> list[str]:
    """Write class names as a person would, no two alike.

    Underscores become blanks. A number with a full stop before a name is left out if all names have
    one, as in ``001.Black_footed_Albatross``. Names that would become equal stay as they are.
    """
    spaced = [" ".join(name.replace("_", " ").split()) or name for name in names]
    bare = [re.sub(r"^\d+\.\s*(?=\S)", "", name) for name in spaced]
    if all(a != b for a, b in zip(bare, spaced, strict=True)) and len(set(bare)) == len(bare):
        return bare
    times = Counter(spaced)
    return [name if times[text] > 1 else text for name, text in zip(names, spaced, strict=True)]


def captions(text: str) -> Texts:
    """Return the lines of a text that are not blank."""
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def _described(name: str, file: Path | None) -> str:
    return name if file is None else f"{name}: {_read(file)}"


def _text_files(folder: Path) -> Mapping[str, Path]:
    """Return the text files of a folder by their names without the suffix."""
    found: Iterable[Path] = (file for file in sorted(folder.iterdir())
                             if file.suffix.lower() == TEXT and not file.name.startswith("."))
    return {written(file.stem): file for file in found}


def _read(file: Path) -> str:
    """Return the content of a text file, without blanks at its ends."""
    check_regular(file)
    try:
        size = file.stat().st_size
        content = file.read_bytes() if size <= LARGEST else b""
        utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        text = written(content.decode("utf-16" if utf16 else "utf-8-sig")).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"path: {str(file)!r} cannot be read as UTF-8 text; save it again.") \
            from error
    if size > LARGEST:
        raise ValueError(f"path: {str(file)!r} has {size} bytes, more than the {LARGEST} that are "
                         "read of a text; shorten it.")
    if not text:
        raise ValueError(f"path: {str(file)!r} is empty; write a text or remove the file.")
    if is_mark(text):
        raise ValueError(f"path: {str(file)!r} holds {text!r}, the mark of a missing text; write a "
                         "text or remove the file.")
    return text
