"""Items in blocks, read ahead by threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, Self

THREADS = 8
"""Number of items read at a time; decoding lets go of the interpreter lock."""

Read = tuple[Any, Sequence[tuple[str, str]]]
"""An item that was read, None if it could not be, and notes on it: kind and text."""
Piece = tuple[int, int]
"""First item of a block, and the first behind it."""


def pieces_of(runs: Sequence[slice], block: int) -> list[Piece]:
    """Return the blocks of runs of items, none of which reaches over the end of its run."""
    return [(at, min(at + block, run.stop)) for run in runs
            for at in range(run.start, run.stop, block)]


class Ahead:
    """Blocks of items; while one is worked on, threads read the one behind it.

    It is a context: at its end what is being read is dropped.

    Parameters
    ----------
    items : sequence
    read : callable, optional
        Function that reads an item, called in threads; by default items are as they are.
    block : int
        Number of items of a block.
    runs : sequence of slices
        Runs of items in the order in which they will be asked for. One may be asked for again.
    """

    def __init__(self, items: Sequence[Any], read: Callable[[Any], Read] | None, block: int,
                 runs: Sequence[slice]) -> None:
        self.items, self.read, self.block = items, read, block
        pieces = pieces_of(runs, block)
        self._behind = dict(pairwise(pieces))
        self._waiting: dict[Piece, Iterator[Read]] = {}
        self._pool = ThreadPoolExecutor(THREADS)

    def blocks(self, run: slice) -> Iterator[list[Read]]:
        """Yield the blocks of a run."""
        for piece in pieces_of([run], self.block):
            if self.read is None:
                yield [(item, ()) for item in self.items[slice(*piece)]]
                continue
            mine = self._begun(piece)
            del self._waiting[piece]
            behind = self._behind.get(piece)
            if behind is not None:
                self._begun(behind)
            yield list(mine)

    def _begun(self, piece: Piece) -> Iterator[Read]:
        """Return what is read of a block, which is begun if it was not."""
        if piece not in self._waiting:
            assert self.read is not None
            self._waiting[piece] = self._pool.map(self.read, self.items[slice(*piece)])
        return self._waiting[piece]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)
