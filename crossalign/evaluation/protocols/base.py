"""The outcome of scoring a fitted model on a benchmark."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Outcome:
    """Scores of one fitted model on one benchmark.

    Attributes
    ----------
    scores : mapping of metric to fraction
    objective : float
        What selection on validation maximises.
    gamma : float or None
        The calibration that maximises H on this very benchmark; meant for validation benchmarks.
    evidence : mapping
        Raw material of the pictures.
    per_class : mapping of score to ``(classes (k,), values (k,), counts (k,))``
        The score of every class that has test samples, by row of the benchmark's classes. Counts
        are those of the samples, where these and not the classes count alike.
    """

    scores: dict[str, float]
    objective: float
    gamma: float | None = None
    evidence: dict[str, Any] = field(default_factory=dict)
    per_class: dict[str, tuple[Array, Array, Array | None]] = field(default_factory=dict)
