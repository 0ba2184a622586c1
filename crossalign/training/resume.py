"""Resuming: the contents of a checkpoint, and the settings that must agree to continue exactly.

Random states are not stored: every epoch seeds its own from (seed, epoch, rank), so that the epoch
number is the random state, and nothing a callback draws can change what comes after.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from crossalign.fingerprints import arrays_fingerprint
from crossalign.training.callbacks import Callback, TrainState
from crossalign.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from crossalign.training.data import Data
from crossalign.training.ema import MovingAverage
from crossalign.training.history import History
from crossalign.training.run import Run

Optimizers = Mapping[str, torch.optim.Optimizer]


def pack_tensors(network: nn.Module, optimizers: Optimizers, average: MovingAverage | None,
                 callbacks: Sequence[Callback]) -> dict[str, Tensor]:
    """Collect weights, optimizer states, moving average and callbacks' tensors, by path."""
    tensors = {f"network/{name}": value for name, value in network.state_dict().items()}
    names = {id(p): name for name, p in network.named_parameters()}
    for player, optimizer in optimizers.items():
        for parameter, state in optimizer.state.items():
            tensors |= {f"optimizer/{player}/{names[id(parameter)]}/{key}": value
                        for key, value in state.items() if isinstance(value, Tensor)}
    if average is not None:
        tensors |= {f"ema/{names[id(p)]}": a
                    for p, a in zip(average.parameters, average.average, strict=True)}
    for key, callback in by_name(callbacks).items():
        tensors |= {f"callback/{key}/{name}": value for name, value in callback.state()[0].items()}
    return tensors


def unpack_tensors(checkpoint: Checkpoint, network: nn.Module, optimizers: Optimizers,
                   average: MovingAverage | None, callbacks: Sequence[Callback]) -> None:
    """Restore a checkpoint's tensors and the callbacks' facts.

    Raises
    ------
    ValueError
        If the checkpoint is of a network with other tensors or shapes.
    """
    device = next(network.parameters()).device
    tensors = {name: value.to(device) for name, value in checkpoint.tensors.items()}
    weights = _under(tensors, "network/")
    _check_shapes(weights, network.state_dict())
    network.load_state_dict(weights)
    names = {id(p): name for name, p in network.named_parameters()}
    for player, optimizer in optimizers.items():
        _restore_optimizer(optimizer, names, _under(tensors, f"optimizer/{player}/"))
    if average is not None:
        stored = _under(tensors, "ema/")
        average.average = [stored[names[id(p)]] for p in average.parameters]
    facts = checkpoint.facts["callbacks"]
    for key, callback in by_name(callbacks).items():
        if key in facts:
            callback.restore(_under(tensors, f"callback/{key}/"), facts[key])


def by_name(callbacks: Sequence[Callback]) -> dict[str, Callback]:
    """Name callbacks by class and count, so that a resumed run may have one more or one less."""
    by_key: dict[str, Callback] = {}
    for callback in callbacks:
        kind = type(callback).__name__
        by_key[f"{kind}{sum(key.startswith(kind) for key in by_key)}"] = callback
    return by_key


@dataclass
class CheckpointWriter:
    """Writer of checkpoints; without a folder it writes nothing."""

    folder: str | os.PathLike[str] | None
    every: int
    settings: Mapping[str, Any]
    optimizers: Optimizers

    def write(self, run: Run, state: TrainState, callbacks: Sequence[Callback]) -> None:
        """Write a checkpoint if one is due."""
        last = state.stop or state.epoch + 1 == state.epochs
        due = last or (state.epoch + 1) % self.every == 0
        if self.folder is None or not due or state.rank != 0:
            return
        facts = {"epoch": state.epoch, "history": state.history.to_dict(),
                 "callbacks": {key: c.state()[1] for key, c in by_name(callbacks).items()},
                 "settings": self.settings, "precision": run.fabric.strategy.precision.state_dict()}
        tensors = pack_tensors(state.network, self.optimizers, run.average, callbacks)
        save_checkpoint(self.folder, tensors, facts)


def restore_run(folder: str | os.PathLike[str], settings: Mapping[str, Any], state: TrainState,
                optimizers: Optimizers, average: MovingAverage | None,
                callbacks: Sequence[Callback], fabric: Any) -> None:
    """Return a run to the state in which a checkpoint was written.

    Raises
    ------
    ValueError
        If it is damaged, of another network or another run, or further than this run is to go.
    """
    stored = load_checkpoint(folder)
    check_settings(stored.facts["settings"], settings, folder)
    done = stored.facts["epoch"] + 1
    if done > state.epochs:
        raise ValueError(f"resume: the checkpoint in {str(folder)!r} has done {done} epochs and "
                         f"this run has epochs={state.epochs}; {_remedy('ask for more')}.")
    unpack_tensors(stored, state.network, optimizers, average, callbacks)
    fabric.strategy.precision.load_state_dict(stored.facts["precision"])
    state.epoch = stored.facts["epoch"]
    state.history = History.from_dict(stored.facts["history"])


def settings_text(values: Mapping[str, Any]) -> dict[str, str]:
    """Return as text the settings that must not change between a run and its continuation."""
    return {name: _text(value) for name, value in values.items()}


def data_fingerprint(data: Data) -> str:
    """Hash everything that batches are made of, reading `ROWS` rows at a time."""
    return arrays_fingerprint(
        None if tensor is None else tensor.cpu().numpy()
        for first in range(0, len(data), ROWS)
        for batch in [data.batch(torch.arange(first, min(first + ROWS, len(data)),
                                              device=data.device))]
        for tensor in (*batch.views.values(), batch.labels, *batch.present.values(),
                       *batch.masks.values()))


ROWS = 4096
"""Number of rows that are read together for a fingerprint."""


def check_settings(stored: Mapping[str, Any], current: Mapping[str, Any],
                   folder: str | os.PathLike[str]) -> None:
    """Raise ValueError naming the first setting in which a checkpoint and a run differ."""
    for name in [*current, *(name for name in stored if name not in current)]:
        before, now = stored.get(name, "not stated"), current.get(name, "not stated")
        if before != now:
            what = (f"is of other {name.replace('_', ' ')}" if name in FINGERPRINTS else
                    f"was made with {name}={before} and this run has {name}={now}")
            raise ValueError(f"resume: the checkpoint in {str(folder)!r} {what}; "
                             f"{_remedy('use the same')}.")


FINGERPRINTS = ("data", "code", "side_information", "targets")
"""Names of settings that are hashes, whose values would tell a reader nothing."""


def _remedy(first: str) -> str:
    return f"{first}, choose another folder, delete this one, or train with resume=False"


def _text(value: Any) -> str:
    """Return a value as text that is the same in every process; an object is its class."""
    if isinstance(value, Mapping):
        return repr({str(key): _text(value[key]) for key in sorted(value, key=str)})
    if is_dataclass(value) or value is None or isinstance(
            value, str | int | float | list | tuple | np.generic):
        return repr(value)
    return type(value).__qualname__


def _restore_optimizer(optimizer: torch.optim.Optimizer, names: Mapping[int, str],
                       tensors: Mapping[str, Tensor]) -> None:
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    state = {i: _under(tensors, f"{names[id(p)]}/") for i, p in enumerate(parameters)}
    optimizer.load_state_dict({"state": {i: s for i, s in state.items() if s},
                               "param_groups": optimizer.state_dict()["param_groups"]})


def _check_shapes(stored: Mapping[str, Tensor], current: Mapping[str, Tensor]) -> None:
    for name in sorted({*stored, *current}):
        shapes = [tuple(t[name].shape) if name in t else None for t in (stored, current)]
        if shapes[0] != shapes[1]:
            raise ValueError(f"checkpoint: it has {name!r} of shape {shapes[0]} and the network "
                             f"has {shapes[1]}; build the network as it was, or train again with "
                             "resume=False.")


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name[len(prefix):]: value for name, value in tensors.items()
            if name.startswith(prefix)}
