"""Models that scale their rows and train one network on them: what these two steps share.

The attribute ``network_`` is built by `_restore` from parameters and ``widths_`` alone, so that a
saved folder can build it again before its weights are read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy.typing as npt
import torch
from sklearn.utils._param_validation import StrOptions

from crossalign.devices import DEVICES
from crossalign.models.base import Model
from crossalign.models.learned import check_network
from crossalign.models.ranges import BATCH, COUNT, RATE, SEED
from crossalign.models.rows import Array
from crossalign.networks import initialise
from crossalign.preprocessing.rows import Rows, rows_of
from crossalign.preprocessing.scaling import KINDS, apply_scaling, fit_scaling
from crossalign.preprocessing.tokens import real_rows
from crossalign.training import train, transformed
from crossalign.training.data import Transform
from crossalign.training.fabric import PRECISIONS
from crossalign.types import Views

BLOCK = 8192
"""Number of samples that a network reads at a time, once it is trained."""


class TrainedModel(Model):
    """Base of the models that train one network on scaled rows.

    A subclass has the parameters that ``_parameter_constraints`` lists, builds ``network_`` in
    `_restore` and gives the schedules of its loss terms by `_active`.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "epochs": [COUNT], "batch_size": [BATCH], "lr": [RATE],
        "precision": [StrOptions(set(PRECISIONS))], "device": [StrOptions(set(DEVICES))],
        "compile": ["boolean"],
        "scaling": [StrOptions(set(KINDS))],
        "random_state": [SEED],
    }

    many_modalities = True
    stochastic = True
    resumable = True
    init: str = "torch"
    side_scaling: str = "none"

    def _active(self) -> dict[str, Any]:
        """Return the schedules of the loss terms that are ever on."""
        raise NotImplementedError("abstract")  # pragma: no cover

    def _prepare(self, X: Views) -> None:
        """Learn the scale of training rows, and build the network for their widths.

        Missing modalities of samples and padding do not count for the scale.
        """
        self._remember(X.widths)
        self.shift_: dict[str, Array] = {}
        self.scale_: dict[str, Array] = {}
        self.farthest_: dict[str, Array] = {}
        for m in X.modalities:
            self._learn_scale(m, real_rows(X.having(m), m))
        check_network(self)
        self._restore()
        initialise(self.network_, torch.Generator().manual_seed(self.random_state), self.init)

    def _learn_scale(self, modality: str, rows: npt.ArrayLike | Rows) -> None:
        """Learn the scale of a modality from its training rows."""
        fitted = fit_scaling(rows, self._scaling(modality))
        self.shift_[modality], self.scale_[modality] = fitted["shift"], fitted["scale"]
        self.farthest_[modality] = fitted["farthest"]

    def _scaled_rows(self, X: Views, modality: str) -> Rows:
        """Return the rows of the samples that have a modality, as the network reads them."""
        return rows_of(X.having(modality), modality).then(lambda x: self._scaled(x, modality))

    def _train(self, X: Views, checkpoint: str | Path | None, transform: Transform | None = None,
               **options: Any) -> None:
        """Train, resuming from the checkpoint folder if there is one.

        ``transform`` is the function of a modality's rows that training reads, by default
        `_scaled`; it must treat every row by itself.
        """
        history = train(self.network_, transformed(X, transform or self._scaled),
                        weights=self._active(), seed=self.random_state,
                        device=self.device, checkpoint=checkpoint,
                        resume=checkpoint is not None, work=self._work(), **options)
        self.network_.eval()
        self.history_ = history.losses
        self.selected_epoch_ = history.selected_epoch

    def _work(self) -> dict[str, Any]:
        """Return all that training depends on besides its data: all parameters."""
        return self.plain_params()

    @property
    def _place(self) -> torch.device:
        """Return the device of the network."""
        device: torch.device = next(self.network_.parameters()).device
        return device

    def _scaling(self, modality: str) -> str:
        """Return the kind of scaling: ``scaling`` for features, ``side_scaling`` for side
        information.
        """
        return self._by_modality(str(self.scaling), str(self.side_scaling))[modality]

    def _scaled(self, x: Array, modality: str) -> Array:
        """Scale rows as the network reads them."""
        return apply_scaling(x, self._scaling(modality), self.shift_[modality],
                             self.scale_[modality], self.farthest_[modality])
