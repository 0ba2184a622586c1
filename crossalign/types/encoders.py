"""Protocols of encoders: pictures or texts to rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy.typing as npt

Array = npt.NDArray[Any]


class Encoder(Protocol):
    """Encoder of pictures as feature rows or token rows; `encoders` holds some.

    An encoder whose attribute ``resizes`` is true gets the pictures in their own sizes, in a list.
    One whose attribute ``learned`` is false is a formula.
    One with the methods ``prepare`` and ``encode_prepared`` lets threads prepare pictures: the
    second, of a list of what the first gave for each, returns the rows that ``encode`` returns.
    """

    @property
    def side(self) -> int:
        """Height and width of its pictures, in pixels."""

    @property
    def mode(self) -> str:
        """``"L"`` for grey pictures, ``"RGB"`` for coloured ones."""

    @property
    def tokens(self) -> bool:
        """True if its rows are tokens."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """JSON-able facts that its rows depend on: equal facts give equal rows."""

    def encode(self, pictures: Any) -> Array:
        """Return ``(n, d)`` or ``(n, t, d)`` for uint8 ``(n, side, side)`` or ``(n, side, side,
        3)``.
        """


class TextEncoder(Protocol):
    """Encoder of texts as feature rows or token rows; `encoders` holds some."""

    @property
    def tokens(self) -> bool:
        """True if its rows are tokens."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """JSON-able facts that its rows depend on: equal facts give equal rows."""

    def encode(self, texts: Sequence[str]) -> Array:
        """Return ``(n, d)``, or ``(n, t, d)`` with zeros behind the shorter ones, for n texts."""

    def words(self, texts: Sequence[str]) -> list[list[str]]:
        """Return the words or word pieces that the tokens of each text stand for, in order."""
