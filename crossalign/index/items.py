"""Items: ids and payloads of what an index in memory holds, by the slot of its vector.

A slot is the place of a vector in the order of adding. An item that is removed or added again
leaves its slot empty; slots are closed up when the index is saved.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.index.where import Plain, checked_key, conditions, matches, plain
from crossalign.sentences import short

Array = npt.NDArray[Any]
Id = int | str
Payload = dict[str, Plain]


class Items:
    """Ids and payloads by slot.

    Attributes
    ----------
    following : int
        Number that names the next item that is added without an id.
    """

    def __init__(self) -> None:
        self.following = 0
        self._ids: list[Id] = []
        self._payloads: list[Payload] = []
        self._keys: list[str] | None = None                       # of the payloads
        self._slots: dict[Id, int] = {}                           # of the items that are there
        self._table: Array | None = None                          # ids by slot
        self._last: tuple[str, Array] | None = None               # filter and what it chose

    def __len__(self) -> int:
        """Count the items that are there."""
        return len(self._slots)

    @property
    def slots(self) -> int:
        """Number of slots, empty ones included."""
        return len(self._ids)

    @property
    def payloads(self) -> list[Payload]:
        """Payloads by slot, also of empty ones."""
        return self._payloads

    @property
    def table(self) -> Array:
        """Ids by slot ``(slots,)``: int64 if all are numbers, else objects."""
        if self._table is None:
            self._table = as_table(self._ids)
        return self._table

    def add(self, ids: Sequence[Id], payloads: Sequence[Payload]) -> None:
        """Append checked items; those whose ids are there leave their old slots."""
        for slot, name in enumerate(ids, start=len(self._ids)):
            self._slots.pop(name, None)
            self._slots[name] = slot
        self._ids.extend(ids)
        self._payloads.extend(payloads)
        self.following = following(self.following, ids)
        self._table = self._last = self._keys = None

    def remove(self, ids: Iterable[Id]) -> None:
        """Empty the slots of items that are there."""
        for name in ids:
            del self._slots[name]
        self._last = self._keys = None

    def unknown(self, ids: Iterable[Id]) -> list[Id]:
        """Return those of the ids that are not there."""
        return [name for name in ids if name not in self._slots]

    def payload(self, name: Id) -> Payload:
        """Return the payload of an item that is there."""
        return self._payloads[self._slots[name]]

    def keys(self) -> list[str]:
        """Return the keys of the payloads of the items that are there, sorted."""
        if self._keys is None:
            self._keys = sorted({key for slot in self._slots.values()
                                 for key in self._payloads[slot]})
        return self._keys

    def occupied(self) -> Array:
        """Return the slots that hold an item, ascending."""
        # an item that is added again moves to the end of the dict, so that it is in order
        return np.fromiter(self._slots.values(), dtype=np.int64, count=len(self._slots))

    def chosen(self, where: Mapping[str, Any] | None) -> Array | None:
        """Return the slots whose items match a filter, ascending; None for every slot.

        Raises
        ------
        ValueError
            If the filter has an unknown form.
        """
        if where is not None:
            parts = conditions(where)
            form = repr(parts)                                    # where 1, 1.0 and True differ
            last = self._last                                     # another thread may set its own
            if last is None or last[0] != form:
                last = form, np.array([slot for slot in self._slots.values()
                                       if matches(parts, self._payloads[slot])], np.int64)
                self._last = last
            return last[1]
        return None if len(self) == self.slots else self.occupied()

    def kept(self, slots: Iterable[int]) -> Items:
        """Return the items of some slots, which are closed up."""
        items = Items()
        slots = list(slots)
        items.add([self._ids[slot] for slot in slots], [self._payloads[slot] for slot in slots])
        items.following = self.following
        return items


def following(number: int, ids: Iterable[Id]) -> int:
    """Return the first number from ``number`` on that is above all numbers among the ids."""
    return max([number, *(name + 1 for name in ids if isinstance(name, int))])


def as_table(ids: Sequence[Id]) -> Array:
    """Return ids ``(n,)`` as int64 if all are numbers, else as objects."""
    if all(isinstance(name, int) for name in ids):
        return np.array(ids, dtype=np.int64)
    table = np.empty(len(ids), dtype=object)
    table[:] = ids
    return table


def checked_ids(ids: Any, count: int | None = None) -> list[Id]:
    """Return ids as texts and whole numbers.

    Parameters
    ----------
    ids : array-like
        Ids ``(n,)``.
    count : int, optional
        Number of vectors that they name; by default any number will do.

    Raises
    ------
    ValueError
        If they are not one per vector, one occurs twice, or one is no text or whole number.
    """
    if isinstance(ids, str | bytes | Mapping) or not isinstance(ids, Iterable):
        raise ValueError(f"ids: got {short(ids)}; give a list of texts or whole numbers.")
    found = [_checked_id(name) for name in ids]
    if count is not None and len(found) != count:
        raise ValueError(f"ids: {len(found)} for {count} vectors; give one per vector.")
    if len(set(found)) < len(found):
        twice = Counter(found).most_common(1)[0][0]
        raise ValueError(f"ids: {short(twice)} occurs twice; give every item its own.")
    return found


def checked_payloads(payload: Any, count: int) -> list[Payload]:
    """Return payloads with plain values, one per vector; empty ones for None.

    Raises
    ------
    ValueError
        If they are not one dict per vector, or a key or value is not plain.
    """
    if payload is None:
        return [{} for _ in range(count)]
    if not isinstance(payload, Sequence) or not all(isinstance(x, Mapping) for x in payload):
        raise ValueError(f"payload: got {short(payload)}; give a list of dicts, one per vector.")
    if len(payload) != count:
        raise ValueError(f"payload: {len(payload)} dicts for {count} vectors; give one per vector.")
    return [{checked_key(key, "payload"): plain(value, "payload", key)
             for key, value in values.items()} for values in payload]


def _checked_id(name: Any) -> Id:
    found = name.item() if isinstance(name, np.generic) else name
    if isinstance(found, bool) or not isinstance(found, int | str) or found == "":
        raise ValueError(f"ids: got {short(name)}; name an item by a text or a whole number.")
    if isinstance(found, int):
        if not 0 <= found < 2**62:
            raise ValueError(f"ids: got {found}; number items from 0 to 2**62 - 1.")
        return found
    plain(found, "ids", "an id")
    return found
