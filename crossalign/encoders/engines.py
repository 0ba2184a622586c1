"""Where items are encoded: in this process, or by the workers of Ray Data.

An engine encodes blocks of items. Which items, and where their rows are kept, is settled in
`encode`, so that all engines give the same rows under the same keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

from crossalign.encoders.ahead import Ahead
from crossalign.encoders.blocks import Block, Encoding
from crossalign.sentences import short

LOCAL, RAY = "local", "ray"

Blocks = Callable[[slice], Iterator[tuple[int, Block]]]
"""Function from a run of items to its blocks in order: their numbers of items, and what became of
them.
"""


class Engine(Protocol):
    """A place where items are encoded."""

    def begun(self, items: Sequence[Any], how: Encoding,
              runs: Sequence[slice]) -> AbstractContextManager[Blocks]:
        """Begin with runs of items, in the order in which they will be asked for."""


class Local:
    """Engine that is this process, where threads read items ahead."""

    @contextmanager
    def begun(self, items: Sequence[Any], how: Encoding, runs: Sequence[slice]) -> Iterator[Blocks]:
        """Begin with runs of items, in the order in which they will be asked for."""
        with Ahead(items, how.read, how.block, runs) as ahead:
            yield lambda run: ((len(block), how.of_block(block)) for block in ahead.blocks(run))


@contextmanager
def opened_engine(name: str) -> Iterator[Engine]:
    """Open an engine by its name, and close it behind.

    Parameters
    ----------
    name : str
        ``"local"``; ``"ray"`` for Ray Data on this machine, or ``"ray:ADDRESS"`` for that of a
        cluster, whose machines reach all files under the same paths.

    Raises
    ------
    ValueError
        If there is no engine of that name, or the cluster cannot be reached.
    ImportError
        If Ray is not installed.
    """
    kind, colon, address = name.partition(":")
    if kind == RAY and bool(colon) == bool(address):
        from crossalign.encoders.ray_data import RayData  # Ray is an extra

        with RayData(address or None) as engine:
            yield engine
    elif name == LOCAL:
        yield Local()
    else:
        raise ValueError(f"engine: got {short(name)}; write {LOCAL}, {RAY} or {RAY}:ADDRESS.")
