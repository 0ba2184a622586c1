"""One epoch: batches, optimizer steps, and the losses read at its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from crossalign.training.data import Data
from crossalign.training.ema import MovingAverage
from crossalign.training.loss_meter import DivergedError, read_meters
from crossalign.training.optimizer_step import OptimizerStep, freeze_others
from crossalign.training.samplers import Sampler
from crossalign.training.schedules import Schedule
from crossalign.training.seeding import seed_epoch
from crossalign.training.threads import few_threads


@dataclass
class Run:
    """Everything that an epoch needs, on the device."""

    fabric: Any
    module: Any
    optimizer_steps: list[OptimizerStep]
    data: Data
    sampler: Sampler
    weights: dict[str, Schedule]
    lr_schedule: Schedule | None
    clip: float | None
    average: MovingAverage | None
    seed: int

    def __post_init__(self) -> None:
        self.rank, self.ranks = self.fabric.global_rank, self.fabric.world_size
        self.generator = torch.Generator(self.data.device)
        self.learning = sum(p.numel() for player in self.optimizer_steps for p in player.parameters)
        self.current = {name: torch.zeros((), device=self.data.device) for name in self.weights}

    def epoch(self, epoch: int) -> int:
        """Train on every batch of an epoch and return the number of samples."""
        seed_epoch(self.generator, self.seed, epoch, self.rank)
        for name, schedule in self.weights.items():
            self.current[name].fill_(schedule(epoch))
        indices = self.sampler.epoch(len(self.data), self.data.labels, self.generator)
        steps, width = indices.shape
        share = _share(width, self.ranks)
        local = indices[:, self.rank * share : (self.rank + 1) * share].contiguous()
        for player in self.optimizer_steps:
            player.begin_epoch()
        with few_threads(self.learning, share):
            for step, rows in enumerate(local.unbind()):
                if self.lr_schedule is not None:
                    factor = self.lr_schedule(epoch + step / steps)
                    for player in self.optimizer_steps:
                        player.scale_rates(factor)
                self.step(rows)
        return steps * width

    def step(self, rows: Tensor) -> None:
        """Let every player learn from one batch."""
        batch = self.data.batch(rows)
        batch.weights, batch.generator = self.current, self.generator
        batch.rank, batch.ranks = self.rank, self.ranks
        for player in self.optimizer_steps:
            if len(self.optimizer_steps) > 1:
                freeze_others(self.optimizer_steps, player)
            player.run(self.fabric, self.module, batch, self.clip)
        if self.average is not None:
            self.average.update()

    def losses(self, epoch: int, network: nn.Module) -> dict[str, float]:
        """Return mean losses over all ranks; waits for the device.

        Raises
        ------
        DivergedError
            If a loss or a weight is NaN or infinite.
        """
        with torch.no_grad():
            health = torch.stack([p.sum() for player in self.optimizer_steps
                                  for p in player.parameters]).sum()
        values, total = read_meters([player.meter for player in self.optimizer_steps], epoch,
                                    health, self.mean_of_ranks)
        if total - total != 0:
            for name, parameter in network.named_parameters():
                if not parameter.isfinite().all():
                    raise DivergedError(name, epoch, f"the weights {name!r} became NaN or infinite")
        return values

    def mean_of_ranks(self, values: Tensor) -> Tensor:
        """Average values over ranks."""
        if self.ranks == 1:
            return values
        mean: Tensor = self.fabric.all_reduce(values, reduce_op="mean")
        return mean


def _share(width: int, ranks: int) -> int:
    if width % ranks:
        raise ValueError(f"sampler: a batch of {width} rows does not divide over {ranks} ranks; "
                         f"choose a multiple of {ranks}.")
    return width // ranks
