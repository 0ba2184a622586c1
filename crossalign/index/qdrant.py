"""Search in a Qdrant engine: in a folder through Qdrant Edge, or on a server.

The engine takes more than this index does: NaN, vectors that it then never finds, and any payload.
All that goes in is checked here. A point is named by the uuid5 of its item's id, and its payload
holds besides the item's own values ``_id``, and the names of its flags in ``_true`` and ``_false``:
Edge 0.9 takes a filter for True as one for 1.
"""

from __future__ import annotations

import json
import secrets
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.files import write_text
from crossalign.index.base import Array, Index, Where, check_count, check_there, check_vectors
from crossalign.index.folder import FORMAT, MANIFEST, Folder
from crossalign.index.items import Id, as_table, checked_ids, checked_payloads, following
from crossalign.index.qdrant_edge import Edge
from crossalign.index.qdrant_engine import BATCH, Engine, Point, Values
from crossalign.index.qdrant_server import Server
from crossalign.index.qdrant_where import as_filter
from crossalign.index.where import conditions
from crossalign.reading import expanded
from crossalign.types import Hits

NAMESPACE = uuid.UUID("2f1c8c1e-7f0a-5b43-9d0e-6c1f5f0f7a11")
"""Namespace of the ids of points."""
FLAGS = {"_true": True, "_false": False}
"""Fields of a point that name its flags."""


class QdrantIndex(Index):
    """Items in a folder or on a server, kept by Qdrant; every change is there at once.

    Below 50,000 items a query is compared with all of them. From there on a graph is built, in a
    folder by `save`, and results are approximate. Equal scores have no order. An addition of more
    than 2,000 items is made in parts, of which a kill may leave some. One process at a time opens a
    folder.

    Parameters
    ----------
    place : str or Path
        Folder, or the address of a server, which begins with ``http://`` or ``https://``;
        ``":memory:"`` is a collection of qdrant-client in this process, for tests.
    width : int, optional
        Dimension of the vectors; by default that of the first ones.
    collection : str
        Name of the collection on a server; default ``"crossalign"``.
    log : callable, optional
        Function called with lines about the building of a graph; default None.

    Raises
    ------
    ImportError
        If the packages of the extra ``qdrant`` are not installed.
    """

    measure = "inner product"
    lacks = frozenset({"ties", "whole adds", "arrays", "clones", "readers"})

    def __init__(self, place: str | Path, width: int | None = None,
                 collection: str = "crossalign", log: Callable[[str], None] | None = None) -> None:
        self.place = place
        self.width = width
        self.collection = collection
        self.log = log
        self._connected: Engine | None = None
        self._following: int | None = None

    def __len__(self) -> int:
        return self._engine.count(None)

    def add(self, vectors: npt.ArrayLike, ids: npt.ArrayLike | None = None,
            payload: Sequence[Mapping[str, Any]] | None = None) -> None:
        """Add items ``(n, w)``; one whose id is there is replaced, see `Index.add`."""
        engine = self._engine
        rows = check_vectors(vectors, engine.width)
        start = 0 if ids is not None else self._next()
        names = (list(range(start, start + len(rows))) if ids is None
                 else checked_ids(ids, len(rows)))
        payloads = checked_payloads(payload, len(rows))
        if not len(rows):
            return
        if not engine.started:
            engine.start(rows.shape[1])
            self._note(engine)
        points = [(_point(name), row, _kept(name, values))
                  for name, row, values in zip(names, rows, payloads, strict=True)]
        kinds = {key: kind for key, kind in _kinds(points).items() if key not in engine.keys}
        if kinds:
            engine.index_keys(kinds)
        for first in range(0, len(points), BATCH):
            engine.upsert(points[first:first + BATCH])
        if self._following is not None:
            self._following = following(self._following, names)

    def search(self, queries: npt.ArrayLike, k: int, where: Where | None = None) -> Hits:
        """Find the ``min(k, n)`` best items of every query, best first, see `Index.search`."""
        check_count(k)
        engine = self._engine
        rows = check_vectors(queries, engine.width)
        narrowed = None if where is None else as_filter(conditions(where), engine.words)
        k = min(int(k), engine.count(narrowed)) if k > BATCH or not len(rows) else int(k)
        found = self._best(rows, k, narrowed) if k and len(rows) and engine.started else [
            [] for _ in rows]
        k = min((len(points) for points in found), default=k)
        ids = as_table([values["_id"] for points in found for values, _ in points[:k]])
        scores = [[score for _, score in points[:k]] for points in found]
        return Hits(ids.reshape(len(rows), k), np.array(scores, np.float32).reshape(len(rows), k))

    def _best(self, rows: Array, k: int, narrowed: Any) -> list[list[tuple[Values, float]]]:
        """Find payloads and scores of up to k points per query, of as many for every one."""
        found = self._engine.search(rows, k, narrowed, exact=False)
        if any(len(points) < k for points in found):
            k = min(k, self._engine.count(narrowed))
            short = [i for i, points in enumerate(found) if len(points) < k]
            if short:                                       # a graph did not lead to enough
                again = self._engine.search(rows[short], k, narrowed, exact=True)
                for i, points in zip(short, again, strict=True):
                    found[i] = points
        return found

    def remove(self, ids: npt.ArrayLike) -> None:
        """Remove items; ValueError if there is no item of an id, and then none is removed."""
        names = checked_ids(ids)
        self.payload(names)
        if names:
            self._engine.remove([_point(name) for name in names])

    def payload(self, ids: npt.ArrayLike) -> list[dict[str, Any]]:
        """Return the payloads of items; ValueError if there is no item of an id."""
        names = [name for one in np.asarray(ids, dtype=object).ravel()
                 for name in checked_ids([one])]
        points = [_point(name) for name in names]
        found = self._engine.payloads(points)
        check_there([name for name, point in zip(names, points, strict=True)
                     if point not in found])
        return [_own(found[point]) for point in points]

    def keys(self) -> list[str]:
        """Return the keys of the payloads, sorted; those of flags are read from all items."""
        found = {key for key in self._engine.keys if not key.startswith("_")}
        if FLAGS.keys() & self._engine.keys:
            found.update(key for page in self._engine.pages(vectors=False) for values, _ in page
                         for field in FLAGS for key in values.get(field, ()))
        return sorted(found)

    def save(self, folder: str | Path) -> Path:
        """Build what the engine builds, in its own folder, or copy the items to a new folder.

        Raises
        ------
        ValueError
            If it is another folder and holds anything.
        """
        place = Folder(folder).path
        if isinstance(self._engine, Edge) and place.resolve() == self._engine.path.resolve():
            self._engine.build(self.log)
            self._note(self._engine)
            return place
        if place.exists() and (not place.is_dir() or any(place.iterdir())):
            raise ValueError(f"folder: {str(place)!r} holds something; choose a new folder.")
        draft = place.with_name(f".{place.name}.{secrets.token_hex(4)}.part")
        copy = QdrantIndex(draft, self._engine.width)
        try:
            for page in self._engine.pages(vectors=True):
                copy.add([row for _, row in page], [values["_id"] for values, _ in page],
                         [_own(values) for values, _ in page])
            copy._note(copy._engine)
            copy.close()
            draft.replace(place)
        finally:
            copy.close()
            shutil.rmtree(draft, ignore_errors=True)
        return place

    def close(self) -> None:
        """Let another process open the folder."""
        if self._connected is not None:
            self._connected.close()
            self._connected = None

    def stored(self) -> dict[str, Any]:
        """Raise ValueError, because the engine keeps the items."""
        raise ValueError(f"index: its items are kept at {str(self.place)!r}, not in arrays; save "
                         "a task with an index that holds them, as ExactIndex.")

    @classmethod
    def _parameters(cls, folder: Folder) -> dict[str, Any]:
        return {"place": str(folder.path), "width": folder.manifest["params"].get("width")}

    def _open(self, folder: Folder) -> None:
        len(self)

    @property
    def _engine(self) -> Engine:
        """Engine, which is connected when it is first needed."""
        if self._connected is None:
            place = str(self.place)
            self._connected = (
                Server(place, self.collection, self.width)
                if place == ":memory:" or place.startswith(("http://", "https://"))
                else Edge(expanded(self.place, "place"), self.width))
        return self._connected

    def _next(self) -> int:
        """Return the number that names the next item."""
        if self._following is None:
            numbers: Iterator[Id] = (values["_id"] for page in self._engine.pages(vectors=False)
                                     for values, _ in page)
            self._following = following(0, numbers)
        return self._following

    def _note(self, engine: Engine) -> None:
        """Write the manifest by which `Index.open` knows the folder."""
        if isinstance(engine, Edge):
            engine.path.mkdir(parents=True, exist_ok=True)
            write_text(engine.path / MANIFEST, json.dumps(
                {"format": FORMAT, "class": type(self).__name__,
                 "params": {"width": engine.width}}, indent=1))


def _point(name: Id) -> str:
    """Return the id of the point of an item."""
    return str(uuid.uuid5(NAMESPACE, json.dumps(name)))


def _kept(name: Id, values: Mapping[str, Any]) -> Values:
    """Return the payload of a point."""
    flags = {field: [key for key, value in values.items() if value is flag]
             for field, flag in FLAGS.items()}
    return {**values, "_id": name, **{field: keys for field, keys in flags.items() if keys}}


def _kinds(points: Sequence[Point]) -> dict[str, str]:
    """Return by which kind of value the keys of payloads are looked up: that which comes first."""
    kinds: dict[str, str] = {}
    for _, _, values in points:
        for key, value in values.items():
            if key != "_id" and key not in kinds and not isinstance(value, bool):
                kinds[key] = "keyword" if isinstance(value, str | list) else "float"
    return kinds


def _own(values: Values) -> dict[str, Any]:
    """Return an item's own part of the payload of its point."""
    return {key: value for key, value in values.items() if not key.startswith("_")}
