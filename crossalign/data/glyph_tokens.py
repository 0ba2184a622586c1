"""Glyphs as token rows: patches of a picture, words of a name.

Nothing is fitted and nothing knows a class: a patch is described by what is drawn in it and by
where it is, a word by its letters.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.gradients import oriented_gradients

Array = npt.NDArray[Any]

PATCH = 8               # side in pixels
CELL, BINS = 4, 8       # side of a patch's quarter, and orientations in it
WORD = 128              # width of a word, in bits of the hashes that it is a sum of
GRAMS = (3, 4, 5)       # letters in a piece of a word

PATCHES: dict[str, str] = {
    "hog": f"patches of {PATCH} x {PATCH} pixels, {BINS} orientations of gradients in each quarter,"
           " row and column",
    "pixels": f"patches of {PATCH} x {PATCH} pixels, ink 1 and paper 0, row and column",
}
"""How a picture or an outline becomes tokens."""

WORDS = (f"words of the Unicode name and of the style of the face, each the sum of {WORD} hashed "
         f"signs of its pieces of {GRAMS[0]} to {GRAMS[-1]} letters, unit rows")


def patch_tokens(pictures: npt.ArrayLike, features: str = "hog") -> Array:
    """``(n, t, d)`` float32 patches of pictures ``(n, s, s)`` with values in [0, 1].

    Patches row by row, t of them; the last two of d columns are row and column in (0, 1], so that
    no patch is all zeros. A side of 32 gives 16 patches of 34 columns, or 66 as pixels.
    """
    ink = np.asarray(pictures, dtype=np.float32)
    n, along = len(ink), ink.shape[1] // PATCH
    if features == "hog":
        values, width = oriented_gradients(ink, cell=CELL, bins=BINS), PATCH // CELL
    else:
        values, width = ink, PATCH
    cells = values.reshape(n, along, width, along, width, -1).swapaxes(2, 3)
    place = np.stack(np.meshgrid(*[np.arange(1, along + 1) / along] * 2, indexing="ij"), axis=2)
    tokens = [cells.reshape(n, along**2, -1),
              np.broadcast_to(place.reshape(-1, 2), (n, along**2, 2))]
    return np.concatenate(tokens, axis=2, dtype=np.float32)


def patch_grid(side: int) -> tuple[int, int]:
    """Rows and columns of the patches of a picture."""
    return side // PATCH, side // PATCH


def word_tokens(documents: Sequence[str]) -> Array:
    """``(D, t, WORD)`` float32 words of documents parted by blanks, in order, then zeros.

    t is the number of words of the longest document.
    """
    words = [document.split() for document in documents]
    known = list(dict.fromkeys(word for each in words for word in each))
    number = {word: i for i, word in enumerate(known)}
    vectors = np.stack([word_vector(word) for word in known])
    tokens = np.zeros((len(words), max(map(len, words)), WORD), dtype=np.float32)
    for row, each in enumerate(words):
        tokens[row, :len(each)] = vectors[[number[word] for word in each]]
    return tokens


def word_table(documents: Sequence[str]) -> Array:
    """``(D, t)`` strings: the words that `word_tokens` are of, and ``""`` where it has zeros."""
    words = [document.split() for document in documents]
    longest = max(map(len, words))
    return np.array([each + [""] * (longest - len(each)) for each in words])


def word_vector(word: str) -> Array:
    """Unit vector ``(WORD,)``: a sum of one vector of signs for each piece of the word.

    Pieces are the word itself and its runs of `GRAMS` letters, with its ends marked ("<ring>"), as
    in fastText (Bojanowski et al. 2017); their signs are bits of a hash (BLAKE2b), so that every
    word, known or not, has a vector, and words with common pieces are alike.
    """
    marked = f"<{word}>"
    pieces = {marked} | {marked[i:i + g] for g in GRAMS for i in range(len(marked) - g + 1)}
    digests = b"".join(hashlib.blake2b(piece.encode(), digest_size=WORD // 8).digest()
                       for piece in sorted(pieces))
    bits = np.unpackbits(np.frombuffer(digests, dtype=np.uint8)).reshape(-1, WORD)
    total = (2.0 * bits - 1.0).sum(axis=0)
    return np.asarray(total / np.linalg.norm(total))
