"""The most memory that a call needs, measured in a process of its own.

A process that has done other things before holds memory that it freed and can use again, so a call
there would seem to need less. The call is sent to a fresh process by pickle and made twice: the
first call loads libraries and starts threads, then what is free goes back to the system and the
high-water mark of resident memory begins anew, and the second is measured against it. Where a
system cannot forget its mark (all but Linux), the first call is measured, libraries included.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple


class Peak(NamedTuple):
    """Bytes that a call adds at its highest.

    Attributes
    ----------
    host : int
        Resident memory of the process.
    gpu : int or None
        What torch allocates on its GPU; None where it uses none.
    """

    host: int
    gpu: int | None


def peak_memory(call: Callable[..., Any], *arguments: Any) -> Peak:
    """What ``call(*arguments)`` needs beyond its arguments and the libraries.

    Parameters
    ----------
    call : callable
        Of a module, so that another process finds it.
    *arguments
        Whatever pickle can send.

    Raises
    ------
    ValueError
        If the other process cannot make the call.
    """
    try:
        sent = pickle.dumps((call, arguments))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ValueError(f"memory: cannot be measured, as the call cannot be sent to another "
                         f"process ({error}); leave it out, or define what is sent in a "
                         "module.") from None
    done = subprocess.run(
        [sys.executable, "-c", f"from {__name__} import answer; answer()"], input=sent,
        capture_output=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["it was killed"]
        raise ValueError(f"memory: cannot be measured, as another process failed ({said[-1]}); "
                         "leave it out, or define what is sent in a module.")
    return Peak(**json.loads(done.stdout.splitlines()[-1]))


def answer() -> None:
    """Make the call that stands on standard input, and print what it needed."""
    call, arguments = pickle.load(sys.stdin.buffer)
    before = _forgotten(call, arguments)
    if before is None:
        before = _high_water()
    call(*arguments)
    print(json.dumps({"host": max(0, _high_water() - before), "gpu": _gpu_peak()}))


def _forgotten(call: Callable[..., Any], arguments: Any) -> int | None:
    """Bytes resident after a first call whose traces are gone; None where they cannot go."""
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
    """The most bytes that have been resident."""
    if found := _status("VmHWM"):
        return found
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (
        1 if sys.platform == "darwin" else 1024)


def _status(field: str) -> int:
    """A size of this process in bytes; 0 where the system does not say."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) * 1024
    return 0


def _gpu_peak() -> int | None:
    cuda = _cuda()
    return None if cuda is None else int(cuda.max_memory_allocated())


def _cuda() -> Any:
    """torch.cuda where it is in use."""
    torch = sys.modules.get("torch")
    return torch.cuda if torch is not None and torch.cuda.is_initialized() else None
