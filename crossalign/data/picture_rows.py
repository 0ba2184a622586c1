"""Pictures to feature rows, through an encoder, computed once and kept on disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from crossalign.data.class_folders import picture_id
from crossalign.data.formats.clips import Clip, Film, frame_files, read_clip
from crossalign.data.formats.pictures import THREADS, Drawing, Picture, read_picture
from crossalign.data.noted import NOT_READ, Noted
from crossalign.data.samples import Raw
from crossalign.encoders.ahead import Read
from crossalign.encoders.blocks import Encoding
from crossalign.encoders.cache import Kept
from crossalign.encoders.clips import ClipEncoder, frame_side
from crossalign.encoders.encode import encode_items, row_key
from crossalign.encoders.engines import Engine
from crossalign.encoders.hog import HOG
from crossalign.encoders.steps import on_gpu, steps_of
from crossalign.fingerprints import LENGTH
from crossalign.pace import Log, Pace
from crossalign.types import Encoder

Array = npt.NDArray[Any]

VERSION = 2
"""Version of the rows, raised when the same pictures would give other rows."""

CLIPS = 8
"""Number of clips that are encoded at a time."""
NO_READABLE = "classes_without_a_readable_picture"
"""Kind of the notes on classes that have files and no sample."""


def chosen_encoder(tokens: bool, encoder: Encoder | None) -> Encoder:
    """Return the encoder given, or `HOG`.

    Raises
    ------
    ValueError
        For tokens of an encoder that does not give them.
    """
    if encoder is None:
        return HOG(tokens)
    if tokens and not encoder.tokens:
        raise ValueError("encoder: gives vectors where tokens are asked for; pass one with "
                         "tokens=True, or do not ask for tokens.")
    return encoder


class Encoded(NamedTuple):
    """Pictures of some classes that could be read, n of them.

    Attributes
    ----------
    files : n paths or drawings
    which : (n,) integers
        Their numbers among all files, class by class.
    labels : (n,) classes
    digests : (n,) uint64
        Digests of the contents of the files.
    rows : (n, d) in memory, or tokens (n, t, d), on disk where the cache can be written
    noted : what is said of files, those among them that could not be read
    """

    files: list[Raw]
    which: Array
    labels: Array
    digests: Array
    rows: Array
    noted: Noted


def encoded_classes(classes: Mapping[str, Sequence[Raw]], encoder: Encoder, *,
                    keep: bool = True, log: Log | None = None, engine: Engine | None = None,
                    each: bool = False) -> Encoded:
    """Encode the pictures of some classes, without those that cannot be read.

    Parameters
    ----------
    classes : mapping of name to files
        Files of each class; one that is known by its text only has none.
    encoder : Encoder
    keep : bool
        Whether rows are kept in the user's cache folder, under the contents of the files and the
        encoder's facts.
    log : callable, optional
        Function called with lines on the progress of reading and encoding.
    engine : Engine, optional
        Engine that reads and encodes; default this process.
    each : bool
        Whether every class needs a picture, as where each has two sides; default False. If not, a
        class of which none can be read is noted, and stays without samples.

    Raises
    ------
    ValueError
        If no picture can be read, or none of a class that needs one.
    """
    files = [file for listed in classes.values() for file in listed]
    things = _things(encoder)
    labels = np.repeat(np.arange(len(classes)), [len(listed) for listed in classes.values()])
    digests, closed = content_digests(files, log)
    there = np.array([i not in closed for i in range(len(files))])
    open_ = [files[i] for i in np.flatnonzero(there)]
    kept = picture_rows(open_, digests[there], encoder, keep=keep, log=log, engine=engine) \
        if open_ else Kept(np.zeros((0, 0)), [])
    noted: Noted = {NOT_READ: [f"{picture_id(files[i])} ({why})" for i, why in closed.items()]}
    for number, kind, why in kept.notes:
        at = int(np.flatnonzero(there)[number])
        noted.setdefault(kind, []).append(f"{picture_id(files[at])} ({why})")
        if kind == NOT_READ:
            closed[at] = why
    read = np.array([i not in closed for i in range(len(files))])
    if files and not read.any():
        raise ValueError(f"path: none of {len(files)} {things} can be read, first "
                         f"{noted[NOT_READ][0]}; copy them again.")
    without = [name for c, (name, listed) in enumerate(classes.items())
               if listed and not read[labels == c].any()]
    if without and each:
        raise ValueError(f"path: none of the {len(classes[without[0]])} {things} of the class "
                         f"{without[0]!r} can be read, first {noted[NOT_READ][0]}; copy them again "
                         "or remove the class.")
    noted |= {NO_READABLE: [f"{name} ({len(classes[name])} files)" for name in without]}
    which = np.flatnonzero(read)
    return Encoded([files[i] for i in which], which, labels[read], digests[read], kept.rows, noted)


def content_digests(files: Sequence[Raw],
                    log: Log | None = None) -> tuple[Array, dict[int, str]]:
    """Return ``(n,)`` uint64, equal where the contents of two files are, and why some have none.

    Every file is read whole: names, sizes and times do not tell its content.
    """
    def content(file: Raw) -> bytes | str:
        if isinstance(file, Film):
            return _digest(b"".join(bytes(content(Drawing("", frame)))  # type: ignore[arg-type]
                                    for frame in file.frames)).digest()
        if isinstance(file, Drawing):
            return _digest(f"{file.pixels.shape}".encode() + file.pixels.tobytes()).digest()
        try:
            if file.is_dir():                                  # of frames
                return _digest(b"".join(_of_file(frame) for frame in frame_files(file))).digest()
            return _of_file(file)
        except OSError as error:
            return f"cannot be opened: {error.strerror}"

    found = []
    with Pace(log, "read", len(files), "files") as pace, ThreadPoolExecutor(THREADS) as pool:
        for number, one in enumerate(pool.map(content, files)):
            found.append(one)
            pace(number + 1)
    closed = {i: one for i, one in enumerate(found) if isinstance(one, str)}
    together = b"".join(bytes(8) if isinstance(one, str) else one for one in found)
    return np.frombuffer(together, dtype=np.uint64), closed


_digest = partial(hashlib.blake2b, digest_size=8)


def _of_file(file: Path) -> bytes:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, _digest).digest()


def _things(encoder: Encoder) -> str:
    return "clips" if isinstance(encoder, ClipEncoder) else "pictures"


def picture_rows(files: Sequence[Raw], digests: Array, encoder: Encoder, *,
                 keep: bool = True, log: Log | None = None, engine: Engine | None = None) -> Kept:
    """Return rows of the pictures that can be read, and notes ``[number, kind, what]`` on files.

    Parameters
    ----------
    files : n paths or drawings
    digests : (n,) uint64
        Digests of their contents, see `content_digests`.
    encoder : Encoder
    keep, log, engine
        See `encoded_classes`.

    Returns
    -------
    rows : (m, d) in memory, or tokens (m, t, d), on disk where the cache can be written
    notes : list
        Notes with the kind `NOT_READ` for every file that has no row, and those of `read_picture`.
    """
    steps = steps_of(encoder)
    opened: Callable[..., Picture | Clip] = read_picture
    side, block = steps.side, steps.block
    if isinstance(encoder, ClipEncoder):
        opened = partial(read_clip, frames=encoder.frames)
        side, block = frame_side(encoder), CLIPS

    def read(file: Raw) -> Read:
        try:
            found: Any = opened(file, side=side, mode=encoder.mode)
        except ValueError as error:
            return None, [(NOT_READ, str(error.__cause__ or error))]
        return steps.prepare(found.pixels), list(found.notes.items())

    how = Encoding(steps.encode, _things(encoder), read, block, gpu=on_gpu(encoder))
    kept = encode_items(files, digests, how, row_key("picture-rows", encoder) if keep else None,
                        log, engine)
    if not len(kept.rows):
        raise ValueError(f"path: none of {len(files)} {how.things} can be read, first "
                         f"{picture_id(files[0])!r} ({kept.notes[0][2]}); copy them again.")
    return kept


def features_digest(*of: Any) -> str:
    """Compute a fingerprint of rows from their origin: contents of files, texts, encoders' facts.

    It is a SHA-256. Arrays count by their bytes, all else as JSON.
    """
    digest = hashlib.sha256(str(VERSION).encode())
    for one in of:
        content = one.tobytes() if isinstance(one, np.ndarray) else json.dumps(
            one, sort_keys=True, default=str).encode()
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()[:LENGTH]
