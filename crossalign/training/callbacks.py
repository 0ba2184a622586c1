"""Callbacks after each epoch: progress, validation, early stopping."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import torch
from torch import Tensor, nn

from crossalign.boundary import tell
from crossalign.pace import Bar, time_left
from crossalign.training.history import History


@dataclass
class TrainState:
    """State of training, as a callback sees it.

    Attributes
    ----------
    network : nn.Module
        The caller's own network; with ``ema``, it holds the averaged weights while callbacks run.
    epochs : int
        Number of epochs of the run.
    epoch : int
        The epoch that just ended, counted from 0; -1 before the first.
    history : History
    losses, scores : mapping of name to float
        Losses and validation scores of this epoch.
    samples_per_second : float
        Training speed of this epoch, over all ranks.
    stop : bool
        Request to end training after this epoch; a callback may set it.
    rank : int
        Number of this rank; only rank 0 prints and scores.
    broadcast : callable
        Function that gives every rank the value of rank 0.
    """

    network: nn.Module
    epochs: int
    history: History
    epoch: int = -1
    losses: dict[str, float] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)
    samples_per_second: float = 0.0
    stop: bool = False
    rank: int = 0
    broadcast: Callable[[Any], Any] = lambda value: value


class Callback:
    """Base of all callbacks; every method does nothing until it is overridden.

    Callbacks run in the order in which they are given.
    """

    def on_start(self, state: TrainState) -> None:
        """Run before the first epoch, also of a resumed run, whose state is restored by then."""

    def on_epoch(self, state: TrainState) -> None:
        """Run after every epoch."""

    def on_end(self, state: TrainState) -> None:
        """Run after the last epoch, unless the run broke off."""

    def close(self) -> None:
        """Release files and displays, whether the run ended or broke off."""

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return the tensors and JSON-able facts that a resumed run needs."""
        return {}, {}

    def restore(self, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """Take the state back that `state` returned."""


class Progress(Callback):
    """Display of epoch, losses, scores, speed and time left, on standard error.

    On a terminal this is a bar, which vanishes when training ends; elsewhere a line every half
    minute. A run that continues from a checkpoint says so in any case.
    """

    def __init__(self) -> None:
        self._bar: Bar | None = None
        self._first = 0
        self._began = self._said = 0.0

    def on_start(self, state: TrainState) -> None:
        """Open the bar."""
        self._first, self._began, self._said = state.epoch + 1, monotonic(), monotonic()
        if state.rank != 0:
            return
        if self._first:
            tell(f"going on from a checkpoint: {self._first} of {state.epochs} epochs are done")
        self._bar = Bar.opened(state.epochs)
        if self._bar is not None:
            self._bar.move(self._first, "")

    def on_epoch(self, state: TrainState) -> None:
        """Move the bar, or print a line when one is due."""
        now, done = monotonic(), state.epoch + 1
        left = (now - self._began) / (done - self._first) * (state.epochs - done)
        line = f"epoch {done}/{state.epochs}, {time_left(left)} left  {describe(state)}"
        if self._bar is not None:
            self._bar.move(done, line)
        elif state.rank == 0 and now - self._said > PAUSE:
            tell(line)
            self._said = now

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


PAUSE = 30.0
"""Seconds from one line of progress to the next where there is no terminal."""


def describe(state: TrainState) -> str:
    """Return one line about the epoch: losses, scores, samples per second."""
    numbers = {**state.losses, **state.scores}
    parts = [f"{name} {value:.4g}" for name, value in list(numbers.items())[:6]]
    return "  ".join([*parts, f"{state.samples_per_second:,.0f} samples/s"])


class Validate(Callback):
    """Regular scoring of the network, whose scores are added to the history.

    Parameters
    ----------
    score : callable
        Function from the network, in evaluation mode and without gradients, to scores by name. With
        several ranks only rank 0 calls it.
    every : int
        Number of epochs from one validation to the next; default 1. The last epoch is always
        scored.
    """

    def __init__(self, score: Callable[[nn.Module], Mapping[str, float]], every: int = 1) -> None:
        if every < 1:
            raise ValueError(f"every: got {every}; give at least 1.")
        self.score = score
        self.every = every

    def on_epoch(self, state: TrainState) -> None:
        """Score the network if a validation is due."""
        if (state.epoch + 1) % self.every and state.epoch + 1 < state.epochs:
            return
        state.network.eval()
        scores: dict[str, float] = {}
        if state.rank == 0:
            with torch.no_grad():
                scores = {name: float(v) for name, v in self.score(state.network).items()}
        scores = state.broadcast(scores)
        state.scores.update(scores)
        state.history.add_scores(state.epoch, scores)


class EarlyStop(Callback):
    """End of training when a metric stops improving; the best weights are restored.

    The epoch whose weights are kept is ``history.selected_epoch``, also if training went on to its
    last epoch. Put it after the `Validate` that measures the metric.

    Parameters
    ----------
    metric : str
        Name of a score or of a loss.
    patience : int
        Number of measurements without improvement before training ends.
    mode : {"max", "min"}
        Direction of improvement; default ``"max"``.
    """

    def __init__(self, metric: str, patience: int, mode: str = "max") -> None:
        if mode not in ("max", "min"):
            raise ValueError(f"mode: got {mode!r}; choose 'max' or 'min'.")
        if patience < 1:
            raise ValueError(f"patience: got {patience}; give at least 1.")
        self.metric = metric
        self.patience = patience
        self.mode = mode
        self._forget()

    def _forget(self) -> None:
        self._best: float | None = None
        self._epoch: int | None = None
        self._waited = 0
        self._weights: dict[str, Tensor] = {}

    def on_start(self, state: TrainState) -> None:
        """Forget earlier runs, or continue from a checkpoint."""
        if state.epoch < 0:
            self._forget()
        state.stop = state.stop or self._waited >= self.patience

    def on_epoch(self, state: TrainState) -> None:
        """Compare the metric with its best value so far."""
        value = self._value(state)
        if value is None:
            return
        sign = 1.0 if self.mode == "max" else -1.0
        if not math.isnan(value) and (self._best is None or sign * value > sign * self._best):
            self._best, self._epoch, self._waited = value, state.epoch, 0
            self._weights = {name: tensor.detach().clone()
                             for name, tensor in state.network.state_dict().items()}
            state.history.selected_epoch = state.epoch
        else:
            self._waited += 1
            state.stop = state.stop or self._waited >= self.patience

    def _value(self, state: TrainState) -> float | None:
        """Return the metric if it was measured in this epoch, else None."""
        if self.metric in state.scores:
            return state.scores[self.metric]
        if self.metric in state.losses:
            return state.losses[self.metric]
        metrics = {**state.losses, **state.history.scores}
        overdue = bool(state.scores) or state.epoch + 1 == state.epochs
        if self.metric not in metrics and overdue:
            raise ValueError(f"metric: {self.metric!r} is not measured; choose one of "
                             f"{sorted(metrics)}, and put EarlyStop after Validate.")
        return None

    def on_end(self, state: TrainState) -> None:
        """Restore the best weights."""
        if self._weights:
            state.network.load_state_dict(self._weights)
            state.history.selected_epoch = self._epoch

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return the best value, its epoch and weights, and how many measurements ago it was."""
        return dict(self._weights), {"best": self._best, "epoch": self._epoch,
                                     "waited": self._waited}

    def restore(self, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """Take the state back that `state` returned."""
        self._weights = dict(tensors)
        self._best, self._epoch, self._waited = facts["best"], facts["epoch"], facts["waited"]
