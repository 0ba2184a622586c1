"""A pool of workers that never grows: a request finds a worker, waits for one, or is refused."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

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
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Result] = loop.create_future()
        self._executor.submit(self._worked, call, answer, loop)
        timer = loop.call_later(self._limits.seconds, self._late, answer)
        try:
            return await answer
        finally:
            timer.cancel()

    def close(self) -> None:
        """Drop what waits; calls that run go on to their end."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _worked(self, call: Callable[[], Result], answer: asyncio.Future[Result],
                loop: asyncio.AbstractEventLoop) -> None:
        """Call, unless nobody waits any longer, and hand the result to the loop."""
        result: Result | None = None
        error: BaseException | None = None
        try:
            if answer.done():
                return
            result = call()
        except BaseException as raised:
            error = raised
        finally:
            self._places.release()
        with suppress(RuntimeError):                              # the loop has been closed
            loop.call_soon_threadsafe(_settle, answer, result, error)

    def _late(self, answer: asyncio.Future[Result]) -> None:
        _settle(answer, None, overload(
            f"the request took more than {self._limits.seconds:g} seconds; ask for less, or again "
            "later."))


def _settle(answer: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    """Give an answer to the one who waits, if somebody still does."""
    if answer.done():
        return
    if error is None:
        answer.set_result(result)
    else:
        answer.set_exception(error)
