"""The objective of the aligned variational autoencoders; every term is a method of its name.

A term whose weight is zero throughout is not in the graph.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations, permutations, product
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from crossalign.losses import gaussian_w2, kl_standard_normal, mmd, reconstruction
from crossalign.networks import CrossVAE, reparametrise
from crossalign.networks.gaussian import noise_width
from crossalign.training import Batch
from crossalign.types import CLASS_MODALITY
from crossalign.types.classes import views_among


class Step(NamedTuple):
    """State of one batch on its way through the VAEs; every field but the first is by modality.

    Attributes
    ----------
    batch : Batch
    mean, std : (n, d)
        Mean and standard deviation of the codes' Gaussians.
    logvar, z : (n, d)
        Log-variances, and one sample of every code.
    decoded : (n, d_m)
        Decoded rows by (code, decoder).
    """

    batch: Batch
    mean: Mapping[str, Tensor]
    logvar: Mapping[str, Tensor]
    z: Mapping[str, Tensor]
    decoded: Mapping[tuple[str, str], Tensor]

    def std(self, modality: str) -> Tensor:
        """Return the standard deviations ``(n, d)``."""
        return (0.5 * self.logvar[modality]).exp()


class VAEObjective(nn.Module):
    """Reconstruction of one batch and further terms; a term is a method of its name.

    Parameters
    ----------
    vae : CrossVAE
    terms : sequence of str
        Names of the terms besides reconstruction; each needs ``batch.weights[term]``.
    norm : {"l1", "l2"}
        Norm of all reconstructions.
    sampler : {"textbook", "author"}
        Sampling of codes, see `networks.reparametrise`.
    regressors : mapping of modality to network, optional
        Networks from decoded rows to class embeddings, for the cycle term.
    """

    def __init__(self, vae: CrossVAE, terms: Sequence[str], norm: str, sampler: str,
                 regressors: Mapping[str, nn.Module] | None = None) -> None:
        super().__init__()
        self.vae = vae
        self.latent = vae.latent
        self.terms = tuple(terms)
        self.norm = norm
        self.sampler = sampler
        self.regressed = list(regressors or {})
        self.regressors = nn.ModuleList((regressors or {}).values())

    def encode(self, x: Tensor, modality: str, batch: Batch | None = None) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance ``(n, d)`` of rows; in training, of rows of ``batch``."""
        return self.vae.encode(x, modality)

    def decode(self, z: Tensor, modality: str) -> Tensor:
        """Return rows ``(n, d_modality)`` for codes ``(n, d)``."""
        return self.vae.decode(z, modality)

    def forward(self, batch: Batch, player: str) -> dict[str, Tensor]:
        """Compute every term, and their weighted sum as ``"loss"``: scalars, means over the
        batch.
        """
        names = self.vae.order
        mean, logvar = {}, {}
        for m in names:
            mean[m], logvar[m] = self.encode(batch.views[m], m, batch)
        width = noise_width(self.sampler, mean[names[0]].shape[1])
        z = {m: reparametrise(mean[m], logvar[m], batch.normal(width), self.sampler)
             for m in names}
        step = Step(batch, mean, logvar, z, self._decode(z))
        losses = {"reconstruction": _total(self._rebuilt(step, m, m) for m in names)}
        losses |= {term: getattr(self, f"_{term}")(step) for term in self.terms}
        total = losses["reconstruction"]
        for term in self.terms:
            total = total + batch.weights[term] * losses[term]
        return {"loss": total, **losses}

    def _cross(self, step: Step) -> Tensor:
        return _total(self._rebuilt(step, a, b) for a, b in permutations(self.vae.order, 2))

    def _kl(self, step: Step) -> Tensor:
        return _total(kl_standard_normal(step.mean[m], step.logvar[m]) for m in self.vae.order)

    def _w2(self, step: Step) -> Tensor:
        return _total(gaussian_w2(step.mean[a], step.std(a), step.mean[b], step.std(b))
                      for a, b in self.aligned_pairs())

    def _mmd(self, step: Step) -> Tensor:
        return _total(mmd(step.z[a], step.z[b]) for a, b in self.instance_pairs())

    def _cycle(self, step: Step) -> Tensor:
        target = step.batch.views[CLASS_MODALITY]
        return _total(reconstruction(regressor(step.decoded[m, m]), target, "l2")
                      for m, regressor in zip(self.regressed, self.regressors, strict=True))

    def aligned_pairs(self) -> list[tuple[str, str]]:
        """Return the pairs under W2: each view with the class if there is one, else all pairs."""
        views = views_among(self.vae.order)
        sides = [m for m in self.vae.order if m not in views]
        return list(product(views, sides) if sides else combinations(views, 2))

    def instance_pairs(self) -> list[tuple[str, str]]:
        """Return the pairs under MMD: the views among themselves."""
        return list(combinations(views_among(self.vae.order), 2))

    def _rebuilt(self, step: Step, code: str, target: str) -> Tensor:
        """Compute the error of decoding one modality's code as another modality's rows."""
        return reconstruction(step.decoded[code, target], step.batch.views[target], self.norm)

    def _decode(self, z: Mapping[str, Tensor]) -> dict[tuple[str, str], Tensor]:
        """Decode every code, by (code, decoder), in one stacked pass over the weights of each
        decoder.
        """
        names, decoded = self.vae.order, {}
        for m in names:
            sources = names if "cross" in self.terms else [m]
            for source, rows in zip(sources, self.vae.decode_all([z[s] for s in sources], m),
                                    strict=True):
                decoded[source, m] = rows
        return decoded


def _total(terms: Any) -> Tensor:
    return torch.stack(list(terms)).sum()
