"""Cost of a model: parameters, operations, memory and speed (table 5 of Ge et al. 2025)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from statistics import median
from typing import Any, NamedTuple

import numpy.typing as npt
from sklearn.base import clone

from crossalign.evaluation.peak_memory import Peak, peak_memory
from crossalign.evaluation.protocols import Protocol, resolve
from crossalign.evaluation.selection import fit_on
from crossalign.evaluation.training_part import training_of
from crossalign.models.blockwise import as_given
from crossalign.models.roles import Aligner
from crossalign.models.store import learned_arrays
from crossalign.training import Callback, TrainState
from crossalign.types import Benchmark

Array = npt.NDArray[Any]

EMBEDDED = 512
"""Number of test samples that are embedded at a time."""


class Profile(NamedTuple):
    """Cost of one model on one benchmark.

    Attributes
    ----------
    model : str
        Name of the model.
    params : mapping
        Hyper-parameters of the model.
    parameters : int
        Number of trained parameters; for a model without training steps, of all numbers it has
        learned.
    flops : mapping of modality to int or None
        Floating-point operations of embedding one item, two for each multiplication with an
        addition, in matrix products, convolutions and attention; None if torch does not compute.
    train_memory, embed_memory : Peak or None
        Bytes of an epoch, or of the fit, and of embedding `EMBEDDED` test samples of each modality;
        see `peak_memory`. None if not measured.
    train_rate : float
        Training samples per second.
    embed_rate : mapping of modality to float
        Items per second.
    """

    model: str
    params: dict[str, Any]
    parameters: int
    flops: dict[str, int | None]
    train_memory: Peak | None
    embed_memory: Peak | None
    train_rate: float
    embed_rate: dict[str, float]


def profile(model: Any, bench: Benchmark, *, task: str | Protocol | None = None, repeats: int = 3,
            memory: bool = True) -> Profile:
    """Measure a model on the training and test samples of a benchmark.

    Speeds are medians: of training over ``repeats`` epochs after the first, or over as many fits
    after the first if a model has no epochs; of embedding over as many passes after a first one. A
    model with epochs is trained for ``repeats + 1`` of them and not for all. A model that does not
    embed is measured as it scores classes.

    Parameters
    ----------
    model : estimator
        Model to measure; it is not changed.
    bench : Benchmark
        Benchmark to measure on.
    task : str or Protocol, optional
        Task; default the benchmark's own.
    repeats : int
        Number of measured epochs, fits or passes, at least 1; default 3.
    memory : bool
        Whether to measure memory too, in fresh processes, which takes two more epochs or fits;
        default True.

    Raises
    ------
    ValueError
        If the benchmark does not suit the model, or memory cannot be measured.
    """
    if repeats < 1:
        raise ValueError(f"repeats: got {repeats}; give at least 1.")
    task = check_suited(model, bench, task)
    bench = replace(bench, validation_split=None, resplit=None)
    clock = _Clock(repeats + 1)
    fits: list[float] = []
    while not fits or (not clock.rates and len(fits) <= repeats):
        started = time.perf_counter()
        fitted = fit_on(clone(model), bench, task, [clock])
        fits.append(_samples(model, bench, task) / (time.perf_counter() - started))
    rates = clock.rates or fits
    items = _items(fitted, bench, task)
    return Profile(
        model.cli_name, model.plain_params(),
        clock.parameters or sum(array.size for array in learned_arrays(fitted).values()),
        {m: flops(fitted, x[:1], m) for m, x in items.items()},
        peak_memory(fit_briefly, model, bench, task) if memory else None,
        peak_memory(embed_all, fitted, items) if memory else None,
        median(rates[1:] or rates),
        {m: _speed(fitted, x, m, repeats) for m, x in items.items()})


def check_suited(model: Any, bench: Benchmark, task: str | Protocol | None = None) -> Protocol:
    """Return the task to measure for, checked to be one for which the model reads the benchmark.

    Raises
    ------
    ValueError
        If it does not.
    """
    task = resolve(model, bench, task)
    if not model.oracle:
        samples, classes = training_of(model, bench, task)
        clone(model)._start(samples, classes=classes)
    return task


def flops(model: Any, x: Any, modality: str) -> int | None:
    """Count the floating-point operations of embedding rows; None if none of them are torch's."""
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # the counter sees nothing inside fused layers
    try:
        with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
            _embed(model, x, modality)
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
    return int(counter.get_total_flops()) or None


def fit_briefly(model: Any, bench: Benchmark, task: Protocol) -> Any:
    """Fit a clone for one epoch, or in the normal way if it has no epochs."""
    return fit_on(clone(model), bench, task, [_Clock(1)])


def embed_all(model: Any, items: Mapping[str, Any]) -> None:
    """Embed the items of every modality."""
    for modality, x in items.items():
        _embed(model, x, modality)


def _embed(model: Any, x: Any, modality: str) -> None:
    model.embed(x, modality) if isinstance(model, Aligner) else model.decision_function(x)


def _speed(model: Any, x: Any, modality: str, repeats: int) -> float:
    """Measure items per second, the median of some passes after a first one."""
    seconds = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        _embed(model, x, modality)
        seconds.append(time.perf_counter() - started)
    return len(x) / median(seconds[1:])


def _items(model: Any, bench: Benchmark, task: Protocol) -> dict[str, Any]:
    """Return test samples of every modality that a fitted model reads."""
    test = bench[task.tested[-1]]
    known = [m for m in test.modalities if m in model.widths_]
    parts = {m: test.having(m) for m in (known if isinstance(model, Aligner) else known[:1])}
    return {m: as_given(part[:EMBEDDED], m) for m, part in parts.items()}


def _samples(model: Any, bench: Benchmark, task: Protocol) -> int:
    """Return the number of samples that `fit_on` fits on."""
    oracle = model.oracle
    return len(task.ceiling_samples(bench) if oracle else training_of(model, bench, task)[0])


class _Clock(Callback):
    """Callback that notes the number of parameters and the speed, and ends training after some
    epochs.
    """

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs
        self.parameters = 0
        self.rates: list[float] = []

    def on_start(self, state: TrainState) -> None:
        """Count the parameters that ask for gradients."""
        self.parameters = sum(p.numel() for p in state.network.parameters() if p.requires_grad)

    def on_epoch(self, state: TrainState) -> None:
        """Note the speed."""
        self.rates.append(state.samples_per_second)
        state.stop = state.stop or len(self.rates) >= self.epochs
