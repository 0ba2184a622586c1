"""Filters in the words of Qdrant, which Edge and the client share but for how they are spelled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from crossalign.index.where import AllOf, AnyOf, Condition, Equal, Not, Within


class Words(Protocol):
    """Makers of the parts of a filter in one of the two libraries."""

    def match(self, key: str, text: str) -> Any:
        """Make the condition that a value, or one of a list, is a text."""
        ...  # pragma: no cover

    def within(self, key: str, bounds: Mapping[str, float]) -> Any:
        """Make the condition that a number is within bounds."""
        ...  # pragma: no cover

    def join(self, **parts: list[Any]) -> Any:
        """Make a filter of conditions under ``must``, ``should`` and ``must_not``."""
        ...  # pragma: no cover


def as_filter(parts: Mapping[str, Condition], words: Words) -> Any:
    """Translate the conditions of a filter; the result selects what `where.matches` does."""
    return words.join(must=[_translated(key, part, words) for key, part in parts.items()])


def _translated(key: str, condition: Condition, words: Words) -> Any:
    if isinstance(condition, Equal):
        return _equal(key, condition.value, words)
    if isinstance(condition, Within):
        return words.within(key, condition.bounds)
    if isinstance(condition, Not):
        return words.join(must_not=[_translated(key, condition.part, words)])
    assert isinstance(condition, AllOf | AnyOf)
    parts = [_translated(key, part, words) for part in condition.parts]
    if isinstance(condition, AllOf):
        return words.join(must=parts)
    if parts:
        return words.join(should=parts)
    anything = words.match(key, "")               # no part of an empty list holds: a contradiction
    return words.join(must=[anything], must_not=[anything])


def _equal(key: str, value: Any, words: Words) -> Any:
    """Translate equality: of flags by the lists of their names, of numbers by bounds."""
    if isinstance(value, bool):
        return words.match("_true" if value else "_false", key)
    if isinstance(value, str):
        return words.match(key, value)
    return words.within(key, {"gte": value, "lte": value})
