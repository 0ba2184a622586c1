"""Free memory, so that what does not fit is refused before room is made for it."""

from __future__ import annotations

import os
from pathlib import Path

MEMORY_INFO = Path("/proc/meminfo")
CONTAINER = Path("/sys/fs/cgroup")


def available_memory() -> int | None:
    """Return the bytes that can be taken without swapping; None if the system does not say.

    Within a container this is what its limit leaves.
    """
    sizes = [size for size in (_of_system(), _of_container()) if size is not None]
    return min(sizes, default=None)


def gigabytes(size: float) -> str:
    """Write a number of bytes in words, such as ``2.50 GB``."""
    return f"{size / 1e9:.3g} GB"


def _of_system() -> int | None:
    try:
        for line in MEMORY_INFO.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return 1024 * int(line.split()[1])
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None


def _of_container() -> int | None:
    try:
        limit, used = ((CONTAINER / name).read_text() for name in ("memory.max", "memory.current"))
        return max(int(limit) - int(used), 0)
    except (OSError, ValueError):  # none, or "max"
        return None
