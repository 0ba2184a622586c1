"""Pace of long work: how much is done, how fast, and the time it still takes or took.

On a terminal a bar shows it, one at a time, which vanishes at its end; elsewhere lines do.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Self

from crossalign.boundary import tell

Log = Callable[[str], None]

PAUSE, LEAST = 10.0, 1.0
"""Seconds after which a line is due without a further tenth; least seconds between two lines."""
SOON, DRAWN = 0.5, 0.1
"""Seconds of work after which a bar is drawn; seconds after which it is drawn again."""


class Bar:
    """A bar on the terminal of standard error; lines that are told meanwhile stand above it.

    Parameters
    ----------
    total : int
        Number of things.
    console : rich.console.Console
        Terminal.
    """

    shown: Bar | None = None
    """The bar that is on the terminal now."""

    def __init__(self, total: int, console: Any) -> None:
        from rich.progress import BarColumn, Progress, TextColumn

        self._rich = Progress(BarColumn(24), TextColumn("{task.description}", markup=False),
                              console=console, transient=True)
        self._task = self._rich.add_task("", total=total)
        self._rich.start()
        Bar.shown = self

    @classmethod
    def opened(cls, total: int) -> Bar | None:
        """Draw a bar; return None where there is no terminal, or one that shows a bar already."""
        if cls.shown is not None or sys.stderr is None or not sys.stderr.isatty():
            return None
        from rich.console import Console

        console = Console(stderr=True)
        return None if console.is_dumb_terminal else cls(total, console)

    def move(self, done: int, text: str) -> None:
        """Show how much is done, and a line beside the bar."""
        self._rich.update(self._task, completed=done, description=text)

    def close(self) -> None:
        """Remove the bar."""
        self._rich.stop()
        Bar.shown = None


class Pace:
    """Reports on long work: a bar, or a line at every tenth of it or after `PAUSE` seconds.

    It is a context, at whose end the bar is removed.

    Parameters
    ----------
    log : callable, optional
        Function called with one line at a time; None for no report. A bar takes the place of lines
        that `boundary.tell` would print on a terminal.
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
        self._bar: Bar | None = None

    def __call__(self, count: int) -> None:
        """Report that ``count`` things are done, if a report is due."""
        if self.log is None or not self.before < count < self.total:
            return
        now, tenths = time.monotonic(), 10 * count // self.total
        if self._bar is None and self.log is tell and now - self._start >= SOON:
            self._bar = Bar.opened(self.total)
        if self._bar is None:
            pause, report = LEAST if tenths > self._tenths else PAUSE, self.log
        else:
            pause, report = DRAWN, partial(self._bar.move, count)
        if now - self._last < pause:
            return
        self._last, self._tenths = now, tenths
        each = (now - self._start) / (count - self.before)
        speed = f"{1 / each:,.0f} a second" if each <= 1 else f"{duration(each)} each"
        report(f"{self.done} {count} of {self.total} {self.things}, {speed}, "
               f"{time_left((self.total - count) * each)} left")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()


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
