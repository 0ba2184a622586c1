"""The objective of contrastive alignment; a term whose weight is zero is not in the graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from crossalign.losses import info_nce, klot, sigmoid_contrast, structure_gap
from crossalign.training import Batch

CONTRASTS = ("infonce", "sigmoid")
CLAMP = (1e-3, 0.5)
"""Range of the learned temperature (FuseMix)."""
BIAS = -10.0
"""Bias of the sigmoid loss before training (SigLIP)."""

Rows = Mapping[str, Tensor]


class ContrastiveObjective(nn.Module):
    """Projectors of several modalities, and the contrast of their rows with further terms.

    A modality's rows in a batch are those its projector reads and, if there is a term ``"klot"``,
    the teacher's beside them.

    Parameters
    ----------
    projectors : mapping of modality to network
        Networks onto one width.
    widths : mapping of modality to int
        Widths of the rows that the projectors read.
    loss : {"infonce", "sigmoid"}
        Contrast of pairs.
    temperature : float
        Temperature before training.
    mixup : float
        Parameter of the symmetric beta distribution of the mixing weight; 0 for no mixing.
    epsilon, teacher_epsilon : float
        Strengths of the entropy in the plans of student and teacher, see `losses.klot`; the
        teacher's in deviations of its affinities in the batch.
    terms : sequence of str
        Names of the terms besides contrast; each needs ``batch.weights[term]``.
    """

    def __init__(self, projectors: Mapping[str, nn.Module], widths: Mapping[str, int], loss: str,
                 temperature: float, mixup: float, epsilon: float, teacher_epsilon: float,
                 terms: Sequence[str]) -> None:
        super().__init__()
        self.order = list(projectors)
        self.projectors = nn.ModuleList(projectors.values())
        self.widths = dict(widths)
        self.loss, self.mixup, self.terms = loss, mixup, tuple(terms)
        self.epsilon, self.teacher_epsilon = epsilon, teacher_epsilon
        self.log_temperature = nn.Parameter(torch.tensor(float(temperature)).log())
        if loss == "sigmoid":
            self.bias = nn.Parameter(torch.tensor(BIAS))

    def embed(self, x: Tensor, modality: str) -> Tensor:
        """Return unit rows ``(n, k)`` of rows ``(n, d_m)``."""
        return normalize(self.projectors[self.order.index(modality)](x), dim=1)

    def forward(self, batch: Batch, player: str) -> dict[str, Tensor]:
        """Compute every term, and their weighted sum as ``"loss"``: scalars."""
        rows = {m: batch.views[m][:, :self.widths[m]] for m in self.order}
        here = {m: batch.present[m] if m in batch.present
                else torch.ones(len(batch), dtype=torch.bool, device=batch.device)
                for m in self.order}
        codes = {m: self.embed(rows[m], m) for m in self.order} \
            if self.terms or not self.mixup else {}
        paired, there = (self._mixed(rows, here, batch) if self.mixup else (codes, here))
        losses = {"contrast": self._contrast(paired, there)}
        total = losses["contrast"]
        if "structure" in self.terms:
            losses["structure"] = torch.stack([
                structure_gap(rows[m][here[m]], codes[m][here[m]]) for m in self.order]).mean()
        if "klot" in self.terms:
            losses["klot"] = self._klot(batch, codes, here)
        for term in self.terms:
            total = total + batch.weights[term] * losses[term]
        return {"loss": total, **losses}

    def _mixed(self, rows: Rows, here: Rows, batch: Batch) -> tuple[Rows, Rows]:
        """Return codes of mixtures of the first and second halves of the pairs, and which there
        are.

        One weight mixes all modalities, so that a mixture of two rows still has its partner in the
        mixture of their partners (FuseMix).
        """
        pairs = (torch.stack([here[m] for m in self.order]).sum(dim=0) > 1).nonzero()[:, 0]
        half = len(pairs) // 2
        first, second = pairs[:half], pairs[half:2 * half]
        weight = _beta(self.mixup, batch)
        mixed = {m: self.embed(torch.lerp(x[second], x[first], weight), m)
                 for m, x in rows.items()}
        return mixed, {m: there[first] & there[second] for m, there in here.items()}

    def _contrast(self, codes: Rows, here: Rows) -> Tensor:
        """Return the mean contrast over all pairs of modalities of the rows that have both."""
        temperature = self.log_temperature.exp().clamp(*CLAMP)
        losses = []
        for a, b in combinations(self.order, 2):
            both = here[a] & here[b]
            logits = codes[a][both] @ codes[b][both].T / temperature
            losses.append(info_nce(logits) if self.loss == "infonce"
                          else sigmoid_contrast(logits + self.bias))
        return torch.stack(losses).mean()

    def _klot(self, batch: Batch, codes: Rows, here: Rows) -> Tensor:
        """Return the distance of the student's plan from the teacher's, over all rows of two
        modalities.
        """
        a, b = self.order
        taught = [batch.views[m][:, self.widths[m]:][here[m]].float() for m in (a, b)]
        wanted = taught[0] @ taught[1].T
        spread = wanted.std().clamp_min(1e-6) if wanted.numel() > 1 else 1.0
        return klot(wanted / spread, codes[a][here[a]].float() @ codes[b][here[b]].float().T,
                    self.epsilon, self.teacher_epsilon)


def _beta(alpha: float, batch: Batch) -> Tensor:
    """Draw one number of a symmetric beta distribution, the same on every rank."""
    shape = torch.full((2,), alpha, device=batch.device)
    draws = torch._standard_gamma(shape, generator=batch.generator) + 1e-12
    return draws[0] / draws.sum()
