"""Lines that libraries of other languages write to standard error by themselves."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

STDERR = 2
"""Number of the standard error of a process."""


@contextmanager
def without_info() -> Iterator[None]:
    """Keep lines that begin with ``INFO:`` from standard error, also of code that is not Python's;
    all others follow at the end.
    """
    try:
        own = os.dup(STDERR)
    except OSError:  # it is closed
        yield
        return
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), STDERR)
        try:
            yield
        finally:
            os.dup2(own, STDERR)
            os.close(own)
            kept.seek(0)
            for line in kept:
                if not line.startswith(b"INFO:"):
                    os.write(STDERR, line)
