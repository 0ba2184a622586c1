"""Many items to rows: in blocks, read ahead by threads, kept in shards so that a kill costs little.

Work that was cut off goes on with the first rows that are not there, and items that are added
behind others leave the shards before them as they are, see `shards`. Items that cannot be read have
no row and a note.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.encoders.blocks import WARNED, Encoding
from crossalign.encoders.cache import Blocks, Kept, gathered
from crossalign.encoders.engines import Blocks as Engined
from crossalign.encoders.engines import Engine, Local
from crossalign.encoders.shards import padded, rows_of, shard_of
from crossalign.fingerprints import code_fingerprint
from crossalign.pace import Log, Pace

Array = npt.NDArray[Any]

PACKAGES = ("numpy", "pillow", "av", "transformers", "tokenizers", "onnxruntime", "ai-edge-litert")
"""Packages whose versions rows may depend on."""


def row_key(name: str, encoder: Any) -> dict[str, Any]:
    """Return the facts that the rows of an encoder depend on, apart from its items."""
    return {"name": name, "encoder": dict(encoder.facts), "code": code_fingerprint(encoder),
            "packages": {package: _version(package) for package in PACKAGES}}


def encode_items(items: Sequence[Any], digests: Array, how: Encoding,
                 key: Mapping[str, Any] | None = None, log: Log | None = None,
                 engine: Engine | None = None) -> Kept:
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
    engine : Engine, optional
        Engine that encodes; default this process.

    Returns
    -------
    rows : (m, d) in memory, or tokens (m, t, d), on disk where the cache can be written
    notes : list
        Notes ``[number, kind, text]`` on items.
    """
    shard = None if key is None else shard_of(digests, key, how.block)
    runs = [slice(0, len(items))] if shard is None else shard.missing
    done = 0 if shard is None else shard.done
    if log is not None and 0 < done < len(items):
        log(f"going on: {done} of {len(items)} {how.things} were encoded before")
    with (Pace(log, "encoded", len(items), how.things, done) as pace,
          (engine or Local()).begun(items, how, runs) as blocks):
        make = _maker(blocks, how, pace, done)
        kept = gathered(make(slice(0, len(items)))) if shard is None else rows_of(shard, make)
    for message in dict.fromkeys(what for _, kind, what in kept.notes if kind == WARNED):
        warnings.warn(message, stacklevel=3)
    return Kept(kept.rows, [note for note in kept.notes if note[1] != WARNED])


def _maker(blocks: Engined, how: Encoding, pace: Pace, done: int) -> Callable[[slice], Blocks]:
    """Return a function that encodes a run of items and counts on from ``done``."""

    def of_run(run: slice) -> Blocks:
        nonlocal done
        start, encoded = 0, 0
        for count, (rows, notes) in blocks(run):
            yield rows, [[start + n, *note] for n, *note in notes]
            start, encoded, done = start + count, encoded + (rows is not None), done + count
            pace(done)
        if not encoded:
            yield np.zeros((0, 0), np.float32), []

    return (lambda run: _evened(of_run(run))) if how.ragged else of_run


def _evened(blocks: Blocks) -> Blocks:
    """Yield one block of all, with as many tokens as the longest needs."""
    whole = list(blocks)
    yield (np.concatenate(padded([rows for rows, _ in whole if rows is not None])),
           [note for _, notes in whole for note in notes])


def _version(package: str) -> str | None:
    with suppress(PackageNotFoundError):
        return version(package)
    return None
