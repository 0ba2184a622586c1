"""The network of unsupervised domain adaptation and its objective.

    L = cross-entropy of source samples + w(t) D(source codes, target codes) + e(t) H(p(y | target))

D is one of `DIVERGENCES`. The marginal ones compare the two sets of codes without regard to
classes. ``"qsma"`` adds the distance between the classes' Gaussians: the class of a target sample
is the classifier's answer, and a sample without a confident answer is left out. Without a
class-conditional term a divergence may align the wrong classes (see `losses.qsma`).

Codes lie on the unit sphere. On unbounded codes a divergence in squared units is made small by
shrinking all codes together, which the classifier undoes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, linear, normalize

from crossalign.losses import class_conditional_w2, coral, marginal_divergence, mmd
from crossalign.networks import Adapter
from crossalign.preprocessing.rows import Rows
from crossalign.training import Batch

SHARPNESS = 16.0
"""Factor from cosines to logits."""


class Codes(NamedTuple):
    """Codes of a batch: ``source (n, d)`` with ``labels (n,)``, ``target (n, d)`` with ``beliefs``.

    ``beliefs (n, C)`` are the classifier's probabilities, without gradient; ``confident (n,)`` says
    where the largest of them is large enough; ``noise (d, d)`` is standard normal.
    """

    source: Tensor
    labels: Tensor
    target: Tensor
    beliefs: Tensor
    confident: Tensor
    noise: Tensor


def _coral(codes: Codes) -> Tensor:
    """Compute CORAL in units in which a dimension of a unit code has a mean square of 1."""
    unit = codes.source.shape[1]**0.5
    return coral(unit * codes.source, unit * codes.target)


def _mmd(codes: Codes) -> Tensor:
    return mmd(codes.source, codes.target, scales=(0.25, 1.0, 4.0))


def _qsma(codes: Codes) -> Tensor:
    means = codes.source, codes.target
    conditional = class_conditional_w2(
        means, [torch.zeros_like(z) for z in means],
        [codes.labels, codes.beliefs.argmax(dim=1)], [None, codes.confident])
    return conditional + marginal_divergence(means, codes.noise, "orthogonal")


DIVERGENCES: Mapping[str, Callable[[Codes], Tensor]] = MappingProxyType(
    {"coral": _coral, "mmd": _mmd, "qsma": _qsma})
"""Divergences between source and target codes: CORAL (Sun & Saenko 2016), MMD (Gretton et al. 2012)
with three kernel widths, and class-conditional plus orthogonally sliced W2.
"""


class RowsOnDisk:
    """Rows ``(m, width)`` that stay on disk; those of some numbers are read as a tensor."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.shape = (len(rows), rows.width)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, numbers: Tensor) -> Tensor:
        rows = self.rows.read(numbers.cpu().numpy())
        return torch.from_numpy(np.require(rows, np.float32, ["C", "W"]))


class AdaptationNetwork(nn.Module):
    """Adapter, linear map to unit codes, and a cosine classifier, the same for both domains.

    Parameters
    ----------
    target : (m, width) Tensor or RowsOnDisk
        Unlabelled rows of the target domain; each batch draws as many of them as it has source
        rows, with replacement.
    n_classes : int
        Number of classes.
    divergence : str, optional
        A key of `DIVERGENCES`; its weight is ``batch.weights["divergence"]``.
    entropy : bool
        Whether to add an entropy term; its weight is ``batch.weights["entropy"]``.
    hidden, latent : int
        Widths of the encoder's hidden layer and of the codes.
    dropout : float
        Dropout probability of the encoder.
    confidence : float
        Least probability of a pseudo-label.
    """

    target: Tensor | RowsOnDisk

    def __init__(self, target: Tensor | RowsOnDisk, n_classes: int, divergence: str | None,
                 entropy: bool, *, hidden: int, latent: int, dropout: float,
                 confidence: float) -> None:
        super().__init__()
        self.adapter = Adapter(target.shape[1], hidden, dropout)
        self.to_code = nn.Linear(hidden, latent)
        self.classifier = nn.Linear(latent, n_classes, bias=False)
        if isinstance(target, Tensor):
            self.register_buffer("target", target)
        else:
            self.target = target
        self.divergence, self.entropy, self.confidence = divergence, entropy, confidence

    def forget_target(self) -> None:
        """Let go of the target rows, which only training draws."""
        width = self.target.shape[1]
        del self.target
        self.register_buffer("target", self.classifier.weight.new_zeros(0, width))

    def encode(self, rows: Tensor) -> Tensor:
        """Return unit codes ``(n, latent)`` of rows ``(n, width)``."""
        return normalize(self.to_code(self.adapter(rows)), dim=1)

    def logits(self, codes: Tensor) -> Tensor:
        """Return logits ``(n, C)`` of unit codes."""
        return SHARPNESS * linear(codes, normalize(self.classifier.weight, dim=1))

    def forward(self, batch: Batch, player: str) -> dict[str, Tensor]:
        """Compute every term, and their weighted sum as ``"loss"``: scalars, means over the batch.

        ``"confident"`` is the share of target samples whose pseudo-label counts.
        """
        (rows,), labels = batch.views.values(), batch.labels
        assert labels is not None
        numbers = (batch.uniform(1)[:, 0] * len(self.target)).long()
        drawn = self.target[numbers].to(rows)
        source, target = self.encode(torch.cat([rows, drawn])).chunk(2)
        losses = {"classification": cross_entropy(self.logits(source), labels)}
        total = losses["classification"]
        probabilities = self.logits(target).softmax(dim=1)
        if self.divergence is not None:
            beliefs = probabilities.detach()
            confident = beliefs.amax(dim=1) >= self.confidence
            width = source.shape[1]
            losses["divergence"] = DIVERGENCES[self.divergence](Codes(
                source, labels, target, beliefs, confident, batch.common_normal(width, width)))
            losses["confident"] = confident.float().mean()
            total = total + batch.weights["divergence"] * losses["divergence"]
        if self.entropy:
            losses["entropy"] = -torch.special.xlogy(probabilities, probabilities).sum(dim=1).mean()
            total = total + batch.weights["entropy"] * losses["entropy"]
        return {"loss": total, **losses}
