"""All drawings of the embedded data set, with their descriptions, before any split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from typing import Any
from unicodedata import unidata_version

import numpy as np
import numpy.typing as npt

from crossalign.data.sources.glyphs.features import GlyphEncoder
from crossalign.data.sources.glyphs.letters import (
    Letter,
    attributes,
    decompose,
    dense_core,
    questions,
)
from crossalign.data.sources.glyphs.typefaces import FACES, SIDE, coverage, draw, without_lookalikes
from crossalign.encoders.cache import Arrays, cached_arrays
from crossalign.encoders.char_ngrams import word_tokens
from crossalign.encoders.gradients import LEAST
from crossalign.encoders.patches import patch_grid, patch_tokens
from crossalign.preprocessing.bag_of_words import tf_idf
from crossalign.preprocessing.tokens import lengths_mask
from crossalign.types import Encoder, Views

Array = npt.NDArray[Any]

VERSION = 1
"""Version of the drawings, raised when the same arguments would give others or other
descriptors.
"""

MIN_FACES = 8    # faces that must have a letter's glyph
PER_BASE = 4     # letters that every base must carry
PER_MARK = 6     # letters on which every mark must stand
DRAWINGS = 2     # drawings of a letter in a face


@dataclass(frozen=True)
class GlyphSamples:
    """Drawings of C letters, n of them.

    Attributes
    ----------
    letters : C letters
    label, face, drawing : (n,) integers
        Row of ``letters``, row of `FACES`, and number of the drawing of that pair.
    pictures, outlines : (n, 32, 32) uint8
        Pixels; 0 is paper and 255 ink.
    vectors : mapping of "image" and "sketch" to (n, d) or (n, t, d) float32
    tokens : bool
        Whether text is tokens too.
    features : {"hog", "pixels"}
        Kind of the vectors.
    """

    letters: tuple[Letter, ...]
    label: Array
    face: Array
    drawing: Array
    pictures: Array
    outlines: Array
    vectors: dict[str, Array]
    tokens: bool = False
    features: str = "hog"

    def rows(self, letters: Array, faces: Sequence[str], drawing: int | None = None) -> Array:
        """Return the numbers of the samples of some letters, (C,) bool, in some faces."""
        styles = np.isin(list(FACES), faces)
        selection = letters[self.label] & styles[self.face]
        return np.flatnonzero(
            selection if drawing is None else selection & (self.drawing == drawing))

    @cached_property
    def embeddings(self) -> Array:
        """Side information of the letters, (C, a)."""
        return attributes(self.letters)[0]

    def views(self, modalities: Sequence[str], fitted_on: Array, *, style: bool = True) -> Views:
        """Return all n samples; words weigh as in the samples ``fitted_on``.

        Texts are the letter's name and, unless told otherwise, the words of the face's style.
        """
        documents = self._documents(style)
        data = {m: self._text(documents, fitted_on) if m == "text" else self.vectors[m]
                for m in modalities}
        masks = ({"text": self._real_words(documents, data["text"])}
                 if self.tokens and "text" in data else {})
        return Views(data, self.label, masks=masks, meta=self._meta(documents))

    def _real_words(self, documents: Sequence[str], words: Array) -> Array:
        """Return True for words ``(n, t)`` that are no padding."""
        counts = np.array([len(document.split()) for document in documents])
        return lengths_mask(counts[self._document], words.shape[1])

    @cached_property
    def captions(self) -> tuple[str, ...]:
        """Captions of the letters, C of them: their Unicode names in lower case."""
        return tuple(x.name.lower() for x in self.letters)

    def encoders(self, modalities: Sequence[str]) -> dict[str, Encoder]:
        """Return the encoder of each modality of drawings; none where rows are tokens."""
        return {} if self.tokens else {m: GlyphEncoder(self.features) for m in modalities
                                       if m in self.vectors}

    @property
    def _document(self) -> Array:
        """Number of the text of each sample, ``(n,)``."""
        return self.label * len(FACES) + self.face

    def _documents(self, style: bool) -> list[str]:
        """Return C * F texts, letter by letter: the letter's name, and words of the face's
        style.
        """
        names = [name.replace("-", " ") for name in self.captions]
        return [f"{name} {words}" if style else name for name in names for words in FACES.values()]

    def _text(self, documents: Sequence[str], fitted_on: Array) -> Array:
        document = self._document
        if self.tokens:
            return np.asarray(word_tokens(documents)[document])
        weighted, _ = tf_idf(documents, document[fitted_on])           # (C * F, V)
        return np.asarray(weighted[document])

    def _meta(self, documents: Sequence[str]) -> dict[str, Array]:
        letter_questions = np.array([questions(x) for x in self.letters])  # (C, q, 2)
        label, face = self.label, self.face
        texts = np.array(documents)[self._document]
        return {
            **(self._behind_tokens(texts) if self.tokens else {}),
            "caption": np.array(self.captions)[label],
            "face": np.array(list(FACES))[face],
            "question": letter_questions[label, :, 0],              # (n, q)
            "answer": letter_questions[label, :, 1],
            "show:image": 255 - self.pictures,
            "show:sketch": 255 - self.outlines,
            "show:text": texts,
        }

    @staticmethod
    def _behind_tokens(texts: Array) -> dict[str, Array]:
        grid = np.tile(patch_grid(SIDE), (len(texts), 1))
        return {"words:text": texts, "grid:image": grid, "grid:sketch": grid}


def draw_samples(seed: int, features: str, cache: bool, tokens: bool = False) -> GlyphSamples:
    """Draw every sample, or read it from the cache.

    Parameters
    ----------
    seed : int
        Seed of the shifts, turns and bends.
    features : {"hog", "pixels"}
    cache : bool
        Whether to read and write the user's cache folder.
    tokens : bool
        Whether to make rows of tokens instead of vectors, see `patches` and `words`; default False.
    """
    facts = {"seed": seed, **_origin()}
    keep = cached_arrays if cache else (lambda _, build: build())
    arrays = keep({"name": "glyphs", **facts}, lambda: _draw(seed))
    letters = tuple(decompose(chr(code)) for code in arrays["code"])
    pictures = {"image": arrays["pictures"], "sketch": arrays["outlines"]}
    encoder = GlyphEncoder(features)
    if tokens:
        vectors = {m: patch_tokens(p / np.float32(255), features) for m, p in pictures.items()}
    elif features == "hog":
        vectors = keep({"name": "glyphs-hog", "least": LEAST, **facts}, lambda: {
            m: encoder.of_ink(p) for m, p in pictures.items()})
    else:
        vectors = {m: encoder.of_ink(p) for m, p in pictures.items()}
    return GlyphSamples(tuple(x for x in letters if x is not None), arrays["label"], arrays["face"],
                        arrays["drawing"], arrays["pictures"], arrays["outlines"], vectors, tokens,
                        features)


def chosen_letters() -> tuple[Letter, ...]:
    """Return the letters of the data set, in code point order, from the user's cache or anew."""
    codes = cached_arrays({"name": "glyph-letters", **_origin()}, lambda: {"code": np.array(
        [ord(x.character) for x in _covered()[0]])})["code"]
    return tuple(x for code in codes if (x := decompose(chr(code))) is not None)


def _origin() -> dict[str, Any]:
    """Return what the letters and their drawings depend on."""
    return {"version": VERSION, "side": SIDE, "min_faces": MIN_FACES, "per_base": PER_BASE,
            "per_mark": PER_MARK, "drawings": DRAWINGS, "unicode": unidata_version,
            **{name: version(name) for name in ("matplotlib", "pillow", "numpy")}}


def _covered() -> tuple[list[Letter], list[Letter], Array]:
    """Return the letters of the data set, and all that are in enough faces, with their faces."""
    covered, has = coverage(MIN_FACES)
    return dense_core(without_lookalikes(covered), PER_BASE, PER_MARK), covered, has


def _draw(seed: int) -> Arrays:
    letters, covered, has = _covered()
    row = {x.character: i for i, x in enumerate(covered)}
    label, face, drawing = np.nonzero(np.repeat(
        has[[row[x.character] for x in letters], :, None], DRAWINGS, axis=2))
    pictures, outlines = draw("".join(letters[c].character for c in label), face,
                              np.random.default_rng([seed, 0]))
    return {"code": np.array([ord(x.character) for x in letters]), "label": label, "face": face,
            "drawing": drawing, "pictures": pictures, "outlines": outlines}
