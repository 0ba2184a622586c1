"""The network of FusionNet-QSMA and its objective: every term a method of its name.

A term whose weight is zero throughout is not in the graph, and has no parameters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations, permutations
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from crossalign.losses import (
    class_conditional_w2,
    interpolation_gap,
    kl_standard_normal,
    marginal_divergence,
    persistence_gap,
    probabilistic_contrast,
    reconstruction,
    sampled_distance,
)
from crossalign.losses.batch_mean import batch_mean, no_pairs
from crossalign.networks import (
    MLP,
    Adapter,
    ClassAttention,
    ClassMemory,
    GaussianHead,
    ManifoldProjection,
    ModalityFusion,
)
from crossalign.sampling import quasi_normal
from crossalign.training import Batch
from crossalign.types import CLASS_MODALITY

CERTAIN = -20.0
"""Log-variance of a code without uncertainty."""


class Step(NamedTuple):
    """State of one batch: per view mean and log-variance ``(n, d)`` and draws ``(S, n, d)``.

    ``classes`` is mean and log-variance ``(C, d)`` of the seen classes, None without side
    information.
    """

    batch: Batch
    mean: Mapping[str, Tensor]
    logvar: Mapping[str, Tensor]
    z: Mapping[str, Tensor]
    classes: tuple[Tensor, Tensor] | None

    def std(self, modality: str) -> Tensor:
        """Return the standard deviations ``(n, d)``."""
        return (0.5 * self.logvar[modality]).exp()


class FusionNet(nn.Module):
    """Views and classes on one unit sphere, each point with its uncertainty.

    A view is encoded by an adapter and a Gaussian head with a linear path beside it, then projected
    onto the sphere step by step. `ClassMemory`
    makes a class from its side information. Variances are in units of 1/d, so that they mean the
    same at any width of the latent space.

    Parameters
    ----------
    widths : mapping of view to int
        Widths of the views' rows.
    memory : ClassMemory, optional
        Memory of the seen classes; None without side information.
    terms : sequence of str
        Names of the terms to compute; each needs ``batch.weights[term]``.
    latent : int
        Width d of the latent space.
    hidden : int
        Width of the hidden layer of encoders and decoders.
    dropout : float
        Dropout probability of the encoders.
    manifold : mapping
        Arguments of `ManifoldProjection`.
    samples : int
        Number of draws per code; 0 for codes without uncertainty.
    sampling : {"quasi", "iid"}
        Kind of draws, see `sampling.quasi_normal`.
    marginal : str
        Divergence of all samples, a key of `losses.MARGINALS`.
    matching : {"class", "instance"}
        Positives of the contrast: samples of one class, or the same sample.
    held_out : float
        Share of the seen classes that each step treats as unseen.
    smoothing : float
        Label smoothing of the classification loss.
    temperature : float
        Temperature of class attention at the start.
    fused : bool
        Whether to classify the fusion of several views too.
    """

    sampler = "textbook"

    def __init__(self, widths: Mapping[str, int], memory: ClassMemory | None,
                 terms: Sequence[str], *, latent: int, hidden: int, dropout: float,
                 manifold: Mapping[str, Any], samples: int, sampling: str, marginal: str,
                 matching: str, held_out: float, smoothing: float, temperature: float,
                 fused: bool) -> None:
        super().__init__()
        self.order, self.terms, self.latent = list(widths), tuple(terms), latent
        self.samples, self.sampling, self.marginal, self.matching = (samples, sampling, marginal,
                                                                     matching)
        self.held_out, self.smoothing = held_out, smoothing
        self.adapters = nn.ModuleList(Adapter(w, hidden, dropout) for w in widths.values())
        self.heads = nn.ModuleList(GaussianHead(hidden, latent, w) for w in widths.values())
        self.manifold = ManifoldProjection(latent, **manifold)
        self.memory = memory
        if memory is not None:
            self.attention = ClassAttention(temperature, uncertain=samples > 0)
        several = memory is not None and len(self.order) > 1 and "classification" in terms
        self.fusion = ModalityFusion(self.order, latent) if fused and several else None
        if "contrast" in terms:
            self.contrast = nn.Parameter(torch.tensor([5.0, 5.0]))
        decoded = {"reconstruction", "cross", "cycle"} & set(terms)
        self.decoders = nn.ModuleList(MLP(latent, [hidden, w]) for w in widths.values() if decoded)
        if "cycle" in terms and memory is not None:
            self.regressors = nn.ModuleList(MLP(w, [hidden, memory.side.shape[1]])
                                            for w in widths.values())
        if samples == 0:
            for head in self.heads:
                head.logvar.requires_grad_(False)

    def start_linear(self, paths: Mapping[str, Tensor]) -> None:
        """Start the encoders from maps ``(d, width)`` of each view."""
        for m, head in zip(self.order, self.heads, strict=True):
            assert isinstance(head, GaussianHead)
            head.start_linear(paths[m])

    def encode(self, x: Tensor, modality: str) -> tuple[Tensor, Tensor]:
        """Encode rows ``(n, width)`` as unit mean and log-variance ``(n, d)``."""
        if modality == CLASS_MODALITY:
            assert self.memory is not None
            mean, logvar = self.memory(x)
        else:
            at = self.order.index(modality)
            mean, logvar = self.manifold(*self.heads[at](self.adapters[at](x), x))
        return mean, self._in_units(logvar)

    def decode(self, z: Tensor, modality: str) -> Tensor:
        """Decode codes ``(n, d)`` to rows ``(n, width)``; a ValueError if no term trains a
        decoder.
        """
        if len(self.decoders) == 0 or modality not in self.order:
            raise ValueError(f"target: {modality!r} has no decoder; fit with reconstruction or "
                             f"cross above 0, and translate to one of {self.order}.")
        rows: Tensor = self.decoders[self.order.index(modality)](z)
        return rows

    def forward(self, batch: Batch, player: str) -> dict[str, Tensor]:
        """Compute every term, and their weighted sum as ``"loss"``: scalars, means over the
        batch.
        """
        step = self._step(batch)
        losses = {term: getattr(self, f"_{term}")(step) for term in self.terms}
        total = torch.stack([batch.weights[term] * value for term, value in losses.items()]).sum()
        return {"loss": total, **losses}

    def _step(self, batch: Batch) -> Step:
        mean, logvar, z = {}, {}, {}
        for m in self.order:
            mean[m], logvar[m] = self.encode(batch.views[m], m)
            z[m] = self._draws(mean[m], logvar[m], batch)
        classes = None
        if self.memory is not None:
            count = len(self.memory.side)
            guess, spread = self.memory.rehearse(batch.randperm(count),
                                                 int(self.held_out * count))
            classes = guess, self._in_units(spread)
        return Step(batch, mean, logvar, z, classes)

    def _draws(self, mean: Tensor, logvar: Tensor, batch: Batch) -> Tensor:
        """Draw codes ``(S, n, d)`` on the sphere; without uncertainty return the codes
        themselves.
        """
        if self.samples == 0:
            return mean[None]
        noise = quasi_normal(self.samples, self.latent, batch.uniform, self.sampling)
        return normalize(mean + (0.5 * logvar).exp() * noise, dim=2)

    def _in_units(self, logvar: Tensor) -> Tensor:
        """Convert log-variances in units of 1/d to plain ones, per dimension."""
        if self.samples == 0:
            return torch.full_like(logvar, CERTAIN)
        return logvar - torch.tensor(float(self.latent)).log()

    # -- terms: each over the samples that have the views it compares, and 0 of none ------------
    def _classification(self, step: Step) -> Tensor:
        """Compute the cross-entropy of class attention, over all draws of every view and of their
        fusion.
        """
        parts = [(step.z[m], self._rows(step, m)) for m in self.order]
        if self.fusion is not None:
            mean, _, _ = self.fusion({m: (step.mean[m], step.logvar[m]) for m in self.order},
                                     step.batch.present)
            parts.append((normalize(mean, dim=1)[None], self._rows(step, *self.order, every=False)))
        return torch.stack([self._classified(step, z, rows) for z, rows in parts]).mean()

    def _contrast(self, step: Step) -> Tensor:
        """Compute the probabilistic contrast of every two views, and of views with classes."""
        scale, shift = self.contrast.abs()
        losses = []
        for a, b in combinations(self.order, 2):
            (mean_a, std_a, y_a), (mean_b, std_b, y_b) = (
                self._here(step, m, self.matching == "instance") for m in (a, b))
            distance = sampled_distance(mean_a, std_a, mean_b, std_b)
            losses.append(probabilistic_contrast(distance, scale, shift, (y_a, y_b)))
        if step.classes is not None:
            mean_c, std_c = step.classes[0], (0.5 * step.classes[1]).exp()
            numbers = torch.arange(len(mean_c), device=mean_c.device)
            for m in self.order:
                mean, std, y = self._here(step, m)
                distance = sampled_distance(mean, std, mean_c, std_c)
                losses.append(probabilistic_contrast(distance, scale, shift, (y, numbers)))
        return torch.stack(losses).mean()

    def _conditional(self, step: Step) -> Tensor:
        """Compute, class by class, the Gaussian W2 between views, and between views and side
        information.
        """
        parts = [self._here(step, m) for m in self.order]
        if step.classes is not None:
            mean, logvar = step.classes
            parts.append((mean, (0.5 * logvar).exp(),
                          torch.arange(len(mean), device=mean.device)))
        means, stds, labels = zip(*parts, strict=True)
        return class_conditional_w2(means, stds, labels)

    def _marginal(self, step: Step) -> Tensor:
        """Compute the divergence of all draws of the views; with one view, from draws of its
        classes.
        """
        parts = [(step.z[m], self._rows(step, m)) for m in self.order]
        if len(parts) == 1 and step.classes is not None:
            mean, logvar = (part[self._labels(step)] for part in step.classes)
            parts.append((self._draws(mean, logvar, step.batch), parts[0][1]))
        noise = step.batch.common_normal(self.latent, self.latent)
        return marginal_divergence([_kept(z, rows, 1).flatten(0, 1) for z, rows in parts], noise,
                                   self.marginal)

    def _reconstruction(self, step: Step) -> Tensor:
        return torch.stack([self._rebuilt(step, m, m) for m in self.order]).sum()

    def _cross(self, step: Step) -> Tensor:
        return torch.stack([self._rebuilt(step, a, b)
                            for a, b in permutations(self.order, 2)]).sum()

    def _vib(self, step: Step) -> Tensor:
        """Compute the KL of the codes from N(0, I/d), per dimension."""
        width = float(self.latent)
        losses = []
        for m in self.order:
            rows = self._rows(step, m)
            losses.append(kl_standard_normal(
                _kept(step.mean[m], rows) * width**0.5,
                _kept(step.logvar[m], rows) + torch.tensor(width).log()) / width)
        return torch.stack(losses).sum()

    def _calibration(self, step: Step) -> Tensor:
        """Compute the negative log-likelihood, per dimension, of a sample's class under both
        Gaussians.

        Codes and classes are held fixed: variances learn how far samples are from classes, also
        from those that the step holds out (as in the regression of Kendall & Gal 2017, eq. 5).
        """
        assert step.classes is not None
        mean, logvar = (part.detach() for part in step.classes)
        losses = []
        for m in self.order:
            code, std, y = self._here(step, m)
            variance = std.square() + logvar[y].exp()
            gap = (code.detach() - mean[y]).square()
            losses.append(0.5 * batch_mean(gap / variance + variance.log()))
        return torch.stack(losses).sum()

    def _smooth(self, step: Step) -> Tensor:
        """Compute the gap between codes of mixed rows and the great circle between the codes of the
        rows.
        """
        order, share = step.batch.randperm(len(step.batch)), step.batch.uniform(1)
        losses = []
        for m in self.order:
            x, code, rows = step.batch.views[m], step.mean[m], self._rows(step, m)
            others = order if rows is None else order[rows[order]]
            at = _kept(share, rows)
            mixed, _ = self.encode(torch.lerp(_kept(x, rows), x[others], at), m)
            losses.append(interpolation_gap(mixed, _kept(code, rows), code[others], at))
        return torch.stack(losses).sum()

    def _topology(self, step: Step) -> Tensor:
        losses = []
        for m in self.order:
            rows = self._rows(step, m)
            losses.append(persistence_gap(_kept(step.batch.views[m], rows),
                                          _kept(step.mean[m], rows)))
        return torch.stack(losses).sum()

    def _cycle(self, step: Step) -> Tensor:
        """Compute the error of the side information regressed from decoded codes (as LCALE's)."""
        assert self.memory is not None
        target = self.memory.side[self._labels(step)]
        losses = []
        for m, regressor in zip(self.order, self.regressors, strict=True):
            z, wanted = _beside(step.z[m], target, self._rows(step, m))
            losses.append(reconstruction(regressor(self.decode(z, m)), wanted, "l2"))
        return torch.stack(losses).sum()

    # -- parts of terms ------------------------------------------------------------------------
    def _labels(self, step: Step) -> Tensor:
        labels = step.batch.labels
        assert labels is not None
        return labels

    def _rows(self, step: Step, *views: str, every: bool = True) -> Tensor | None:
        """Return True for the samples ``(n,)`` that have every view, or any of them; None if all
        have.
        """
        present = step.batch.present
        masks = [present[m] for m in views if m in present]
        if not masks or (not every and len(masks) < len(views)):
            return None
        stacked = torch.stack(masks)
        return stacked.all(dim=0) if every else stacked.any(dim=0)

    def _here(self, step: Step, m: str, single: bool = False) -> tuple[Tensor, Tensor, Tensor]:
        """Return mean, deviation and label of the samples that have a view.

        A ``single`` sample, and one without a label, is a class of its own.
        """
        labels, rows = step.batch.labels, self._rows(step, m)
        y = (torch.arange(len(step.batch), device=step.batch.device)
             if single or labels is None else labels)
        return _kept(step.mean[m], rows), _kept(step.std(m), rows), _kept(y, rows)

    def _classified(self, step: Step, z: Tensor, rows: Tensor | None) -> Tensor:
        """Compute the cross-entropy of draws ``(S, n, d)`` of some samples."""
        assert step.classes is not None
        codes, labels = _beside(z, self._labels(step)[:, None], rows)
        logits = self.attention(codes, step.classes[0], None, step.classes[1])
        if not len(logits):
            return no_pairs(logits)
        return cross_entropy(logits, labels[:, 0], label_smoothing=self.smoothing)

    def _rebuilt(self, step: Step, code: str, target: str) -> Tensor:
        """Compute the squared error per column of one view decoded from all draws of another's
        code.
        """
        x = step.batch.views[target]
        z, x = _beside(step.z[code], x, self._rows(step, code, target))
        return reconstruction(self.decode(z, target), x, "l2") / x.shape[1]


def _kept(part: Tensor, rows: Tensor | None, dim: int = 0) -> Tensor:
    """Select the ``rows (n,)`` along a dimension; all if it is None."""
    if rows is None:
        return part
    return part[rows] if dim == 0 else part[:, rows]


def _beside(z: Tensor, target: Tensor, rows: Tensor | None) -> tuple[Tensor, Tensor]:
    """Stack draws ``(S, n, d)`` of some rows below each other, and repeat their target ``(n, k)`` S
    times.
    """
    kept, wanted = _kept(z, rows, 1), _kept(target, rows)
    return kept.flatten(0, 1), wanted.expand(len(z), *wanted.shape).flatten(0, 1)
