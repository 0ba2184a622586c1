"""Common part of the tasks that recognise classes: labels in, labels out, calibration between."""

from __future__ import annotations

from types import NoneType
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.labels import sample_labels
from crossalign.metrics import calibrated_stacking
from crossalign.models.blockwise import in_blocks
from crossalign.models.learned import made_up
from crossalign.models.parts import head_of
from crossalign.models.ranges import NUMBER, Having
from crossalign.nested import Part
from crossalign.sentences import short
from crossalign.tasks.base import Task, check_samples, task_training
from crossalign.types import Classes, Samples, Views, samples_given
from crossalign.types.given import by_modality

Array = npt.NDArray[Any]
SCORED = Having("embed", "decision_function", words="a fitted model, as models.ESZSL().fit(X) is")
LEARNED = {"classes_": Classes, "labels_": (np.ndarray, NoneType), "modality_": str,
           "lift_": np.ndarray}
"""Attributes that every recogniser learns."""
RANGES = {"model": [SCORED], "gamma": [NUMBER]}


class Recogniser(Task):
    """Base of the recognisers.

    Attributes
    ----------
    classes_ : Classes
        Classes to choose among.
    labels_ : (C,) array or None
        Their labels as they were given; None if these were rows of `Classes`.
    lift_ : (C,) array
        Numbers added to the scores of the classes, each its own, as a space chooses them for
        classes that are added to it; without any it is not there.
    """

    model: Any
    gamma: float
    parts = ("head",)
    classes_: Classes
    labels_: Array | None
    modality_: str
    lift_: Array

    def make_part(self, name: str, value: Any) -> Part | None:
        """Return the head that is given, or one by its name: the model's own if it has that
        name.
        """
        own = getattr(self.model, "head", None)
        same = isinstance(value, str) and getattr(own, "name", None) == value
        return head_of(own if same else value)

    def _start(self, train: Samples, classes: Classes | Any, y: npt.ArrayLike | None) -> Views:
        """Remember classes and labels; return the training samples with rows of the classes."""
        given = task_training(self.model, train, classes, y)
        assert given.classes is not None
        self.classes_, self.labels_ = given.classes, given.labels
        self.modality_ = getattr(self.model, "modality_", given.samples.modalities[0])
        return given.samples

    def _answers(self, X: npt.ArrayLike | Views) -> Array:
        """Score samples ``(n, C)`` that are read at once."""
        raise NotImplementedError("abstract")  # pragma: no cover

    @property
    def lacking(self) -> str | None:
        """Name the call that has to come before an answer, as ``"fit(train, classes)"``; None if it
        can be given.
        """
        raise NotImplementedError("abstract")  # pragma: no cover

    def check_prepared(self) -> None:
        """Raise ValueError before the task can answer."""
        if self.lacking is not None:
            raise ValueError(f"X: this task is not prepared; call {self.lacking} first.")

    def decision_function(self, X: npt.ArrayLike | Views) -> Array:
        """Compute the scores ``(n, C)`` before calibration, larger is likelier: log-probabilities,
        log-densities, cosines or the model's own.

        Rows are of the first view; `Views` are read through all views that the task reads, as far
        as a sample has them.

        Raises
        ------
        ValueError
            If a sample has none of them, or the task is not prepared.
        """
        self.check_prepared()
        check_samples(X, "X")
        if by_modality(X):
            X = samples_given(X)
        return in_blocks(self._answers, X) if isinstance(X, Views) else self._answers(X)

    def calibrated(self, scores: Array) -> Array:
        """Return scores ``(n, C)`` after calibrated stacking with ``gamma``, and lifted."""
        scores = calibrated_stacking(scores, self.classes_.seen, self.gamma)
        return scores + self.lift_ if hasattr(self, "lift_") else scores

    def predict(self, X: npt.ArrayLike | Views) -> Array:
        """Return the best class ``(n,)`` after calibrated stacking with ``gamma``.

        Classes go by their labels as they were given, or by their rows in `Classes`.
        """
        best = np.asarray(self.calibrated(self.decision_function(X)).argmax(axis=1))
        return best if self.labels_ is None else np.asarray(self.labels_[best])

    def score(self, X: npt.ArrayLike | Views, y: npt.ArrayLike | None = None) -> float:
        """Return the share of samples that `predict` names right.

        ``y (n,)`` are their labels, in the form that `predict` answers in; default those of
        `Views`.

        Raises
        ------
        ValueError
            If there are no labels, or not one for each sample.
        """
        if y is None:
            if not isinstance(X, Views) or X.labels is None:
                raise ValueError("y: got None for samples without labels; give one for each.")
            labels = X.truth if self.labels_ is None else self.labels_[X.truth]
        else:
            labels = sample_labels(y) if self.labels_ is not None else np.asarray(y)
        found = self.predict(X)
        if labels.shape != found.shape:
            raise ValueError(f"y: got {short(labels.shape)} labels for {len(found)} samples; give "
                             "one for each.")
        return float(np.mean(found == labels))

    def try_out(self) -> None:
        """Score made-up samples, if the task is prepared."""
        rows = made_up(self.model)
        if self.lacking is not None or self.modality_ not in rows:
            return
        with np.errstate(all="ignore"):
            scores = self._answers(rows[self.modality_])
        if scores.shape != (2, len(self.classes_)):
            raise ValueError(f"scores of shape {scores.shape} for 2 samples and "
                             f"{len(self.classes_)} classes")
