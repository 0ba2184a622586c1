"""Inputs of a decoder of captions: codes of samples, and names of their likely classes."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType, NoneType
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.labels import check_class_rows, has_class
from crossalign.models.blockwise import encoded
from crossalign.models.one_modality import complete
from crossalign.tasks.base import Task
from crossalign.tasks.caption_names import ranked, with_truth, wrong_classes
from crossalign.tasks.caption_rows import CaptionRows, with_misled
from crossalign.tasks.input_rows import Blocks, fit_inputs, input_blocks, scaled_inputs
from crossalign.tasks.inputs import CODES, FEATURES
from crossalign.tasks.modality_gap import noise_for, projected, standardise
from crossalign.types import Views

Array = npt.NDArray[Any]
FOUND = 0.5
"""Least share of training captions with the true name among the names: with fewer, as where classes
are hardly ever recognised, a decoder does not learn to copy names.
"""


class CaptionInputs(Task):
    """Inputs of a captioner: in training codes and names that are wrong as often as later.

    Attributes
    ----------
    scaling_ : dict
        Scaling ``(d,)`` of what is read of the captioned modality, see `fit_inputs`.
    memory_ : (m, d) or None
        Codes of training texts; None by the route ``"paired"``.
    """

    learned = MappingProxyType({"scaling_": dict, "memory_": (np.ndarray, NoneType),
                                "modality_": str, "inputs_": str})
    learned_format = 4
    model: Any
    recogniser: Any
    route: str
    text: str
    inputs: str
    names: int
    hits: Sequence[float]
    misled: float
    cosine: float | None
    memory: float
    random_state: int

    # -- in training ---------------------------------------------------------------------------
    def _learned_codes(self, samples: Views, rows: Array) -> Array:
        """Compute the codes ``(m, d)`` that are learned from, of the samples of ``rows (m,)``, and
        what codes are put by; from texts alone others than these may have the captioned modality.
        """
        kind = samples.kind(self.modality_)
        if self.inputs == FEATURES and (self.route != "paired" or kind != "vectors"):
            raise ValueError(f"inputs: got 'features' for {kind} by the route {self.route!r}; "
                             "use 'codes'.")
        self.inputs_ = self.inputs if self.route == "paired" and kind == "vectors" else CODES
        paired = self.route == "paired"
        blocks = self._read(samples if paired else samples.having(self.modality_))
        self.scaling_, self.memory_ = fit_inputs(blocks), None
        if paired:
            return scaled_inputs(blocks, self.scaling_)[rows]
        there = samples.has(self.text)
        complete(samples[np.unique(rows[~there[rows]])], self.text)
        told = {CODES: encoded(self.model.embed, samples.having(self.text), self.text)}
        codes = standardise(told[CODES], fit_inputs(told))
        self.memory_ = np.unique(codes, axis=0)
        return np.asarray(codes[np.cumsum(there)[rows] - 1])

    def _read(self, samples: Views) -> Blocks:
        """Return what is read of the captioned modality: codes, features or both."""
        return input_blocks(samples, self.modality_, self.inputs_, self.model.embed)

    def _training_rows(self, samples: Views, said: list[str], rows: Array) -> CaptionRows:
        """Return captions ``(m,)`` of the samples of ``rows (m,)``, with their codes and names."""
        codes, right = self._learned_codes(samples, rows), np.full((len(rows), self.names), -1)
        found = CaptionRows(codes, said, right, right, np.zeros(len(rows), dtype=bool))
        if self.recogniser is None:
            return found
        if samples.labels is not None:
            check_single(samples.labels, len(self.recogniser.classes_))
        wrong = wrong_classes(self._training_scores(samples), samples.labels,
                              self.recogniser.classes_.seen, self.names)[rows]
        if samples.labels is None:
            return found._replace(right=wrong, wrong=wrong)
        labels = samples.labels[rows]
        right = with_truth(wrong, labels, np.asarray(self.hits),
                           np.random.default_rng([self.random_state, 2]))
        right = np.where(has_class(labels)[:, None], right, wrong)
        return with_misled(found._replace(right=right, wrong=wrong), labels,
                           np.random.default_rng([self.random_state, 4]), self.misled)

    def _training_scores(self, samples: Views) -> Array:
        """Return scores ``(n, C)`` of classes: of the recogniser, or from texts alone of what it
        knows of classes, with noise.
        """
        if self.route == "paired":
            return np.asarray(self.recogniser.decision_function(samples.select(self.modality_)))
        side = self.recogniser.classes_.embeddings
        side = side / np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-12)
        known = has_class(samples.truth)[:, None]
        noise = np.random.default_rng([self.random_state, 1]).normal(
            size=(len(samples), len(side)))
        return np.asarray(np.where(known, side[samples.truth] @ side.T, 0) + 0.1 * noise)

    @property
    def _class_names(self) -> tuple[str, ...]:
        """Names of the recogniser's classes."""
        return () if self.recogniser is None else tuple(map(str, self.recogniser.classes_.names))

    @property
    def _found(self) -> float:
        """Share of training captions with the true name among the names: as often as it is for
        samples of unseen classes, but no less than `FOUND`.
        """
        return min(1.0, max(FOUND, float(sum(self.hits[:self.names]))))

    def _noise(self, codes: Array) -> float:
        """Return the deviation of noise on codes in training."""
        return (0.0 if self.route == "paired" else
                noise_for(0.5 if self.cosine is None else self.cosine, codes.shape[1]))

    # -- of samples ------------------------------------------------------------------------------
    def _codes(self, samples: Views) -> Array:
        """Return the codes ``(n, d)`` of samples as the decoder reads them."""
        blocks = self._read(samples)
        if self.route == "paired":
            return scaled_inputs(blocks, self.scaling_)
        rows = standardise(blocks[CODES], self.scaling_)
        assert self.memory_ is not None
        return projected(rows, self.memory_, self.memory) if self.memory > 0 else rows

    def _ranked(self, samples: Views) -> Array:
        """Return the likeliest classes ``(n, names)``; -1 for no more."""
        if self.recogniser is None:
            return np.full((len(samples), self.names), -1)
        return ranked(self._class_scores(samples), self.names)

    def _class_scores(self, samples: Views) -> Array:
        """Return the recogniser's calibrated scores ``(n, C)`` of classes."""
        scores = self.recogniser.decision_function(samples.select(self.modality_))
        return np.asarray(self.recogniser.calibrated(scores))


def check_single(labels: Array, n_classes: int) -> None:
    """Raise ValueError unless every sample is of one of the n_classes classes, or of none."""
    if labels.ndim == 2:
        raise ValueError(f"labels: shape {labels.shape}; names of classes are learned of samples "
                         "of one class each; give one label for each, or no recogniser.")
    check_class_rows(labels[has_class(labels)], n_classes)
