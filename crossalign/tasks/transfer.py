"""Cross-modal transfer: a classifier learned on one modality, used on another without labels.

    aligned      h on A_s x_s, applied to A_t x_t (equal risk under perfect alignment)
    aligned+cov  the same with class Gaussians N(m_c, S_c + D), D = [Cov z_t - Cov z_s]_+
    marginal     g_ic = p(c | x_s,i) on unlabelled pairs, then class Gaussians of x_t weighted by g

After Kamboj & Do, "Leveraging Perfect Multimodal Alignment and Gaussian Assumptions for
Cross-modal Transfer" (arXiv 2503.15352); the statements are T6 and T7 of
`crossalign.models.closed_form.linear_alignment`.
"""

from __future__ import annotations

from types import MappingProxyType, NoneType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy.special import softmax
from sklearn.utils._param_validation import StrOptions

from crossalign.arrays import as_numbers
from crossalign.models.base import Model
from crossalign.models.blockwise import encoded
from crossalign.models.ranges import COUNT, Having, check_values
from crossalign.models.rows import check_columns
from crossalign.sentences import short
from crossalign.tasks.base import Task, task_samples
from crossalign.tasks.class_gaussians import (
    ClassGaussians,
    fit_head,
    positive_part,
    weighted_gaussians,
)
from crossalign.types import Views

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

MODES = ("aligned", "marginal", "aligned+cov")
"""Ways to carry a classifier over."""

RANGES: dict[str, Any] = {
    "aligner": [Having("embed", "project", words="an aligner, as PerfectAlignment() is"), None],
    "mode": [StrOptions(set(MODES))], "em_iterations": [COUNT]}


class Transfer(Task):
    """Learn classes on a source modality, recognise them in a target modality.

    Parameters
    ----------
    aligner : Aligner, optional
        Aligner of the two modalities. If it is not fitted, a copy is fitted on the pairs; default
        `PerfectAlignment`. Its ``project`` is used if it has one, otherwise ``embed``. ``marginal``
        needs no aligner.
    mode : {"aligned", "marginal", "aligned+cov"}
        Way to carry the classifier over, see the module's first lines; default ``"aligned"``.
    head : {"lda", "qda"}, GaussianMixture or scikit-learn classifier
        Classifier; default ``"lda"``: class Gaussians with one covariance (``"lda"``) or one each
        (``"qda"``); a mixture whose components belong to the classes of their labelled rows; or any
        classifier, which needs ``predict_proba`` in ``marginal`` and is refused in ``aligned+cov``.
    em_iterations : int
        Number of iterations in ``marginal``; default 1: responsibilities come from the source
        classifier. Each further one refits joint Gaussians of both modalities to the pairs and
        takes theirs.

    Attributes
    ----------
    aligner_ : fitted aligner
        Aligner in use; None in ``marginal``.
    source_head_, target_head_ : fitted classifiers
        Classifiers of either modality's rows or latents.

    Raises
    ------
    ValueError
        In `fit`: unknown mode or head, a class without source samples, an unknown modality,
        tokens instead of vectors, labels out of range.
    """

    learned = MappingProxyType({
        "source_": str, "target_": str, "widths_": dict, "aligner_": (Model, NoneType),
        "source_head_": ClassGaussians, "target_head_": ClassGaussians, "columns_": dict})

    def __init__(self, aligner: Any = None, mode: str = "aligned", head: Any = "lda",
                 em_iterations: int = 1) -> None:
        self.aligner = aligner
        self.mode = mode
        self.head = head
        self.em_iterations = em_iterations

    def fit(self, pairs: Views | None, train: Views, source: str, target: str,
            n_classes: int) -> Self:
        """Learn from unlabelled ``pairs`` and from the source rows of labelled ``train``.

        ``pairs`` may be None for mode ``aligned`` with a fitted aligner. Samples that lack a
        modality are left out if it is needed.
        """
        self._check_parameters()
        check_values({"n_classes": n_classes}, {"n_classes": [COUNT]})
        if source == target:
            raise ValueError(f"target: got {target!r}, which is the source too; name two different "
                             "modalities.")
        train = task_samples(train, "train", source)
        pairs = None if pairs is None else task_samples(pairs, "pairs", source)
        x, labels = labelled_samples(train, source, n_classes)
        self.source_, self.target_ = source, target
        self._check_columns(train, pairs)
        self.aligner_: Any = None
        if self.mode == "marginal":
            rows = np.asarray(x[source], dtype=np.float64)
            return self._fit_marginal(_paired(pairs, source, target), rows, labels, n_classes)
        self.aligner_ = self._fitted_aligner(pairs)
        self.widths_ = {m: self.aligner_.widths_[m] for m in (source, target)
                        if m in getattr(self.aligner_, "widths_", {})}
        self.source_head_ = fit_head(self.head, self._features(x, source), labels, n_classes)
        self.target_head_ = self.source_head_
        if self.mode == "aligned+cov":
            if not isinstance(self.source_head_, ClassGaussians):
                raise ValueError(f"head: {type(self.head).__name__} has no covariance to widen in "
                                 "mode 'aligned+cov'; choose 'lda', 'qda' or a GaussianMixture.")
            paired = _both_present(pairs, source, target)
            both = [self._features(paired, m) for m in (source, target)]
            delta = np.atleast_2d(np.cov(both[1].T, bias=True) - np.cov(both[0].T, bias=True))
            self.target_head_ = self.source_head_.widened(positive_part(delta))
        return self

    def predict(self, target_rows: npt.ArrayLike | Views) -> Labels:
        """Return the classes ``(n,)`` of rows ``(n, d_target)``, or of `Views` with the target."""
        return self._predict(target_rows, "target")

    def predict_source(self, source_rows: npt.ArrayLike | Views) -> Labels:
        """Return the classes ``(n,)`` of rows ``(n, d_source)``, or of `Views` with the source."""
        return self._predict(source_rows, "source")

    def try_out(self) -> None:
        """Recognise made-up rows of either side, if there is a classifier."""
        if not hasattr(self, "target_head_"):
            return
        for side, modality in (("source", self.source_), ("target", self.target_)):
            if modality in self.widths_:
                self._predict(np.ones((2, self.widths_[modality])), side)

    # -- inside ----------------------------------------------------------------------------
    def _check_parameters(self) -> None:
        check_values({"aligner": self.aligner, "mode": self.mode,
                      "em_iterations": self.em_iterations}, RANGES)
        usable = self.head in ("lda", "qda") if isinstance(self.head, str) else (
            hasattr(self.head, "fit") and hasattr(self.head, "predict"))
        if not usable or isinstance(self.head, type):
            raise ValueError(f"head: got {short(self.head)}; give 'lda', 'qda', a "
                             "GaussianMixture or a scikit-learn classifier.")

    def _check_columns(self, *samples: Views | None) -> None:
        """Store the column names of data frames, checked to be those of a fitted aligner."""
        self.columns_ = dict(getattr(self.aligner, "columns_", {}))
        for views in (part for part in samples if part is not None):
            for modality, names in views.column_names.items():
                check_columns(views, modality, self)
                self.columns_.setdefault(modality, list(names))

    def _fitted_aligner(self, pairs: Views | None) -> Any:
        from sklearn.base import clone

        if hasattr(self.aligner, "widths_") or (self.aligner is not None
                                                and not hasattr(self.aligner, "fit")):
            return self.aligner
        rows = _both_present(pairs, self.source_, self.target_)
        if self.aligner is not None:
            return clone(self.aligner).fit(rows)
        from crossalign.models.closed_form.perfect_alignment import PerfectAlignment

        return PerfectAlignment().fit(rows)

    def _fit_marginal(self, pair: tuple[Array, Array], x: Array, labels: Labels,
                      n_classes: int) -> Self:
        first, second = pair
        self.widths_ = {self.source_: first.shape[1], self.target_: second.shape[1]}
        self.source_head_ = fit_head(self.head, _checked(x, self.source_, self.widths_), labels,
                                     n_classes)
        if isinstance(self.source_head_, ClassGaussians):
            owner = self.source_head_.owner
            gamma = softmax(self.source_head_.log_joint(first), axis=1)          # (N, G)
        elif hasattr(self.source_head_, "predict_proba"):
            owner = np.arange(n_classes)
            gamma = np.asarray(self.source_head_.predict_proba(first), dtype=np.float64)
        else:
            raise ValueError(f"head: {type(self.head).__name__} gives no predict_proba, which mode "
                             "'marginal' needs; choose another classifier.")
        shared = isinstance(self.head, str) and self.head == "lda"
        joint_rows = np.hstack([first, second])                                  # (N, d1 + d2)
        for _ in range(self.em_iterations - 1):
            joint = weighted_gaussians(joint_rows, gamma, owner, n_classes, shared)
            gamma = softmax(joint.log_joint(joint_rows), axis=1)
        self.target_head_ = weighted_gaussians(second, gamma, owner, n_classes, shared)
        return self

    def _features(self, rows: npt.ArrayLike | Views, modality: str) -> Array:
        """Return the aligned rows ``(n, k)``; memory-mapped ones are read in blocks."""
        if isinstance(rows, Views):
            return encoded(self._features, rows, modality)
        place = getattr(self.aligner_, "project", None) or self.aligner_.embed
        return np.asarray(place(_checked(rows, modality, self.widths_), modality),
                          dtype=np.float64)

    def _predict(self, rows: npt.ArrayLike | Views, side: str) -> Labels:
        if not hasattr(self, "target_head_"):
            from sklearn.exceptions import NotFittedError

            raise NotFittedError("Transfer is not fitted yet; call fit first.")
        modality = self.source_ if side == "source" else self.target_
        check_columns(rows, modality, self)
        if isinstance(rows, Views):
            return encoded(lambda x, _: self._predict(x, side), rows, modality)
        x = _checked(rows, modality, self.widths_)
        if self.aligner_ is not None:
            x = self._features(x, modality)
        head = self.source_head_ if side == "source" else self.target_head_
        return np.asarray(head.predict(x), dtype=np.int64)


def labelled_samples(views: Views, modality: str, n_classes: int | None) -> tuple[Views, Labels]:
    """Return the samples that have a modality, through it alone, and their labels ``(n,)``.

    With ``n_classes``, every class must be there.

    Raises
    ------
    ValueError
        For an unknown modality, tokens, no labels, labels out of range or a class without rows.
    """
    part = _vectors(views, modality)
    if views.labels is None:
        raise ValueError(f"labels: the {modality!r} samples to learn classes from or to score have "
                         "none; pass Views with labels.")
    labels = part.truth
    if n_classes is not None:
        if len(labels) and not 0 <= labels.min() <= labels.max() < n_classes:
            raise ValueError(f"labels: {labels.min()}..{labels.max()} outside the {n_classes} "
                             "classes; number them from 0.")
        empty = np.flatnonzero(np.bincount(labels, minlength=n_classes) == 0)
        if len(empty):
            raise ValueError(f"train: class {empty[0]} has no {modality!r} sample; give every "
                             "class at least one or drop the class.")
    return part, np.asarray(labels, dtype=np.int64)


def _vectors(views: Views, modality: str) -> Views:
    """Return the samples that have a modality of vectors, through it alone."""
    if modality not in views:
        raise ValueError(f"modality: got {modality!r}; the samples have "
                         f"{list(views.modalities)}.")
    if views.kind(modality) != "vectors":
        shape = (len(views), *views.read(modality, np.arange(0)).shape[1:])
        raise ValueError(f"modality: {modality!r} holds {views.kind(modality)} of shape {shape}; "
                         "pool them to (n, d) vectors first.")
    return views.select(modality).having(modality)


def _both_present(pairs: Views | None, source: str, target: str) -> Views:
    if pairs is None:
        raise ValueError("pairs: got None; give unlabelled pairs of both modalities, or a fitted "
                         "aligner with mode 'aligned'.")
    for modality in (source, target):
        _vectors(pairs, modality)
    both = pairs.select(source, target).having(source).having(target)
    return both.with_labels(None)


def _paired(pairs: Views | None, source: str, target: str) -> tuple[Array, Array]:
    """Return the rows of both modalities, of the samples that have both."""
    both = _both_present(pairs, source, target)
    first, second = (np.asarray(both[m], dtype=np.float64) for m in (source, target))
    return first, second


def _checked(rows: npt.ArrayLike, modality: str, widths: dict[str, int]) -> Array:
    x = as_numbers(f"rows: {modality!r}", rows).astype(np.float64, copy=False)
    width = widths.get(modality, x.shape[-1] if x.ndim else 0)
    if x.ndim != 2 or x.shape[1] != width:
        raise ValueError(f"rows: shape {x.shape} for {modality!r}; give (n, {width}), the width "
                         "of training.")
    if not np.isfinite(x).all():
        bad = int(np.flatnonzero(~np.isfinite(x).all(axis=1))[0])
        raise ValueError(f"rows: row {bad} of {modality!r} holds NaN or infinity; repair or drop "
                         "it.")
    return x
