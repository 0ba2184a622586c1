"""The training loop: epochs, batches, players."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, nullcontext
from time import perf_counter
from typing import Any

import torch
from torch import nn

from crossalign.fingerprints import code_fingerprint
from crossalign.sampling import keep_from_compiler
from crossalign.training.callbacks import Callback, TrainState
from crossalign.training.checkpoint import has_checkpoint
from crossalign.training.data import Data, place
from crossalign.training.ema import MovingAverage
from crossalign.training.fabric import make_fabric, quiet, quiet_reducer
from crossalign.training.history import History
from crossalign.training.optimizer_step import OptimizerStep, only_learning
from crossalign.training.players import Player, build_optimizers
from crossalign.training.resume import (
    CheckpointWriter,
    data_fingerprint,
    restore_run,
    settings_text,
)
from crossalign.training.run import Run
from crossalign.training.samplers import Sampler
from crossalign.training.schedules import Schedule
from crossalign.training.seeding import own_global_state
from crossalign.types import Views


def train(network: nn.Module, data: Data | Views, *, players: Sequence[Player], epochs: int,
          sampler: Sampler, weights: Mapping[str, Schedule] | None = None,
          lr_schedule: Schedule | None = None, clip: float | None = None,
          ema: float | None = None, callbacks: Sequence[Callback] = (), seed: int = 0,
          device: str = "auto", devices: int = 1, precision: str = "32-true",
          compile: bool = False, checkpoint: str | os.PathLike[str] | None = None,
          checkpoint_every: int = 1, resume: bool = False,
          work: Mapping[str, Any] | None = None, fabric: Any = None) -> History:
    """Train a network in place.

    Parameters
    ----------
    network : nn.Module
        Network with ``forward(batch, player_name) -> dict`` of 0-d losses, means over the batch's
        rows, with ``"loss"`` minimised. It ends on the device, in evaluation mode. Parameters of no
        player keep their values.
    data : TensorData, DiskData or Views
        Training samples. Features in memory go to the device; memory-mapped `Views` are read batch
        by batch.
    players : sequence of Player
        Players, which learn one after another on every batch; the others' parameters get no
        gradient.
    epochs : int
        Number of epochs, at least 1.
    sampler : Sampler
        Sampler of global batches; each of R ranks sees a contiguous R-th of every batch.
    weights : mapping of term to schedule of the epoch
        Weights of loss terms, ``batch.weights[term]``, set at the start of each epoch; default
        none.
    lr_schedule : schedule, optional
        Factor of every learning rate, a function of the fractional epoch; default 1 throughout.
    clip : float, optional
        Largest gradient norm of a player; default no limit.
    ema : float, optional
        Decay of a moving average of the weights, which callbacks see and training ends with;
        default no average.
    callbacks : sequence of Callback
        Callbacks, run after each epoch in this order; default none.
    seed : int
        Seed of batches, noise and dropout, at least 0; default 0. Torch's global random state is
        restored afterwards.
    device : {"auto", "cpu", "cuda"}
        Device to train on; default a GPU if there is one.
    devices : int
        Number of ranks; default 1. This process must have been started as one of them (torchrun).
    precision : {"32-true", "bf16-mixed", "16-mixed"}
        Arithmetic of Lightning Fabric; default ``"32-true"``.
    compile : bool
        Whether to compile the network by ``torch.compile``; default False.
    checkpoint : path, optional
        Folder of the checkpoint, written after every ``checkpoint_every`` epochs and the last.
    checkpoint_every : int
        Number of epochs from one checkpoint to the next; default 1.
    resume : bool
        Whether to continue from the checkpoint if the folder has one; default False. The run ends
        bit for bit where an unbroken run ends.
    work : mapping, optional
        Further settings that a checkpoint depends on, such as a model's parameters. A run resumes
        only if these, the data, the settings and the code are the same.
    fabric : lightning_fabric.Fabric, optional
        A launched Fabric, instead of device, devices and precision.

    Returns
    -------
    History

    Raises
    ------
    ValueError
        For arguments out of range, a batch that ranks cannot share evenly, a damaged checkpoint,
        one of another run or one that has done more epochs; `DivergedError` if a loss or a weight
        becomes NaN or infinite.
    """
    _check(epochs, clip, seed, checkpoint, checkpoint_every, resume)
    fabric = make_fabric(device, devices, precision) if fabric is None else fabric
    network.to(fabric.device)
    placed = place(data, fabric.device)
    # a scaler cannot undo its scale before clipping if the fused optimizer does it later
    scaled = clip is not None and getattr(fabric.strategy.precision, "scaler", None) is not None
    optimizers = build_optimizers(network, players, fused=not scaled)
    learning = [p for o in optimizers.values() for g in o.param_groups for p in g["params"]]
    average = None if ema is None else MovingAverage(learning, ema)
    state = TrainState(network, epochs, History(), rank=fabric.global_rank)
    settings = {} if checkpoint is None else settings_text({
        **(work or {}), "seed": seed, "samples": len(placed), "sampler": sampler,
        "players": tuple(players), "weights": weights or {}, "lr_schedule": lr_schedule,
        "clip": clip, "ema": ema, "data": data_fingerprint(placed),
        "code": code_fingerprint(network)})
    with ExitStack() as stack:
        for callback in callbacks:
            stack.callback(callback.close)
        stack.enter_context(own_global_state(fabric.device))
        stack.enter_context(only_learning(network, optimizers.values()))
        if resume and checkpoint is not None:
            fabric.barrier()  # the rank that writes may still write what an earlier fit left
            if has_checkpoint(checkpoint):
                restore_run(checkpoint, settings, state, optimizers, average, callbacks, fabric)
        module, optimizer_steps = _set_up(fabric, network, players, optimizers, compile)
        run = Run(fabric, module, optimizer_steps, placed, sampler, dict(weights or {}),
                  lr_schedule, clip, average, seed)
        writer = CheckpointWriter(checkpoint, checkpoint_every, settings, optimizers)
        _epochs(run, state, callbacks, writer)
    return state.history


def _epochs(run: Run, state: TrainState, callbacks: Sequence[Callback],
            writer: CheckpointWriter) -> None:
    """Run all remaining epochs, with callbacks and checkpoints between them."""
    before, began = state.history.seconds, perf_counter()
    state.broadcast = run.fabric.broadcast if run.ranks > 1 else state.broadcast
    for callback in callbacks:
        callback.on_start(state)
    while state.epoch + 1 < state.epochs and not state.stop:
        state.epoch += 1
        state.network.train()
        start = perf_counter()
        with quiet_reducer() if run.ranks > 1 else nullcontext():
            samples = run.epoch(state.epoch)
        state.losses, state.scores = run.losses(state.epoch, state.network), {}
        state.samples_per_second = samples / (perf_counter() - start)
        state.history.add_losses(state.losses)
        with ExitStack() as stack:
            if run.average is not None:
                stack.enter_context(run.average.applied())
            for callback in callbacks:
                callback.on_epoch(state)
        state.stop = state.broadcast(state.stop)
        state.history.seconds = before + perf_counter() - began
        writer.write(run, state, callbacks)
    if run.average is not None:
        run.average.swap()
    for callback in callbacks:
        callback.on_end(state)
    state.network.eval()


def _set_up(fabric: Any, network: nn.Module, players: Sequence[Player],
            optimizers: dict[str, torch.optim.Optimizer],
            compile: bool) -> tuple[Any, list[OptimizerStep]]:
    """Return the network wrapped by Fabric, and each player's optimizer step."""
    if compile:
        keep_from_compiler()
    with quiet():
        wrapped = fabric.setup(torch.compile(network) if compile else network, *optimizers.values())
    module, *steppers = wrapped
    return module, [OptimizerStep(player, optimizer, len(players) > 1)
                    for player, optimizer in zip(players, steppers, strict=True)]


def _check(epochs: int, clip: float | None, seed: int, checkpoint: object, checkpoint_every: int,
           resume: bool) -> None:
    if epochs < 1:
        raise ValueError(f"epochs: got {epochs}; give at least 1.")
    if clip is not None and not clip > 0:
        raise ValueError(f"clip: got {clip}; give a norm above 0, or None.")
    if seed < 0:
        raise ValueError(f"seed: got {seed}; give at least 0.")
    if checkpoint_every < 1:
        raise ValueError(f"checkpoint_every: got {checkpoint_every}; give at least 1.")
    if resume and checkpoint is None:
        raise ValueError("resume: got True without a checkpoint; name the folder to resume from.")
