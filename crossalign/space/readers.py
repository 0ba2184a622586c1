"""Readers of a space: the encoders with which it was built, opened again by their names."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.text_rows import class_rows
from crossalign.data_options import DataOptions
from crossalign.encoders import HOG, CharNgrams
from crossalign.encoders.ahead import THREADS
from crossalign.encoders.steps import steps_of
from crossalign.space.items import IMAGE, pixels_of
from crossalign.types import Encoder, TextEncoder

Array = npt.NDArray[Any]


class Readers:
    """Encoders of pictures and texts.

    Parameters
    ----------
    options : DataOptions
        Names of the networks; the encoders that need none by default.
    digests : mapping of kind to str, optional
        Digests of the encoders' facts, as `digests` gave them when the space was built.
    """

    def __init__(self, options: DataOptions, digests: dict[str, str] | None = None) -> None:
        self.options = options
        self._expected = digests or {}

    @cached_property
    def _encoders(self) -> tuple[Encoder, TextEncoder]:
        read = self.options.read_raw_as()
        pictures = HOG() if read["encoder"] is None else read["encoder"]
        texts = CharNgrams() if read["text_encoder"] is None else read["text_encoder"]
        for kind, encoder in ((IMAGE, pictures), ("text", texts)):
            if self._expected.get(kind, digest := _digest(encoder)) != digest:
                raise ValueError(f"space: its encoder of {kind}s is another than the one it was "
                                 "built with, so vectors would not compare; bring back that "
                                 "version, or build the space again.")
        return pictures, texts

    @property
    def pictures(self) -> Encoder:
        """Encoder of pictures."""
        return self._encoders[0]

    @property
    def texts(self) -> TextEncoder:
        """Encoder of texts."""
        return self._encoders[1]

    @property
    def one_space(self) -> bool:
        """True if pictures and texts are encoded into one space, as by CLIP or `ConSE`."""
        together = getattr(self.pictures, "in_space_of", None)
        return together is not None and bool(together(self.texts))

    def digests(self) -> dict[str, str]:
        """Return digests of the encoders' facts, by kind."""
        return {IMAGE: _digest(self.pictures), "text": _digest(self.texts)}

    def of_pictures(self, items: Sequence[Any]) -> Array:
        """Encode pictures of any form, ``(n, d)``.

        Raises
        ------
        ValueError
            One sentence for the first that cannot be read.
        """
        steps, mode, rows = steps_of(self.pictures), self.pictures.mode, []
        with ThreadPoolExecutor(THREADS) as pool:
            for start in range(0, len(items), steps.block):
                rows.append(steps.encode(list(pool.map(
                    lambda item: steps.prepare(pixels_of(item, steps.side, mode)),
                    items[start:start + steps.block]))))
        return np.concatenate(rows)

    def of_texts(self, texts: Sequence[str]) -> Array:
        """Encode texts, ``(n, d)``."""
        return np.asarray(self.texts.encode(list(texts)))

    def of_classes(self, texts: Sequence[Sequence[str]]) -> Array:
        """Encode the texts of C classes as their vectors ``(C, d)``, as in a benchmark."""
        names = [of[0] for of in texts]
        return class_rows(names, [tuple(of) for of in texts], self.texts, keep=False)[0]


def _digest(encoder: Any) -> str:
    return hashlib.sha256(json.dumps(dict(encoder.facts), sort_keys=True,
                                     default=str).encode()).hexdigest()
