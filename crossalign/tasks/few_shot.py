"""Few-shot recognition: classes of which some have only a few samples.

What a class's side information predicts is updated by the few samples: see `heads.few_shot`. The
baseline, ``head="softmax"``, is that of CADA-VAE (Schoenfeld et al., CVPR 2019, section 4.3): a
softmax on codes drawn around the training samples of seen classes, and for a new class, half from
its side information and half around its few samples, which are repeated as often as it takes.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from crossalign.heads.few_shot import FewShotHead
from crossalign.labels import sample_labels
from crossalign.models.blockwise import as_given
from crossalign.models.one_modality import complete
from crossalign.models.parts import head_range
from crossalign.models.ranges import WEIGHT, check_values
from crossalign.models.roles import Aligner
from crossalign.tasks.base import task_samples
from crossalign.tasks.recogniser import LEARNED, RANGES, Recogniser
from crossalign.types import Classes, Samples, Views, training_given

Array = npt.NDArray[Any]


class FewShot(Recogniser):
    """Recogniser of classes of which some have only a few samples.

    Parameters
    ----------
    model : fitted Aligner
        Model that embeds side information (`embed_classes`), for the heads "code" and "softmax";
        any model for "inputs".
    kappa : float
        Number of samples that the side information of a new class is worth; 0 ignores it. See
        `crossalign.evaluation.protocols.few_shot_curve.choose_few_shot`.
    head : {"gaussian", "code", "inputs", "softmax", "cache"} or FewShotHead
        Source of the class means, a head of `crossalign.heads` that learns from a few samples, or
        its name; default ``"gaussian"``: a mean is regressed on side information. ``"code"``: it is
        the model's own code of the class's side information. ``"inputs"``: the same as gaussian, on
        features instead of codes. ``"softmax"``: the baseline, which has no kappa. ``"cache"``:
        Tip-Adapter's, of votes beside the text of a class, without kappa.
    gamma : float
        Number subtracted from the scores of seen classes (calibrated stacking), as in `ZeroShot`;
        default 0.

    Attributes
    ----------
    classes_ : Classes
        Classes to choose among.
    labels_ : (C,) array or None
        Their labels as they were given; None if these were rows of `Classes`.
    head_ : FewShotHead
        Fitted head.

    Raises
    ------
    ValueError
        For an unknown head, a negative kappa, or a model that does not embed samples; in `fit`, for
        the head "softmax" of a model that draws no codes.
    """

    learned = MappingProxyType({**LEARNED, "head_": FewShotHead})

    def __init__(self, model: Any, kappa: float = 4.0, head: str | FewShotHead = "gaussian",
                 gamma: float = 0.0, **nested: Any) -> None:
        check_values({"model": model, "kappa": kappa, "head": head, "gamma": gamma},
                     {**RANGES, "kappa": [WEIGHT], "head": head_range()})
        self.model = model
        self.kappa = kappa
        self.head = head
        self.gamma = gamma
        self.set_params(**nested)
        self._few_shot_head()

    def _few_shot_head(self) -> FewShotHead:
        """Return the head, once it is sure that it learns from few samples of such a model."""
        head = self.make_part("head", self.head)
        if not isinstance(head, FewShotHead):
            raise ValueError(f"head: {head.name if head else self.head!r} does not learn from a "
                             "few samples; choose 'gaussian', 'code', 'inputs', 'softmax' or "
                             "'cache'.")
        if head.embeds and not isinstance(self.model, Aligner):
            raise ValueError(f"model: {type(self.model).__name__} does not embed samples, and the "
                             f"head {head.name!r} looks at codes; choose an aligner, as RidgeMap, "
                             "or head='inputs'.")
        return head

    def fit(self, train: Samples, classes: Classes | Any, y: npt.ArrayLike | None = None) -> Self:
        """Prepare from training samples and side information; Gaussians can score after this.

        For the arguments see `ZeroShot.fit`.
        """
        samples = self._start(train, classes, y)
        head = self._few_shot_head()
        self.head_ = type(head)(**head.get_params(deep=False))
        self.head_.start_few(self.model, samples, self.classes_, self.modality_)
        return self

    def fit_few_shot(self, support: Samples | None, y: npt.ArrayLike | None = None) -> Self:
        """Learn from the few samples of ``support``, or from none if it is None. Forget earlier
        ones.

        ``y (n,)`` are their labels, as in `fit`; default those in ``support``.

        Raises
        ------
        ValueError
            If labels are not of the classes, or ``kappa`` is 0 and a class has no sample.
        """
        self._check_started()
        few, labels = self._labelled(support, y)
        if len(labels) and not 0 <= labels.min() <= labels.max() < len(self.classes_):
            raise ValueError(f"support: labels {labels.min()}..{labels.max()} for "
                             f"{len(self.classes_)} classes; give rows of the classes of fit.")
        self.head_.learn_few(self.model, few, labels, self.modality_, self.kappa)
        return self

    def _labelled(self, support: Samples | None,
                  y: npt.ArrayLike | None) -> tuple[Views | None, Array]:
        """Return the few samples and the rows of their classes."""
        if support is None:
            return None, np.zeros(0, np.int64)
        few = task_samples(support, "support", self.modality_)
        if y is not None:
            named = y if self.labels_ is None else sample_labels(y).astype(str)
            few = training_given(few, named, self.classes_).samples
        return few, few.truth

    def encode(self, X: npt.ArrayLike | Views) -> Array:
        """Compute the input of the head, ``(n, d)``: codes or features, for `scores`."""
        self._check_started()
        rows = (as_given(complete(X, self.modality_), self.modality_) if isinstance(X, Views)
                else np.asarray(X))
        return self.head_.few_inputs(self.model, rows, self.modality_)

    def scores(self, codes: Array) -> Array:
        """Compute the scores ``(n, C)`` of codes ``(n, d)`` before calibration.

        Log-densities or logits, up to a constant per sample.
        """
        self.check_prepared()
        return self.head_.few_scores(codes)

    def _answers(self, X: npt.ArrayLike | Views) -> Array:
        return self.scores(self.encode(X))

    @property
    def lacking(self) -> str | None:
        """Name the call that has to come before there are scores; None if there can be."""
        if not hasattr(self, "head_"):
            return "fit(train, classes)"
        return None if self.head_.ready else "fit_few_shot(support)"

    def _check_started(self) -> None:
        if not hasattr(self, "head_"):
            raise ValueError("X: this task is not prepared; call fit(train, classes) first.")
