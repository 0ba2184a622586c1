"""A softmax classifier on latent codes, trained as CADA-VAE trains its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from crossalign.networks import initialise
from crossalign.training import Batch, Group, Player, Shuffle, TensorData, train
from crossalign.types import Views

Array = npt.NDArray[Any]


class _LinearSoftmax(nn.Module):
    """Linear layer under a cross-entropy."""

    def __init__(self, width: int, n_classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, n_classes)

    def forward(self, batch: Batch, player: str) -> dict[str, Tensor]:
        assert batch.labels is not None
        logits = self.linear(batch.views["code"])
        return {"loss": nn.functional.cross_entropy(logits, batch.labels)}


def fit_softmax(codes: Array, labels: Array, n_classes: int, *, epochs: int = 23,
                batch_size: int = 32, lr: float = 1e-3, betas: tuple[float, float] = (0.5, 0.999),
                seed: int = 0, callbacks: Sequence[Any] = ()) -> tuple[Array, Array]:
    """Weights ``(d, C)`` and biases ``(C,)`` of a softmax on codes ``(n, d)``.

    Adam for a fixed number of epochs: nothing is chosen by looking at test samples. Defaults are
    those of CADA-VAE's final classifier for CUB.
    """
    network = _LinearSoftmax(codes.shape[1], n_classes)
    initialise(network, torch.Generator().manual_seed(seed), "xavier")
    data = TensorData.from_views(Views({"code": codes}, labels))
    player = Player("softmax", (Group(("linear",), lr),), betas=betas)
    train(network, data, players=[player], epochs=epochs, sampler=Shuffle(batch_size), seed=seed,
          callbacks=callbacks)
    state = network.linear.state_dict()
    return state["weight"].cpu().numpy().T.copy(), state["bias"].cpu().numpy().copy()


def balanced_rows(labels: Array, per_class: int) -> Array:
    """``per_class`` row numbers of every class, its rows in order and repeated as needed."""
    return np.concatenate([np.resize(np.flatnonzero(labels == c), per_class)
                           for c in np.unique(labels)])
