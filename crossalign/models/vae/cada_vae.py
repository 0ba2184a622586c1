"""CADA-VAE: cross- and distribution-aligned VAEs (Schoenfeld et al., CVPR 2019).

    L = sum_m |x_m - D_m(z_m)|_1 + b(t) KL_m
        + c(t) sum_{m != n} |x_n - D_n(z_m)|_1  + d(t) W2(q(z | x_1), q(z | x_2))

with weights that ramp up linearly, b to 0.25 over epochs 0-93, c to 2.37 over 21-75, d to 8.13 over
6-22. Classification draws codes of seen classes from images and of unseen classes from side
information and trains a softmax on them.

How we differ from the authors' code: nothing in ``sampler="author"``, which keeps its scale
``exp(logvar)`` and its one noise value per sample; the default is the textbook sampler. An epoch is
``ceil(n / batch)`` independent draws, as there. Both modalities' codes go through a decoder in one
pass, which changes speed only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy.typing as npt

from crossalign.models.ranges import WEIGHT
from crossalign.models.vae.vae import AlignedVAE, Hidden, two_sided
from crossalign.nested import Part
from crossalign.training import Group, Independent, Player, Ramp
from crossalign.types import Samples

__all__ = ["CADAVAE"]

VIEW_HIDDEN, SIDE_HIDDEN = ((1560,), (1660,)), ((1450,), (665,))
"""Published hidden widths of encoder and decoder, of features and of side information."""


class CADAVAE(AlignedVAE):
    """Two VAEs aligned by cross-reconstruction and Wasserstein distance.

    Parameters
    ----------
    latent : int
        Width of the latent space; default 64.
    epochs : int
        Number of epochs, each of ``ceil(n / batch_size)`` draws; default 100.
    batch_size : int
        Number of samples in a batch; default 50.
    lr : float
        Learning rate of Adam with amsgrad; default 1.5e-4.
    kl, cross, w2 : float
        Final weights of the ramps above; default 0.25, 2.37 and 8.13.
    sampler : {"author", "textbook"}
        Draws of codes, see `networks.reparametrise`; default ``"textbook"``.
    scaling : {"minmax", "standard", "l2", "none"}
        Scaling of features, fitted on training rows; default ``"minmax"``.
    head : str or Head
        Way to score classes, see `tasks.ZeroShot`; default ``"softmax"``, of whose 23 epochs the
        authors made 21 for SUN, 33 for AWA1 and 29 for AWA2.
    precision : str
        Precision of training, ``"32-true"`` by default, or ``"bf16-mixed"``.
    device : {"auto", "cpu", "cuda"}
        Device of training; default ``"auto"``, a GPU if there is one.
    compile : bool
        Whether to compile the network; default False.
    random_state : int
        Seed of weights, batches and draws; default 0.
    """

    many_modalities = False
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **AlignedVAE._parameter_constraints,
        "cross": [WEIGHT],
    }

    def __init__(self, latent: int = 64, epochs: int = 100, batch_size: int = 50,
                 lr: float = 1.5e-4, kl: float = 0.25, cross: float = 2.37, w2: float = 8.13,
                 norm: str = "l1", sampler: str = "textbook", scaling: str = "minmax",
                 init: str = "xavier", head: str | Part = "softmax", precision: str = "32-true",
                 device: str = "auto", compile: bool = False, random_state: int = 0,
                 **nested: Any) -> None:
        self.latent = latent
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.kl = kl
        self.cross = cross
        self.w2 = w2
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
        """Train on two modalities, or on one and its classes' side information."""
        X, classes = self._start(X, y, classes)
        X = two_sided(X, classes, self)
        self._prepare(X)
        player = Player("vae", (Group(("vae",), self.lr),), amsgrad=True)
        self._train(X, players=[player], epochs=self.epochs,
                    sampler=Independent(self.batch_size), callbacks=callbacks,
                    checkpoint=checkpoint,
                    precision=self.precision, compile=self.compile)
        return self

    def _weights(self) -> dict[str, Any]:
        return {"kl": Ramp(0, 93, self.kl), "cross": Ramp(21, 75, self.cross),
                "w2": Ramp(6, 22, self.w2)}

    def _hidden(self) -> Mapping[str, Hidden]:
        return self._by_modality(VIEW_HIDDEN, SIDE_HIDDEN)
