"""Points of low discrepancy, scrambled once and for all."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.quasirandom import SobolEngine

BITS = 24
"""Binary digits of a uniform number in float32."""


@torch.compiler.disable  # type: ignore[untyped-decorator]
@lru_cache(maxsize=32)
def sobol_digits(count: int, width: int, device: torch.device) -> Tensor:
    """A scrambled Sobol set ``(count, width)``, as int32 of its first `BITS` binary digits."""
    engine = SobolEngine(width, scramble=True, seed=0)  # type: ignore[no-untyped-call]
    digits: Tensor = (engine.draw(count, dtype=torch.float64) * 2**BITS).int()
    return digits.to(device)
