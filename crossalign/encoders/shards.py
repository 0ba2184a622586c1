"""Rows of many items in files, so that work that was cut off goes on where it was.

A shard is one file of the rows of up to `SHARD` consecutive items, named by the content of these
items and by all else that its rows depend on. While it is made it is in parts, files of fewer rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.encoders.cache import Blocks, Kept, cached_rows, mapped_rows, rows_path

Array = npt.NDArray[Any]

SHARD, PART = 4096, 256
"""Items of a shard, and of a part of one."""
COPIED = 64
"""Rows that are copied at a time."""


class Shard:
    """A run of items whose rows are in one file, or will be; a long one is made of parts.

    Parameters
    ----------
    key : mapping
        Facts that the rows depend on, besides the items.
    digests : (n, ...)
        Digests of the contents of all items.
    run : slice
        Items of this shard, with a start and a stop.
    sizes : sequence of int
        Numbers of items of its parts, and of their parts.
    """

    def __init__(self, key: Mapping[str, Any], digests: Array, run: slice,
                 sizes: Sequence[int]) -> None:
        content = np.ascontiguousarray(digests[run]).tobytes()
        self.key = {**key, "items": hashlib.sha256(content).hexdigest()}
        self.run, self.kept = run, mapped_rows(rows_path(self.key))
        self.parts: list[Shard] = []
        if self.kept is None and sizes and run.stop - run.start > sizes[0]:
            self.parts = [Shard(key, digests, slice(at, min(at + sizes[0], run.stop)), sizes[1:])
                          for at in range(run.start, run.stop, sizes[0])]

    @property
    def done(self) -> int:
        """Number of items whose rows are kept."""
        return sum(part.done for part in self.parts) if self.kept is None \
            else self.run.stop - self.run.start

    @property
    def missing(self) -> list[slice]:
        """Runs of items whose rows will be made, in order."""
        if self.kept is not None:
            return []
        return [run for part in self.parts for run in part.missing] if self.parts else [self.run]

    def rows(self, make: Callable[[slice], Blocks]) -> Kept:
        """Return the rows of the shard; ``make`` gives the blocks of items that are not kept."""
        if self.kept is None and not self.parts:
            self.kept = cached_rows(self.key, lambda: make(self.run))
        if self.kept is None:
            parts = [part.rows(make) for part in self.parts]
            self.kept = self.one_file(parts)
        return self.kept

    def one_file(self, parts: Sequence[Kept]) -> Kept:
        """Join the rows of the parts in one file, which takes the place of theirs."""
        kept = cached_rows(self.key, lambda: _copied(parts, self.notes(parts)))
        if mapped_rows(rows_path(self.key)) is not None:
            for part in self.parts:
                with suppress(OSError):
                    rows_path(part.key).unlink()
        return kept

    def notes(self, parts: Sequence[Kept]) -> list[Any]:
        """Return the notes of all parts, numbered from the first item of the shard."""
        return [[part.run.start - self.run.start + n, *note]
                for part, kept in zip(self.parts, parts, strict=True) for n, *note in kept.notes]


def shard_of(digests: Array, key: Mapping[str, Any], block: int) -> Shard:
    """Return the shard of all items, encoded ``block`` at a time; of more than `SHARD` items the
    parts are shards.
    """
    run, sizes = slice(0, len(digests)), (SHARD, max(PART, block))
    return Shard(key, digests, run, sizes if len(digests) > SHARD else sizes[1:])


def rows_of(shard: Shard, make: Callable[[slice], Blocks]) -> Kept:
    """Return the rows of all items: vectors in memory, tokens on disk in one file.

    Vectors of more than `SHARD` items stay in several files, so that items may be added.
    """
    if shard.kept is None and shard.run.stop > SHARD:
        parts = [part.rows(make) for part in shard.parts]
        vectors = [kept.rows for kept in parts if len(kept.rows)]
        if vectors and vectors[0].ndim == 2:
            return Kept(np.concatenate(vectors), shard.notes(parts))
        return shard.one_file(parts)
    kept = shard.rows(make)
    return kept if kept.rows.ndim == 3 else Kept(np.array(kept.rows), kept.notes)


def padded(blocks: Sequence[Array]) -> list[Array]:
    """Return vectors as they are; tokens with zeros behind, as many as the longest block has."""
    if blocks[0].ndim == 2:
        return list(blocks)
    longest = max(block.shape[1] for block in blocks)
    return [_to(block, longest) for block in blocks]


def _copied(parts: Sequence[Kept], notes: list[Any]) -> Iterator[tuple[Array | None, list[Any]]]:
    """Yield the rows of parts, a few at a time, tokens with zeros up to the longest."""
    yield None, notes
    some = [kept.rows for kept in parts if len(kept.rows)] or [parts[0].rows]
    longest = max(rows.shape[1] for rows in some)
    for rows in some:
        for at in range(0, max(len(rows), 1), COPIED):
            block = rows[at:at + COPIED]
            yield block if block.ndim == 2 else _to(block, longest), []


def _to(block: Array, longest: int) -> Array:
    return block if block.shape[1] == longest else np.pad(
        block, ((0, 0), (0, longest - block.shape[1]), (0, 0)))
