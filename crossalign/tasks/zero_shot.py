"""Zero-shot and generalized zero-shot recognition with any fitted model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from types import MappingProxyType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from crossalign.arrays import refuse_masked
from crossalign.heads.base import Head, read_through
from crossalign.models.embedded_once import embedded_once
from crossalign.models.parts import head_range
from crossalign.models.ranges import check_values
from crossalign.models.roles import ZeroShotClassifier
from crossalign.models.rows import check_columns
from crossalign.models.supervision import checked_side
from crossalign.nested import Part
from crossalign.tasks.base import check_samples, task_classes
from crossalign.tasks.class_em import ClassEM
from crossalign.tasks.recogniser import LEARNED, RANGES, Recogniser
from crossalign.types import Classes, Samples, Views, samples_given
from crossalign.types.given import by_modality

Array = npt.NDArray[Any]


class ZeroShot(Recogniser):
    """Recogniser of seen and unseen classes.

    Parameters
    ----------
    model : fitted model
        Model: a `ZeroShotClassifier`, which scores by itself, or an `Aligner` that embeds
        side information (`embed_classes`).
    head : str or Head
        Way to score the classes, a head of `crossalign.heads` or its name; default ``"auto"``, the
        model's own choice. ``"classifier"``: the model's own scores. ``"prototype"``: cosine
        between a sample and its class's side information in the latent space. ``"softmax"``: a
        linear softmax trained on codes of seen classes and codes drawn from side information.
        ``"gaussian"``: a Gaussian per class on codes; ``"code"``: the same around the model's codes
        of unseen classes; ``"inputs"``: the same on features. ``"attributes"``: side
        information predicted from features. ``"fused"``: several together. ``"cache"``: prototype,
        and votes of training samples.
    gamma : float
        Number that `predict` subtracts from the scores of seen classes (calibrated stacking, Chao
        et al., ECCV 2016); default 0. Choose it on validation classes.

    Attributes
    ----------
    classes_ : Classes
        Classes to choose among.
    labels_ : (C,) array or None
        Their labels as they were given; None if these were rows of `Classes`.
    head_ : Head
        Fitted head.
    """

    learned = MappingProxyType({**LEARNED, "views_": list, "head_": Head})

    def __init__(self, model: Any, head: str | Head = "auto", gamma: float = 0.0,
                 **nested: Any) -> None:
        check_values({"model": model, "head": head, "gamma": gamma},
                     {**RANGES, "head": head_range("auto")})
        self.model = model
        self.head = head
        self.gamma = gamma
        self.set_params(**nested)

    def make_part(self, name: str, value: Any) -> Part | None:
        """Return a head by its name; ``"auto"`` is the model's own."""
        if value != "auto":
            return super().make_part(name, value)
        if isinstance(self.model, ZeroShotClassifier):
            return super().make_part(name, "classifier")
        return super().make_part(name, getattr(self.model, "head", "prototype"))

    def fit(self, train: Samples, classes: Classes | Any, y: npt.ArrayLike | None = None) -> Self:
        """Prepare the head on training samples and the classes to choose among.

        Parameters
        ----------
        train : Views, mapping of modality to array, array, or data frame
            Training samples of the model.
        classes : Classes, data frame, or mapping of label to vector
            Classes to choose among, which may be all unseen or all seen. A head that reads training
            samples needs all their classes among them.
        y : (n,) labels, optional
            Labels of the samples; default those in ``train``.

        Raises
        ------
        ValueError
            If classes of samples are missing, or the model cannot score such classes by the head.
        """
        for _ in self.fit_epochs(train, classes, y):
            pass
        return self

    def fit_epochs(self, train: Samples, classes: Classes | Any,
                   y: npt.ArrayLike | None = None) -> Iterator[int]:
        """Prepare the head, with a stop after every epoch of a head that has any, counted from 0.

        At each stop the head scores as it is then; other heads stop once.
        """
        samples = self._start(train, classes, y)
        known = getattr(self.model, "modalities_", [])
        self.views_ = ([self.modality_] if hasattr(self.model, "modality_") else
                       [m for m in samples.modalities if m in known] or [self.modality_])
        head = self.make_part("head", self.head)
        assert isinstance(head, Head)
        self.head_ = type(head)(**head.get_params(deep=False))
        yield from self.head_.fit_epochs(self.model, samples, self.classes_, self.views_)

    @property
    def lacking(self) -> str | None:
        """Name the call that has to come before an answer; None if it can be given."""
        return None if hasattr(self, "head_") else "fit(train, classes)"

    def read(self, X: npt.ArrayLike | Views) -> tuple[Any, Any]:
        """Return samples as the model takes them, and the view or views through which.

        Raises
        ------
        ValueError
            If a sample has no view that the model knows, or the head is not prepared.
        """
        self.check_prepared()
        if not isinstance(X, Views):
            refuse_masked(X, f"x: {self.modality_!r}")
            check_columns(X, self.modality_, self.model)
            return np.asarray(X), self.modality_
        for name in self.views_:
            check_columns(X, name, self.model)
        there = any(m in X for m in self.views_)
        return read_through(X, self.views_ if there else [self.modality_])

    def _answers(self, X: npt.ArrayLike | Views) -> Array:
        return self.head_.scores(self.model, *self.read(X))

    def adapt(self, X: Samples, by: ClassEM | None = None) -> Self:
        """Return a recogniser that has learned from unlabelled samples where unseen classes lie.

        Labels are not read. Scores of the very samples that it learned from are transductive.

        Parameters
        ----------
        X : Views, mapping of modality to array, array, or data frame
            Samples, among them some of unseen classes.
        by : ClassEM, optional
            Way of learning; default one with default parameters.

        Raises
        ------
        ValueError
            If the head has no means of classes or is not prepared, or there are no samples.
        """
        self.check_prepared()
        check_samples(X, "X")
        given: Any = samples_given(X) if by_modality(X) else X
        rows, views = self.read(given)
        other = copy(self)
        other.head_ = (by or ClassEM()).moved(self.head_, embedded_once(self.model), rows, views,
                                              self.classes_.seen, self._gap())
        if hasattr(other, "lift_"):
            del other.lift_
        return other

    def _gap(self) -> float:
        """Return what separates seen classes from unseen ones, in the mean of the latter."""
        if not hasattr(self, "lift_") or self.classes_.seen.all():
            return self.gamma
        return self.gamma + float(self.lift_[self.classes_.unseen].mean())

    def add_classes(self, classes: Classes | Any, names: Sequence[str] | None = None) -> Self:
        """Let the head score further classes, known by their side information alone.

        Raises
        ------
        ValueError
            For heads that are fitted and have to be fitted again, for embeddings of another width,
            and for a name that a class has already. Classes that are but numbered are numbered
            on.
        """
        self.check_prepared()
        classes = task_classes(classes)
        side = checked_side(classes.embeddings, self.classes_.embeddings.shape[1])
        merged = Classes(
            np.concatenate([self.classes_.embeddings, side]),
            np.concatenate([self.classes_.seen, classes.seen]),
            (*self.classes_.names, *(names or _after(self.classes_, classes))))
        self.head_.take_classes(self.model, merged)
        if self.labels_ is not None:
            further = np.array(merged.names[len(self.classes_):], dtype=object)
            self.labels_ = np.concatenate([self.labels_.astype(object), further])
        if hasattr(self, "lift_"):
            self.lift_ = np.concatenate([self.lift_, np.zeros(len(classes))])
        self.classes_ = merged
        return self


def _after(known: Classes, further: Classes) -> tuple[str, ...]:
    """Return the names of further classes; if both are but numbered, the numbers go on."""
    start, stop = len(known), len(known) + len(further)
    numbers = tuple(map(str, range(stop)))
    if known.names == numbers[:start] and further.names == numbers[:len(further)]:
        return numbers[start:]
    return further.names
