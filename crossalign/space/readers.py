"""Readers of a space: the encoders with which it was built, opened again by their names."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property, partial
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from crossalign.data.text_rows import class_rows
from crossalign.data_options import DataOptions, remembered_options
from crossalign.encoders import HOG, CharNgrams
from crossalign.encoders.ahead import THREADS
from crossalign.encoders.clips import ClipEncoder, frame_side
from crossalign.encoders.steps import steps_of
from crossalign.space.encoder_map import EncoderMap
from crossalign.space.items import IMAGE, clip_pixels, pixels_of
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
    mapped : EncoderMap, optional
        Map from the features of another encoder of pictures, which it names, to those that the
        space was built with; default none.
    opened : mapping, optional
        Open encoders, as ``options.read_raw_as()`` gives them; by default they are opened when
        they are needed.
    frames : int, optional
        Number of frames that are read of a clip, where there are clips in the place of pictures;
        default None.
    """

    def __init__(self, options: DataOptions, digests: dict[str, str] | None = None,
                 mapped: EncoderMap | None = None,
                 opened: Mapping[str, Any] | None = None, frames: int | None = None) -> None:
        self.options, self._opened = options, opened
        self.mapped, self.frames = mapped, frames
        self._expected = digests or {}

    @classmethod
    def remembered(cls, source: Mapping[str, Any], digests: dict[str, str],
                   mapped: EncoderMap | None = None, frames: int | None = None) -> Self:
        """Return the readers that a space remembers.

        Raises
        ------
        ValueError
            If a network that they need is not on this machine.
        """
        if mapped is None:
            return cls(remembered_options(source), digests, frames=frames)
        remembered_options({**source, "encoder": mapped.encoder})
        needed = () if _in_one(source) else ("encoder",)
        return cls(remembered_options(source, needed), digests, mapped)

    def under(self, mapped: EncoderMap) -> Readers:
        """Return readers of the same texts, whose pictures another encoder reads."""
        return Readers(self.options, {"text": _digest(self.texts)}, mapped)

    @cached_property
    def _encoders(self) -> tuple[Encoder, TextEncoder]:
        read = self._read_as() if self._opened is None else self._opened
        pictures = HOG() if read["encoder"] is None else read["encoder"]
        texts = CharNgrams() if read["text_encoder"] is None else read["text_encoder"]
        if self.frames is not None:
            pictures = ClipEncoder(pictures, self.frames)
        for kind, encoder in ((IMAGE, pictures), ("text", texts)):
            if self._expected.get(kind, digest := _digest(encoder)) != digest:
                raise ValueError(f"space: its encoder of {kind}s is another than the one it was "
                                 "built with, so vectors would not compare; bring back that "
                                 "version, or build the space again.")
        return pictures, texts

    def _read_as(self) -> dict[str, Any]:
        """Return the networks of pictures and texts; None for one that needs none."""
        own = self.options
        if self.mapped is None:
            return own.read_raw_as()
        texts = own if _in_one(own.remembered()) else replace(own, encoder=None)
        return {"encoder": pictures_alone(own, self.mapped.encoder).read_raw_as()["encoder"],
                "text_encoder": texts.read_raw_as()["text_encoder"]}

    @property
    def pictures(self) -> Encoder:
        """Encoder of pictures, or of clips."""
        return self._encoders[0]

    @property
    def texts(self) -> TextEncoder:
        """Encoder of texts."""
        return self._encoders[1]

    @property
    def one_space(self) -> bool:
        """True if pictures and texts are encoded into one space, as by CLIP or `ConSE`."""
        pictures = getattr(self.pictures, "of_frames", self.pictures)
        together = getattr(pictures, "in_space_of", None)
        return together is not None and bool(together(self.texts))

    def digests(self) -> dict[str, str]:
        """Return digests of the encoders' facts, by kind."""
        return {IMAGE: _digest(self.pictures), "text": _digest(self.texts)}

    def of_pictures(self, items: Sequence[Any]) -> Array:
        """Encode pictures of any form, ``(n, d)``, as the encoder that the space was built with.

        Clips become rows of their frames, see `encoders.clips.ClipEncoder`.

        Raises
        ------
        ValueError
            One sentence for the first that cannot be read.
        """
        encoder, rows = self.pictures, []
        steps, mode, side = steps_of(encoder), encoder.mode, steps_of(encoder).side
        read: Callable[[Any], Any] = partial(pixels_of, side=side, mode=mode)
        if isinstance(encoder, ClipEncoder):
            read = partial(clip_pixels, frames=encoder.frames, side=frame_side(encoder), mode=mode)
        with ThreadPoolExecutor(THREADS) as pool:
            for start in range(0, len(items), steps.block):
                rows.append(steps.encode(list(pool.map(
                    lambda item: steps.prepare(read(item)), items[start:start + steps.block]))))
        found = np.concatenate(rows)
        return found if self.mapped is None else self.mapped(found)

    def of_texts(self, texts: Sequence[str]) -> Array:
        """Encode texts, ``(n, d)``."""
        return np.asarray(self.texts.encode(list(texts)))

    def of_classes(self, texts: Sequence[Sequence[str]]) -> Array:
        """Encode the texts of C classes as their vectors ``(C, d)``, as in a benchmark."""
        names = [of[0] for of in texts]
        return class_rows(names, [tuple(of) for of in texts], self.texts, keep=False)[0]


def pictures_alone(options: DataOptions, encoder: str) -> DataOptions:
    """Return options whose pictures an encoder reads, whatever reads the texts."""
    return replace(options, encoder=encoder, text_encoder=None, prompts=None, output_names=None)


def _in_one(source: Mapping[str, Any]) -> bool:
    """Return True if texts are read through the network of pictures, as options say it."""
    return "labels" in source or ("encoder" in source
                                  and source["encoder"] == source.get("text_encoder"))


def facts_digest(facts: Mapping[str, Any]) -> str:
    """Return the digest of an encoder's facts, the same of those that were read from JSON."""
    return hashlib.sha256(json.dumps(dict(facts), sort_keys=True, default=str).encode()).hexdigest()


def _digest(encoder: Any) -> str:
    return facts_digest(encoder.facts)
