"""A softmax classifier on latent codes, trained as CADA-VAE and ACMR train their own.

The layer is linear, so its gradient is written out: ``x^T (softmax(x W) - onehot(y)) / B``. A step
is then two small products and one update, without a graph.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import torch
from scipy.special import log_softmax
from torch import nn

from crossalign.heads.base import Array, Modalities, codes_of, read_through
from crossalign.heads.few_shot import FewShotHead
from crossalign.models.blockwise import as_given
from crossalign.models.one_modality import complete
from crossalign.models.ranges import COUNT, RATE, SHARE, SIZE, Each
from crossalign.models.roles import Generator
from crossalign.networks import initialise
from crossalign.training import Shuffle
from crossalign.types import Classes, Views

__all__ = ["Softmax"]


class Softmax(FewShotHead):
    """Linear softmax on codes of seen classes and on codes drawn from side information.

    It needs a model that draws codes, as the autoencoders do. The defaults are those of CADA-VAE's
    final classifier (Schoenfeld et al., CVPR 2019).

    Parameters
    ----------
    seen_samples, unseen_samples : int
        Number of codes per seen and per unseen class to train on; default 200 and 400.
    epochs : int
        Number of epochs; default 23.
    lr : float
        Learning rate of Adam; default 1e-3.
    betas : pair of float
        Decay rates of its averages; default (0.5, 0.999).

    Attributes
    ----------
    coef_ : (d, C) and intercept_ : (C,)
        Weights and biases.
    """

    learned = MappingProxyType({
        "coef_": np.ndarray, "intercept_": np.ndarray, "drawn_": np.ndarray,
        "drawn_labels_": np.ndarray, "classes_": Classes})
    embeds_classes = True
    has_epochs = True
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "seen_samples": [SIZE], "unseen_samples": [SIZE], "epochs": [COUNT], "lr": [RATE],
        "betas": [Each(SHARE, length=2)]}

    def __init__(self, seen_samples: int = 200, unseen_samples: int = 400, epochs: int = 23,
                 lr: float = 1e-3, betas: tuple[float, float] = (0.5, 0.999)) -> None:
        self.seen_samples = seen_samples
        self.unseen_samples = unseen_samples
        self.epochs = epochs
        self.lr = lr
        self.betas = betas

    def reads_samples(self, classes: Classes) -> bool:
        """Tell whether there are seen classes, whose samples are needed."""
        return bool(classes.seen.any())

    def check(self, model: Any, train: Views, classes: Classes) -> None:
        """Raise ValueError if the model draws no codes, or `Head.check` says so."""
        super().check(model, train, classes)
        if not isinstance(model, Generator):
            raise ValueError(f"head: {type(model).__name__} draws no codes, which 'softmax' needs; "
                             "choose 'gaussian'.")

    def fit_epochs(self, model: Any, train: Views, classes: Classes,
                   views: Sequence[str]) -> Iterator[int]:
        """Train on codes of seen and of unseen classes, with a stop after every epoch."""
        self.check(model, train, classes)
        seed, codes, labels = model.random_state, [], []
        if classes.seen.any():
            rows = balanced_rows(train.truth, self.seen_samples)
            codes.append(model.sample_rows(*read_through(train[rows], views), seed))
            labels.append(train.truth[rows])
        unseen = np.flatnonzero(classes.unseen)
        if len(unseen):
            samples = model.sample(classes.embeddings[unseen], self.unseen_samples, seed + 1)
            codes.append(samples.reshape(-1, samples.shape[2]))
            labels.append(np.repeat(unseen, self.unseen_samples))
        yield from self._train(np.concatenate(codes), np.concatenate(labels), len(classes), seed)

    def _train(self, codes: Array, labels: Array, n_classes: int, seed: int) -> Iterator[int]:
        path = softmax_path(codes, labels, n_classes, epochs=self.epochs, lr=self.lr,
                            betas=self.betas, seed=seed)
        for epoch, (self.coef_, self.intercept_) in enumerate(path):
            yield epoch

    def scores(self, model: Any, rows: Any, views: Modalities) -> Array:
        """Return log-probabilities ``(n, C)``."""
        logits = codes_of(model, rows, views) @ self.coef_ + self.intercept_
        return np.asarray(log_softmax(logits, axis=1))

    # -- few samples ---------------------------------------------------------------------------
    def start_few(self, model: Any, train: Views, classes: Classes, view: str) -> None:
        """Draw codes around the training samples."""
        self.check(model, train, classes)
        self.classes_ = classes
        rows = balanced_rows(train.truth, self.seen_samples)
        self.drawn_ = _drawn(model, as_given(train[rows], view), view, 0)
        self.drawn_labels_ = train.truth[rows]

    def learn_few(self, model: Any, support: Views | None, labels: Array, view: str,
                  kappa: float) -> None:
        """Train on codes around training samples and, for a new class, half from its side
        information and half around its few samples, which are repeated as often as it takes.

        ``kappa`` has no say.
        """
        total, supported = self.unseen_samples, np.unique(labels)
        codes, names = [self.drawn_], [self.drawn_labels_]
        new = np.setdiff1d(np.arange(len(self.classes_)), self.drawn_labels_)
        described = np.repeat(new, np.where(np.isin(new, supported), total - total // 2, total))
        if len(described):
            side = self.classes_.embeddings[described]
            codes.append(model.sample(side, 1, model.random_state + 1)[:, 0])
            names.append(described)
        if support is not None and len(labels):
            rows = balanced_rows(labels, max(1, total // 2))
            codes.append(_drawn(model, as_given(complete(support, view)[rows], view), view, 2))
            names.append(labels[rows])
        for _ in self._train(np.concatenate(codes), np.concatenate(names), len(self.classes_),
                             model.random_state):
            pass

    def few_inputs(self, model: Any, rows: Any, view: str) -> Array:
        """Compute codes ``(n, d)``."""
        return codes_of(model, rows, view)


def _drawn(model: Any, rows: Any, modality: str, part: int) -> Array:
    """Draw a code ``(n, d)`` around every row."""
    return np.asarray(model.sample_rows(rows, modality, model.random_state + part))


def softmax_path(codes: Array, labels: Array, n_classes: int, *, epochs: int,
                 batch_size: int = 32, lr: float = 1e-3, betas: tuple[float, float] = (0.5, 0.999),
                 seed: int = 0) -> Iterator[tuple[Array, Array]]:
    """Train a softmax on codes ``(n, d)``; yield weights ``(d, C)`` and biases ``(C,)`` after every
    epoch.

    Adam (Kingma & Ba 2015) on shuffled batches from a Xavier start. Defaults are those of
    CADA-VAE's final classifier.
    """
    generator = torch.Generator().manual_seed(seed)
    start = nn.Linear(codes.shape[1], n_classes)
    initialise(start, generator, "xavier")
    x = torch.from_numpy(np.pad(codes, ((0, 0), (0, 1)), constant_values=1).astype(np.float32))
    y = torch.from_numpy(np.asarray(labels, dtype=np.int64))
    weights = torch.cat([start.weight.detach().T, start.bias.detach()[None]]).contiguous()
    first, second, denominator = (torch.zeros_like(weights) for _ in range(3))
    sampler, step = Shuffle(batch_size), 0
    for _ in range(epochs):
        order = sampler.epoch(len(x), None, generator)                       # (steps, B)
        targets = y[order][:, :, None]
        for rows, target in zip(x[order], targets, strict=True):             # (B, d + 1), (B, 1)
            step += 1
            error = torch.mm(rows, weights).softmax(dim=1)
            error.scatter_add_(1, target, error.new_full(target.shape, -1.0))
            gradient = torch.mm(rows.T, error).div_(len(rows))
            first.lerp_(gradient, 1 - betas[0])
            second.lerp_(gradient.square_(), 1 - betas[1])
            torch.sqrt(second, out=denominator)
            denominator.div_(math.sqrt(1 - betas[1]**step)).add_(1e-8)
            weights.addcdiv_(first, denominator, value=-lr / (1 - betas[0]**step))
        yield weights[:-1].numpy().copy(), weights[-1].numpy().copy()


def balanced_rows(labels: Array, per_class: int) -> Array:
    """Return ``per_class`` row numbers of every class, its rows in order and repeated as needed."""
    return np.concatenate([np.resize(np.flatnonzero(labels == c), per_class)
                           for c in np.unique(labels)])
