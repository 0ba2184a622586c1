"""The objective of FGAN: triplets of region embeddings, alignment of label distributions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from crossalign.losses.kl import kl_standard_normal
from crossalign.losses.label_distribution import label_alignment
from crossalign.losses.pairwise_contrast import cross_distances, pairwise_contrast
from crossalign.losses.selective_triplet import selective_triplets
from crossalign.models.fgan.fine_grained import FineGrainedEncoder
from crossalign.networks.gaussian import reparametrise
from crossalign.networks.token_reader import token_mean
from crossalign.training import Batch

CONTRASTS = ("selective", "all", "pairwise", "classification", "off")


class FGANObjective(nn.Module):
    """The loss L_FGCL + mu L_FGLA of one batch of pairs.

    Parameters
    ----------
    encoders : mapping of two modalities to encoders
        Encoders of both modalities, which may be one and the same.
    contrast : {"selective", "all", "pairwise", "classification", "off"}
        Kind of L_FGCL: triplets with the hardest sample or with all; `pairwise_contrast`;
        cross-entropy of a linear classifier on both embeddings; none.
    margins : pair of float
        Margins m1 of negatives and m2 of semi-positives.
    distance : {"cosine", "l2"}
    alpha : float
        Weight of A-P-S.
    mu : float
        Weight of L_FGLA, which is not computed at 0.
    align : float
        Factor of `label_alignment`.
    kl : float
        Weight of the VAEs' divergence from their prior.
    n_classes : int
        Number of classes of the classifier.

    Attributes
    ----------
    targets : (n, L)
        Pseudo-labels of all training samples, in their order; not saved.
    """

    targets: Tensor

    def __init__(self, encoders: Mapping[str, FineGrainedEncoder], contrast: str,
                 margins: Sequence[float], distance: str, alpha: float, mu: float, align: float,
                 kl: float, n_classes: int) -> None:
        super().__init__()
        self.order = list(encoders)
        unique = list(dict.fromkeys(encoders.values()))
        self.which = [unique.index(encoders[m]) for m in self.order]
        self.encoders = nn.ModuleList(unique)
        self.contrast, self.margins, self.distance = contrast, tuple(margins), distance
        self.alpha, self.mu, self.align, self.kl = alpha, mu, align, kl
        width = unique[0].region.width
        self.classifier = nn.Linear(width, n_classes) if contrast == "classification" else None
        self.register_buffer("targets", torch.zeros(0), persistent=False)

    def encoder(self, modality: str) -> FineGrainedEncoder:
        """Return the encoder of a modality."""
        encoder = self.encoders[self.which[self.order.index(modality)]]
        assert isinstance(encoder, FineGrainedEncoder)
        return encoder

    def learning(self) -> tuple[str, ...]:
        """Return the names of the parts that the objective moves."""
        parts = ["reader", *(["region"] if self.contrast != "off" else []),
                 *(["label"] if self.mu > 0 else [])]
        names = [f"encoders.{i}.{part}" for i in range(len(self.encoders)) for part in parts]
        return (*names, *(["classifier"] if self.classifier is not None else []))

    def forward(self, batch: Batch, player: str) -> dict[str, Tensor]:
        """Compute the parts of the loss, and their sum as ``"loss"``: scalars, means over the
        batch.

        A weight ``"hardest"`` in [0, 1] is the share of the hardest triplets against all of them.
        """
        read = {m: self.encoder(m).read(batch.views[m], batch.masks.get(m)) for m in self.order}
        losses: dict[str, Tensor] = {}
        total = next(iter(read.values()))[0].new_zeros(())
        if self.contrast != "off":
            embeddings = []
            for m, (rows, real) in read.items():
                region = self.encoder(m).region
                noise = region.draw(batch.normal, rows.shape[1])
                embeddings.append(region(rows, real, noise))
            losses |= self._fgcl(embeddings[0], embeddings[1], batch)
            total = total + losses["fgcl"]
        if self.mu > 0:
            losses |= self._fgla({m: token_mean(*rows) for m, rows in read.items()}, batch)
            total = total + self.mu * losses["fgla"]
        return {"loss": total, **losses}

    def _fgcl(self, a: Tensor, b: Tensor, batch: Batch) -> dict[str, Tensor]:
        labels = batch.labels
        assert labels is not None
        if self.classifier is not None:
            scores = [nn.functional.cross_entropy(self.classifier(x), labels) for x in (a, b)]
            return {"fgcl": torch.stack(scores).mean()}
        distance = cross_distances(a, b, self.distance)
        near, far = self.margins
        if self.contrast == "pairwise":
            return {"fgcl": pairwise_contrast(distance, labels, near, far, self.alpha)}
        total, apn, aps = selective_triplets(distance, labels, negative=near, semipositive=far,
                                             alpha=self.alpha, choice=self.contrast)
        if "hardest" in batch.weights:
            every, _, _ = selective_triplets(distance, labels, negative=near, semipositive=far,
                                             alpha=self.alpha, choice="all")
            total = torch.lerp(every, total, batch.weights["hardest"])
        return {"fgcl": total, "apn": apn, "aps": aps}

    def _fgla(self, pooled: Mapping[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """Compute eq. 21-27, with z in place of g in eq. 22, mean squared errors, and a weight on
        KL.
        """
        codes = {m: self.encoder(m).label(x) for m, x in pooled.items()}
        assert batch.indices is not None
        target = self.targets.index_select(0, batch.indices)                 # (n, L)
        first, second = (code.logits for code in codes.values())
        align = label_alignment(first, second, target, self.align)
        losses, total = {"align": align}, align
        parts = {"reconstruction": align.new_zeros(()), "prior": align.new_zeros(())}
        for m, x in pooled.items():
            code, decoder = codes[m], self.encoder(m).label.decoder
            if decoder is None or code.mean is None or code.logvar is None:
                continue
            noise = batch.normal(code.mean.shape[1])
            z = reparametrise(code.mean, code.logvar, noise, "textbook")
            parts["reconstruction"] = (parts["reconstruction"]
                                       + nn.functional.mse_loss(decoder(z), x))
            parts["prior"] = parts["prior"] + kl_standard_normal(code.mean, code.logvar)
            losses |= parts
        if len(losses) > 1:
            total = align + parts["reconstruction"] + self.kl * parts["prior"]
        return {"fgla": total, **losses}
