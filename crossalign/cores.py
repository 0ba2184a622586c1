"""Processor cores that this process may use, and threads of its matrix products."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any


def usable_cores() -> int:
    """Return the number of cores the system lets this process use; there may be more."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Limit:
    """Limit of the threads of NumPy's products, which several threads may hold at a time.

    The first that takes it sets it, and the last that leaves it lifts it: a limit is one for the
    whole process.
    """

    def __init__(self) -> None:
        self._lock, self._held, self._limiter = threading.Lock(), 0, None

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Give products one thread within the context."""
        with self._lock:
            if not self._held:
                self._limiter = _libraries(len(sys.modules)).limit(limits=1, user_api="blas")
            self._held += 1
        try:
            yield
        finally:
            with self._lock:
                self._held -= 1
                if not self._held:
                    self._limiter.restore_original_limits()  # type: ignore[attr-defined]


one_thread = _Limit()
"""Context in which NumPy's products have one thread, for small ones: several threads wait for each
other, and on a busy machine for much longer than they work.
"""


@lru_cache(maxsize=1)
def _libraries(modules: int) -> Any:
    """Return the libraries of products that are loaded with so many modules.

    Looking for them takes milliseconds, and SciPy or torch may bring one later.
    """
    import numpy  # noqa: F401
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

    return ThreadpoolController()
