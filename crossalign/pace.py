"""How far long work is: how many are done, how fast, and how long it will still take or took."""

from __future__ import annotations

import time
from collections.abc import Callable

Log = Callable[[str], None]

PAUSE, LEAST = 10.0, 1.0
"""Seconds after which something is said though no tenth of the work was done; and between lines."""


class Pace:
    """Says at every tenth of the work, or after `PAUSE` seconds, how far it is.

    Parameters
    ----------
    log : callable, optional
        Told one line at a time; None says nothing.
    done : str
        What is done to each, as ``"encoded"``.
    total : int
    things : str
        What there are ``total`` of, as ``"pictures"``.
    """

    def __init__(self, log: Log | None, done: str, total: int, things: str) -> None:
        self.log, self.done, self.total, self.things = log, done, total, things
        self._start = self._last = time.monotonic()
        self._tenths = 0

    def __call__(self, count: int) -> None:
        """``count`` of them are done."""
        if self.log is None or not 0 < count < self.total:
            return
        now, tenths = time.monotonic(), 10 * count // self.total
        if now - self._last < (LEAST if tenths > self._tenths else PAUSE):
            return
        self._last, self._tenths = now, tenths
        each = (now - self._start) / count
        speed = f"{1 / each:,.0f} a second" if each <= 1 else f"{duration(each)} each"
        self.log(f"{self.done} {count} of {self.total} {self.things}, {speed}, "
                 f"{time_left((self.total - count) * each)} left")


def time_left(seconds: float) -> str:
    """As ``5 s``, ``3 min`` or ``2 h 10 min``."""
    if seconds < 100:
        return f"{max(1, round(seconds)) if seconds > 0 else 0} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


def duration(seconds: float) -> str:
    """``0.8 s``, ``42 s``, ``3 min 20 s`` or ``2 h 5 min``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
