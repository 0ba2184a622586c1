"""LCALE: learning cross-aligned latent embeddings (Lin et al., AAAI 2020).

VAEs of the views and of the class embedding, tied by (their eq. 9)

    L = L_mVAE + cross L_CR + w2 L_CA1 + mmd L_CA2 + cycle L_CYC

L_CR decodes every code with every other decoder; L_CA1 is the Gaussian W2 between each view and the
class (eq. 5-6); L_CA2 the MMD between the views' codes (eq. 7); L_CYC regresses the class embedding
from decoded views (eq. 8). Retrieval is by cosine of the code means. Each weight set to zero is one
row of the paper's ablation (Table 4).

How we read what the paper leaves open (no code is public): layer lists are outputs; heads,
decoders and regressors end linearly; squared errors; sums over dimensions, means over the batch;
pairs of the same instance; W2 with eps in the root; V-statistic MMD with a detached median width;
learning rate halved every 10 epochs; one joint update (``update="alternate"`` recomputes the loss
for encoders, decoders and regressors in turn, as Algorithm 1). ``hidden=None`` takes the paper's
(4096, 2048) where features are as wide as the paper's and four times the feature width, then half
of that, where they are narrower. Without class embeddings the class is its one-hot code. The
paper's rate and KL weight, made for 4096 features, are the defaults and one point of what is tried
on validation classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn.utils._param_validation import StrOptions

from crossalign.models.ranges import COUNT, SIZE, WEIGHT, Each
from crossalign.models.vae.vae import AlignedVAE, Hidden, class_rows, with_classes
from crossalign.nested import Part
from crossalign.training import Constant, Group, Player, Shuffle, StepDecay
from crossalign.types import CLASS_MODALITY, Classes, Samples

__all__ = ["LCALE"]


class LCALE(AlignedVAE):
    """Three aligned VAEs for zero-shot cross-modal retrieval.

    Parameters
    ----------
    latent : int
        Width of the latent space; default 64.
    hidden : pair of int, optional
        Hidden widths of encoders and decoders; default None, see the module.
    regressor_hidden : pair of int, optional
        Hidden widths of the regressors; default those of ``hidden`` (the paper: 4096, 4096).
    epochs : int
        Number of passes over the training samples; default 100.
    batch_size : int
        Number of samples in a batch; default 64.
    lr : float
        Learning rate of Adam at the start; default 1e-4.
    decay_every : int
        Number of epochs after which the rate is multiplied by ``decay``; default 10.
    decay : float
        Factor of the rate; default 0.5.
    kl, cross, w2, mmd, cycle : float
        Weights of the terms, default 1, 1, 0.1, 0.1 and 0.01; zero leaves a term out of the graph.
    update : {"joint", "alternate"}
        Steps of a batch; default ``"joint"``, one for all parameters. ``"alternate"``: one each for
        encoders, decoders and regressors.
    class_codes : {"auto", "none"}
        Whether the class is a modality of its own; default ``"auto"``, yes if samples have labels.
    norm, sampler, scaling, init, head
        Settings of network, scaling and head, see `CADAVAE`.
    precision, device, compile, random_state
        Settings of training, see `CADAVAE`.
    """

    search_space: ClassVar[dict[str, Sequence[Any]]] = {"lr": (1e-4, 1e-3), "kl": (1.0, 0.1)}
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **AlignedVAE._parameter_constraints,
        **{weight: [WEIGHT] for weight in ("cross", "mmd", "cycle", "decay")},
        **{widths: [Each(SIZE), None] for widths in ("hidden", "regressor_hidden")},
        "decay_every": [COUNT],
        "update": [StrOptions({"joint", "alternate"})],
        "class_codes": [StrOptions({"auto", "none"})],
    }

    def __init__(self, latent: int = 64, hidden: Sequence[int] | None = None,
                 regressor_hidden: Sequence[int] | None = None, epochs: int = 100,
                 batch_size: int = 64, lr: float = 1e-4, decay_every: int = 10,
                 decay: float = 0.5, kl: float = 1.0, cross: float = 1.0, w2: float = 0.1,
                 mmd: float = 0.1, cycle: float = 0.01, update: str = "joint",
                 class_codes: str = "auto", norm: str = "l2", sampler: str = "textbook",
                 scaling: str = "standard", init: str = "torch", head: str | Part = "softmax",
                 precision: str = "32-true", device: str = "auto", compile: bool = False,
                 random_state: int = 0, **nested: Any) -> None:
        self.latent = latent
        self.hidden = hidden
        self.regressor_hidden = regressor_hidden
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.decay_every = decay_every
        self.decay = decay
        self.kl = kl
        self.cross = cross
        self.w2 = w2
        self.mmd = mmd
        self.cycle = cycle
        self.update = update
        self.class_codes = class_codes
        self.norm = norm
        self.sampler = sampler
        self.scaling = scaling
        self.init = init
        self.head = head
        self.precision = precision
        self.device = device
        self.compile = compile
        self.random_state = random_state
        self.set_params(**nested)

    def fit(self, X: Samples, y: npt.ArrayLike | None = None, *, classes: Any = None,
            callbacks: Sequence[Any] = (),
            checkpoint: str | Path | None = None) -> Self:
        """Train on all views and, if samples have labels, the embedding of their class."""
        X, classes = self._start(X, y, classes)
        X = with_classes(X, self._class_codes(classes, X.labels))
        if len(X.modalities) < 2:
            raise ValueError(f"X: LCALE aligns several modalities and got {list(X.modalities)}; "
                             "add another one, or labels with classes.")
        self._prepare(X)
        self._train(X, players=self._players(), epochs=self.epochs,
                    sampler=Shuffle(self.batch_size), callbacks=callbacks,
                    checkpoint=checkpoint,
                    lr_schedule=StepDecay(self.decay_every, self.decay),
                    precision=self.precision, compile=self.compile)
        return self

    def _class_codes(self, classes: Classes | None, labels: npt.NDArray[Any] | None) -> Any:
        """Return the class embeddings of the samples, one-hot codes without them, None without
        labels.
        """
        if labels is None or self.class_codes == "none":
            return None
        rows = class_rows(classes, labels)
        if rows is not None:
            return rows
        _, codes = np.unique(labels, return_inverse=True)
        return np.eye(codes.max() + 1, dtype=np.float32)[codes]

    def _players(self) -> list[Player]:
        regressors = ("regressors",) if "cycle" in self._active() else ()
        if self.update == "joint":
            return [Player("all", (Group(("vae", *regressors), self.lr),))]
        parts = ("vae.encoders", "vae.decoders", *regressors)
        return [Player(part, (Group((part,), self.lr),)) for part in parts]

    def _weights(self) -> dict[str, Any]:
        return {term: Constant(getattr(self, term))
                for term in ("kl", "cross", "w2", "mmd", "cycle")}

    def _hidden(self) -> Mapping[str, Hidden]:
        return {m: (self._sizes(width),) * 2 for m, width in self.widths_.items()}

    def _sizes(self, width: int) -> Sequence[int]:
        if self.hidden is not None:
            return self.hidden
        first = min(4096, max(256, 4 * width))
        return (first, first // 2)

    def _regressor(self) -> list[int]:
        hidden = self.regressor_hidden
        if hidden is None:
            widest = max(self.widths_[m] for m in self.views)
            hidden = (self._sizes(widest)[0],) * 2
        return [*hidden, self.widths_[CLASS_MODALITY]]
