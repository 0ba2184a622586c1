"""Points of low discrepancy, scrambled once and for all."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor
from torch.quasirandom import SobolEngine

BITS = 24
"""Binary digits of a uniform number in float32."""


def sobol_digits(count: int, width: int, device: torch.device) -> Tensor:
    """A scrambled Sobol set ``(count, width)``, as int32 of its first `BITS` binary digits."""
    return _draw(count, width, device)


def keep_from_compiler() -> None:
    """Let ``torch.compile`` pass over the drawing; to be called before a network is compiled.

    It imports the compiler, which takes as long as the rest of torch, and is mostly not needed.
    """
    global _draw
    _draw = torch.compiler.disable(_drawn)  # type: ignore[no-untyped-call]


@lru_cache(maxsize=32)
def _drawn(count: int, width: int, device: torch.device) -> Tensor:
    engine = SobolEngine(width, scramble=True, seed=0)  # type: ignore[no-untyped-call]
    digits: Tensor = (engine.draw(count, dtype=torch.float64) * 2**BITS).int()
    return digits.to(device)


_draw: Callable[[int, int, torch.device], Tensor] = _drawn
