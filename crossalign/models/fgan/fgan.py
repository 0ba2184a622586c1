"""FGAN: fine-grained alignment for zero-shot cross-modal retrieval (Ge et al., TOMM 2025).

Two encoders turn token rows (patches, words) into a *region embedding* of the K most salient tokens
and a *label distribution* g. With (their eq. 28)

    L = L_APN + alpha L_APS + mu (L_VAE + L_align)

L_APN keeps a sample's partner closer than the closest sample of another class, L_APS closer than
the farthest of its own class (eq. 15, 17); L_align draws g of both towards each other and towards a
classifier's posterior tau (eq. 24-26). Similarity is the cosine of embeddings plus tanh(-J) of
distributions (eq. 29-31). Every row of their Table 4 is one of `FGAN.ablations`.

Where paper and public code part we follow, by default, the paper for concatenation, margins (code:
.7, .3) and AdamW at 1e-4 (code: Adam at 1e-5), and the code for distance = 1 - cosine, both sides
as anchors, means over rows that have a semi-positive, a bidirectional GRU for words, decoding z
where eq. 22 says g, squared errors, a weight of 1e-4 on the prior, and a quarter of the four
divergences (eq. 25: half). The code perturbs the selection in evaluation too; here it is exact.

What is ours: tau comes from a classifier of the seen classes; theirs is a network trained on
ImageNet, which knows most of the "unseen" ones (pass it as ``teacher``, and the report says so).
Tokens are standardised. tanh(-J), equal for all J above 9.5 in single precision, is computed so
that it is not. Tokens are given, as by a frozen network; or raw rows are given, and ``backbones``,
pretrained networks in front of the readers, turn them into tokens and learn along at a rate of
their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from numbers import Integral, Real
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import torch
from sklearn.utils._param_validation import Interval, StrOptions

from crossalign.devices import DEVICES
from crossalign.encoders.backbone import Backbone
from crossalign.fingerprints import arrays_fingerprint
from crossalign.losses.pairwise_contrast import DISTANCES
from crossalign.models.backbones import mean_tokens, open_backbones
from crossalign.models.fgan.fgan_objective import CONTRASTS, FGANObjective
from crossalign.models.fgan.fine_grained import (
    POOLS,
    SELECTIONS,
    FineGrainedEncoder,
    LabelEncoder,
    RegionEncoder,
)
from crossalign.models.fgan.joint_space import SIMILARITIES, JointSpace
from crossalign.models.fgan.pseudo_labels import FORMS, Teacher, pseudo_labels, teacher_name
from crossalign.models.pairing import two_of
from crossalign.models.ranges import BATCH, COUNT, RATE, SEED, SIZE, WEIGHT, Each
from crossalign.models.roles import TokenSelector
from crossalign.models.rows import Array
from crossalign.models.supervision import labels_of
from crossalign.networks.token_reader import READERS, TokenReader
from crossalign.networks.topk import GRADIENTS
from crossalign.preprocessing.tokens import token_moments
from crossalign.training import ClassBalanced, Cosine, Group, Player, Ramp, Shuffle, Warmup, train
from crossalign.training.fabric import PRECISIONS
from crossalign.types import Classes, Samples, Views

__all__ = ["FGAN"]

WARMUP = 10
"""Number of steps in which the rate rises."""


class FGAN(TokenSelector, JointSpace):
    """Region embeddings and label distributions of tokens, aligned sample by sample.

    Parameters
    ----------
    similarity : {"joint", "embedding", "labels", "affinity"}, default "joint"
        Similarity of samples: JR, RE or LD of the paper, or cosine plus affinity, see `JointSpace`.
        Training is the same.
    dim : int
        Width of tokens in context, of embeddings and of codes; default 512.
    readers : pair of {"linear", "gru", "attention", "rotary"}
        Context of each modality's tokens, see `networks.TokenReader`; default ``("linear",
        "gru")``.
    backbones : pair of str or None
        Pretrained network of each modality, a folder or a name on the Hugging Face hub, that reads
        raw rows (`encoders.PretrainedPictures`, ``rows="raw"``); None for a modality of given
        tokens. Default None for both.
    backbone_lr : float
        Learning rate of the backbones' weights; default 1e-5. At 0 they do not change.
    tied : bool
        Whether both modalities share one encoder, as in the paper for sketches and photos; default
        False.
    ratios : pair of float
        Shares of each modality's tokens in the region embedding; default (0.1, 0.3).
    pool : {"concat", "sum", "mean"}
        Pooling of the selected tokens, see `fine_grained.RegionEncoder`; default ``"concat"``.
    selection : {"saliency", "random"}
        Selection of tokens; default ``"saliency"``.
    heads : int
        Number of attention heads of the saliency; default 4.
    dropout : float
        Dropout probability of the attention; default 0.1.
    samples : int
        Number of noise draws of the perturbed top-K; default 1000.
    sigma : float
        Standard deviation of that noise; default 0.05.
    grad : str
        Gradient of the perturbed top-K, see `networks.perturbed_topk`; default ``"full"``.
    label_encoder : {"vae", "linear"}
        Encoder of the label distribution; default ``"vae"``.
    contrast : {"selective", "all", "pairwise", "classification", "off"}
        Kind of contrast of embeddings, see `FGANObjective`; default ``"selective"``.
    margins : pair of float
        Margins of negatives and of semi-positives; default (0.5, 0.5).
    distance : {"cosine", "l2"}
        Distance of embeddings; default ``"cosine"``.
    alpha : float
        Weight of the triplets with semi-positives; default 0.1.
    mu : float
        Weight of the label alignment, which is not computed at 0; default 1.
    align : float
        Factor of the four divergences of the label alignment; default 0.25.
    kl : float
        Weight of the VAEs' divergence from their prior; default 1e-4.
    pseudo_labels : {"soft", "one_hot", "random", "embedding"}
        Kind of the distributions tau that labels are drawn towards; default ``"soft"``, the
        teacher's posteriors.
    teacher : {"seen"}, callable or "module:function"
        Function that gives class posteriors ``(n, L)`` of training `Views`; default a discriminant
        fitted on seen classes, see `models.pseudo_labels`.
    hardening : float
        Share of the training in which the mean of all triplets gives way to the hardest; default
        0.5. At 0, as in the paper, only the hardest count from the start, and training may end
        where it began: with equal embeddings and a loss of the margins.
    epochs : int
        Number of passes over the training samples; default 40.
    batch_size : int
        Number of samples in a batch; default 16.
    lr : float
        Learning rate of AdamW, which rises over ten steps and falls along a cosine; default 1e-4.
    weight_decay : float
        Weight decay of AdamW; default 1e-4.
    per_class : int
        Number of samples of a class in a batch; default 0: samples come at random, and few have
        semi-positives.
    precision, device, random_state
        Settings of training, see `CADAVAE`.
    """

    search_space: ClassVar[dict[str, Sequence[Any]]] = {
        "similarity": ("joint", "embedding", "affinity")}
    ablations: ClassVar[dict[str, dict[str, Any]]] = {
        "without FGLA": {"mu": 0.0}, "without FGCL": {"contrast": "off"},
        "mean of tokens": {"pool": "mean"}, "random tokens": {"selection": "random"},
        "without VAEs": {"label_encoder": "linear"}, "without A-P-S": {"alpha": 0.0},
        "all triplets": {"contrast": "all"}, "pairwise loss": {"contrast": "pairwise"},
        "classification loss": {"contrast": "classification"},
        "random pseudo-labels": {"pseudo_labels": "random"},
        "one-hot pseudo-labels": {"pseudo_labels": "one_hot"},
        "class embeddings": {"pseudo_labels": "embedding"}, "FGAN": {}}
    sweeps: ClassVar[dict[str, Sequence[float]]] = {
        "alpha": (0.0, 0.03, 0.1, 0.3, 1.0), "mu": (0.0, 0.1, 0.3, 1.0, 3.0)}
    stochastic = True
    resumable = True
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "similarity": [StrOptions(set(SIMILARITIES))],
        "pool": [StrOptions(set(POOLS))], "selection": [StrOptions(set(SELECTIONS))],
        "grad": [StrOptions(set(GRADIENTS))], "label_encoder": [StrOptions({"vae", "linear"})],
        "contrast": [StrOptions(set(CONTRASTS))], "distance": [StrOptions(set(DISTANCES))],
        "pseudo_labels": [StrOptions(set(FORMS))], "teacher": [str, callable], "tied": ["boolean"],
        "heads": [SIZE], "epochs": [COUNT], "batch_size": [BATCH],
        **{size: [Interval(Integral, 2, 2**16, closed="both")] for size in ("dim", "samples")},
        **{rate: [RATE] for rate in ("lr", "sigma")},
        **{weight: [WEIGHT] for weight in ("alpha", "mu", "align", "kl", "weight_decay",
                                           "backbone_lr")},
        "per_class": [Interval(Integral, 0, 2**16, closed="both")],
        "backbones": [Each(str, None, length=2)],
        "readers": [Each(StrOptions(set(READERS)), length=2)],
        "margins": [Each(WEIGHT, length=2)],
        "ratios": [Each(Interval(Real, 0, 1, closed="right"), length=2)],
        "precision": [StrOptions(set(PRECISIONS))], "device": [StrOptions(set(DEVICES))],
        **{share: [Interval(Real, 0, 1, closed="left")] for share in ("dropout", "hardening")},
        "random_state": [SEED],
    }

    def __init__(self, similarity: str = "joint", dim: int = 512,
                 readers: tuple[str, str] = ("linear", "gru"),
                 backbones: tuple[str | None, str | None] = (None, None), backbone_lr: float = 1e-5,
                 tied: bool = False,
                 ratios: tuple[float, float] = (0.1, 0.3), pool: str = "concat",
                 selection: str = "saliency", heads: int = 4, dropout: float = 0.1,
                 samples: int = 1000, sigma: float = 0.05, grad: str = "full",
                 label_encoder: str = "vae", contrast: str = "selective",
                 margins: tuple[float, float] = (0.5, 0.5), distance: str = "cosine",
                 hardening: float = 0.5, alpha: float = 0.1, mu: float = 1.0, align: float = 0.25,
                 kl: float = 1e-4, pseudo_labels: str = "soft", teacher: Teacher | str = "seen",
                 epochs: int = 40, batch_size: int = 16, per_class: int = 0, lr: float = 1e-4,
                 weight_decay: float = 1e-4, precision: str = "32-true", device: str = "auto",
                 random_state: int = 0) -> None:
        self.similarity = similarity
        self.dim = dim
        self.readers = readers
        self.backbones = backbones
        self.backbone_lr = backbone_lr
        self.tied = tied
        self.ratios = ratios
        self.pool = pool
        self.selection = selection
        self.heads = heads
        self.dropout = dropout
        self.samples = samples
        self.sigma = sigma
        self.grad = grad
        self.label_encoder = label_encoder
        self.contrast = contrast
        self.margins = margins
        self.distance = distance
        self.hardening = hardening
        self.alpha = alpha
        self.mu = mu
        self.align = align
        self.kl = kl
        self.pseudo_labels = pseudo_labels
        self.teacher = teacher
        self.epochs = epochs
        self.batch_size = batch_size
        self.per_class = per_class
        self.lr = lr
        self.weight_decay = weight_decay
        self.precision = precision
        self.device = device
        self.random_state = random_state

    def fit(self, X: Samples, y: npt.ArrayLike | None = None, *, classes: Any = None,
            callbacks: Sequence[Any] = (),
            checkpoint: str | Path | None = None) -> Self:
        """Train on two modalities, ``(n, t, d)`` tokens or ``(n, d)`` vectors.

        Memory-mapped modalities are read batch by batch. ``pseudo_labels_`` names the source of the
        pseudo-labels; ``leaks_`` says whether it is a classifier that may know other classes than
        the seen.
        """
        X, classes = self._start(X, y, classes)
        labels = labels_of(X, self)
        two_of(X, self)
        if len(X.modalities) < 2:
            raise ValueError(f"X: FGAN aligns two modalities and got {list(X.modalities)}; add "
                             "another one.")
        if self.dim % self.heads:
            raise ValueError(f"heads: got {self.heads}, which does not divide dim={self.dim}; give "
                             "one of its divisors.")
        if self.tied and len(set(X.widths.values())) > 1:
            raise ValueError(f"tied: one encoder cannot read widths {X.widths}; give tokens of one "
                             "width, or tied=False.")
        self._remember(X.widths)
        backbones = open_backbones(X, self.backbones, self.tied, self.device)
        self.backbone_configs_ = {m: backbone.config for m, backbone in backbones.items()}
        targets, self.pseudo_labels_ = self._targets(X, labels, classes, backbones)
        self.leaks_ = {"pseudo_labels": self.pseudo_labels_ == teacher_name(self.teacher)}
        self.n_labels_ = targets.shape[1]
        self.n_classes_ = int(labels.max()) + 1 if classes is None else len(classes)
        self.tokens_ = {m: (1, *X.read(m, np.arange(0)).shape[1:-1])[-1] for m in self.modalities_}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.random_state)
            self._restore(backbones)
        self._standardise(X)
        self.network_.targets = torch.from_numpy(targets)
        steps = -(-len(X) // self.batch_size)
        history = train(
            self.network_, X, players=[self._player()], epochs=self.epochs,
            sampler=self._sampler(labels), seed=self.random_state, callbacks=callbacks,
            weights=self._weights(),
            lr_schedule=Warmup(WARMUP / steps, Cosine(self.epochs), start=1 / WARMUP),
            device=self.device, precision=self.precision, checkpoint=checkpoint,
            resume=checkpoint is not None,
            work={**self.plain_params(), "targets": arrays_fingerprint([targets])})
        self.network_.targets = torch.zeros(0)
        self.history_, self.selected_epoch_ = history.losses, history.selected_epoch
        return self

    def saliency(self, x: npt.ArrayLike | Views, modality: str) -> Array:
        """Compute the saliency ``(n, t)`` in (0, 1) of the tokens of ``x (n, t, d)``, 0 at padding
        (eq. 3-5).

        It is 1 for every token if no saliency is learned: for the mean of tokens, for random
        tokens, or if all are selected.
        """
        return self._selection(x, modality)[0]

    def kept_tokens(self, x: npt.ArrayLike | Views, modality: str) -> Array:
        """Return True for the tokens of ``x (n, t, d)`` that are in the embedding, ``(n, t)`` bool.

        These are the K most salient, of equal ones the first; all tokens if there are fewer or the
        pool is the mean.
        """
        return self._selection(x, modality)[1]

    def savable(self) -> Self:
        """Return the model, with the name of a teacher that is a function."""
        named = copy(self)
        named.teacher = teacher_name(self.teacher)
        return named

    def _selection(self, x: npt.ArrayLike | Views, modality: str) -> tuple[Array, Array]:
        rows, mask = self._masked_rows(x, modality)
        encoder = self.network_.encoder(modality)
        tokens = rows.shape[1] if rows.ndim == 3 else 1
        scores, kept = [np.zeros((0, tokens), np.float32)], [np.zeros((0, tokens), bool)]
        with torch.inference_mode():
            for block, real in self._blocks(rows, mask, modality):
                for found, part in zip((scores, kept), encoder.select(block, real), strict=True):
                    found.append(part.cpu().numpy())
        return np.concatenate(scores), np.concatenate(kept)

    def _restore(self, backbones: Mapping[str, Backbone] | None = None) -> None:
        kinds = list(zip(self.modalities_, self.readers, self.ratios, strict=True))
        encoders = {m: self._encoder(m, reader, ratio, (backbones or {}).get(m))
                    for m, reader, ratio in kinds[:1 if self.tied else 2]}
        if self.tied:
            encoders[self.modalities_[1]] = encoders[self.modalities_[0]]
        self.network_ = FGANObjective(encoders, self.contrast, self.margins, self.distance,
                                      self.alpha, self.mu, self.align, self.kl,
                                      self.n_classes_).eval()

    def _encoder(self, modality: str, reader: str, ratio: float,
                 backbone: Backbone | None) -> FineGrainedEncoder:
        width, tokens = self.widths_[modality], self.tokens_[modality]
        if modality in self.backbone_configs_:
            backbone = backbone or Backbone(self.backbone_configs_[modality])
            backbone.let_learn(self.backbone_lr > 0)
            width = backbone.width
            tokens = backbone.cells if backbone.kind == "image" else tokens
        return FineGrainedEncoder(
            TokenReader(width, self.dim, reader, self.heads, self.dropout),
            RegionEncoder(tokens, self.dim, self.dim, ratio, self.pool,
                          self.selection, self.heads, self.dropout, self.samples, self.sigma,
                          self.grad),
            LabelEncoder(self.dim, self.dim, self.n_labels_, self.label_encoder), backbone)

    def _targets(self, X: Views, labels: Array, classes: Classes | None,
                 backbones: Mapping[str, Backbone]) -> tuple[Array, str]:
        """Return the pseudo-labels of the samples and their source; none if nothing uses them.

        The classifier of seen classes reads the mean token of a backbone if there is one.
        """
        if self.mu == 0:
            return np.zeros((len(X), len(np.unique(labels))), np.float32), "none"
        first = X.modalities[0]
        if first in backbones and self.teacher == "seen":
            X = Views({first: mean_tokens(backbones[first], X, first)}, labels)
        return pseudo_labels(X, labels, self.pseudo_labels, self.teacher, classes,
                             self.random_state)

    def _standardise(self, X: Views) -> None:
        for m in self.modalities_[:1 if self.tied else 2]:
            if m in self.backbone_configs_:
                continue
            reader = self.network_.encoder(m).reader
            for name, values in zip(("shift", "scale"), token_moments(X, m), strict=True):
                getattr(reader, name).copy_(torch.from_numpy(values))

    def _weights(self) -> dict[str, Ramp]:
        if self.hardening == 0 or self.contrast != "selective":
            return {}
        return {"hardest": Ramp(0, self.hardening * self.epochs, 1.0)}

    def _player(self) -> Player:
        backbones = tuple(f"encoders.{i}.backbone"
                          for i, encoder in enumerate(self.network_.encoders)
                          if encoder.backbone is not None and self.backbone_lr > 0)
        groups = [Group(self.network_.learning(), self.lr),
                  *([Group(backbones, self.backbone_lr)] if backbones else [])]
        return Player("fgan", tuple(groups), optimizer="adamw", weight_decay=self.weight_decay)

    def _sampler(self, labels: Array) -> Shuffle | ClassBalanced:
        if self.per_class == 0:
            return Shuffle(self.batch_size)
        classes = min(len(np.unique(labels)), max(1, self.batch_size // self.per_class))
        return ClassBalanced(classes, self.per_class)

