"""Contrastive alignment: small networks on frozen features, trained by the contrast of pairs.

    L = contrast + structure L_S + klot L_K                        each with its weight

Four papers are options of it.

- *contrast*: symmetric InfoNCE of the rows of a batch (CLIP: Radford et al., ICML 2021) or the
  sigmoid loss (SigLIP: Zhai et al., ICCV 2023), with a learned temperature. The latter with
  ``projector="glu"`` is SAIL (Zhang et al., CVPR 2025).
- *mixup*: FuseMix (Vouitsis et al., CVPR 2024): the pairs of a batch are mixed half with half,
  by one weight for all modalities.
- *structure*: STRUCTURE (Groeger et al., NeurIPS 2025): a row's neighbours stay its neighbours.
- *teacher*: SOTAlign (ICML 2026): a closed form, fitted on the pairs, says how near all rows are,
  also those that belong to no pair; the transport plan of the learned cosines is drawn to that of
  the teacher's (`losses.klot`).

How we differ. Features are scaled by all training rows, with or without a partner. All rows of a
batch count in `structure`, and its formula is the paper's, not that of its code. FuseMix and
SAIL have residual blocks and several captions a picture; here a projector is one layer or two. The
teacher is this library's own closed form, `Committee`, and the entropy of its plan is in deviations
of its affinities, so that it means the same for every teacher.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from numbers import Real
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import torch
from sklearn.utils._param_validation import Interval, StrOptions
from torch import nn

from crossalign.models.closed_form.committee import MEMBERS, Committee
from crossalign.models.dual_encoder.contrastive_objective import (
    CLAMP,
    CONTRASTS,
    ContrastiveObjective,
)
from crossalign.models.ranges import RATE, SIZE, WEIGHT
from crossalign.models.roles import Aligner
from crossalign.models.rows import Array
from crossalign.models.trained import BLOCK, TrainedModel
from crossalign.networks import MLP, GatedMLP
from crossalign.training import Constant, Cosine, Group, PairsFirst, Player, Shuffle
from crossalign.types import Samples, Views

__all__ = ["ContrastiveAlignment"]

PROJECTORS = ("linear", "mlp", "glu")
TEACHERS: dict[str, tuple[str, ...]] = {"none": (), "ridge": ("ridge",), "committee": MEMBERS}
"""Members of the committee that teaches."""
OF_TEACHER = ("alpha", "klot", "epsilon", "teacher_epsilon")
"""Parameters that matter with a teacher alone."""
OF_CONTRAST = ("projector", "temperature", "lr")
"""Parameters that are not tried with a teacher, so that the grid is no larger than without."""


class ContrastiveAlignment(Aligner, TrainedModel):
    """Small networks on frozen features, trained by contrast of pairs and a teacher of all rows.

    Parameters
    ----------
    loss : {"infonce", "sigmoid"}
        Contrast of the pairs of a batch; default ``"infonce"``.
    projector : {"linear", "mlp", "glu"}
        Network of every modality; default ``"linear"``, one layer. ``"mlp"`` has a hidden layer,
        ``"glu"`` a gated one.
    latent : int
        Width of the space; default 128.
    hidden : int
        Width of the hidden layer; default 512.
    dropout : float in [0, 1)
        Share of a projector's inputs, and of its hidden layer, that is left out in a step; default
        0.5.
    temperature : float
        Temperature of cosines before training, in [0.001, 0.5], where it stays; default 0.1.
    mixup : float
        Parameter of the symmetric beta distribution of the weight by which pairs are mixed; default
        0, no mixing. 1 is FuseMix.
    structure : float
        Weight of `losses.structure_gap`; default 0.
    teacher : {"none", "ridge", "committee"}
        Closed form that teaches two modalities on all rows; default ``"none"``. ``"ridge"`` is
        ridge regression both ways, ``"committee"`` all of `Committee`.
    alpha : float
        Ridge of the teacher; default 100.
    klot : float
        Weight of the teacher's term; default 1.
    epsilon : float
        Strength of the entropy in the plan of the learned cosines; default 0.1.
    teacher_epsilon : float
        Strength of the entropy in the teacher's plan, in deviations of its affinities; default 0.1.
    unpaired : int
        Number of rows without a partner in a batch, if a teacher or ``structure`` has use for them;
        default 256.
    epochs : int
        Number of passes over the pairs; default 150.
    batch_size : int
        Number of pairs in a batch; default 256.
    lr : float
        Learning rate of AdamW at the start, which falls along a cosine; default 3e-3.
    weight_decay : float
        Weight decay of AdamW; default 1e-2.
    scaling : {"standard", "root", "minmax", "l2", "none"}
        Scaling of features, fitted on all training rows; default ``"standard"``.
    precision, device, compile, random_state
        Settings of training, see `CADAVAE`.
    """

    many_labels = True
    handles_missing = True
    search_space: ClassVar[dict[str, Sequence[Any]]] = {
        "scaling": ("standard", "root"), "projector": ("linear", "mlp"), "dropout": (0.0, 0.5),
        "temperature": (0.05, 0.2), "lr": (1e-3, 3e-3), "klot": (1.0, 10.0),
        "teacher_epsilon": (0.05, 0.2), "alpha": (100.0, 1000.0)}
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **TrainedModel._parameter_constraints,
        "loss": [StrOptions(set(CONTRASTS))], "projector": [StrOptions(set(PROJECTORS))],
        "teacher": [StrOptions(set(TEACHERS))],
        **{size: [SIZE] for size in ("latent", "hidden", "unpaired")},
        **{rate: [RATE] for rate in ("alpha", "epsilon", "teacher_epsilon")},
        "temperature": [Interval(Real, *CLAMP, closed="both")],
        **{weight: [WEIGHT] for weight in ("mixup", "structure", "klot", "weight_decay")},
        "dropout": [Interval(Real, 0, 1, closed="left")],
    }

    def __init__(self, loss: str = "infonce", projector: str = "linear", latent: int = 128,
                 hidden: int = 512, dropout: float = 0.5, temperature: float = 0.1,
                 mixup: float = 0.0, structure: float = 0.0, teacher: str = "none",
                 alpha: float = 100.0, klot: float = 1.0, epsilon: float = 0.1,
                 teacher_epsilon: float = 0.1, unpaired: int = 256, epochs: int = 150,
                 batch_size: int = 256, lr: float = 3e-3, weight_decay: float = 1e-2,
                 scaling: str = "standard", precision: str = "32-true", device: str = "auto",
                 compile: bool = False, random_state: int = 0) -> None:
        self.loss = loss
        self.projector = projector
        self.latent = latent
        self.hidden = hidden
        self.dropout = dropout
        self.temperature = temperature
        self.mixup = mixup
        self.structure = structure
        self.teacher = teacher
        self.alpha = alpha
        self.klot = klot
        self.epsilon = epsilon
        self.teacher_epsilon = teacher_epsilon
        self.unpaired = unpaired
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.weight_decay = weight_decay
        self.scaling = scaling
        self.precision = precision
        self.device = device
        self.compile = compile
        self.random_state = random_state

    def fit(self, X: Samples, y: npt.ArrayLike | None = None, *, classes: Any = None,
            callbacks: Sequence[Any] = (),
            checkpoint: str | Path | None = None) -> Self:
        """Train on samples that have two modalities or more, and on others if a term uses them.

        Labels are not used.
        """
        X, classes = self._start(X, y, classes)
        pairs, others = self._parted(X)
        self._prepare(X)
        rows = self._scaled if self.teacher == "none" else partial(self._taught, self._teacher(X))
        sampler: Shuffle | PairsFirst = Shuffle(self.batch_size)
        if self._active() and len(others):
            sampler = PairsFirst(len(pairs), self.batch_size, self.unpaired)
            pairs = np.concatenate([pairs, others])
        player = Player("projectors", (Group(("",), self.lr),), optimizer="adamw",
                        weight_decay=self.weight_decay)
        self._train(X.take(pairs), checkpoint, rows, players=[player], epochs=self.epochs,
                    sampler=sampler, lr_schedule=Cosine(self.epochs), callbacks=callbacks,
                    precision=self.precision, compile=self.compile)
        return self

    def _parted(self, X: Views) -> tuple[Array, Array]:
        """Return the numbers of samples with two modalities or more, and of those with one."""
        names = X.modalities
        if len(names) < 2:
            raise ValueError(f"X: ContrastiveAlignment aligns several modalities and got "
                             f"{list(names)}; add another one.")
        if self.teacher != "none" and len(names) > 2:
            raise ValueError(f"teacher: {self.teacher!r} aligns two modalities and the samples "
                             f"have {list(names)}; choose two, or teacher='none'.")
        count = np.sum([X.has(m) for m in names], axis=0)
        pairs, least = np.flatnonzero(count > 1), 4 if self.mixup else 2
        if len(pairs) < least:
            raise ValueError(f"X: has {len(pairs)} samples of two modalities; give at least "
                             f"{least}{', or mixup=0' * (least > 2)}.")
        return pairs, np.flatnonzero(count == 1)

    def _teacher(self, X: Views) -> Committee:
        """Return the closed form, fitted on the pairs."""
        return Committee(alpha=self.alpha, members=TEACHERS[self.teacher],
                         scaling=self.scaling).fit(X)

    def _taught(self, teacher: Committee, x: Array, modality: str) -> Array:
        """Return scaled rows and, beside them, where the teacher puts them."""
        return np.concatenate([self._scaled(x, modality), teacher.embed(x, modality)], axis=1,
                              dtype=np.float32)

    def _active(self) -> dict[str, Any]:
        weights = {"structure": self.structure, "klot": self.klot * (self.teacher != "none")}
        return {term: Constant(float(weight)) for term, weight in weights.items() if weight > 0}

    def _restore(self) -> None:
        projectors = {m: self._projector(width) for m, width in self.widths_.items()}
        self.network_ = ContrastiveObjective(
            projectors, self.widths_, self.loss, self.temperature, self.mixup, self.epsilon,
            self.teacher_epsilon, list(self._active())).eval()

    def _projector(self, width: int) -> nn.Module:
        """Return the projector of a modality."""
        drop = [nn.Dropout(self.dropout)] if self.dropout > 0 else []
        if self.projector == "glu":
            return nn.Sequential(*drop, GatedMLP(width, self.hidden, self.latent, self.dropout))
        outputs = [self.latent] if self.projector == "linear" else [self.hidden, self.latent]
        return nn.Sequential(*drop, MLP(width, outputs, self.dropout))

    def idle(self, X: Views) -> Collection[str]:
        """Return the parameters of the teacher, or, where one takes the lead, those of contrast."""
        return OF_TEACHER if self.teacher == "none" else OF_CONTRAST

    def embed(self, x: npt.ArrayLike | Views, modality: str) -> Array:
        """Embed rows by the projector of their modality, as unit rows ``(n, latent)``."""
        rows = self._scaled(self._rows(x, modality), modality)
        parts = [np.zeros((0, self.latent), np.float32)]
        with torch.inference_mode():
            for start in range(0, len(rows), BLOCK):
                block = torch.from_numpy(rows[start:start + BLOCK]).to(self._place)
                parts.append(self.network_.embed(block, modality).float().cpu().numpy())
        return np.concatenate(parts)
