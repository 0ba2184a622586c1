"""Steps of one player's optimizer on a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from crossalign.training.batch import Batch
from crossalign.training.loss_meter import LossMeter
from crossalign.training.players import Player

Module = Callable[[Batch, str], Any]


class OptimizerStep:
    """A player with its parameters, optimizer and loss meter.

    Parameters
    ----------
    player : Player
        The player.
    optimizer
        Optimizer of this player, wrapped by Fabric.
    named : bool
        Whether its losses are logged under the player's name.
    """

    def __init__(self, player: Player, optimizer: Any, named: bool) -> None:
        self.player = player
        self.optimizer = optimizer
        self.parameters: list[nn.Parameter] = [
            p for group in optimizer.param_groups for p in group["params"]]
        self.rates = [group["lr"] for group in optimizer.param_groups]
        self.prefix = f"{player.name}/" if named else ""
        self.meter = LossMeter(self.prefix)

    def begin_epoch(self) -> None:
        """Forget the losses of the last epoch."""
        self.meter = LossMeter(self.prefix)

    def scale_rates(self, factor: float) -> None:
        """Set every group's learning rate to a multiple of its own."""
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor

    def run(self, fabric: Any, module: Module, batch: Batch, clip: float | None) -> None:
        """Take all steps of this player on a batch."""
        for _ in range(self.player.steps):
            for parameter in self.parameters:  # zero_grad, without its profiling
                parameter.grad = None
            losses = module(batch, self.player.name)
            self.meter.add(losses)
            fabric.backward(losses["loss"])
            if clip is not None:
                fabric.clip_gradients(module, self.optimizer, max_norm=clip,
                                      error_if_nonfinite=False)
            self.optimizer.step()


@contextmanager
def only_learning(network: nn.Module,
                  optimizers: Iterable[torch.optim.Optimizer]) -> Iterator[None]:
    """Let only parameters held by an optimizer ask for gradients, until the block ends."""
    before = [(p, p.requires_grad) for p in network.parameters()]
    theirs = {id(p) for optimizer in optimizers for g in optimizer.param_groups
              for p in g["params"]}
    try:
        for parameter, _ in before:
            parameter.requires_grad_(id(parameter) in theirs)
        yield
    finally:
        for parameter, learns in before:
            parameter.requires_grad_(learns)
            parameter.grad = None


def freeze_others(players: Sequence[OptimizerStep], learner: OptimizerStep) -> None:
    """Let one player's parameters ask for gradients and freeze the others'."""
    for player in players:
        for parameter in player.parameters:
            parameter.requires_grad_(player is learner)
