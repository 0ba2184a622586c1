"""The core of the aligned variational autoencoders: objective, training, embedding.

CADA-VAE and LCALE are one VAE per modality around a latent space, and differ in which terms tie
the modalities together. A term whose weight is zero throughout is not in the graph.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from itertools import combinations, permutations
from numbers import Integral, Real
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import torch
from sklearn.base import clone
from sklearn.utils._param_validation import Interval, StrOptions
from torch import Tensor, nn

from crossalign.data.scaling import KINDS, apply_scaling, fit_scaling
from crossalign.losses import gaussian_w2, kl_standard_normal, mmd, reconstruction
from crossalign.models.base import (
    Array,
    Distributional,
    Generator,
    Model,
    Translator,
    unit_rows,
)
from crossalign.networks import MLP, CrossVAE, initialise, reparametrise
from crossalign.networks.gaussian import SAMPLERS, noise_width
from crossalign.training import Batch, Constant, TensorData, fast_precision, train
from crossalign.types import CLASS_MODALITY, Classes, Views


class Step(NamedTuple):
    """One batch on its way through the VAEs; every field but the first by modality.

    Attributes
    ----------
    batch : Batch
    mean, std : (n, d)
        Of the codes' Gaussians.
    logvar, z : (n, d)
        Log-variances, and one sample of every code.
    decoded : (n, d_m)
        By (code, decoder).
    """

    batch: Batch
    mean: Mapping[str, Tensor]
    logvar: Mapping[str, Tensor]
    z: Mapping[str, Tensor]
    decoded: Mapping[tuple[str, str], Tensor]

    def std(self, modality: str) -> Tensor:
        """Standard deviations ``(n, d)``."""
        return (0.5 * self.logvar[modality]).exp()


class VAEObjective(nn.Module):
    """Reconstruction of one batch and the terms beside it: a term is a method of its name.

    Parameters
    ----------
    vae : CrossVAE
    terms : sequence of str
        What is computed besides reconstruction; each needs ``batch.weights[term]``.
    norm : {"l1", "l2"}
        Of all reconstructions.
    sampler : {"textbook", "author"}
        See `networks.reparametrise`.
    regressors : mapping of modality to network, optional
        From decoded rows to class embeddings, for the cycle term.
    """

    def __init__(self, vae: CrossVAE, terms: Sequence[str], norm: str, sampler: str,
                 regressors: Mapping[str, nn.Module] | None = None) -> None:
        super().__init__()
        self.vae = vae
        self.terms = tuple(terms)
        self.norm = norm
        self.sampler = sampler
        self.regressed = list(regressors or {})
        self.regressors = nn.ModuleList((regressors or {}).values())

    def encode(self, x: Tensor, modality: str, batch: Batch | None = None) -> tuple[Tensor, Tensor]:
        """Mean and log-variance ``(n, d)`` of rows; in training, of rows of ``batch``."""
        return self.vae.encode(x, modality)

    def forward(self, batch: Batch, player: str) -> dict[str, Tensor]:
        """Every term, and their weighted sum as ``"loss"``: scalars, means over the batch."""
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
        """Pairs under W2: each view with the class where there is one, else all pairs."""
        views = [m for m in self.vae.order if m != CLASS_MODALITY]
        if CLASS_MODALITY in self.vae.order:
            return [(m, CLASS_MODALITY) for m in views]
        return list(combinations(views, 2))

    def instance_pairs(self) -> list[tuple[str, str]]:
        """Pairs under MMD: the views among themselves."""
        return list(combinations([m for m in self.vae.order if m != CLASS_MODALITY], 2))

    def _rebuilt(self, step: Step, code: str, target: str) -> Tensor:
        """How far the decoding of one modality's code is from another modality's rows."""
        return reconstruction(step.decoded[code, target], step.batch.views[target], self.norm)

    def _decode(self, z: Mapping[str, Tensor]) -> dict[tuple[str, str], Tensor]:
        """Decodings by (code, decoder); one stacked pass over the weights of each decoder."""
        names, decoded = self.vae.order, {}
        for m in names:
            sources = names if "cross" in self.terms else [m]
            for source, rows in zip(sources, self.vae.decode_all([z[s] for s in sources], m),
                                    strict=True):
                decoded[source, m] = rows
        return decoded


class AlignedVAE(Distributional, Generator, Translator, Model):
    """Base of the VAE models: what they do once their objective and training are given.

    A subclass has the parameters that ``_parameter_constraints`` lists and the methods `_weights`
    and `_hidden`.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **{size: [Interval(Integral, 1, None, closed="left")]
           for size in ("latent", "epochs", "seen_samples", "unseen_samples", "head_epochs")},
        "batch_size": [Interval(Integral, 2, None, closed="left")],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "kl": [Interval(Real, 0, None, closed="left")],
        "w2": [Interval(Real, 0, None, closed="left")],
        "norm": [StrOptions({"l1", "l2"})],
        "sampler": [StrOptions(set(SAMPLERS))],
        "scaling": [StrOptions(set(KINDS))],
        "init": [StrOptions({"xavier", "torch"})],
        "head": [StrOptions({"softmax", "prototype", "gaussian"})],
        "random_state": [Interval(Integral, 0, None, closed="left")],
    }

    uses_side_information = True
    many_modalities = True
    stochastic = True
    resumable = True
    side_scaling: str = "none"
    rates: ClassVar[tuple[str, ...]] = ("lr",)
    head_lr: float = 1e-3
    head_betas: ClassVar[tuple[float, float]] = (0.5, 0.999)

    def fast(self) -> Self:
        """A clone for speed: batches of `FAST_BATCH`, and bf16 where the device computes in it.

        Learning rates (``rates``) grow with the square root of the batch, as suits Adam (Malladi
        et al., NeurIPS 2022).
        """
        factor = max(1.0, FAST_BATCH / self.batch_size) ** 0.5
        fresh: Self = clone(self).set_params(
            batch_size=max(FAST_BATCH, self.batch_size), precision=fast_precision(self.device),
            **{rate: factor * getattr(self, rate) for rate in self.rates})
        return fresh

    # -- what a subclass says ------------------------------------------------------------------
    def _weights(self) -> dict[str, Any]:
        """Schedule of every term's weight."""
        raise NotImplementedError("abstract")  # pragma: no cover

    def _hidden(self, modality: str) -> tuple[Sequence[int], Sequence[int]]:
        """Hidden widths of a modality's encoder and decoder."""
        raise NotImplementedError("abstract")  # pragma: no cover

    # -- training ------------------------------------------------------------------------------
    def _prepare(self, rows: Mapping[str, Array]) -> dict[str, Array]:
        """Scale training rows, remember how, and build the network for their widths."""
        self._remember({m: int(x.shape[1]) for m, x in rows.items()})
        self.shift_, self.scale_, scaled = {}, {}, {}
        for m, x in rows.items():
            fitted = fit_scaling(x, self._scaling(m))
            self.shift_[m], self.scale_[m] = fitted["shift"], fitted["scale"]
            scaled[m] = self._scaled(x, m)
        self._restore()
        initialise(self.network_, torch.Generator().manual_seed(self.random_state), self.init)
        return scaled

    def _train(self, scaled: Mapping[str, Array], labels: Array | None,
               checkpoint: str | Path | None, **options: Any) -> None:
        """Train, going on from the checkpoint folder if there is one."""
        data = TensorData.from_views(Views(scaled, labels))
        history = train(self.network_, data, weights=self._active(), seed=self.random_state,
                        device=self.device, checkpoint=checkpoint,
                        resume=checkpoint is not None, **options)
        self.network_.eval()
        self.history_ = history.losses
        self.selected_epoch_ = history.selected_epoch

    def _active(self) -> dict[str, Any]:
        """Schedules of the terms that are ever on and that the modalities allow."""
        weights = {t: s for t, s in self._weights().items()
                   if not (isinstance(s, Constant) and s.value == 0)}
        views = [m for m in self.modalities_ if m != CLASS_MODALITY]
        if len(views) < 2:
            weights.pop("mmd", None)
        if CLASS_MODALITY not in self.modalities_:
            weights.pop("cycle", None)
        return weights

    def _restore(self) -> None:
        hidden = {m: self._hidden(m) for m in self.widths_}
        vae = CrossVAE(self.widths_, self.latent, {m: h[0] for m, h in hidden.items()},
                       {m: h[1] for m, h in hidden.items()})
        self.network_ = self._objective(vae, list(self._active())).eval()

    def _objective(self, vae: CrossVAE, terms: Sequence[str]) -> VAEObjective:
        """The network that is trained, around the VAEs."""
        regressors = {m: MLP(self.widths_[m], self._regressor())
                      for m in self.widths_ if m != CLASS_MODALITY and "cycle" in terms}
        return VAEObjective(vae, terms, self.norm, self.sampler, regressors)

    def _regressor(self) -> list[int]:
        """Layer widths of the regressors, the last one the class embedding's."""
        return [self.widths_[CLASS_MODALITY]]

    def fit_path(self, X: Views, points: Sequence[Mapping[str, Any]], *,
                 classes: Classes | None = None,
                 callbacks: Sequence[Any] = ()) -> Iterator[Self]:
        """One fitted clone per point; neighbours that differ in their head alone share a fit."""
        fitted, trained_with = None, None
        for params in points:
            body = {name: value for name, value in params.items() if name not in HEAD_PARAMETERS}
            if fitted is None or body != trained_with:
                fitted = clone(self).set_params(**params)
                fitted.fit(X, classes=classes, callbacks=callbacks)
                trained_with = body
            yield copy(fitted).set_params(**params)

    # -- use -----------------------------------------------------------------------------------
    def embed_distribution(self, x: npt.ArrayLike, modality: str) -> tuple[Array, Array]:
        """Mean and standard deviation of the code of every row, ``(n, latent)`` each."""
        rows = self._scaled(self._rows(x, modality), modality)
        device = next(self.network_.parameters()).device
        means, deviations = [], []
        with torch.inference_mode():
            for start in range(0, len(rows), 8192):
                block = torch.from_numpy(rows[start:start + 8192]).to(device)
                mean, logvar = self.network_.encode(block, modality)
                means.append(mean.float().cpu().numpy())
                deviations.append((0.5 * logvar).exp().float().cpu().numpy())
        empty = np.zeros((0, self.latent), np.float32)
        return np.concatenate([*means, empty]), np.concatenate([*deviations, empty])

    def embed(self, x: npt.ArrayLike, modality: str) -> Array:
        """Code means as unit rows ``(n, latent)``."""
        return unit_rows(self.embed_distribution(x, modality)[0])

    def project(self, x: npt.ArrayLike, modality: str) -> Array:
        """Code means ``(n, latent)``."""
        return self.embed_distribution(x, modality)[0]

    def sample_rows(self, x: npt.ArrayLike, modality: str, random_state: int = 0) -> Array:
        """One code ``(n, latent)`` per row, drawn as in training."""
        mean, std = self.embed_distribution(x, modality)
        sampler = self.network_.sampler
        noise = np.random.default_rng(random_state).standard_normal(
            (len(mean), noise_width(sampler, self.latent)), dtype=np.float32)
        return mean + (std**2 if sampler == "author" else std) * noise

    def sample(self, class_embeddings: npt.ArrayLike, n: int, random_state: int = 0) -> Array:
        """``(C, n, latent)`` codes drawn from each class's distribution."""
        rows = np.asarray(class_embeddings, dtype=np.float32)
        codes = self.sample_rows(np.repeat(rows, n, axis=0), CLASS_MODALITY, random_state)
        return codes.reshape(len(rows), n, self.latent)

    def translate(self, x: npt.ArrayLike, source: str, target: str) -> Array:
        """Decode the source's code means as rows of the target modality, in its own units.

        Raises
        ------
        ValueError
            For an unknown modality or if the target's rows were L2-normalised, which loses their
            length.
        """
        kind = self._scaling(target)
        if kind == "l2":
            raise ValueError(f"scaling: 'l2' loses the length of {target!r} rows; fit with "
                             "another scaling to translate.")
        codes = torch.from_numpy(self.embed_distribution(x, source)[0])
        device = next(self.network_.parameters()).device
        with torch.inference_mode():
            rows = self.network_.vae.decode(codes.to(device), target).float().cpu().numpy()
        return np.asarray(rows * self.scale_[target] + self.shift_[target])

    def _scaling(self, modality: str) -> str:
        """Features follow ``scaling``, side information ``side_scaling``."""
        return str(self.side_scaling if modality == CLASS_MODALITY else self.scaling)

    def _scaled(self, x: Array, modality: str) -> Array:
        return apply_scaling(x, self._scaling(modality), self.shift_[modality],
                             self.scale_[modality])


FAST_BATCH = 512
"""Where a step on two cores is bound by its products and no longer by moving the weights."""

HEAD_PARAMETERS = ("head", "seen_samples", "unseen_samples", "head_epochs", "head_lr")
"""Parameters that do nothing before classes are scored."""


def class_rows(classes: Classes | None, labels: Array | None) -> Array | None:
    """Side information ``(n, a)`` of each sample's class, or None without it or labels."""
    if classes is None or labels is None or classes.embeddings.shape[1] == 0:
        return None
    return np.ascontiguousarray(classes.embeddings[labels])


def _total(terms: Any) -> Tensor:
    return torch.stack(list(terms)).sum()
