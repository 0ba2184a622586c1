"""Vector instructions of the processor that NumPy makes use of."""

from __future__ import annotations

import platform
from functools import cache

import numpy as np

SORTED_BY = {"AVX2", "X86_V3", "AVX512_SKX", "X86_V4"}
"""Sets on x86 for which NumPy 2 has a sort of its own, under their old and new names."""


def numpy_sets() -> tuple[str, ...]:
    """Return the names of the sets that NumPy was built for and those it found besides.

    The variable ``NPY_DISABLE_CPU_FEATURES`` of the environment, which NumPy reads as it starts,
    takes some away.
    """
    sets = np.show_config(mode="dicts")["SIMD Extensions"]
    return (*sets.get("baseline", ()), *sets.get("found", ()))


@cache
def sorts_by_vectors() -> bool:
    """Tell whether NumPy sorts by vector instructions, some ten times as fast as without."""
    on_x86 = platform.machine().lower() in ("x86_64", "amd64", "i386", "i686")
    return not on_x86 or not SORTED_BY.isdisjoint(numpy_sets())
