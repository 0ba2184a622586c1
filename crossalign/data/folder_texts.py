"""What is written of the pictures of a folder: names of classes, and text files beside them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.words import WORDS, word_tokens
from crossalign.types import TextEncoder

Array = npt.NDArray[Any]

LONGEST = 64
"""Words that are read of a text."""

DESCRIPTION = "caption beside the picture, else the class's name and description"


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


class Letters:
    """The encoder of texts that needs no download: words as vectors of their letters.

    Parameters
    ----------
    tokens : bool
        ``(n, t, 128)`` words and zeros, instead of ``(n, 128)`` unit rows, the sums of the words.
    """

    def __init__(self, tokens: bool = False) -> None:
        self.tokens = tokens

    @property
    def facts(self) -> dict[str, Any]:
        """What the rows are."""
        return {"encoder": "letters", "rows": f"first {LONGEST} words, {WORDS}"}

    def encode(self, texts: Sequence[str]) -> Array:
        """Rows of texts whose words are parted by blanks."""
        rows = word_tokens(texts)
        if not self.tokens:
            rows = rows.sum(axis=1)
            rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return rows

    def words(self, texts: Sequence[str]) -> list[list[str]]:
        """What the tokens of the texts are."""
        return [text.split() for text in texts]


def text_columns(texts: Sequence[str], encoder: TextEncoder) -> dict[str, Array]:
    """Columns of a table: rows of n texts, the texts, and what tokens are of, parted by blanks."""
    known, which = np.unique(texts, return_inverse=True)
    columns = {"text": np.asarray(encoder.encode(known.tolist()))[which],
               "show:text": np.array(texts)}
    if encoder.tokens:
        pieces = [" ".join(words) for words in encoder.words(known.tolist())]
        columns["words:text"] = np.array(pieces)[which]
    return columns


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
