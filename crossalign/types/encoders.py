"""Protocols of encoders: pictures or texts to rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy.typing as npt

Array = npt.NDArray[Any]


class Encoder(Protocol):
    """Turns pictures into feature rows or token rows; `encoders` holds some.

    One whose attribute ``resizes`` is true is given the pictures as they are, in a list.
    """

    @property
    def side(self) -> int:
        """Height and width of its pictures, in pixels."""

    @property
    def mode(self) -> str:
        """``"L"`` for grey pictures, ``"RGB"`` for coloured ones."""

    @property
    def tokens(self) -> bool:
        """Whether its rows are tokens."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """JSON-able, all that its rows depend on: equal facts give equal rows."""

    def encode(self, pictures: Any) -> Array:
        """``(n, d)`` or ``(n, t, d)`` of uint8 ``(n, side, side)`` or ``(n, side, side, 3)``."""


class TextEncoder(Protocol):
    """Turns texts into feature rows or token rows; `encoders` holds some."""

    @property
    def tokens(self) -> bool:
        """Whether its rows are tokens."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """JSON-able, all that its rows depend on: equal facts give equal rows."""

    def encode(self, texts: Sequence[str]) -> Array:
        """``(n, d)``, or ``(n, t, d)`` with zeros behind the shorter ones, of n texts."""

    def words(self, texts: Sequence[str]) -> list[list[str]]:
        """What the tokens of each text are, in order."""
