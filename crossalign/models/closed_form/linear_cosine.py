"""LinearCosine: one linear layer onto side information, beside class Gaussians.

    p(c | x) = softmax_c( cos(W x + b, a_c - mean a) / T ),     c a seen class, inputs dropped out

A class is then scored by three views of it whose standardised scores are added (`ZeroShot`, head
``"fused"``): a Gaussian per class on the inputs and one on ``W x + b``, means regressed from side
information (`GFZSL`), and the cosine itself. The simplest learned row that a deep network for
generalized zero-shot recognition has to beat: it has no hidden layer, no latent space of its own,
no generator and no draws.

Cosine softmax over side information as compatibility is that of many (DeViSE: Frome et al. 2013,
with a ranking loss; Skorokhodov & Elhoseiny, ICLR 2021, for centring and normalising it). The
defaults were chosen on validation classes of CUB.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import torch
from sklearn.utils._param_validation import Interval, StrOptions
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from crossalign.devices import DEVICES
from crossalign.models.base import Model
from crossalign.models.parts import head_range
from crossalign.models.ranges import BATCH, COUNT, RATE, SEED, WEIGHT
from crossalign.models.roles import Aligner
from crossalign.models.rows import Array, unit_rows
from crossalign.models.supervision import labels_of, side_information
from crossalign.nested import Part
from crossalign.networks import initialise
from crossalign.preprocessing.rows import rows_of
from crossalign.preprocessing.scaling import KINDS, apply_scaling, fit_scaling
from crossalign.training import Batch, Cosine, Group, Player, Shuffle, train, transformed
from crossalign.types import Samples, Views

__all__ = ["LinearCosine"]


class CosineNetwork(nn.Module):
    """A linear layer and the cosines of its outputs with unit rows ``side (C, a)``."""

    side: Tensor

    def __init__(self, width: int, side: Tensor, dropout: float, temperature: float) -> None:
        super().__init__()
        self.drop, self.layer = nn.Dropout(dropout), nn.Linear(width, side.shape[1])
        self.temperature = temperature
        self.register_buffer("side", side, persistent=False)

    def forward(self, batch: Batch, player: str) -> dict[str, Tensor]:
        """Compute the cross-entropy over the classes of ``side``, a mean over the batch."""
        (rows,), labels = batch.views.values(), batch.labels
        assert labels is not None
        cosines = normalize(self.layer(self.drop(rows)), dim=1) @ self.side.T
        return {"loss": cross_entropy(cosines / self.temperature, labels)}


class LinearCosine(Aligner, Model):
    """A linear layer trained by a softmax over cosines, scored together with class Gaussians.

    Parameters
    ----------
    epochs : int
        Number of passes over the training samples; default 30.
    batch_size : int
        Number of samples in a batch; default 128.
    lr : float
        Learning rate of AdamW at the start, which falls along a cosine; default 1e-3.
    weight_decay : float
        Weight decay of AdamW; default 1e-4.
    dropout : float
        Probability with which an input is left out in training; default 0.5.
    temperature : float
        Temperature T of the cosines; default 0.05.
    scaling : {"standard", "root", "minmax", "l2", "none"}
        Scaling of features, fitted on training rows; default ``"standard"``.
    head : str or Head
        Way to score classes, see `tasks.ZeroShot`; default ``"fused"``, of Gaussians on inputs,
        Gaussians on the layer's outputs, and cosines.
    modality : str, optional
        Modality that holds the features; default the first.
    device : {"auto", "cpu", "cuda"}
        Device of training; default ``"auto"``, a GPU if there is one.
    random_state : int
        Seed of weights, batches and dropout; default 0.

    Attributes
    ----------
    coef_ : (d, a)
        Weights of the layer.
    intercept_ : (a,)
        Bias of the layer.
    centre_ : (a,)
        Mean side information of the seen classes.
    """

    parts = ("head",)
    uses_side_information = True
    stochastic = True
    search_space: ClassVar[dict[str, Sequence[Any]]] = {
        "scaling": ("standard", "root"), "temperature": (0.05, 0.1),
        "head__weights": ((1.0, 0.5, 0.25), (1.0, 0.5, 0.5), (0.0, 0.0, 1.0))}
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "epochs": [COUNT], "batch_size": [BATCH], "lr": [RATE], "weight_decay": [WEIGHT],
        "dropout": [Interval(Real, 0, 1, closed="left")], "temperature": [RATE],
        "scaling": [StrOptions(set(KINDS))],
        "head": head_range(),
        "modality": [str, None],
        "device": [StrOptions(set(DEVICES))], "random_state": [SEED],
    }

    def __init__(self, epochs: int = 30, batch_size: int = 128, lr: float = 1e-3,
                 weight_decay: float = 1e-4, dropout: float = 0.5, temperature: float = 0.05,
                 scaling: str = "standard", head: str | Part = "fused", modality: str | None = None,
                 device: str = "auto", random_state: int = 0, **nested: Any) -> None:
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.weight_decay = weight_decay
        self.dropout = dropout
        self.temperature = temperature
        self.scaling = scaling
        self.head = head
        self.modality = modality
        self.device = device
        self.random_state = random_state
        self.set_params(**nested)

    def fit(self, X: Samples, y: npt.ArrayLike | None = None, *, classes: Any = None,
            callbacks: Sequence[Any] = ()) -> Self:
        """Train the layer on samples of seen classes and ``classes.embeddings``."""
        X, classes = self._start(X, y, classes)
        classes = side_information(classes, self)
        (self.modality_,), labels = X.modalities, labels_of(X, self)
        fitted = fit_scaling(rows_of(X, self.modality_), self.scaling)
        self.shift_, self.scale_ = fitted["shift"], fitted["scale"]
        self.farthest_ = fitted["farthest"]
        seen, codes = np.unique(labels, return_inverse=True)
        self.centre_ = classes.embeddings[seen].mean(axis=0)
        side = self.embed_classes(classes.embeddings[seen])
        network = CosineNetwork(X.widths[self.modality_], torch.from_numpy(side), self.dropout,
                                self.temperature)
        initialise(network, torch.Generator().manual_seed(self.random_state))
        data = transformed(X.with_labels(codes), lambda x, _: self._scaled(x))
        history = train(network, data, epochs=self.epochs,
                        players=[Player("layer", (Group(("",), self.lr),), optimizer="adamw",
                                        weight_decay=self.weight_decay)],
                        sampler=Shuffle(self.batch_size), lr_schedule=Cosine(self.epochs),
                        callbacks=callbacks, seed=self.random_state, device=self.device)
        self.history_ = history.losses
        self.coef_ = network.layer.weight.detach().cpu().numpy().T.copy()
        self.intercept_ = network.layer.bias.detach().cpu().numpy()
        return self

    def _scaled(self, x: Array) -> Array:
        return apply_scaling(x, self.scaling, self.shift_, self.scale_, self.farthest_)

    def embed(self, x: npt.ArrayLike | Views, modality: str) -> Array:
        """Embed samples by the layer and classes by their centred embeddings, as unit rows ``(n,
        a)``.
        """
        rows = self._rows(x, modality)
        if modality != self.modality_:
            return unit_rows(rows - self.centre_)
        return unit_rows(self._scaled(rows) @ self.coef_ + self.intercept_)
