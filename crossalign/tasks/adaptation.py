"""Unsupervised domain adaptation: labels in one domain, none in another, the same classes in both.

`Transfer` needs pairs, a sample seen through both modalities; here the two domains share nothing
but their features and their classes. A small network learns to classify source samples and, at the
same time, to make the codes of the two domains alike (Ganin et al. 2016 for the setting).
"""

from __future__ import annotations

from numbers import Integral, Real
from types import MappingProxyType, SimpleNamespace
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import softmax
from sklearn.exceptions import NotFittedError
from sklearn.utils._param_validation import Interval, StrOptions

from crossalign.devices import DEVICES
from crossalign.models.adaptation_objective import DIVERGENCES, AdaptationNetwork, RowsOnDisk
from crossalign.models.blockwise import encoded
from crossalign.models.ranges import COUNT, RATE, SEED, SHARE, SIZE, WEIGHT, check_values
from crossalign.models.rows import check_columns, check_rows
from crossalign.networks import initialise
from crossalign.preprocessing.rows import Rows, rows_of
from crossalign.preprocessing.scaling import apply_scaling, fit_scaling
from crossalign.tasks.base import Task, task_samples
from crossalign.training import (
    ClassBalanced,
    Cosine,
    DiskData,
    Group,
    Player,
    Ramp,
    TensorData,
    train,
    transformed,
)
from crossalign.types import Views

Array = npt.NDArray[Any]

WEIGHTS: dict[str, float] = {"none": 0.0, "coral": 100.0, "mmd": 10.0, "qsma": 3.0}
"""Weight of each divergence, see `Adaptation`."""

LEAST_PER_CLASS = 8
"""Number of source samples of a class in a batch, so that it has a mean and a spread there."""

RANGES: dict[str, Any] = {
    "divergence": [StrOptions(set(WEIGHTS))], "weight": [WEIGHT, None], "entropy": [WEIGHT],
    "confidence": [SHARE], "standardise": [StrOptions({"source", "domain"})],
    "latent": [SIZE], "hidden": [SIZE], "dropout": [Interval(Real, 0, 1, closed="left")],
    "epochs": [COUNT], "batch_size": [Interval(Integral, 2 * LEAST_PER_CLASS, None, closed="left")],
    "lr": [RATE], "device": [StrOptions(set(DEVICES))], "random_state": [SEED]}


class Adaptation(Task):
    """Learn classes in a source domain, recognise them in a target domain.

    Parameters
    ----------
    divergence : {"qsma", "mmd", "coral", "none"}
        Divergence between the codes of the two domains, see `models.adaptation_objective`; default
        ``"qsma"``. ``"none"`` learns from the source alone.
    weight : float, optional
        Weight of the divergence, reached in the middle of training; default that of `WEIGHTS`. It
        is fixed, because no target label is there to choose it by: the best of a grid on another
        problem, pictures to outlines of ``load("glyphs", "transfer", seed=1)``, on which we report
        no figure.
    entropy : float
        Weight of the entropy of target predictions (Grandvalet & Bengio 2004); default 0, because
        it strengthens whatever the classifier believes, wrong beliefs too.
    confidence : float
        Least probability of a pseudo-label of ``"qsma"``; default 0.8.
    standardise : {"source", "domain"}
        Domain whose mean and deviation scale the features: ``"source"``, the default, for both
        domains the source's; ``"domain"`` for each its own, which is an adaptation already.
    latent : int
        Width of the codes; default 64.
    hidden : int
        Width of the hidden layers; default 256.
    dropout : float
        Share of hidden units dropped in training; default 0.2.
    epochs : int
        Number of passes over the source; default 20.
    batch_size : int
        Number of source samples in a batch; default 256.
    lr : float
        Learning rate of AdamW at the start; default 1e-3.
    device : {"auto", "cpu", "cuda"}
        Device of the network; default ``"auto"``, a GPU if there is one.
    random_state : int
        Seed of the weights and of the batches; default 0.

    Attributes
    ----------
    classes_ : (C,)
        Labels of the source, sorted.
    history_ : mapping
        Mean of each term of the loss in every epoch.

    Raises
    ------
    ValueError
        In `fit`: an unknown divergence or standardisation, numbers out of range, a source without
        labels or with one class, tokens, or domains of different widths.
    """

    learned = MappingProxyType({"classes_": np.ndarray, "scaling_": dict, "history_": dict,
                                "columns_": dict})

    def __init__(self, divergence: str = "qsma", weight: float | None = None, entropy: float = 0.0,
                 confidence: float = 0.8, standardise: str = "source", latent: int = 64,
                 hidden: int = 256, dropout: float = 0.2, epochs: int = 20, batch_size: int = 256,
                 lr: float = 1e-3, device: str = "auto", random_state: int = 0) -> None:
        self.divergence = divergence
        self.weight = weight
        self.entropy = entropy
        self.confidence = confidence
        self.standardise = standardise
        self.latent = latent
        self.hidden = hidden
        self.dropout = dropout
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.device = device
        self.random_state = random_state

    def fit(self, source: Views, target: Views) -> Self:
        """Learn from the first modality of labelled and of unlabelled samples.

        Labels of the target are not read.
        """
        self._check_parameters()
        source, target = task_samples(source, "source"), task_samples(target, "target")
        known, unlabelled = _vectors(source, "source"), _vectors(target, "target")
        (name,), (other,) = known.modalities, unlabelled.modalities
        if known.widths[name] != unlabelled.widths[other]:
            raise ValueError(f"target: width {unlabelled.widths[other]} for a source of width "
                             f"{known.widths[name]}; describe both domains by the same features.")
        self.columns_ = {"source": known.column_names.get(name, [])}
        self._check_columns(unlabelled, "source")
        self.columns_["target"] = unlabelled.column_names.get(other, self.columns_["source"])
        self.classes_, codes = np.unique(source.truth, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"source: {len(self.classes_)} class; give two or more.")
        rows = {"source": rows_of(known, name), "target": rows_of(unlabelled, other)}
        own = rows if self.standardise != "source" else dict.fromkeys(rows, rows["source"])
        self.scaling_ = {domain: fit_scaling(x, "standard") for domain, x in own.items()}
        data = transformed(known.with_labels(codes), lambda x, _: self._scaled(x, "source"))
        self._train(data, _target(rows["target"].then(lambda x: self._scaled(x, "target"))))
        return self

    def predict(self, target_rows: npt.ArrayLike | Views) -> Array:
        """Return the labels ``(n,)`` of target rows ``(n, d)``."""
        return self._best(self._logits(target_rows, "target"))

    def predict_source(self, source_rows: npt.ArrayLike | Views) -> Array:
        """Return the labels ``(n,)`` of source rows ``(n, d)``."""
        return self._best(self._logits(source_rows, "source"))

    def predict_proba(self, target_rows: npt.ArrayLike | Views) -> Array:
        """Return the probabilities ``(n, C)`` of ``classes_`` for target rows, not calibrated."""
        return np.asarray(softmax(self._logits(target_rows, "target"), axis=1))

    # -- inside ----------------------------------------------------------------------------
    def _check_parameters(self) -> None:
        check_values(vars(self), RANGES)

    def try_out(self) -> None:
        """Recognise made-up rows, if there is a network."""
        if hasattr(self, "network_"):
            self.predict(np.ones((2, len(self.scaling_["target"]["shift"]))))

    @property
    def _weight(self) -> float:
        """Final weight of the divergence."""
        return WEIGHTS[self.divergence] if self.weight is None else self.weight

    def _restore(self, target: torch.Tensor | RowsOnDisk | None = None) -> None:
        """Build the network; without target rows, which are for training alone, by default."""
        if target is None:
            target = torch.zeros(0, len(self.scaling_["target"]["shift"]))
        self.network_ = AdaptationNetwork(
            target, len(self.classes_),
            self.divergence if self._weight > 0 and self.divergence in DIVERGENCES else None,
            self.entropy > 0, hidden=self.hidden, latent=self.latent, dropout=self.dropout,
            confidence=self.confidence).eval()

    def _train(self, data: TensorData | DiskData, target: torch.Tensor | RowsOnDisk) -> None:
        n_classes, weight = len(self.classes_), self._weight
        self._restore(target)
        initialise(self.network_, torch.Generator().manual_seed(self.random_state))
        per_batch = min(n_classes, self.batch_size // LEAST_PER_CLASS)
        history = train(
            self.network_, data, epochs=self.epochs,
            sampler=ClassBalanced(per_batch, self.batch_size // per_batch),
            players=[Player("adaptation", (Group(("",), self.lr),), "adamw", weight_decay=1e-4)],
            weights={"divergence": Ramp(0, self.epochs / 2, weight),
                     "entropy": Ramp(0, self.epochs / 2, self.entropy)},
            lr_schedule=Cosine(self.epochs), seed=self.random_state, device=self.device)
        self.network_.forget_target()
        self.network_.eval()
        self.history_ = history.losses

    def _check_columns(self, rows: npt.ArrayLike | Views, domain: str) -> None:
        """Raise ValueError if a data frame has other columns than a domain had in training."""
        name = rows.modalities[0] if isinstance(rows, Views) else domain
        columns = getattr(self, "columns_", {}).get(domain, [])  # old folders hold none
        check_columns(rows, name, SimpleNamespace(columns_={name: columns}))

    def _best(self, logits: Array) -> Array:
        return np.asarray(self.classes_[logits.argmax(axis=1)])

    def _logits(self, rows: npt.ArrayLike | Views, domain: str) -> Array:
        if not hasattr(self, "network_"):
            raise NotFittedError("Adaptation is not fitted yet; call fit first.")
        self._check_columns(rows, domain)
        if isinstance(rows, Views):
            vectors = _vectors(rows, domain)
            return encoded(lambda x, _: self._logits(x, domain), vectors, vectors.modalities[0])
        width = len(self.scaling_[domain]["shift"])
        x = self._scaled(check_rows(rows, domain, {domain: width}), domain)
        network = self.network_
        with torch.inference_mode():
            codes = network.encode(torch.from_numpy(x).to(network.classifier.weight.device))
            return np.asarray(network.logits(codes).cpu().numpy())

    def _scaled(self, x: Array, domain: str) -> Array:
        return apply_scaling(x, "standard", **self.scaling_[domain])


def _vectors(views: Views, domain: str) -> Views:
    """Return the samples through their first modality, which holds vectors."""
    name = views.modalities[0]
    if views.kind(name) != "vectors":
        shape = (len(views), *views.read(name, np.arange(0)).shape[1:])
        raise ValueError(f"{domain}: {name!r} holds {views.kind(name)} of shape {shape}; pool them "
                         "to (n, d) vectors first.")
    return views.select(name)


def _target(rows: Rows) -> torch.Tensor | RowsOnDisk:
    """Return target rows as a tensor, or where they are on disk."""
    if rows.step is not None:
        return RowsOnDisk(rows)
    return torch.from_numpy(np.require(rows.read(slice(None)), np.float32, ["C", "W"]))
