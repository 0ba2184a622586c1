"""Training of a decoder of captions: passes, batches and learning rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from crossalign.training import (
    Callback,
    Cosine,
    Group,
    Player,
    Shuffle,
    TensorData,
    enough_epochs,
    train,
)

EPOCHS, STEPS = 8, 250
"""Least numbers of passes over the captions and of batches: of few captions in few passes a decoder
learns neither to copy names nor to spell."""


def train_captions(objective: Any, rows: Mapping[str, npt.NDArray[Any]], *, epochs: int | None,
                   batch_size: int, lr: float, device: str, seed: int,
                   most: int = 0, callbacks: Sequence[Callback] = ()) -> None:
    """Train an objective on rows, by name, by AdamW with a learning rate that falls as a cosine.

    Parameters
    ----------
    objective : Module
        Objective that holds a decoder; it ends on the device.
    rows : mapping of name to (m, ...) array
        Arrays of which a batch holds some rows.
    epochs : int or None
        Number of passes; None for at least `EPOCHS`, and as many as make `STEPS` batches, or more,
        a batch for each of the different rows of ``text``, up to ``most``.
    batch_size : int
        Number of captions in a batch.
    lr : float
        Learning rate at the start.
    device : {"auto", "cpu", "cuda"}
        Device that it is trained on.
    seed : int
        Seed of the batches and of what is drawn in them.
    most : int
        Largest number of batches for different rows; default 0, none beyond `STEPS`.
    callbacks : sequence of Callback
        Callbacks of the training; default none.
    """
    data = TensorData({name: torch.from_numpy(np.ascontiguousarray(of))
                       for name, of in rows.items()})
    if epochs is None:
        different = len(np.unique(rows["text"], axis=0))
        epochs = enough_epochs(len(data), batch_size, EPOCHS, max(STEPS, min(different, most)))
    train(objective, data, players=[Player("captioner", (Group(("",), lr),), optimizer="adamw",
                                           weight_decay=1e-2)],
          epochs=epochs, sampler=Shuffle(min(batch_size, len(data))), clip=1.0,
          lr_schedule=Cosine(epochs), callbacks=callbacks, seed=seed, device=device)
