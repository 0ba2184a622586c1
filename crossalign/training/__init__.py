"""The training loop, which knows nothing about models.

A network is an ``nn.Module`` whose ``forward(batch, player)`` returns scalar losses, means over the
rows of the batch; ``"loss"`` is minimised and the rest is logged. *Players* say which parts of it
learn, by which optimizer and how many steps per batch, so that plain, alternating and adversarial
training are one loop::

    history = train(network, views, epochs=100, sampler=Shuffle(64),
                    players=[Player("vae", (Group(("",), lr=1e-4),))],
                    weights={"kl": Ramp(0, 93, 0.25)}, checkpoint="runs/1", resume=True)

Four promises, each a test: the same seed gives the same numbers, whatever callbacks draw; two ranks
give what one rank gives; a run that was stopped and resumed gives what an unbroken run gives, bit
for bit; and nothing waits for the device between two steps of an epoch.

Epochs are counted from 0. Two ranks see the noise of one rank through ``batch.normal``; dropout and
batch normalisation see their own rows only, and so differ between one rank and two.
"""

from crossalign.training.batch import Batch
from crossalign.training.callbacks import Callback, EarlyStop, Progress, TrainState, Validate
from crossalign.training.checkpoint import (
    Checkpoint,
    discard_checkpoint,
    load_checkpoint,
    save_checkpoint,
)
from crossalign.training.data import DiskData, TensorData, transformed
from crossalign.training.history import History
from crossalign.training.loop import train
from crossalign.training.loss_meter import DivergedError
from crossalign.training.players import Group, Player, build_optimizer, build_optimizers
from crossalign.training.samplers import (
    ClassBalanced,
    Independent,
    PairsFirst,
    Sampler,
    Shuffle,
    enough_epochs,
)
from crossalign.training.schedules import Constant, Cosine, Ramp, Schedule, StepDecay, Warmup

__all__ = [
    "Batch",
    "Callback",
    "Checkpoint",
    "ClassBalanced",
    "Constant",
    "Cosine",
    "DiskData",
    "DivergedError",
    "EarlyStop",
    "Group",
    "History",
    "Independent",
    "PairsFirst",
    "Player",
    "Progress",
    "Ramp",
    "Sampler",
    "Schedule",
    "Shuffle",
    "StepDecay",
    "TensorData",
    "TrainState",
    "Validate",
    "Warmup",
    "build_optimizer",
    "build_optimizers",
    "discard_checkpoint",
    "enough_epochs",
    "load_checkpoint",
    "save_checkpoint",
    "train",
    "transformed",
]
