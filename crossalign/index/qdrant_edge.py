"""Qdrant Edge: points in files that one process opens."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from crossalign.index.base import Array
from crossalign.index.folder import MANIFEST
from crossalign.index.qdrant_engine import BATCH, GRAPH_FROM, Point, Values
from crossalign.index.qdrant_where import Words
from crossalign.pace import PAUSE, duration

CONFIG = "edge_config.json"
BUILD = ("import sys, qdrant_edge; shard = qdrant_edge.EdgeShard.load(sys.argv[1]); "
         "shard.optimize(); shard.flush(); shard.close()")
"""Program that builds the graph: a process of its own, since Edge keeps all others waiting."""


class EdgeWords:
    """Parts of filters of Qdrant Edge."""

    def __init__(self, library: Any) -> None:
        self.library = library

    def match(self, key: str, text: str) -> Any:
        """Make the condition that a value, or one of a list, is a text."""
        return self.library.FieldCondition(key=key, match=self.library.MatchValue(text))

    def within(self, key: str, bounds: Mapping[str, float]) -> Any:
        """Make the condition that a number is within bounds."""
        return self.library.FieldCondition(key=key, range=self.library.RangeFloat(**bounds))

    def join(self, **parts: list[Any]) -> Any:
        """Make a filter of conditions."""
        return self.library.Filter(**parts)


class Edge:
    """Engine of a folder.

    Parameters
    ----------
    path : Path
        Folder, whose part ``shard`` is the engine's own.
    width : int, optional
        Dimension of the vectors; by default that of the folder or of the first ones.
    """

    def __init__(self, path: Path, width: int | None) -> None:
        try:
            import qdrant_edge
        except ImportError:
            raise ImportError("QdrantIndex needs Qdrant Edge for a folder: "
                              "pip install 'crossalign[qdrant]'.") from None
        self._library: Any = qdrant_edge
        self.path, self.files = path, path / "shard"
        self.words: Words = EdgeWords(qdrant_edge)
        self.width = width
        self.keys: set[str] = set()
        self._shard: Any = None
        if (self.files / CONFIG).is_file():
            self._load()
            size = json.loads((self.files / CONFIG).read_text("utf-8"))["vectors"][""]["size"]
            if width not in (None, size):
                self.close()
                raise ValueError(f"width: got {width} for the folder {str(path)!r}, whose vectors "
                                 f"have {size} numbers; leave it out.")
            self.width = size

    @property
    def started(self) -> bool:
        """True if the collection is made."""
        return self._shard is not None

    def start(self, width: int) -> None:
        """Make the collection; ValueError if the folder holds something else."""
        if self.path.is_dir() and {file.name for file in self.path.iterdir()} - {MANIFEST}:
            raise ValueError(f"place: {str(self.path)!r} exists and is no index of Qdrant; choose "
                             "another folder.")
        self.files.mkdir(parents=True)
        q = self._library
        self._shard = q.EdgeShard.create(str(self.files), q.EdgeConfig(
            vectors=q.EdgeVectorParams(size=width, distance=q.Distance.Dot),
            optimizers=q.EdgeOptimizersConfig(
                indexing_threshold=GRAPH_FROM * width * 4 // 1024, default_segment_number=1)))
        self.width = width

    def index_keys(self, kinds: Mapping[str, str]) -> None:
        """Let values of some keys be looked up."""
        q = self._library
        schemas = {"keyword": q.PayloadSchemaType.Keyword, "float": q.PayloadSchemaType.Float}
        for key, kind in kinds.items():
            self._shard.update(q.UpdateOperation.create_field_index(key, schemas[kind]))
        self.keys |= set(kinds)

    def upsert(self, points: Sequence[Point]) -> None:
        """Add or replace points."""
        q = self._library
        self._shard.update(q.UpdateOperation.upsert_points([q.Point(*point) for point in points]))

    def remove(self, points: Sequence[str]) -> None:
        """Remove points."""
        self._shard.update(self._library.UpdateOperation.delete_points(list(points)))

    def count(self, narrowed: Any) -> int:
        """Count the points that a filter selects."""
        if not self.started:
            return 0
        return int(self._shard.count(self._library.CountRequest(exact=True, filter=narrowed)))

    def search(self, rows: Array, k: int, narrowed: Any, *, exact: bool) -> list[
            list[tuple[Values, float]]]:
        """Find payloads and scores of the best points of every query."""
        q = self._library
        wanted = [q.QueryRequest(query=q.Query.Nearest(row), limit=k, filter=narrowed,
                                 params=q.SearchParams(exact=exact),
                                 with_payload=q.PayloadSelector.Include(["_id"])) for row in rows]
        return [[(point.payload, point.score) for point in points]
                for points in self._shard.query_batch(q.QueryBatchRequest(wanted))]

    def payloads(self, points: Sequence[str]) -> dict[str, Values]:
        """Return the payloads of those points that are there."""
        if not self.started:
            return {}
        found = self._shard.retrieve(list(points), True, False)
        return {str(record.id): record.payload for record in found}

    def pages(self, *, vectors: bool) -> Iterator[list[tuple[Values, Any]]]:
        """Yield payloads and vectors of all points, some at a time."""
        following = None
        while self.started:
            page, following = self._shard.scroll(self._library.ScrollRequest(
                offset=following, limit=BATCH, with_payload=True, with_vector=vectors))
            yield [(record.payload, record.vector) for record in page]
            if following is None:
                return

    def build(self, log: Callable[[str], None] | None) -> None:
        """Bring everything to the disk and build the graph, if there are enough points."""
        if not self.started:
            return
        self._shard.flush()
        if (count := self.count(None)) < GRAPH_FROM:
            return
        self.close()
        start = time.monotonic()
        with subprocess.Popen([sys.executable, "-c", BUILD, str(self.files)],
                              stderr=subprocess.PIPE, text=True) as process:
            while process.poll() is None:
                try:
                    process.communicate(timeout=PAUSE)
                except subprocess.TimeoutExpired:
                    if log is not None:
                        log(f"building a graph of {count} items for "
                            f"{duration(time.monotonic() - start)}")
        self._load()
        if process.returncode:
            raise ValueError(f"place: the graph in {str(self.path)!r} was not built (its process "
                             f"ended with {process.returncode}); save it again, with more memory.")

    def close(self) -> None:
        """Let another process open the files."""
        if self._shard is not None:
            self._shard.close()
            self._shard = None

    def _load(self) -> None:
        try:
            self._shard = self._library.EdgeShard.load(str(self.files))
            self.keys = set(self._shard.info().payload_schema)
        except Exception as error:  # the library has no kinds of errors
            if "WouldBlock" in str(error):
                raise ValueError(f"folder: {str(self.path)!r} is being written to by another "
                                 "index; close that one first.") from None
            raise ValueError(f"folder: {str(self.path)!r} is damaged ({error}); make the index "
                             "again.") from error
