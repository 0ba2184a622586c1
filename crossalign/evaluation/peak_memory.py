"""Peak memory of a call, measured in a process of its own.

A process that has done other things before holds memory that it freed and can use again, so a call
there would seem to need less. The call is sent to a freshly spawned process and made twice: the
first call loads libraries and starts threads, then free memory goes back to the system and the
high-water mark of resident memory begins anew, and the second call is measured against it. On a
system that cannot reset its mark (all but Linux), the first call is measured, libraries included.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple


class Peak(NamedTuple):
    """Peak of the bytes that a call adds.

    Attributes
    ----------
    host : int
        Resident memory of the process.
    gpu : int or None
        Memory that torch allocates on its GPU; None if it uses none.
    """

    host: int
    gpu: int | None


def peak_memory(call: Callable[..., Any], *arguments: Any) -> Peak:
    """Measure the memory that ``call(*arguments)`` needs beyond its arguments and the libraries.

    A script that calls this needs the guard ``if __name__ == "__main__":``, as `multiprocessing`
    says.

    Parameters
    ----------
    call : callable
        Function of a module, so that another process finds it.
    *arguments
        Arguments that `multiprocessing` can send.

    Raises
    ------
    ValueError
        If the other process cannot make the call.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        try:
            return pool.submit(_measured, call, arguments).result()
        except Exception as error:
            kind = type(error).__name__
            why = ("the call cannot be sent to another process" if "pickle" in f"{kind} {error}"
                   else "another process failed")
            raise ValueError(f"memory: cannot be measured, as {why} ({kind}: {error}); leave it "
                             "out, or define what is sent in a module.") from None


def _measured(call: Callable[..., Any], arguments: tuple[Any, ...]) -> Peak:
    """Make the call, and return the memory that it needed."""
    before = _forgotten(call, arguments)
    if before is None:
        before = _high_water()
    call(*arguments)
    return Peak(max(0, _high_water() - before), _gpu_peak())


def _forgotten(call: Callable[..., Any], arguments: Any) -> int | None:
    """Return the bytes resident after a first call whose traces are gone; None if they cannot
    go.
    """
    mark = Path("/proc/self/clear_refs")
    if not os.access(mark, os.W_OK):
        return None
    call(*arguments)
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    if (cuda := _cuda()) is not None:
        cuda.empty_cache()
        cuda.reset_peak_memory_stats()
    mark.write_text("5")
    return _status("VmRSS")


def _high_water() -> int:
    """Return the most bytes that have been resident."""
    if size := _status("VmHWM"):
        return size
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (
        1 if sys.platform == "darwin" else 1024)


def _status(field: str) -> int:
    """Return a size of this process in bytes; 0 if the system does not say."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) * 1024
    return 0


def _gpu_peak() -> int | None:
    cuda = _cuda()
    return None if cuda is None else int(cuda.max_memory_allocated())


def _cuda() -> Any:
    """Return torch.cuda if it is in use."""
    torch = sys.modules.get("torch")
    return torch.cuda if torch is not None and torch.cuda.is_initialized() else None
