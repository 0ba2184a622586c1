"""Schedules: weights of loss terms and factors of the learning rate that change with the epoch.

A schedule is any function of the epoch, which may be fractional; these are frozen dataclasses so
that they can be compared, printed and stored.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

Schedule = Callable[[float], float]
"""Function from the epoch (0 at the start of the first) to a value."""


@dataclass(frozen=True)
class Constant:
    """The same value throughout."""

    value: float

    def __call__(self, epoch: float) -> float:
        """Return the value at an epoch."""
        return self.value


@dataclass(frozen=True)
class Ramp:
    """0 until ``start``, ``value`` from ``end``, linear between.

    The warm-up of CADA-VAE (Schoenfeld et al., CVPR 2019, section 4): its cross-reconstruction
    weight is ``Ramp(21, 75, 2.37)``, its distance weight ``Ramp(6, 22, 8.13)``, its KL weight
    ``Ramp(0, 93, 0.25)``.

    Raises
    ------
    ValueError
        Unless ``start < end``.
    """

    start: float
    end: float
    value: float

    def __post_init__(self) -> None:
        if not self.start < self.end:
            raise ValueError(f"end: a ramp from {self.start} to {self.end} has no length; give an "
                             "end after its start, or use Constant.")

    def __call__(self, epoch: float) -> float:
        """Return the value at an epoch."""
        return self.value * min(max((epoch - self.start) / (self.end - self.start), 0.0), 1.0)


@dataclass(frozen=True)
class StepDecay:
    """Steps down every few epochs: ``factor ** (epoch // every)``."""

    every: float
    factor: float

    def __post_init__(self) -> None:
        _positive("every", self.every)

    def __call__(self, epoch: float) -> float:
        """Return the value at an epoch."""
        return float(self.factor ** math.floor(epoch / self.every))


@dataclass(frozen=True)
class Cosine:
    """Half a cosine from 1 at epoch 0 down to ``floor`` at ``total`` and after."""

    total: float
    floor: float = 0.0

    def __post_init__(self) -> None:
        _positive("total", self.total)

    def __call__(self, epoch: float) -> float:
        """Return the value at an epoch."""
        share = min(max(epoch / self.total, 0.0), 1.0)
        return self.floor + (1 - self.floor) * (1 + math.cos(math.pi * share)) / 2


@dataclass(frozen=True)
class Warmup:
    """Linear rise over ``epochs``, from ``start`` times ``after``'s first value, and then
    ``after``.

    ``after`` begins when the warm-up ends: its epoch 0 is epoch ``epochs``. A warm-up of so many
    steps is ``epochs = steps / steps_per_epoch``.
    """

    epochs: float
    after: Schedule = field(default_factory=lambda: Constant(1.0))
    start: float = 0.0

    def __post_init__(self) -> None:
        _positive("epochs", self.epochs)

    def __call__(self, epoch: float) -> float:
        """Return the value at an epoch."""
        if epoch >= self.epochs:
            return self.after(epoch - self.epochs)
        share = max(epoch / self.epochs, 0.0)
        return (self.start + (1 - self.start) * share) * self.after(0.0)


def _positive(name: str, value: float) -> None:
    if not value > 0:
        raise ValueError(f"{name}: got {value}; give a number of epochs above 0.")
