"""How far long work is: how many are done, how fast, and how long it will still take."""

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
        rate = count / (now - self._start)
        self.log(f"{self.done} {count} of {self.total} {self.things}, {rate:,.0f} a second, "
                 f"{time_left((self.total - count) / rate)} left")


def time_left(seconds: float) -> str:
    """As ``5 s``, ``3 min`` or ``2 h 10 min``."""
    if seconds < 100:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
