"""Filters: the items that a search may return, as plain data over their payloads.

A filter maps keys of a payload to conditions, all of which must hold:

- ``{"class": "heron"}``: the value is equal. Numbers are equal by value (1 and 1.0), but True is
  not 1.
- ``{"class": ["heron", "gull"]}``: any of several conditions holds; of none, nothing does.
- ``{"year": {"gte": 1990, "lt": 2000}}``: a number lies within bounds, out of gt, gte, lt and lte.
- ``{"class": {"not": ["heron", "gull"]}}``: a condition does not hold, or the key is missing.

This is the one definition. `Condition.holds` is the reference: an index in another engine
translates the conditions and must select the same items.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from operator import ge, gt, le, lt
from typing import Any

import numpy as np

from crossalign.sentences import nearest, short

BOUNDS = {"gt": gt, "gte": ge, "lt": lt, "lte": le}
DEPTH = 8
"""Greatest number of conditions within each other."""
KEY = re.compile(r"[^\W_][\w-]*")
"""Pattern of the keys of a payload; those that begin with an underscore are an engine's own."""
LARGEST = 2**53
"""Largest whole number, which every engine can hold as a double."""

Plain = str | int | float | bool


class Condition:
    """A condition on one value of a payload, which is None where the key is missing."""

    def holds(self, value: Plain | None) -> bool:
        """Tell if it holds for the value."""
        raise NotImplementedError("abstract")  # pragma: no cover


@dataclass(frozen=True)
class Equal(Condition):
    """The value is equal."""

    value: Plain

    def holds(self, value: Plain | None) -> bool:
        """Tell if the values are equal and both or none of them are True or False."""
        return isinstance(value, bool) == isinstance(self.value, bool) and value == self.value


@dataclass(frozen=True)
class Within(Condition):
    """The value is a number within bounds, a mapping from the names in `BOUNDS` to numbers."""

    bounds: Mapping[str, float]

    def holds(self, value: Plain | None) -> bool:
        """Tell if the value is a number within all bounds."""
        return (isinstance(value, int | float) and not isinstance(value, bool)
                and all(BOUNDS[name](value, bound) for name, bound in self.bounds.items()))


@dataclass(frozen=True)
class AnyOf(Condition):
    """At least one of several conditions holds."""

    parts: tuple[Condition, ...]

    @cached_property
    def _texts(self) -> frozenset[str]:
        """Texts that a value may equal, which are many where items are looked up by them."""
        return frozenset(part.value for part in self.parts
                         if isinstance(part, Equal) and isinstance(part.value, str))

    @cached_property
    def _others(self) -> tuple[Condition, ...]:
        return tuple(part for part in self.parts
                     if not (isinstance(part, Equal) and isinstance(part.value, str)))

    def holds(self, value: Plain | None) -> bool:
        """Tell if a part holds."""
        return value in self._texts or any(part.holds(value) for part in self._others)


@dataclass(frozen=True)
class AllOf(Condition):
    """Every one of several conditions holds."""

    parts: tuple[Condition, ...]

    def holds(self, value: Plain | None) -> bool:
        """Tell if all parts hold."""
        return all(part.holds(value) for part in self.parts)


@dataclass(frozen=True)
class Not(Condition):
    """A condition does not hold."""

    part: Condition

    def holds(self, value: Plain | None) -> bool:
        """Tell if the part does not hold."""
        return not self.part.holds(value)


def conditions(where: Mapping[str, Any]) -> dict[str, Condition]:
    """Return the condition on every key of a filter.

    Raises
    ------
    ValueError
        If the filter or one of its conditions has an unknown form.
    """
    if not isinstance(where, Mapping):
        raise ValueError(f"where: got {short(where)}; give a dict from keys of the payload to "
                         "conditions, as {'class': 'heron'}.")
    return {checked_key(key, "where"): _condition(key, form, DEPTH)
            for key, form in where.items()}


def matches(parts: Mapping[str, Condition], payload: Mapping[str, Plain]) -> bool:
    """Tell if the conditions of a filter hold for a payload: the reference evaluation."""
    return all(part.holds(payload.get(key)) for key, part in parts.items())


def checked_key(key: Any, argument: str) -> str:
    """Return the key of a payload; ValueError unless it is a word."""
    if not isinstance(key, str) or not KEY.fullmatch(key):
        raise ValueError(f"{argument}: the key {short(key)} is no word; name it by letters and "
                         "digits, with _ and - after the first.")
    return key


def plain(value: Any, argument: str, key: str) -> Plain:
    """Return a value of a payload or filter, freed from NumPy.

    Raises
    ------
    ValueError
        If it is no text, True, False or number that a double holds.
    """
    found = value.item() if isinstance(value, np.generic) else value
    if isinstance(found, str):
        try:
            found.encode()
        except UnicodeEncodeError:
            raise ValueError(f"{argument}: {key!r} has {short(found)}, which is no valid text; "
                             "repair its encoding.") from None
        return found
    if isinstance(found, bool):
        return found
    if isinstance(found, int) and abs(found) <= LARGEST:
        return found
    if isinstance(found, float) and isfinite(found):
        return found
    raise ValueError(f"{argument}: {key!r} has {short(value)}; give a text, True, False or a "
                     "finite number up to 2**53, and leave out what is missing.")


def _condition(key: str, form: Any, depth: int) -> Condition:
    if not depth:
        raise ValueError(f"where: {key!r} has more than {DEPTH} conditions within each other; "
                         "write it flatter.")
    if isinstance(form, list | tuple):
        return AnyOf(tuple(_condition(key, part, depth - 1) for part in form))
    if not isinstance(form, Mapping):
        return Equal(plain(form, "where", key))
    for name in form:
        if name != "not" and name not in BOUNDS:
            raise ValueError(f"where: {key!r} has the unknown condition {short(name)}; "
                             f"{nearest(name, [*BOUNDS, 'not'])}")
    if not form:
        raise ValueError(f"where: {key!r} has no condition; give a value, a list of values, bounds "
                         "as {'gte': 1}, or {'not': ...}.")
    bounds = {name: _bound(key, bound) for name, bound in form.items() if name != "not"}
    parts: list[Condition] = [Within(bounds)] if bounds else []
    if "not" in form:
        parts.append(Not(_condition(key, form["not"], depth - 1)))
    return parts[0] if len(parts) == 1 else AllOf(tuple(parts))


def _bound(key: str, bound: Any) -> float:
    value = plain(bound, "where", key)
    if isinstance(value, str | bool):
        raise ValueError(f"where: {key!r} has the bound {short(bound)}; give a number.")
    return value
