"""Pace of long work: how much is done, how fast, and the time it still takes or took."""

from __future__ import annotations

import time
from collections.abc import Callable

Log = Callable[[str], None]

PAUSE, LEAST = 10.0, 1.0
"""Seconds after which a line is due without a further tenth; least seconds between two lines."""


class Pace:
    """Reports on long work, at every tenth of it or after `PAUSE` seconds.

    Parameters
    ----------
    log : callable, optional
        Function called with one line at a time; None for no report.
    done : str
        Participle for what happens to each thing, such as ``"encoded"``.
    total : int
        Number of things.
    things : str
        Plural noun for the things, such as ``"pictures"``.
    before : int
        Number of things that were done before and took no time now; default 0.
    """

    def __init__(self, log: Log | None, done: str, total: int, things: str,
                 before: int = 0) -> None:
        self.log, self.done, self.total, self.things = log, done, total, things
        self.before = before
        self._start = self._last = time.monotonic()
        self._tenths = 0

    def __call__(self, count: int) -> None:
        """Report that ``count`` things are done, if a line is due."""
        if self.log is None or not self.before < count < self.total:
            return
        now, tenths = time.monotonic(), 10 * count // self.total
        if now - self._last < (LEAST if tenths > self._tenths else PAUSE):
            return
        self._last, self._tenths = now, tenths
        each = (now - self._start) / (count - self.before)
        speed = f"{1 / each:,.0f} a second" if each <= 1 else f"{duration(each)} each"
        self.log(f"{self.done} {count} of {self.total} {self.things}, {speed}, "
                 f"{time_left((self.total - count) * each)} left")


def time_left(seconds: float) -> str:
    """Write a remaining time like ``5 s``, ``3 min`` or ``2 h 10 min``."""
    if seconds < 100:
        return f"{max(1, round(seconds)) if seconds > 0 else 0} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


def duration(seconds: float) -> str:
    """Write a duration like ``0.8 s``, ``42 s``, ``3 min 20 s`` or ``2 h 5 min``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
