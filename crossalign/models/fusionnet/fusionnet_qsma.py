"""FusionNet-QSMA: views and classes on one manifold, aligned by quasi-stochastic divergences.

The text it is named in describes the system in words and gives no formula, table or code; this
is **our reading** of it. Every sentence has its part:

- *unimodal encoding, then projection onto a shared manifold, iteratively*: an adapter and a
  Gaussian head per view, then weight-tied steps on the unit sphere (`ManifoldProjection`).
- *modelling the uncertainty of projections*: every point is a Gaussian; draws of it are
  quasi-random (`quasi_normal`).
- *hierarchical attention*: over views (`ModalityFusion`) and over classes (`ClassAttention`); a
  class without samples attends to those that have some (`ClassMemory`). Attention over regions was
  far below the same tokens laid out flat, on letters, and is left out: pool tokens before.
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

What the parts are worth, by ablation (docs/few_pairs.md, docs/results.md): with a hundred pairs of
letters and no labels, transport of rows without a mate carries most of the gain over regression,
its sums more than its softness, and certainty some; codes, iteration, draws and divergences none.
With labels, quasi-random features do. With all pairs, or class vectors, no named part is told
apart from its absence; class-balanced batches for the conditional term changed nothing either.

A class is scored by up to three views of it, whose standardised scores are added
(`heads.Fused`): a Gaussian per class on the inputs and one on the codes, with one covariance
for all and means regressed from side information (`GFZSL`), and the distance to its prototype.
The generative views and the discriminative one err on different samples.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import torch
from sklearn.utils._param_validation import StrOptions
from torch import Tensor
from torch.nn.functional import normalize

from crossalign.fingerprints import arrays_fingerprint
from crossalign.losses import MARGINALS
from crossalign.models.blockwise import as_given, encoded
from crossalign.models.fusionnet.fusionnet_objective import FusionNet
from crossalign.models.fusionnet.linear_view import START, LinearView, half_of, paired_by
from crossalign.models.fusionnet.settings import BARE, GROUPS, PRESETS, TERMS
from crossalign.models.latent import LatentModel
from crossalign.models.ranges import COUNT, RATE, WEIGHT
from crossalign.models.rows import Array, unit_rows
from crossalign.models.several_views import presence
from crossalign.models.supervision import labels_of
from crossalign.models.whitening import WHITENINGS, whitening_of, within_class_covariance
from crossalign.nested import Part, without
from crossalign.networks import ClassMemory, product_of_experts
from crossalign.training import Constant, Cosine, Group, Player, Ramp, Shuffle
from crossalign.types import CLASS_MODALITY, Classes, Samples, Views

__all__ = ["FusionNetQSMA"]

STARTING = ("share", "view", "pairs")
"""Parameters of the linear view that say where encoders start."""
RAMP = 0.2
"""Share of the epochs over which the divergences rise to their weight."""


class FusionNetQSMA(LatentModel):
    """Our reading of FusionNet-QSMA.

    Parameters
    ----------
    preset : {"auto", "gzsl", "retrieval"}
        Preset that fills in parameters that are None; default ``"auto"``: ``"retrieval"`` for two
        or more views, else ``"gzsl"``.
    network, manifold, draws, objective, attention, linear : Part, optional
        Groups of parameters, see `fusionnet.settings`; default those with default values. Each
        parameter has a name of its own, as ``network__latent``, ``manifold__steps``,
        ``draws__number``, ``objective__marginal``, ``attention__held_out`` or ``linear__share``,
        which the constructor takes too.
    whitening : float, optional
        Strength s of `models.whitening` of the codes and of the linear view in `embed`, with
        several labelled views; default None, no whitening.
    scaling : {"minmax", "standard", "l2", "root", "none"}
        Scaling of features, fitted on training rows; default ``"standard"``.
    head : str or Head
        Way to score classes, see `tasks.ZeroShot`; default ``"fused"``.
    epochs : int, optional
        Number of passes over the training samples; default the preset's.
    batch_size : int
        Number of samples in a batch; default 128.
    lr : float
        Learning rate of AdamW at the start, which falls along a cosine; default 1e-3.
    weight_decay : float
        Weight decay of AdamW; default 1e-4.
    precision, device, compile, random_state
        Settings of training, see `CADAVAE`.
    """

    parts: ClassVar[tuple[str, ...]] = ("head", *GROUPS)
    search_space: ClassVar[dict[str, Sequence[Any]]] = {
        "scaling": ("standard", "root"), "linear__view": ("ridge", "pca"),
        "linear__mutual": (False, True), "linear__features": (0, 1024),
        "linear__alpha": (10.0, 100.0, 1000.0), "linear__rounds": (0, 1),
        "linear__share": (0.7, 0.95), "whitening": WHITENINGS,
        "head__weights": ((1.0, 0.5, 0.25), (1.0, 0.5, 0.5))}
    handles_missing = True
    ablations: ClassVar[dict[str, Mapping[str, Any]]] = {
        "FusionNet-QSMA": {}, "bare": BARE, "no iteration": {"manifold__steps": 0},
        "no uncertainty": {"draws__number": 0}, "iid draws": {"draws__kind": "iid"},
        "no conditional": {"objective__conditional": 0.0},
        "no marginal": {"objective__marginal": 0.0},
        "no divergence": {"objective__conditional": 0.0, "objective__marginal": 0.0},
        "no calibration": {"objective__calibration": 0.0},
        **{f"{kind} marginal": {"objective__divergence": kind} for kind in sorted(MARGINALS)
           if kind != "orthogonal"},
        "no held-out classes": {"attention__held_out": 0.0},
        "no class codes": {"head__weights": (1, 0.5, 0)},
        "no input view": {"head__weights": (0, 1, 0.5)}, "prototypes only": {"head": "prototype"},
        "contrast": {"objective__contrast": 0.3},
        "reconstruction": {"objective__reconstruction": 1.0},
        "smooth": {"objective__smooth": 0.1}, "topology": {"objective__topology": 1.0}}
    sweeps: ClassVar[dict[str, Sequence[float]]] = {
        "objective__conditional": (0.0, 0.03, 0.1, 0.3, 1.0),
        "objective__marginal": (0.0, 0.03, 0.1, 0.3, 1.0)}
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **{name: allowed for name, allowed in LatentModel._parameter_constraints.items()
           if name != "latent"},
        "preset": [StrOptions({"auto", *PRESETS})],
        **{name: [kind, None] for name, kind in GROUPS.items()},
        "epochs": [COUNT, None], "weight_decay": [WEIGHT], "whitening": [RATE, None],
    }

    def __init__(self, preset: str = "auto", network: Part | None = None,
                 manifold: Part | None = None, draws: Part | None = None,
                 objective: Part | None = None, attention: Part | None = None,
                 linear: Part | None = None, whitening: float | None = None,
                 scaling: str = "standard", head: str | Part = "fused",
                 epochs: int | None = None, batch_size: int = 128, lr: float = 1e-3,
                 weight_decay: float = 1e-4, precision: str = "32-true", device: str = "auto",
                 compile: bool = False, random_state: int = 0, **nested: Any) -> None:
        self.preset = preset
        self.network = network
        self.manifold = manifold
        self.draws = draws
        self.objective = objective
        self.attention = attention
        self.linear = linear
        self.whitening = whitening
        self.scaling = scaling
        self.head = head
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.weight_decay = weight_decay
        self.precision = precision
        self.device = device
        self.compile = compile
        self.random_state = random_state
        self.set_params(**nested)

    def make_part(self, name: str, value: Any) -> Part | None:
        """Return a head by its name, and a group with default values for None."""
        return GROUPS[name]() if name in GROUPS and value is None else super().make_part(
            name, value)

    def fit(self, X: Samples, y: npt.ArrayLike | None = None, *, classes: Any = None,
            callbacks: Sequence[Any] = (),
            checkpoint: str | Path | None = None) -> Self:
        """Train on all views of the samples and, under ``"gzsl"``, the side information."""
        X, classes = self._start(X, y, classes)
        views, labels = len(X.modalities), X.labels
        if self.preset_ == "gzsl":
            if not self.knows_classes:
                raise ValueError("classes: the preset 'gzsl' needs side information, one vector "
                                 "per class; pass Classes(embeddings, seen) or --attributes, or "
                                 "two views and preset='retrieval'.")
            self.seen_, labels = np.unique(labels_of(X, self), return_inverse=True)
            assert classes is not None
            self.side_ = classes.embeddings[self.seen_]
        elif views < 2:
            raise ValueError(f"X: the preset 'retrieval' aligns views and the samples have "
                             f"{list(X.modalities)}; give a second one.")
        self._prepare(X)
        self.__dict__.pop("within_", None)                 # of another training
        if self._straight():
            start = self._linear_view(X, alpha=START, mutual=False, features=0).paths
            self.network_.start_linear({m: torch.from_numpy(path.T) for m, path in start.items()})
        if self.network_.memory is not None:
            self._start_memory(self.network_.memory, X.with_labels(labels))
        self._train(X.with_labels(labels), players=[self._player()],
                    epochs=self._set("epochs"), sampler=Shuffle(self.batch_size),
                    lr_schedule=Cosine(self._set("epochs")), callbacks=callbacks,
                    checkpoint=checkpoint, precision=self.precision, compile=self.compile)
        self._settle(X)
        return self

    def fit_path(self, X: Views, points: Sequence[Mapping[str, Any]], *,
                 classes: Classes | None = None,
                 callbacks: Sequence[Any] = ()) -> Iterator[Self]:
        """Yield one fitted clone per point; neighbours that differ in their linear view, whitening
        or head share one training.
        """
        for fitted in super().fit_path(X, points, classes=classes, callbacks=callbacks):
            fitted._settle(fitted._start(X, None, classes)[0])
            yield fitted

    # -- linear view ---------------------------------------------------------------------------
    def _straight(self) -> bool:
        """Tell whether there is a linear view."""
        return len(self.views) > 1 and self._set("linear__share") > 0

    def _linear_settings(self) -> dict[str, Any]:
        return {name.partition("__")[2]: self._set(name) for name in self.get_params()
                if name.startswith("linear__")}

    def _linear_view(self, X: Views, **changed: Any) -> LinearView:
        """Fit the linear view of the samples."""
        return LinearView.fit(X, self._scaled, {**self._linear_settings(), **changed},
                              self._set("network__latent"), self.random_state,
                              self._set("draws__kind"), self)

    def _settle(self, X: Views) -> None:
        """Fit the linear view, and the covariances within classes of both parts of the space."""
        known = {**self._linear_settings(), "share": self._straight(),
                 "whitening": self.whitening is not None}
        if self._settled == known:
            return
        self._unsettle(known)
        self.paths_: dict[str, Array] = {}
        self.__dict__.pop("frequencies_", None)            # of another point; there only if drawn
        if self._straight():
            view = self._linear_view(X)
            self.paths_ = view.paths
            if view.frequencies:
                self.frequencies_ = view.frequencies
        several = len(X.modalities) > 1 and X.labels is not None
        codes = getattr(self, "within_", {}).get("codes")  # of this training: `fit` forgets others
        self.within_ = {"codes": self._within(self.project, X) if codes is None else codes
                        } if several else {}
        if several and self._straight() and (self.whitening is not None
                                             or not self._set("linear__features")):
            self.within_["linear"] = self._within(*self._unfitted(X))

    def _unfitted(self, X: Views) -> tuple[Callable[..., Array], Views]:
        """Return how rows are put into the linear view, and samples to see their spread on.

        With many quasi-random features rows are fitted too closely, so that the spread is that of
        one half of the samples, under a view of the other half. It is found where a whitener is
        asked for in training.
        """
        if not self._set("linear__features"):
            return partial(self._part, "linear"), X
        first = half_of(X, self.random_state)
        probe = self._linear_view(X[first])
        return partial(self._viewed, probe), X[~first]

    def _within(self, embed: Callable[..., Array], X: Views) -> Array:
        """Compute the covariance within classes of rows of all views."""
        here = {m: X.having(m) for m in X.modalities}
        return within_class_covariance({m: encoded(embed, x, m) for m, x in here.items()},
                                       {m: x.truth for m, x in here.items()})

    def _unsettle(self, known: dict[str, Any] | None = None) -> None:
        """Forget what was found of another linear view."""
        self._settled = known
        self._whiteners: dict[tuple[str, float], Array] = {}     # found once, not for every query

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
        """Return whitening without labels or for recognition, and what of the linear view is for
        features of one encoder, for samples that lack a view, or for labelled ones.
        """
        several = len(X.modalities) > 1 if self.preset == "auto" else self.preset == "retrieval"
        params, labelled = self.get_params(), X.labels is not None
        straight = several and params["linear__share"] != 0
        present = np.stack([X.has(m) for m in X.modalities], axis=1)
        lacking = straight and not present.all()
        paired = lacking and paired_by(X, params["linear__pairs"], self) is None
        started = not paired or present.all(axis=1).any() or params["linear__view"] == "pca"
        wanted = {"whitening": several and labelled,
                  "linear__view": straight and len(set(X.widths.values())) == 1,
                  "linear__rounds": paired and started, "linear__mutual": lacking and started,
                  "linear__features": lacking and not paired,
                  "linear__alpha": lacking, "linear__share": lacking}
        return [name for name, needed in wanted.items() if not needed]

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
        if not self.paths_:
            return codes
        straight, share = self._whitened("linear", x, modality), self._set("linear__share")
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
        return self._viewed(LinearView(self.paths_, getattr(self, "frequencies_", {})), x,
                            modality)

    def _viewed(self, view: LinearView, x: npt.ArrayLike | Views, modality: str) -> Array:
        """Put rows of a view into a linear view."""
        return view.rows(self._scaled(self._rows(x, modality), modality), modality)

    def _whitened(self, name: str, x: npt.ArrayLike | Views,
                  modality: str | Sequence[str]) -> Array:
        """Compute unit rows of a part of the space, whitened if that was fitted."""
        rows = self._part(name, x, modality)
        if self.whitening is None:
            return unit_rows(rows)
        if name not in self.within_:
            raise ValueError("whitening: None in training with linear__features; fit again with it."
                             if self.within_ else
                             "whitening: needs several views and labels in training; leave it out, "
                             "or fit with labels.")
        key = name, self.whitening
        if key not in self._whiteners:
            self._whiteners[key] = whitening_of(self.within_[name], self.whitening)
        return unit_rows(rows @ self._whiteners[key])

    def class_scores(self, x: npt.ArrayLike | Views, modality: str | Sequence[str],
                     embeddings: npt.ArrayLike, prototypes: Array | None = None) -> Array:
        """Compute log-odds ``(n, C)`` of classes by the expected squared distance to their
        Gaussians, around ``prototypes`` if these are given.
        """
        mean, std = self.embed_distribution(x, modality)
        centre, spread = self.class_distribution(embeddings)
        centre = centre if prototypes is None else prototypes.astype(np.float32)
        parts = (mean, centre, 2 * np.log(std), 2 * np.log(spread))
        with torch.inference_mode():
            scores = self.network_.attention(*(torch.from_numpy(a).to(self._place) for a in parts))
        return np.asarray(scores.cpu().numpy())

    # -- training ------------------------------------------------------------------------------
    def _set(self, name: str) -> Any:
        """Return a parameter by its name, or the preset's value if it is None."""
        group, _, key = name.partition("__")
        value = getattr(self, group)
        if key:
            value = getattr(self.make_part(group, value), key)
        return PRESETS[self.preset_][name] if value is None else value

    def _trained_by(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return all but whitening; of the linear view only what encoders start from."""
        body = without(super()._trained_by(params), "whitening")
        body = {name: value for name, value in body.items()
                if not name.startswith("linear__") or name.partition("__")[2] in STARTING}
        share = body.get("linear__share")
        return body if share is None else {**body, "linear__share": share > 0}

    def _active(self) -> dict[str, Any]:
        weights = {}
        for term in TERMS:
            weight = self._set(f"objective__{term}")
            if weight > 0 and (self._set("draws__number") > 0 or term != "calibration"):
                ramped = term in ("conditional", "marginal")
                weights[term] = (Ramp(0, max(1, RAMP * self._set("epochs")), weight) if ramped
                                 else Constant(weight))
        return weights

    def _restore(self) -> None:
        self._unsettle()
        gzsl = self.preset_ == "gzsl"
        widths = {m: self.widths_[m] for m in self.views}
        latent = self._set("network__latent")
        memory = (ClassMemory(torch.from_numpy(self.side_), latent,
                              self._set("attention__sharpness"), self._set("attention__ridge"))
                  if gzsl else None)
        manifold = self.make_part("manifold", self.manifold)
        assert manifold is not None
        self.network_ = FusionNet(
            widths, memory, list(self._active()), latent=latent,
            hidden=self._set("network__hidden"), dropout=self._set("network__dropout"),
            manifold=manifold.get_params(), samples=self._set("draws__number"),
            sampling=self._set("draws__kind"), marginal=self._set("objective__divergence"),
            matching=self._set("objective__matching"), held_out=self._set("attention__held_out"),
            smoothing=self._set("objective__smoothing"),
            temperature=self._set("attention__temperature"),
            fused=self._set("network__fused")).eval()

    def _start_memory(self, memory: ClassMemory, X: Views) -> None:
        """Start prototypes at the mean code of their class, less the mean of all."""
        self._remember({**self.widths_, CLASS_MODALITY: self.side_.shape[1]})
        self._learn_scale(CLASS_MODALITY, self.side_)
        first = self.network_.order[0]
        member = torch.from_numpy(X.having(first).truth)
        means = torch.zeros_like(memory.prototypes)
        with torch.no_grad():
            for places, rows in self._scaled_rows(X, first).blocks():
                codes, _ = self.network_.encode(torch.from_numpy(rows), first)
                means.index_add_(0, member[places], codes)
            counts = torch.bincount(member, minlength=len(self.seen_)).clamp_min(1)
            means = means / counts[:, None]
            memory.prototypes.copy_(normalize(means - means.mean(dim=0), dim=1))

    def _player(self) -> Player:
        return Player("fusionnet", (Group(("",), self.lr),), optimizer="adamw",
                      weight_decay=self.weight_decay)
