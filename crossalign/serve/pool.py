"""A pool of workers that never grows: a request finds a worker, waits for one, or is refused."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from crossalign.serve.limits import Limits, overload

Result = TypeVar("Result")


class Pool:
    """Threads in which requests are worked on.

    A request whose time is over is answered at once, but keeps its place until its thread is done
    with it, so that there are never more than ``workers + waiting`` of them.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._places = threading.BoundedSemaphore(limits.workers + limits.waiting)
        self._executor = ThreadPoolExecutor(limits.workers, thread_name_prefix="serve")

    async def run(self, call: Callable[[], Result]) -> Result:
        """Return what a call returns.

        Raises
        ------
        AskError
            If all places are taken, or the call does not end in time.
        """
        if not self._places.acquire(blocking=False):
            raise overload("the server is busy; ask again in a second.")
        over = threading.Event()
        future = asyncio.wrap_future(self._executor.submit(self._worked, call, over))
        try:
            return await asyncio.wait_for(asyncio.shield(future), self._limits.seconds)
        except TimeoutError:
            raise overload(f"the request took more than {self._limits.seconds:g} seconds; ask for "
                           "less, or again later.") from None
        finally:
            over.set()
            future.add_done_callback(_forget)

    def close(self) -> None:
        """Drop what waits; calls that run go on to their end."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _worked(self, call: Callable[[], Result], over: threading.Event) -> Result:
        try:
            if over.is_set():
                raise overload("nobody waits for the answer; ask again.")
            return call()
        finally:
            self._places.release()


def _forget(future: asyncio.Future[Result]) -> None:
    """Take note of an error that nobody waits for, lest asyncio report it."""
    if not future.cancelled():
        future.exception()
