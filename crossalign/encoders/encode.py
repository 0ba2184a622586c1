"""Many items to rows: in blocks, read ahead by threads, kept in shards so that a kill costs little.

Work that was cut off goes on with the first rows that are not there, and items that are added
behind others leave the shards before them as they are, see `shards`. Items that cannot be read have
no row and a note.
"""

from __future__ import annotations

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

from crossalign.encoders.cache import Blocks, Kept, gathered
from crossalign.encoders.shards import padded, rows_of, shard_of
from crossalign.fingerprints import code_fingerprint
from crossalign.pace import Log, Pace

Array = npt.NDArray[Any]

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
    shard = None if key is None else shard_of(digests, key, how.block)
    done = 0 if shard is None else shard.done
    if log is not None and 0 < done < len(items):
        log(f"going on: {done} of {len(items)} {how.things} were encoded before")
    pace = Pace(log, "encoded", len(items), how.things, done)
    make = _maker(items, how, pace, done)
    kept = gathered(make(slice(0, len(items)))) if shard is None else rows_of(shard, make)
    for message in dict.fromkeys(what for _, kind, what in kept.notes if kind == WARNED):
        warnings.warn(message, stacklevel=3)
    return Kept(kept.rows, [note for note in kept.notes if note[1] != WARNED])


def _maker(items: Sequence[Any], how: Encoding, pace: Pace,
           done: int) -> Callable[[slice], Blocks]:
    """Return a function that encodes a run of items and counts on from ``done``."""

    def blocks(run: slice) -> Blocks:
        nonlocal done
        start, encoded = 0, 0
        for block in _ahead(items[run], how):
            pace(done)
            notes: list[Any] = [[start + n, *note] for n, (_, about) in enumerate(block)
                                for note in about]
            sound = [item for item, _ in block if item is not None]
            rows, said = _encoded(sound, how) if sound else (None, [])
            yield rows, [*notes, *([start, WARNED, message] for message in said)]
            start, encoded, done = start + len(block), encoded + len(sound), done + len(block)
        if not encoded:
            yield np.zeros((0, 0), np.float32), []

    return (lambda run: _evened(blocks(run))) if how.ragged else blocks


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


def _evened(blocks: Blocks) -> Blocks:
    """Yield one block of all, with as many tokens as the longest needs."""
    whole = list(blocks)
    yield (np.concatenate(padded([rows for rows, _ in whole if rows is not None])),
           [note for _, notes in whole for note in notes])


def _version(package: str) -> str | None:
    with suppress(PackageNotFoundError):
        return version(package)
    return None
