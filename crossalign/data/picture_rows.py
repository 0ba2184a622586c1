"""Pictures to feature rows, through an encoder, computed once and kept on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.cache import cached_rows
from crossalign.data.gradients import oriented_gradients
from crossalign.data.patches import PATCHES, patch_tokens
from crossalign.data.pictures import read_pictures, whole_pictures
from crossalign.types import Encoder

Array = npt.NDArray[Any]
Log = Callable[[str], None]

VERSION = 1
"""Raised when the same pictures would give other rows."""

BLOCK, WHOLE = 64, 8
"""Pictures encoded at a time; of those that an encoder resizes itself, fewer."""

CELL, BINS = 8, 8
TASKS = ("retrieval", "tokens")
"""Of folders of pictures: with an encoder's own rows, or with tokens."""


class Gradients:
    """The encoder that needs no download: histograms of oriented gradients of a grey picture.

    Parameters
    ----------
    tokens : bool
        ``(n, 64, 34)`` patches of 8 x 8 pixels instead of ``(n, 512)`` vectors.
    """

    side = 64
    mode = "L"

    def __init__(self, tokens: bool = False) -> None:
        self.tokens = tokens

    @property
    def facts(self) -> dict[str, Any]:
        """What the rows are."""
        of = PATCHES["hog"] if self.tokens else (
            f"histograms of oriented gradients, {BINS} orientations in cells of {CELL} x {CELL}")
        return {"encoder": "gradients", "rows": f"{of}; {self.side} x {self.side} grey pixels"}

    def encode(self, pictures: Array) -> Array:
        """Rows of ``(n, 64, 64)`` uint8 pictures."""
        ink = 1 - np.asarray(pictures, dtype=np.float32) / 255
        return patch_tokens(ink) if self.tokens else oriented_gradients(ink, cell=CELL, bins=BINS)


def chosen_encoder(task: str, encoder: Encoder | None) -> Encoder:
    """The encoder of a task, "retrieval" or "tokens": the one given, or `Gradients`.

    Raises
    ------
    ValueError
        For another task, or tokens of an encoder that does not give them.
    """
    if task not in TASKS:
        raise ValueError(f"task: got {task!r}; folders of pictures serve {list(TASKS)}.")
    if encoder is None:
        return Gradients(tokens=task == "tokens")
    if task == "tokens" and not encoder.tokens:
        raise ValueError("encoder: gives vectors where tokens are asked for; pass one with "
                         "tokens=True, or leave the task out.")
    return encoder


def picture_rows(files: Sequence[Path], digests: Array, encoder: Encoder, *, keep: bool = True,
                 log: Log | None = None) -> Array:
    """Rows ``(n, d)`` in memory, or tokens ``(n, t, d)``, on disk where the cache can be written.

    Parameters
    ----------
    files : n paths
    digests : (n,) uint64
        Of their contents, see `pictures.content_digests`.
    encoder : Encoder
    keep : bool
        Whether rows are kept in the user's cache folder, under the digests and the encoder's facts.
    log : callable, optional
        Told how far the encoding is, at every tenth.

    Raises
    ------
    ValueError
        One sentence naming a picture that cannot be read.
    """
    whole = getattr(encoder, "resizes", False)
    block = WHOLE if whole else BLOCK

    def blocks() -> Iterator[Array]:
        for start in range(0, len(files), block):
            done = 10 * start // len(files)
            if log is not None and done > 10 * (start - block) // len(files) and start:
                log(f"encoded {start} of {len(files)} pictures")
            part = files[start:start + block]
            yield np.asarray(encoder.encode(whole_pictures(part, encoder.mode) if whole else
                                            read_pictures(part, encoder.side, encoder.mode)))

    if not keep:
        return np.concatenate(list(blocks()))
    key = {"name": "picture-rows", "version": VERSION, "encoder": dict(encoder.facts),
           "files": hashlib.sha256(digests.tobytes()).hexdigest(),
           **{package: version(package) for package in ("numpy", "pillow")}}
    rows = cached_rows(key, len(files), blocks)
    return rows if rows.ndim == 3 else np.array(rows)
