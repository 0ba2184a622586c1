"""Many items to rows: in blocks, read ahead by threads, kept in shards so that a kill costs little.

A shard is one file of the rows of up to `SHARD` consecutive items, named by the content of these
items and by all else that its rows depend on. Work that was cut off goes on with the first shard
that is not there, and items that are added behind others leave the shards before them as they are.
Items that cannot be read have no row and a note.
"""

from __future__ import annotations

import hashlib
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.encoders.cache import Blocks, Kept, cached_rows, gathered, mapped_rows, rows_path
from crossalign.fingerprints import code_fingerprint
from crossalign.pace import Log, Pace

Array = npt.NDArray[Any]

SHARD = 4096
"""Items of a shard."""
THREADS = 8
"""Number of items read at a time; decoding lets go of the interpreter lock."""
WARNED = "warned"
"""Kind of the notes that hold a warning of an encoder, which is given again with kept rows."""
PACKAGES = ("numpy", "pillow", "transformers", "tokenizers", "onnxruntime", "ai-edge-litert")
"""Packages whose versions rows may depend on."""

Read = tuple[Any, Sequence[tuple[str, str]]]
"""An item that was read, None if it could not be, and notes on it: kind and text."""


@dataclass(frozen=True)
class Encoding:
    """A way from items to rows.

    Parameters
    ----------
    encode : callable
        Function from a list of items that were read to their rows ``(b, d)`` or ``(b, t, d)``.
    things : str
        Plural noun for the items, as ``"pictures"``.
    read : callable, optional
        Function that reads an item, called in threads; see `Read`. By default items are encoded as
        they are.
    block : int
        Number of items encoded at a time; default 64.
    ragged : bool
        Whether blocks differ in their number of tokens, and get zeros behind; default False.
    """

    encode: Callable[[list[Any]], Array]
    things: str
    read: Callable[[Any], Read] | None = None
    block: int = 64
    ragged: bool = False


def row_key(name: str, encoder: Any) -> dict[str, Any]:
    """Return the facts that the rows of an encoder depend on, apart from its items."""
    return {"name": name, "encoder": dict(encoder.facts), "code": code_fingerprint(encoder),
            "packages": {package: _version(package) for package in PACKAGES}}


def encode_items(items: Sequence[Any], digests: Array, how: Encoding,
                 key: Mapping[str, Any] | None = None, log: Log | None = None) -> Kept:
    """Encode items that have not been encoded before.

    Parameters
    ----------
    items : sequence of n items
    digests : (n, ...)
        Digests of the contents of the items.
    how : Encoding
    key : mapping, optional
        Facts that the rows depend on, see `row_key`; by default nothing is kept on disk.
    log : callable, optional
        Function called with lines on the progress: done, speed, time left.

    Returns
    -------
    rows : (m, d) in memory, or tokens (m, t, d), on disk where the cache can be written
    notes : list
        Notes ``[number, kind, text]`` on items.
    """
    parts = [slice(start, start + SHARD) for start in range(0, len(items), SHARD)]
    keys = [None if key is None else _keyed(key, digests[part]) for part in parts]
    joined = None if key is None else {**_keyed(key, digests), "shards": len(parts)}
    kept = None if joined is None or len(parts) == 1 else mapped_rows(rows_path(joined))
    if kept is None:
        kept = _together(_shards(items, parts, keys, how, log), keys, joined, how.ragged)
    for message in dict.fromkeys(what for _, kind, what in kept.notes if kind == WARNED):
        warnings.warn(message, stacklevel=3)
    return Kept(kept.rows, [note for note in kept.notes if note[1] != WARNED])


def _shards(items: Sequence[Any], parts: Sequence[slice], keys: Sequence[Any], how: Encoding,
            log: Log | None) -> list[Kept]:
    """Return the shards of all parts; those that are not kept are made."""
    shards = [None if key is None else mapped_rows(rows_path(key)) for key in keys]
    done = sum(len(items[part]) for part, shard in zip(parts, shards, strict=True)
               if shard is not None)
    if log is not None and 0 < done < len(items):
        log(f"going on: {done} of {len(items)} {how.things} were encoded before")
    pace, whole = Pace(log, "encoded", len(items), how.things, done), []
    for part, shard, key in zip(parts, shards, keys, strict=True):
        if shard is None:
            shard = _shard(items[part], how, key, pace, done)
            done += len(items[part])
        whole.append(shard)
    return whole


def _keyed(key: Mapping[str, Any], digests: Array) -> dict[str, Any]:
    content = np.ascontiguousarray(digests).tobytes()
    return {**key, "items": hashlib.sha256(content).hexdigest()}


def _shard(items: Sequence[Any], how: Encoding, key: Any, pace: Pace, done: int) -> Kept:
    """Encode the items of one shard; ``done`` are before them."""

    def blocks() -> Blocks:
        start, encoded = 0, 0
        for block in _ahead(items, how):
            pace(done + start)
            numbers = range(start, start + len(block))
            notes: list[Any] = [[n, *note] for n, (_, about) in zip(numbers, block, strict=True)
                                for note in about]
            sound = [item for item, _ in block if item is not None]
            rows, said = _encoded(sound, how) if sound else (None, [])
            yield rows, [*notes, *([start, WARNED, message] for message in said)]
            start, encoded = start + len(block), encoded + len(sound)
        if not encoded:
            yield np.zeros((0, 0), np.float32), []

    made = _evened(blocks) if how.ragged else blocks
    return gathered(made()) if key is None else cached_rows(key, made)


def _encoded(items: list[Any], how: Encoding) -> tuple[Array, list[str]]:
    """Return rows of items, and the warnings to the user that were given meanwhile."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        rows = np.asarray(how.encode(items))
    own = [str(one.message) for one in caught if one.category is UserWarning]
    for other in caught:
        if other.category is not UserWarning:
            warnings.warn_explicit(other.message, other.category, other.filename, other.lineno)
    return rows, own


def _ahead(items: Sequence[Any], how: Encoding) -> Iterator[list[Read]]:
    """Yield blocks of items that were read; the next is read while one is worked on."""
    starts = range(0, len(items), how.block)
    if how.read is None:
        for start in starts:
            yield [(item, ()) for item in items[start:start + how.block]]
        return
    with ThreadPoolExecutor(THREADS) as pool:
        waiting: deque[Any] = deque()
        for start in starts:
            waiting.append(pool.map(how.read, items[start:start + how.block]))
            if len(waiting) > 1:
                yield list(waiting.popleft())
        while waiting:
            yield list(waiting.popleft())


def _evened(blocks: Callable[[], Blocks]) -> Callable[[], Blocks]:
    """Return a maker of one block of all, with as many tokens as the longest needs."""

    def one() -> Blocks:
        whole = list(blocks())
        yield (np.concatenate(padded([rows for rows, _ in whole if rows is not None])),
               [note for _, notes in whole for note in notes])

    return one


def padded(blocks: Sequence[Array]) -> list[Array]:
    """Return vectors as they are; tokens with zeros behind, as many as the longest block has."""
    if blocks[0].ndim == 2:
        return list(blocks)
    longest = max(block.shape[1] for block in blocks)
    return [block if block.shape[1] == longest else
            np.pad(block, ((0, 0), (0, longest - block.shape[1]), (0, 0))) for block in blocks]


def _together(shards: Sequence[Kept], keys: Sequence[Any], joined: Mapping[str, Any] | None,
              ragged: bool) -> Kept:
    """Join shards: vectors in memory, tokens in one file that takes the place of theirs."""
    notes = [[number * SHARD + n, *note] for number, one in enumerate(shards)
             for n, *note in one.notes]
    parts = [one.rows for one in shards if len(one.rows)]
    if not parts:
        return Kept(np.zeros((0, 0), np.float32), notes)
    if parts[0].ndim == 3 and len(shards) == 1:
        return Kept(parts[0], notes)
    if parts[0].ndim == 2 or joined is None:
        return Kept(np.concatenate(padded(parts) if ragged else parts), notes)
    longest = max(part.shape[1] for part in parts)

    def blocks() -> Blocks:
        yield None, notes
        for part in parts:
            for start in range(0, len(part), 64):
                some = part[start:start + 64]
                yield np.pad(some, ((0, 0), (0, longest - some.shape[1]), (0, 0))), []

    kept = cached_rows(joined, blocks)
    if isinstance(kept.rows, np.memmap):
        for key in keys:
            with suppress(OSError):
                rows_path(key).unlink()
    return kept


def _version(package: str) -> str | None:
    with suppress(PackageNotFoundError):
        return version(package)
    return None
