"""What is written of the pictures of a folder: names of classes, and text files beside them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.words import WORDS, word_tokens

Array = npt.NDArray[Any]

LONGEST = 64
"""Words that are read of a text."""

DESCRIPTION = (f"caption beside the picture, else the class's name and description; first {LONGEST}"
               f" words, {WORDS}")


def texts_of(files: Sequence[Path]) -> list[str]:
    """Words of every picture, parted by blanks.

    Those of the text file of its name (``image_1.txt`` beside ``image_1.jpg``) where there is one;
    else those of its class, the name of its folder and then the text file of that name beside the
    folder (``sea_horse.txt`` beside ``sea_horse``).

    Raises
    ------
    ValueError
        If a text file cannot be read or holds no word.
    """
    of_class = {folder: _class_text(folder) for folder in {file.parent for file in files}}
    texts = []
    for file in files:
        caption = file.with_suffix(".txt")
        texts.append(_read(caption) if caption.is_file() else of_class[file.parent])
    return texts


def text_rows(texts: Sequence[str], tokens: bool) -> Array:
    """``(n, t, 128)`` words and zeros, or ``(n, 128)`` unit rows, the sums of the words."""
    known, which = np.unique(texts, return_inverse=True)
    rows = word_tokens(known.tolist())
    if not tokens:
        rows = rows.sum(axis=1)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows[which])


def _class_text(folder: Path) -> str:
    name = " ".join(_words(folder.name)) or folder.name
    description = folder.with_name(f"{folder.name}.txt")
    return f"{name} {_read(description)}" if description.is_file() else name


def _read(file: Path) -> str:
    try:
        words = _words(file.read_text(encoding="utf-8"))[:LONGEST]
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"path: {str(file)!r} cannot be read as UTF-8 text; save it again.") \
            from error
    if not words:
        raise ValueError(f"path: {str(file)!r} holds no word; write one or remove the file.")
    return " ".join(words)


def _words(text: str) -> list[str]:
    """Runs of letters, with digits within, in lower case: "001.Sooty_Albatross" has two."""
    return re.findall(r"[^\W\d_][^\W_]*", text.lower())
