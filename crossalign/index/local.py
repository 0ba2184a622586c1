"""The common part of indexes in this process: ids, payloads, filters, removal and folders.

An index of this kind ranks slots, the places of vectors in the order of adding, and knows nothing
about ids. It keeps rows of numbers, which are what a folder holds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from crossalign.index.base import Array, Index, Where, check_count, check_there
from crossalign.index.folder import Folder, item_line, removal_line
from crossalign.index.items import Id, Items, checked_ids, checked_payloads, following
from crossalign.types import Hits

PART = 4096
"""Number of rows that are written at a time."""

Nearest = Callable[[Array, int, Array | None], tuple[Array, Array]]


class LocalIndex(Index):
    """Base of indexes in this process. A constructor ends with ``self._start()``.

    Class attributes
    ----------------
    dtype : str
        Name of the type of the rows that a folder holds.
    """

    dtype: ClassVar[str] = "float32"
    _items: Items
    _folder: Folder | None

    def __len__(self) -> int:
        return len(self._items)

    def add(self, vectors: npt.ArrayLike, ids: npt.ArrayLike | None = None,
            payload: Sequence[Mapping[str, Any]] | None = None) -> None:
        """Add items ``(n, w)``; one whose id is there is replaced, see `Index.add`."""
        rows = self._encode(vectors)
        start = self._items.following
        names = (list(range(start, start + len(rows))) if ids is None
                 else checked_ids(ids, len(rows)))
        payloads = checked_payloads(payload, len(rows))
        if not len(rows):
            return
        self._learn(rows)
        if self._folder is None:
            self._grow(rows)
        else:
            self._folder.append(rows, map(item_line, names, payloads), following(start, names))
            self._map(self._folder.rows(), self._items.slots)
        self._items.add(names, payloads)
        self._close_gaps()

    def search(self, queries: npt.ArrayLike, k: int, where: Where | None = None) -> Hits:
        """Find the ``min(k, n)`` best items of every query, best first; equal ones in the order of
        adding. See `Index.search`.
        """
        return self._search(queries, k, where, self._nearest)

    def remove(self, ids: npt.ArrayLike) -> None:
        """Remove items; ValueError if there is no item of an id, and then none is removed."""
        names = checked_ids(ids)
        check_there(self._items.unknown(names))
        if self._folder is not None:
            self._folder.append(None, [removal_line(names)], self._items.following)
        self._items.remove(names)
        self._close_gaps()

    def payload(self, ids: npt.ArrayLike) -> list[dict[str, Any]]:
        """Return the payloads of items; ValueError if there is no item of an id."""
        names = [name for one in np.asarray(ids, dtype=object).ravel()
                 for name in checked_ids([one])]
        check_there(self._items.unknown(names))
        return [dict(self._items.payload(name)) for name in names]

    def keys(self) -> list[str]:
        """Return the keys of the payloads that there are, sorted."""
        return self._items.keys()

    def sample(self, count: int) -> tuple[list[Id], Array, list[dict[str, Any]]]:
        """Return ids, rows ``(n, w)`` and payloads of at most ``count`` items, spread evenly over
        the order of adding.
        """
        check_count(count)
        slots = self._items.occupied()
        if len(slots) > count:
            slots = slots[np.linspace(0, len(slots) - 1, count).astype(np.int64)]
        items = self._items.kept(slots)
        rows = self._rows(slots) if len(slots) else np.zeros((0, self._row_width), self.dtype)
        return items.table.tolist(), np.asarray(rows), [dict(one) for one in items.payloads]

    def save(self, folder: str | Path) -> Path:
        """Write the index to a folder, without room for what was removed, and return its path."""
        place, slots = Folder(folder), self._items.occupied()
        own = self._folder is not None and self._folder.path.resolve() == place.path.resolve()
        if own:
            assert self._folder is not None
            place = self._folder
        items = self._items.kept(slots)
        place.write(self._record(), self._blocks(slots), self._row_width, self.dtype,
                    map(item_line, items.table.tolist(), items.payloads))
        if own:
            self._items = items
            self._restart()
            self._map(place.rows(), 0)
        else:
            place.close()
        return place.path

    def close(self) -> None:
        """Let others write to the folder that the index was opened from."""
        if self._folder is not None:
            self._folder.close()

    def stored(self) -> dict[str, Any]:
        """Return rows, ids and payloads of the items; ids and payloads only where there are
        some.
        """
        slots = self._items.occupied()
        items = self._items.kept(slots)
        found: dict[str, Any] = {"vectors": self._rows(slots)}
        if any(items.payloads):
            found["payload"] = items.payloads
        if found.get("payload") or items.table.tolist() != list(range(items.following)):
            found |= {"ids": items.table, "following": items.following}
        return found

    def restore(self, stored: Mapping[str, Any]) -> None:
        """Fill an empty index with what `stored` gave; ValueError if it does not fit."""
        rows = np.ascontiguousarray(stored["vectors"])
        if rows.ndim != 2 or rows.dtype != self.dtype or self._row_width not in (0, rows.shape[1]):
            raise ValueError(f"rows of shape {rows.shape} and {rows.dtype} for rows of "
                             f"{self._row_width} {self.dtype}")
        names = checked_ids(stored.get("ids", range(len(rows))), len(rows))
        self._items.add(names, checked_payloads(stored.get("payload"), len(rows)))
        self._items.following = max(self._items.following, int(stored.get("following", 0)))
        if len(rows):
            self._learn(rows)
            self._grow(rows)

    # -- what an index of this kind does ------------------------------------------------------
    @property
    def _row_width(self) -> int:
        """Numbers in a row; 0 until it is known."""
        raise NotImplementedError("abstract")  # pragma: no cover

    def _restart(self) -> None:
        """Empty the index of its rows."""
        raise NotImplementedError("abstract")  # pragma: no cover

    def _encode(self, vectors: npt.ArrayLike) -> Array:
        """Return the rows of vectors; ValueError unless these are right."""
        raise NotImplementedError("abstract")  # pragma: no cover

    def _queries(self, vectors: npt.ArrayLike) -> Any:
        """Return queries as `_nearest` takes them; ValueError unless they are right."""
        return self._encode(vectors)

    def _learn(self, rows: Array) -> None:
        """Learn from the first rows what has to be learned; ValueError if that cannot be."""

    def _grow(self, rows: Array) -> None:
        """Append rows."""
        raise NotImplementedError("abstract")  # pragma: no cover

    def _map(self, rows: Array, start: int) -> None:
        """Append the rows from ``start`` on; all of them stay mapped in memory."""
        if len(rows) > start:
            self._learn(rows[start:])
            self._grow(np.asarray(rows[start:]))

    def _rows(self, slots: Array) -> Array:
        """Return the rows of some slots."""
        raise NotImplementedError("abstract")  # pragma: no cover

    def _nearest(self, queries: Any, k: int, slots: Array | None) -> tuple[Array, Array]:
        """Return slots and scores ``(q, k)`` of the best of some slots, by default of all."""
        raise NotImplementedError("abstract")  # pragma: no cover

    # -- what they share ----------------------------------------------------------------------
    def _start(self) -> None:
        self._items, self._folder = Items(), None
        self._restart()

    def _search(self, queries: npt.ArrayLike, k: int, where: Where | None,
                nearest: Nearest) -> Hits:
        check_count(k)
        rows, slots = self._queries(queries), self._items.chosen(where)
        k = min(k, self._items.slots if slots is None else len(slots))
        found, scores = nearest(rows, k, slots)
        ids = self._items.table[found] if found.size else np.zeros(found.shape, np.int64)
        return Hits(ids, scores)

    def _record(self) -> dict[str, Any]:
        """Return class, parameters and following number, for a manifest."""
        params = self.get_params(deep=False)
        for name, value in params.items():
            try:
                json.dumps(value)
            except TypeError:
                raise ValueError(f"{name}: a {type(value).__name__} cannot be kept in a folder; "
                                 "save an index without one.") from None
        return {"class": type(self).__name__, "params": params,
                "following": self._items.following}

    def _blocks(self, slots: Array) -> Iterator[Array]:
        for start in range(0, len(slots), PART):
            yield self._rows(slots[start:start + PART])

    def _open(self, folder: Folder) -> None:
        self._items = folder.items()
        self._folder = folder
        self._map(folder.rows(), 0)

    def _close_gaps(self) -> None:
        """Drop the rows of empty slots when they outnumber the items, unless a folder has them."""
        if self._folder is not None or self._items.slots < 2 * len(self) + PART:
            return
        slots = self._items.occupied()
        rows, self._items = self._rows(slots), self._items.kept(slots)
        self._restart()
        if len(rows):
            self._learn(rows)
            self._grow(rows)
