"""A server of Qdrant, through its client."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from crossalign.index.base import Array
from crossalign.index.qdrant_engine import BATCH, GRAPH_FROM, Point, Values
from crossalign.index.qdrant_where import Words
from crossalign.sentences import short


class ServerWords:
    """Parts of filters of the client."""

    def __init__(self, models: Any) -> None:
        self.models = models

    def match(self, key: str, text: str) -> Any:
        """Make the condition that a value, or one of a list, is a text."""
        return self.models.FieldCondition(key=key, match=self.models.MatchValue(value=text))

    def within(self, key: str, bounds: Mapping[str, float]) -> Any:
        """Make the condition that a number is within bounds."""
        return self.models.FieldCondition(key=key, range=self.models.Range(**bounds))

    def join(self, **parts: list[Any]) -> Any:
        """Make a filter of conditions."""
        return self.models.Filter(**parts)


class Server:
    """Engine on a server, which builds its graph by itself.

    Parameters
    ----------
    place : str
        Address of the server, or ``":memory:"`` for a stand-in in this process.
    collection : str
        Name of the collection.
    width : int, optional
        Dimension of the vectors; by default that of the collection or of the first ones.
    """

    def __init__(self, place: str, collection: str, width: int | None) -> None:
        try:
            from qdrant_client import QdrantClient, models
        except ImportError:
            raise ImportError("QdrantIndex needs qdrant-client for a server: "
                              "pip install 'crossalign[qdrant]'.") from None
        self._models: Any = models
        self._name = collection
        self._client: Any = (QdrantClient(place) if place == ":memory:"
                             else QdrantClient(url=place, check_compatibility=False))
        self.words: Words = ServerWords(models)
        self.width = width
        self.keys: set[str] = set()
        self._looks_up = place != ":memory:"                    # the stand-in reads every payload
        try:
            self.started = self._client.collection_exists(collection)
        except Exception as error:  # of any of the libraries below the client
            raise ValueError(f"place: the server {place!r} does not answer ({short(str(error))}); "
                             "start it, or give its address.") from None
        if self.started:
            self._check(width)

    def start(self, width: int) -> None:
        """Make the collection."""
        m = self._models
        self._client.create_collection(
            self._name, vectors_config=m.VectorParams(size=width, distance=m.Distance.DOT),
            optimizers_config=m.OptimizersConfigDiff(
                indexing_threshold=GRAPH_FROM * width * 4 // 1024))
        self.width, self.started = width, True

    def index_keys(self, kinds: Mapping[str, str]) -> None:
        """Let values of some keys be looked up."""
        for key, kind in kinds.items() if self._looks_up else ():
            self._client.create_payload_index(self._name, key, kind, wait=True)
        self.keys |= set(kinds)

    def upsert(self, points: Sequence[Point]) -> None:
        """Add or replace points."""
        self._client.upsert(self._name, [
            self._models.PointStruct(id=name, vector=row.tolist(), payload=values)
            for name, row, values in points], wait=True)

    def remove(self, points: Sequence[str]) -> None:
        """Remove points."""
        self._client.delete(self._name, self._models.PointIdsList(points=list(points)), wait=True)

    def count(self, narrowed: Any) -> int:
        """Count the points that a filter selects."""
        if not self.started:
            return 0
        return int(self._client.count(self._name, narrowed, exact=True).count)

    def search(self, rows: Array, k: int, narrowed: Any, *, exact: bool) -> list[
            list[tuple[Values, float]]]:
        """Find payloads and scores of the best points of every query."""
        m = self._models
        wanted = [m.QueryRequest(query=row.tolist(), limit=k, filter=narrowed,
                                 params=m.SearchParams(exact=exact), with_payload=["_id"])
                  for row in rows]
        return [[(point.payload, point.score) for point in answer.points]
                for answer in self._client.query_batch_points(self._name, wanted)]

    def payloads(self, points: Sequence[str]) -> dict[str, Values]:
        """Return the payloads of those points that are there."""
        if not self.started:
            return {}
        found = self._client.retrieve(self._name, list(points), with_payload=True)
        return {str(record.id): record.payload for record in found}

    def pages(self, *, vectors: bool) -> Iterator[list[tuple[Values, Any]]]:
        """Yield payloads and vectors of all points, some at a time."""
        following = None
        while self.started:
            page, following = self._client.scroll(self._name, limit=BATCH, offset=following,
                                                  with_payload=True, with_vectors=vectors)
            yield [(record.payload, record.vector) for record in page]
            if following is None:
                return

    def build(self, log: Callable[[str], None] | None) -> None:
        """Do nothing: the server builds by itself."""

    def close(self) -> None:
        """End the connection."""
        self._client.close()

    def _check(self, width: int | None) -> None:
        """Read the collection's form; ValueError if it is another than this index takes."""
        found = self._client.get_collection(self._name).config.params.vectors
        if not isinstance(found, self._models.VectorParams) or (
                found.distance != self._models.Distance.DOT) or width not in (None, found.size):
            raise ValueError(f"collection: {self._name!r} holds other vectors ({found}); choose "
                             "another name.")
        self.width = found.size
        self.keys = set(self._client.get_collection(self._name).payload_schema)
