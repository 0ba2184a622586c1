"""Files of word vectors: the text and binary format of word2vec, and GloVe's text, packed or not.

Text is a word and its numbers a line; the first line gives the counts of words and of numbers,
which GloVe leaves out. In binary files words that end in a blank follow the same first line, each
with its numbers in float32. gensim and fastText (``.vec``) write these formats too.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from crossalign.reading import check_regular, check_room, expanded

Array = npt.NDArray[Any]

GZIP, PICKLE = b"\x1f\x8b", b"\x80"
"""First bytes of packed files, and of pickles."""
LONGEST = 2**16
"""Largest number of bytes of a first line, and of a word of a binary file."""
CHUNK = 2**22
"""Number of bytes of a binary file that are read at a time."""


def read_word_vectors(file: str | Path) -> tuple[list[str], Array, int]:
    """Read words, vectors ``(n, d)`` float32, and the number of words left out, which came twice.

    Raises
    ------
    ValueError
        One sentence: a file that is missing, pickled, truncated, too large or of another format.
    """
    path = expanded(file, "vectors")
    check_regular(path, "vectors")
    try:
        with path.open("rb") as stream:
            start = stream.read(2)
        if start[:1] == PICKLE:
            raise _wrong(path, "is pickled, and pickles are never loaded because they can run code")
        with gzip.open(path) if start == GZIP else path.open("rb") as opened:
            return _unique(*_read(path, opened))
    except (OSError, EOFError, zlib.error) as error:
        raise _wrong(path, f"cannot be read ({error})") from error


def _read(path: Path, stream: Any) -> tuple[list[str], Array]:
    first = stream.readline(LONGEST)
    head, count = first.split(), None
    if len(head) == 2 and all(part.isdigit() for part in head):
        count, width = map(int, head)
        if not count or not width:
            raise _wrong(path, "says that it holds nothing")
        check_room(path, 8 * count * width, "give a file of fewer words", "vectors")
        peek = stream.readline(LONGEST + 32 * width)
        text = _is_text(peek, width)
        pairs = _text_pairs(path, peek, stream, width, 2) if text else _binary_pairs(
            path, peek, stream, count, width)
    else:
        width = len(first.rstrip().split(b" ")) - 1
        if width < 1 or not _is_text(first, width):
            raise _wrong(path, "does not begin as one of them")
        pairs = _text_pairs(path, first, stream, width, 1)
    words, rows = [], []
    for word, row in pairs:
        words.append(word)
        rows.append(row)
    if count not in (None, len(words)):
        raise _wrong(path, f"says that it has {count} words and has {len(words)}, so it is "
                           "truncated or damaged")
    vectors = np.stack(rows)
    if not np.isfinite(vectors).all():
        word = words[int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])]
        raise _wrong(path, f"has a number of {word!r} that is not finite")
    return words, vectors


def _is_text(line: bytes, width: int) -> bool:
    """Return True for a line of a word and ``width`` numbers."""
    try:
        _text_pair(line, width)
    except ValueError:
        return False
    return True


def _text_pair(line: bytes, width: int) -> tuple[str, Array]:
    word, *numbers = line.decode("utf-8").rstrip().rsplit(" ", width)
    if len(numbers) != width:
        raise ValueError("numbers")
    return word, np.array(numbers, dtype=np.float32)


def _text_pairs(path: Path, first: bytes, stream: IO[bytes], width: int,
                number: int) -> Iterator[tuple[str, Array]]:
    """Yield words and rows; ``first`` is the line of that number."""
    yield _text_pair(first, width)
    for at, line in enumerate(stream, number + 1):
        try:
            yield _text_pair(line, width)
        except ValueError:
            raise _wrong(path, f"has in line {at} no word with {width} numbers in UTF-8") from None


def _binary_pairs(path: Path, first: bytes, stream: IO[bytes], count: int,
                  width: int) -> Iterator[tuple[str, Array]]:
    """Yield words and rows; ``first`` are bytes that were read already."""
    buffer, at, size = first, 0, 4 * width
    for number in range(count):
        if len(buffer) - at < LONGEST + size:
            buffer, at = buffer[at:] + stream.read(CHUNK + LONGEST + size), 0
        end = buffer.find(b" ", at, at + LONGEST)
        if end < 0 or len(buffer) < end + 1 + size:
            raise _wrong(path, f"ends or is damaged behind word {number} of {count}")
        try:
            word = buffer[at:end].lstrip(b"\n").decode("utf-8")
        except UnicodeDecodeError:
            raise _wrong(path, f"has as word {number + 1} what is no UTF-8") from None
        yield word, np.frombuffer(buffer, "<f4", width, end + 1).astype(np.float32)
        at = end + 1 + size
    if (buffer[at:] + stream.read(CHUNK)).strip(b"\n"):
        raise _wrong(path, f"goes on behind its {count} words")


def _unique(words: list[str], vectors: Array) -> tuple[list[str], Array, int]:
    """Return each word once, with its first vector, and how many came again."""
    first = {word: row for row, word in reversed(list(enumerate(words)))}
    rows = np.sort(np.fromiter(first.values(), np.int64))
    if len(rows) == len(words):
        return words, vectors, 0
    return [words[row] for row in rows], vectors[rows], len(words) - len(rows)


def _wrong(path: Path, why: str) -> ValueError:
    return ValueError(f"vectors: {str(path)!r} {why}; give word vectors in the text or binary "
                      "format of word2vec, or GloVe's text.")
