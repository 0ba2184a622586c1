"""FusionNet-QSMA: views and classes on one manifold, aligned by quasi-stochastic divergences.

The text it is named in describes the system in words and gives no formula, table or code; this
is **our reading** of it. Every sentence has its part:

- *unimodal encoding, then projection onto a shared manifold, iteratively*: an adapter and a
  Gaussian head per view, then weight-tied steps on the unit sphere (`ManifoldProjection`).
- *modelling the uncertainty of projections*: every point is a Gaussian; draws of it are
  quasi-random (`quasi_normal`).
- *hierarchical attention*: over regions (tokens), over views (`ModalityFusion`), over classes
  (`ClassAttention`); a class without samples attends to those that have some (`ClassMemory`).
- *QSMA, an approximation of a Wasserstein distance between projected features*: class by class
  the Gaussian W2 (``conditional``), and the sliced W2 of all samples along orthogonal directions
  drawn anew in every step (``marginal``).
- *the cycle term, streamlined for this iteration*: ``cycle`` is 0 and then absent.

    L = classification + contrast + conditional + marginal + reconstruction + cross + vib
        + calibration + smooth + topology + cycle,      each with its weight

Two presets were chosen on validation classes. ``"gzsl"`` learns from classes and their side
information; each step treats a share of the seen classes as unseen, so that attention to other
classes is trained for what it is used for. ``"retrieval"`` learns from paired views and leaves
classes alone: contrast of seen classes costs accuracy on unseen ones.

Retrieval compares the codes and, beside them, a linear view of the same space, where ridge
regression puts the views, or, where one encoder made the features of all, their common principal
axes: on few samples or classes it is hard to beat, and both together are better. Where there are
labels of many classes, directions in which samples of one class differ can count less in both
(`models.whitening`), which has brought more than any term of the loss.

A class is scored by up to three views of it, whose standardised scores are added
(``view_weights``): a Gaussian per class on the inputs and one on the codes, with one covariance
for all and means regressed from side information (`GFZSL`), and the distance to its prototype.
The generative views and the discriminative one err on different samples.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from numbers import Integral, Real
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import torch
from sklearn.utils._param_validation import Interval, StrOptions
from torch import Tensor
from torch.nn.functional import normalize

from crossalign.fingerprints import arrays_fingerprint
from crossalign.losses import MARGINALS
from crossalign.models.base import Array, labels_of, unit_rows
from crossalign.models.blockwise import as_given, encoded
from crossalign.models.closed_form.linear_views import LINEAR_VIEWS, linear_paths
from crossalign.models.fusionnet.fusionnet_objective import FusionNet
from crossalign.models.latent import LatentModel
from crossalign.models.pairing import PAIRINGS
from crossalign.models.ranges import COUNT, RATE, SIZE, WEIGHT, Each
from crossalign.models.several_views import presence
from crossalign.models.whitening import WHITENINGS, whitening_of, within_class_covariance
from crossalign.networks import ClassMemory, product_of_experts
from crossalign.networks.manifold import SPREADS
from crossalign.preprocessing.scaling import fit_scaling
from crossalign.preprocessing.tokens import vector_rows
from crossalign.sampling import SAMPLINGS
from crossalign.training import Constant, Cosine, Group, Player, Ramp, Shuffle
from crossalign.types import CLASS_MODALITY, Classes, Samples, Views

__all__ = ["FusionNetQSMA"]

TERMS = ("classification", "contrast", "conditional", "marginal", "reconstruction", "cross",
         "vib", "calibration", "smooth", "topology", "cycle")
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "gzsl": {"latent": 256, "hidden": 512, "dropout": 0.5, "epochs": 8, "classification": 1.0,
             "contrast": 0.0, "conditional": 0.1, "marginal": 0.1, "reconstruction": 0.0,
             "cross": 0.0, "vib": 1e-3, "calibration": 1.0, "matching": "class",
             "linear": 0.0, "samples": 2, "sampling": "quasi"},
    "retrieval": {"latent": 64, "hidden": 256, "dropout": 0.0, "epochs": 15,
                  "classification": 0.0, "contrast": 0.0, "conditional": 0.0, "marginal": 1.0,
                  "reconstruction": 1.0, "cross": 1.0, "vib": 1e-3, "calibration": 0.0,
                  "matching": "instance", "linear": 0.7, "samples": 1, "sampling": "iid"},
}
"""Values of a preset for parameters that are None."""
BARE: Mapping[str, Any] = {"steps": 0, "samples": 0, "conditional": 0.0, "marginal": 0.0,
                           "vib": 0.0, "calibration": 0.0}
"""Parameters that switch off all that the system is named for: iteration, draws, divergences,
uncertainty.
"""
RAMP = 0.2
"""Share of the epochs over which the divergences rise to their weight."""


class FusionNetQSMA(LatentModel):
    """Our reading of FusionNet-QSMA.

    Parameters
    ----------
    preset : {"auto", "gzsl", "retrieval"}
        Preset that fills in parameters that are None; default ``"auto"``: ``"retrieval"`` for two
        or more views, else ``"gzsl"``.
    latent : int, optional
        Width of the latent space; default the preset's.
    hidden : int, optional
        Width of the hidden layers; default the preset's.
    dropout : float, optional
        Dropout probability of the encoders; default the preset's.
    epochs : int, optional
        Number of passes over the training samples; default the preset's.
    batch_size : int
        Number of samples in a batch; default 128.
    lr : float
        Learning rate of AdamW at the start, which falls along a cosine; default 1e-3.
    weight_decay : float
        Weight decay of AdamW; default 1e-4.
    steps : int
        Number of steps of `ManifoldProjection`; default 3.
    anchors : int
        Number of its anchors; default 32.
    alpha : float
        Pull of the anchors, in (0, 1]; default 0.3.
    anchor_temperature : float
        Temperature of the softmax over anchors; default 0.2.
    spread : {"carry", "delta"}
        Propagation of the variance through the steps; default ``"carry"``, unchanged.
    samples : int, optional
        Number of draws per code, all of which count in classification, marginal, reconstruction,
        cross and cycle; 0 for codes without uncertainty. Default the preset's.
    sampling : {"quasi", "iid"}, optional
        Kind of draws; default the preset's.
    classification, contrast, conditional, marginal, reconstruction, cross, vib, calibration, \
smooth, topology, cycle : float
        Weights of the terms; default the preset's, and 0 for the last three. A term of weight 0 is
        not computed.
    divergence : {"orthogonal", "iid", "sobol", "bures", "sinkhorn", "mmd"}
        Marginal divergence, see `losses.MARGINALS`; default ``"orthogonal"``.
    matching : {"class", "instance"}
        Positives of the contrast of views: samples of one class, or the same sample; default the
        preset's.
    held_out : float
        Share of the seen classes that a step treats as unseen; default 0.3.
    sharpness : float
        Sharpness of the kernel by which classes attend to each other; default 1.
    ridge : float
        Ridge of that kernel; default 0.1.
    smoothing : float
        Label smoothing of the classification loss; default 0.1.
    temperature : float
        Temperature of class attention at the start; default 0.125.
    fused : bool
        Whether to learn to classify the fusion of several views too; default True.
    linear : float
        Share in [0, 1] of a linear view of the space in `embed`, with several views; default the
        preset's. Above 0, encoders start from it.
    whitening : float, optional
        Strength s of `models.whitening` of the codes and of the linear view in `embed`, with
        several labelled views; default None, no whitening.
    linear_view : {"ridge", "pca"}
        Kind of the linear view; default ``"ridge"``, ridge regression of the other views onto the
        second. ``"pca"``: the principal axes of all views (`CommonPCA`), for features of one
        encoder.
    linear_alpha : float
        Ridge of that regression; default 1000.
    linear_pairs : {"own", "class"}
        Pairs of that regression; default ``"own"``: the samples that have both views. ``"class"``:
        all pairs within a class, for labelled samples.
    scaling : {"minmax", "standard", "l2", "root", "none"}
        Scaling of features, fitted on training rows; default ``"standard"``.
    head : {"fused", "prototype", "gaussian", "softmax"}
        Way to score classes, see `tasks.ZeroShot`; default ``"fused"``.
    view_weights : tuple of float
        Weights of the fused head: Gaussians on inputs, Gaussians on codes, prototypes; default (1,
        0.5, 0.25).
    seen_samples, unseen_samples : int
        Number of codes per seen and per unseen class that the softmax head is trained on; default
        200 and 400.
    head_epochs : int
        Number of epochs of the softmax head; default 23.
    precision, device, compile, random_state
        Settings of training, see `CADAVAE`.
    """

    search_space: ClassVar[dict[str, Sequence[Any]]] = {
        "scaling": ("standard", "root"), "linear_view": ("ridge", "pca"),
        "whitening": WHITENINGS,
        "view_weights": ((1.0, 0.5, 0.25), (1.0, 0.5, 0.5))}
    handles_missing = True
    reads = ("vectors", "tokens")
    ablations: ClassVar[dict[str, Mapping[str, Any]]] = {
        "FusionNet-QSMA": {}, "bare": BARE, "no iteration": {"steps": 0},
        "no uncertainty": {"samples": 0}, "iid draws": {"sampling": "iid"},
        "no conditional": {"conditional": 0.0}, "no marginal": {"marginal": 0.0},
        "no divergence": {"conditional": 0.0, "marginal": 0.0},
        "no calibration": {"calibration": 0.0},
        **{f"{kind} marginal": {"divergence": kind} for kind in sorted(MARGINALS)
           if kind != "orthogonal"},
        "no held-out classes": {"held_out": 0.0}, "no class codes": {"view_weights": (1, 0.5, 0)},
        "no input view": {"view_weights": (0, 1, 0.5)}, "prototypes only": {"head": "prototype"},
        "contrast": {"contrast": 0.3}, "reconstruction": {"reconstruction": 1.0},
        "smooth": {"smooth": 0.1}, "topology": {"topology": 1.0}}
    sweeps: ClassVar[dict[str, Sequence[float]]] = {
        "conditional": (0.0, 0.03, 0.1, 0.3, 1.0), "marginal": (0.0, 0.03, 0.1, 0.3, 1.0)}
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **LatentModel._parameter_constraints,
        "preset": [StrOptions({"auto", *PRESETS})],
        **{size: [SIZE, None] for size in ("latent", "hidden")},
        "epochs": [COUNT, None], "anchors": [SIZE],
        "spread": [StrOptions(set(SPREADS))], "fused": ["boolean"],
        "view_weights": [Each(WEIGHT, length=3)],
        "steps": [Interval(Integral, 0, 1000, closed="both")],
        "samples": [Interval(Integral, 0, 1024, closed="both"), None],
        **{weight: [WEIGHT, None] for weight in TERMS},
        "dropout": [Interval(Real, 0, 1, closed="left"), None],
        "held_out": [Interval(Real, 0, 1, closed="left")],
        "smoothing": [Interval(Real, 0, 1, closed="left")],
        "weight_decay": [WEIGHT],
        **{rate: [RATE]
           for rate in ("sharpness", "ridge", "temperature", "anchor_temperature", "alpha")},
        "divergence": [StrOptions(set(MARGINALS))],
        "sampling": [StrOptions(set(SAMPLINGS)), None],
        "matching": [StrOptions({"class", "instance"}), None],
        "linear": [Interval(Real, 0, 1, closed="both"), None],
        "linear_view": [StrOptions(set(LINEAR_VIEWS))], "linear_alpha": [RATE],
        "linear_pairs": [StrOptions(set(PAIRINGS))],
        "whitening": [RATE, None],
        "head": [StrOptions({"fused", "softmax", "prototype", "gaussian"})],
    }

    def __init__(self, preset: str = "auto", latent: int | None = None, hidden: int | None = None,
                 dropout: float | None = None, epochs: int | None = None, batch_size: int = 128,
                 lr: float = 1e-3, weight_decay: float = 1e-4, steps: int = 3, anchors: int = 32,
                 alpha: float = 0.3, anchor_temperature: float = 0.2, spread: str = "carry",
                 samples: int | None = None, sampling: str | None = None,
                 classification: float | None = None,
                 contrast: float | None = None, conditional: float | None = None,
                 marginal: float | None = None, reconstruction: float | None = None,
                 cross: float | None = None, vib: float | None = None,
                 calibration: float | None = None, smooth: float = 0.0,
                 topology: float = 0.0, cycle: float = 0.0,
                 divergence: str = "orthogonal", matching: str | None = None,
                 held_out: float = 0.3, sharpness: float = 1.0, ridge: float = 0.1,
                 smoothing: float = 0.1, temperature: float = 0.125, fused: bool = True,
                 linear: float | None = None, whitening: float | None = None,
                 linear_view: str = "ridge", linear_alpha: float = 1000.0,
                 linear_pairs: str = "own", scaling: str = "standard", head: str = "fused",
                 view_weights: Sequence[float] = (1.0, 0.5, 0.25), seen_samples: int = 200,
                 unseen_samples: int = 400, head_epochs: int = 23, precision: str = "32-true",
                 device: str = "auto", compile: bool = False, random_state: int = 0) -> None:
        self.preset = preset
        self.latent = latent
        self.hidden = hidden
        self.dropout = dropout
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.weight_decay = weight_decay
        self.steps = steps
        self.anchors = anchors
        self.alpha = alpha
        self.anchor_temperature = anchor_temperature
        self.spread = spread
        self.samples = samples
        self.sampling = sampling
        self.classification = classification
        self.contrast = contrast
        self.conditional = conditional
        self.marginal = marginal
        self.reconstruction = reconstruction
        self.cross = cross
        self.vib = vib
        self.calibration = calibration
        self.smooth = smooth
        self.topology = topology
        self.cycle = cycle
        self.divergence = divergence
        self.matching = matching
        self.held_out = held_out
        self.sharpness = sharpness
        self.ridge = ridge
        self.smoothing = smoothing
        self.temperature = temperature
        self.fused = fused
        self.linear = linear
        self.whitening = whitening
        self.linear_view = linear_view
        self.linear_alpha = linear_alpha
        self.linear_pairs = linear_pairs
        self.scaling = scaling
        self.head = head
        self.view_weights = view_weights
        self.seen_samples = seen_samples
        self.unseen_samples = unseen_samples
        self.head_epochs = head_epochs
        self.precision = precision
        self.device = device
        self.compile = compile
        self.random_state = random_state

    def fit(self, X: Samples, y: npt.ArrayLike | None = None, *, classes: Any = None,
            callbacks: Sequence[Any] = (),
            checkpoint: str | Path | None = None) -> Self:
        """Train on all views of the samples and, under ``"gzsl"``, the side information."""
        X, classes = self._start(X, y, classes)
        views, labels = len(X.modalities), X.labels
        if self.preset_ == "gzsl":
            if not self.knows_classes:
                raise ValueError("classes: the preset 'gzsl' needs side information, one vector "
                                 "per class; pass Classes(embeddings, seen), or two views and "
                                 "preset='retrieval'.")
            self.seen_, labels = np.unique(labels_of(X, self), return_inverse=True)
            assert classes is not None
            self.side_ = classes.embeddings[self.seen_]
        elif views < 2:
            raise ValueError(f"X: the preset 'retrieval' aligns views and the samples have "
                             f"{list(X.modalities)}; give a second one.")
        self.tokens_ = [m for m in X.modalities if X.kind(m) == "tokens"]
        self._prepare(X)
        if self.network_.paths:
            rows = {m: vector_rows(X.having(m), m, partial(self._scaled, modality=m))
                    for m in X.modalities}
            paths = linear_paths(self.linear_view, rows, {m: X.has(m) for m in rows},
                                 self._set("latent"), self.random_state, self.linear_alpha,
                                 None if self.linear_pairs == "own" else labels_of(X, self))
            self.network_.start_linear({m: torch.from_numpy(path.T) for m, path in paths.items()})
        if self.network_.memory is not None:
            self._start_memory(self.network_.memory, X.with_labels(labels))
        self._train(X.with_labels(labels), players=[self._player()],
                    epochs=self._set("epochs"), sampler=Shuffle(self.batch_size),
                    lr_schedule=Cosine(self._set("epochs")), callbacks=callbacks,
                    checkpoint=checkpoint, precision=self.precision, compile=self.compile)
        self.within_ = {}
        if views > 1 and X.labels is not None:
            here = {m: X.having(m) for m in X.modalities}
            for name in ["codes", *(["linear"] if self.network_.paths else [])]:
                self.within_[name] = within_class_covariance(
                    {m: encoded(partial(self._part, name), x, m) for m, x in here.items()},
                    {m: x.truth for m, x in here.items()})
        return self

    def _described_by(self, X: Views, classes: Classes | None) -> Classes | None:
        """Settle the preset; return classes without their vectors where it is for retrieval."""
        several = len(X.modalities) > 1
        self.preset_ = (("retrieval" if several else "gzsl") if self.preset == "auto"
                        else self.preset)
        if self.preset_ == "gzsl" or classes is None:
            return classes
        return Classes(classes.embeddings[:, :0], classes.seen, classes.names)

    def _work(self) -> dict[str, Any]:
        """Return all parameters, and the side information that the class memory starts from."""
        side = arrays_fingerprint([getattr(self, "side_", None)])
        return {**super()._work(), "side_information": side}

    def idle(self, X: Views) -> Collection[str]:
        """Return the view weights for retrieval, whitening without labels, the linear view's kind
        otherwise.
        """
        several = len(X.modalities) > 1 if self.preset == "auto" else self.preset == "retrieval"
        one_width = len(set(X.widths.values())) == 1
        return [*(["view_weights"] if several else []),
                *(["whitening"] if not several or X.labels is None else []),
                *(["linear_view"] if not several or not one_width or self.linear == 0 else [])]

    def _fused(self, mean: Tensor, logvar: Tensor, present: Tensor,
               modalities: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Apply the trained fusion, or multiply the views, and project onto the sphere.

        A view that is alone stays as it is, whatever its gate.
        """
        fusion = self.network_.fusion
        product, spread, _ = product_of_experts(mean, logvar, present)
        if fusion is not None:
            with torch.inference_mode():
                codes = {m: (mean[:, i].to(self._place), logvar[:, i].to(self._place))
                         for i, m in enumerate(modalities)}
                here = {m: present[:, i].to(self._place) for i, m in enumerate(modalities)}
                gated, width = (part.cpu() for part in fusion(codes, here)[:2])
            alone = present.sum(dim=1, keepdim=True) == 1
            product, spread = product.where(alone, gated), spread.where(alone, width)
        return normalize(product, dim=1), spread

    def embed(self, x: npt.ArrayLike | Views, modality: str | Sequence[str]) -> Array:
        """Embed rows by code means, beside the linear view if there is one: unit rows ``(n, d or 2
        d)``.
        """
        codes = self._whitened("codes", x, modality)
        if not self.network_.paths:
            return codes
        straight, share = self._whitened("linear", x, modality), self._set("linear")
        return np.concatenate([np.sqrt(share) * straight, np.sqrt(1 - share) * codes],
                              axis=1, dtype=np.float32)

    def _part(self, name: str, x: npt.ArrayLike | Views,
              modality: str | Sequence[str]) -> Array:
        """Compute rows ``(n, d)`` of a part of the space: code means, or the linear view.

        Several views give the mean of unit rows in the linear view.
        """
        if name == "codes":
            return self.project(x, modality)
        if not isinstance(modality, str):
            assert isinstance(x, Views)
            parts = np.stack([unit_rows(self._part(name, as_given(x, m), m)) for m in modality],
                             axis=1)
            return np.asarray((parts * presence(x, modality)[:, :, None]).sum(axis=1))
        given, mask = self._masked_rows(x, modality)
        rows = torch.from_numpy(self._scaled(given, modality)).to(self._place)
        real = None if mask is None else torch.from_numpy(mask).to(self._place)
        with torch.inference_mode():
            return self.network_.straight(rows, modality, real).float().cpu().numpy()

    def _coded(self, rows: Tensor, modality: str, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        mean, logvar = self.network_.encode(rows, modality, mask)
        return mean, logvar

    def _whitened(self, name: str, x: npt.ArrayLike | Views,
                  modality: str | Sequence[str]) -> Array:
        """Compute unit rows of a part of the space, whitened if that was fitted."""
        rows = self._part(name, x, modality)
        if self.whitening is None:
            return unit_rows(rows)
        if name not in self.within_:
            raise ValueError("whitening: needs several views and labels in training; leave it out, "
                             "or fit with labels.")
        key = name, self.whitening
        if key not in self._whiteners:
            self._whiteners[key] = whitening_of(self.within_[name], self.whitening)
        return unit_rows(rows @ self._whiteners[key])

    def class_scores(self, x: npt.ArrayLike | Views, modality: str | Sequence[str],
                     class_embeddings: npt.ArrayLike) -> Array:
        """Compute log-odds ``(n, C)`` of classes by the expected squared distance to their
        Gaussians.
        """
        mean, std = self.embed_distribution(x, modality)
        centre, spread = self.class_distribution(class_embeddings)
        parts = (mean, centre, 2 * np.log(std), 2 * np.log(spread))
        with torch.inference_mode():
            scores = self.network_.attention(*(torch.from_numpy(a).to(self._place) for a in parts))
        return np.asarray(scores.cpu().numpy())

    # -- training ------------------------------------------------------------------------------
    def _set(self, name: str) -> Any:
        """Return a parameter, or the preset's value if it is None."""
        value = getattr(self, name)
        return PRESETS[self.preset_][name] if value is None else value

    def _trained_by(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return all but whitening; of the linear view only whether there is one, because encoders
        start there.
        """
        body = super()._trained_by(params)
        body.pop("whitening", None)
        share = body.get("linear")
        return body if share is None else {**body, "linear": share > 0}

    def _active(self) -> dict[str, Any]:
        weights = {}
        for term in TERMS:
            weight = self._set(term)
            if weight > 0 and (self._set("samples") > 0 or term != "calibration"):
                ramped = term in ("conditional", "marginal")
                weights[term] = (Ramp(0, max(1, RAMP * self._set("epochs")), weight) if ramped
                                 else Constant(weight))
        return weights

    def _restore(self) -> None:
        self._whiteners: dict[tuple[str, float], Array] = {}     # found once, not for every query
        gzsl = self.preset_ == "gzsl"
        widths = {m: self.widths_[m] for m in self.views}
        memory = (ClassMemory(torch.from_numpy(self.side_), self._set("latent"), self.sharpness,
                              self.ridge) if gzsl else None)
        self.network_ = FusionNet(
            widths, memory, list(self._active()), latent=self._set("latent"),
            hidden=self._set("hidden"), dropout=self._set("dropout"),
            manifold={"anchors": self.anchors, "steps": self.steps, "alpha": self.alpha,
                      "temperature": self.anchor_temperature, "spread": self.spread},
            samples=self._set("samples"), sampling=self._set("sampling"), marginal=self.divergence,
            matching=self._set("matching"), held_out=self.held_out, smoothing=self.smoothing,
            temperature=self.temperature, fused=self.fused, tokens=self.tokens_,
            linear=len(widths) > 1 and self._set("linear") > 0).eval()

    def _start_memory(self, memory: ClassMemory, X: Views) -> None:
        """Start prototypes at the mean code of their class, less the mean of all."""
        self._remember({**self.widths_, CLASS_MODALITY: self.side_.shape[1]})
        none = fit_scaling(self.side_, "none")
        self.shift_[CLASS_MODALITY], self.scale_[CLASS_MODALITY] = none["shift"], none["scale"]
        first = self.network_.order[0]
        member = torch.from_numpy(X.having(first).truth)
        means = torch.zeros_like(memory.prototypes)
        with torch.no_grad():
            real = X.having(first).masks.get(first)
            for places, rows in self._scaled_rows(X, first).blocks():
                codes, _ = self.network_.encode(
                    torch.from_numpy(rows), first,
                    None if real is None else torch.from_numpy(real[places]))
                means.index_add_(0, member[places], codes)
            counts = torch.bincount(member, minlength=len(self.seen_)).clamp_min(1)
            means = means / counts[:, None]
            memory.prototypes.copy_(normalize(means - means.mean(dim=0), dim=1))

    def _player(self) -> Player:
        return Player("fusionnet", (Group(("",), self.lr),), optimizer="adamw",
                      weight_decay=self.weight_decay)
