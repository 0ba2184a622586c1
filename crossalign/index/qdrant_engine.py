"""The form that the two engines of Qdrant have here, in a folder and on a server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from crossalign.index.base import Array
from crossalign.index.qdrant_where import Words

BATCH = 2000
"""Number of points that are sent at a time."""
GRAPH_FROM = 50_000
"""Number of items from which a graph is worth building; fewer are compared in some milliseconds."""

Values = dict[str, Any]
Point = tuple[str, Array, Values]


class Engine(Protocol):
    """An engine that keeps points, each with a uuid, a vector and a payload.

    Attributes
    ----------
    width : int or None
        Dimension of the vectors; None while nothing says it.
    words : Words
        Makers of the parts of its filters.
    keys : set of str
        Keys of payloads that are looked up without reading every payload.
    """

    width: int | None
    words: Words
    keys: set[str]

    @property
    def started(self) -> bool:
        """True if the collection is made."""
        ...  # pragma: no cover

    def start(self, width: int) -> None:
        """Make the collection."""
        ...  # pragma: no cover

    def index_keys(self, kinds: Mapping[str, str]) -> None:
        """Let values of some keys be looked up, ``"keyword"`` or ``"float"``."""
        ...  # pragma: no cover

    def upsert(self, points: Sequence[Point]) -> None:
        """Add or replace points."""
        ...  # pragma: no cover

    def remove(self, points: Sequence[str]) -> None:
        """Remove points."""
        ...  # pragma: no cover

    def count(self, narrowed: Any) -> int:
        """Count the points that a filter selects."""
        ...  # pragma: no cover

    def search(self, rows: Array, k: int, narrowed: Any, *, exact: bool) -> list[
            list[tuple[Values, float]]]:
        """Find payloads and scores of the best points of every query."""
        ...  # pragma: no cover

    def payloads(self, points: Sequence[str]) -> dict[str, Values]:
        """Return the payloads of those points that are there."""
        ...  # pragma: no cover

    def pages(self, *, vectors: bool) -> Iterator[list[tuple[Values, Any]]]:
        """Yield payloads and vectors of all points, some at a time."""
        ...  # pragma: no cover

    def build(self, log: Callable[[str], None] | None) -> None:
        """Bring everything to the disk and build the graph, if there are enough points."""
        ...  # pragma: no cover

    def close(self) -> None:
        """Let go of the files."""
        ...  # pragma: no cover
