"""Training part of a benchmark, as a model reads it."""

from __future__ import annotations

from typing import Any

from crossalign.data.supervision import readable
from crossalign.evaluation.protocols import Protocol
from crossalign.types import Benchmark, Classes, Views
from crossalign.types.benchmark import SUPERVISION


def training_of(model: Any, bench: Benchmark, task: Protocol) -> tuple[Views, Classes | None]:
    """Return the samples and classes that a model is fitted on for a task.

    Under less supervision (`data.supervision`) a model gets what it can read: one that cannot do
    without a modality the pairs alone, and one that cannot do without labels the labelled samples.
    Of other benchmarks a model gets all samples, and says itself what it cannot read.
    """
    samples, classes = task.training(bench)
    if SUPERVISION in bench.protocol:
        samples = readable(samples, unpaired=model.handles_missing,
                           unlabelled=model.handles_unlabelled)
    return samples, classes
