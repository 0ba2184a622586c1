"""Texts of the pictures of a folder: names of classes, and text files beside them.

A text is read as it is written, in NFC; the rest is up to its encoder. Each line of the text file
of a picture is a caption of its own. A picture with several captions stays one sample: its row is
the mean of the rows of its captions, its tokens are those of all, one after another.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.class_folders import TEXT, picture_id
from crossalign.data.noted import Noted
from crossalign.names import identifier, written
from crossalign.pace import Log, Pace
from crossalign.preprocessing.tokens import lengths_mask
from crossalign.reading import check_regular
from crossalign.types import TextEncoder

Array = npt.NDArray[Any]

LARGEST = 2**20
"""Size of the largest text file that is read, in bytes."""

SHOWN = 1000
"""Number of characters of a text that a page may show."""

BLOCK = 1024
"""Number of texts encoded at a time."""

DESCRIPTION = "captions beside the picture, else the class's name and description"

Texts = tuple[str, ...]
"""Captions of one picture, or the text of its class."""


def texts_of(files: Sequence[Path]) -> tuple[list[Texts], Noted]:
    """Return the texts of every picture, and text files that belong to no picture and no class.

    They are the lines of the text file of its name (``image_1.txt`` beside ``image_1.jpg``) if
    there is one; else one text of its class, its name (see `class_texts`) and then the content of
    the text file of that name beside the folder (``sea_horse.txt`` beside ``sea_horse``).

    Raises
    ------
    ValueError
        If a text file cannot be read, is empty or larger than `LARGEST`.
    """
    folders = list(dict.fromkeys(file.parent for file in files))
    called = dict(zip(folders, class_texts([written(f.name) for f in folders]), strict=True))
    described = {place: _text_files(place) for place in {f.parent for f in folders}}
    of_class = {folder: (_described(name, described[folder.parent].get(written(folder.name))),)
                for folder, name in called.items()}
    beside = {folder: _text_files(folder) for folder in folders}
    texts = []
    for file in files:
        caption = beside[file.parent].get(written(file.stem))
        texts.append(of_class[file.parent] if caption is None else captions(_read(caption)))
    names = {(file.parent, written(file.stem)) for file in files}
    alone = [picture_id(text) for folder, found in beside.items() for stem, text in found.items()
             if (folder, stem) not in names]
    classes = {(folder.parent, written(folder.name)) for folder in folders}
    stray = [identifier(text.name) for place, found in described.items()
             for stem, text in found.items() if (place, stem) not in classes]
    return texts, {kind: names for kind, names in (
        ("captions_of_no_picture", alone), ("descriptions_of_no_class", stray)) if names}


def class_texts(names: Sequence[str]) -> list[str]:
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


def several(texts: Sequence[Texts]) -> dict[str, Any]:
    """Return the fact for the protocol if pictures have more than one caption."""
    counts = [len(of) for of in texts if len(of) > 1]
    return {"captions": {"several": len(counts), "most": max(counts)}} if counts else {}


def text_columns(texts: Sequence[Texts], encoder: TextEncoder,
                 log: Log | None = None) -> tuple[dict[str, Array], Noted]:
    """Return columns of a table: rows of n samples, their texts, and the words of tokens.

    An encoder of raw rows gets several captions as the lines of one text, because the network that
    reads those rows reads one text at a time.
    """
    if encoder.facts.get("rows") == "raw":
        texts = [("\n".join(of),) for of in texts]
    distinct = list(dict.fromkeys(text for of in texts for text in of))
    number = {text: row for row, text in enumerate(distinct)}
    samples = {of: row for row, of in enumerate(dict.fromkeys(texts))}
    which = np.array([samples[of] for of in texts])
    rows = _encoded(distinct, encoder, log)
    rows_of_samples = [[number[text] for text in of] for of in samples]
    words = encoder.words(distinct) if encoder.tokens else []
    lengths = [len(of) for of in words]
    columns = {"text": _together(rows, rows_of_samples, lengths)[which], "show:text": np.array(
        [_shown(" / ".join(of)) for of in samples])[which]}
    if encoder.tokens:
        counts = np.array([sum(lengths[row] for row in of) for of in rows_of_samples])[which]
        columns["mask_text"] = lengths_mask(counts, columns["text"].shape[1])
        columns["words:text"] = np.array([" ".join(word for row in of for word in words[row])
                                          for of in rows_of_samples])[which]
    return columns, {"texts_of_one_row": _one_row(distinct, rows)}


def _encoded(texts: Sequence[str], encoder: TextEncoder, log: Log | None) -> Array:
    """Encode texts block by block; tokens get zeros up to the longest."""
    pace, blocks = Pace(log, "encoded", len(texts), "texts"), []
    for start in range(0, len(texts), BLOCK):
        pace(start)
        blocks.append(np.asarray(encoder.encode(texts[start:start + BLOCK])))
    return np.concatenate(_padded(blocks))


def _padded(blocks: Sequence[Array]) -> list[Array]:
    """Return vectors as they are; tokens with zeros behind, as many as the longest block has."""
    if blocks[0].ndim == 2:
        return list(blocks)
    longest = max(block.shape[1] for block in blocks)
    return [np.pad(block, ((0, 0), (0, longest - block.shape[1]), (0, 0))) for block in blocks]


def _together(rows: Array, chosen: Sequence[Sequence[int]], lengths: Sequence[int]) -> Array:
    """Return a row for each list of rows: their mean, or their tokens one after another.

    ``lengths`` says how many tokens of each row are no padding.
    """
    if rows.ndim == 2:
        return np.stack([rows[of[0]] if len(of) == 1 else rows[of].mean(axis=0) for of in chosen])
    real = [[rows[row][:lengths[row]] for row in of] for of in chosen]
    return np.concatenate(_padded([np.concatenate(of)[None] for of in real]))


def _one_row(texts: Sequence[str], rows: Array) -> list[str]:
    """Return texts that their encoder does not tell apart; those of one row are joined by a
    stroke.
    """
    alike: dict[bytes, list[str]] = {}
    for text, row in zip(texts, rows, strict=True):
        alike.setdefault(row.tobytes(), []).append(_shown(text, 60))
    return [" / ".join(of) for of in alike.values() if len(of) > 1]


def _shown(text: str, most: int = SHOWN) -> str:
    return text if len(text) <= most else text[:most - 1] + "…"


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
    return text
