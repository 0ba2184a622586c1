"""Zero-shot and generalized zero-shot recognition with any fitted model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import MappingProxyType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy.special import log_softmax
from sklearn.utils._param_validation import StrOptions

from crossalign.arrays import refuse_masked
from crossalign.metrics import calibrated_stacking
from crossalign.models.base import Distributional, ZeroShotClassifier, check_columns, checked_side
from crossalign.models.blockwise import as_given, in_blocks
from crossalign.models.closed_form.gfzsl import GFZSL
from crossalign.models.learned import made_up
from crossalign.models.one_modality import complete
from crossalign.models.ranges import NUMBER, Having, check_values
from crossalign.models.several_views import presence
from crossalign.preprocessing.pooling import vectors_in
from crossalign.tasks.base import Task, check_samples, task_classes, task_training
from crossalign.tasks.softmax_head import balanced_rows, softmax_path
from crossalign.types import CLASS_MODALITY, Classes, Samples, Views, samples_given
from crossalign.types.given import by_modality

Array = npt.NDArray[Any]
HEADS = ("auto", "classifier", "softmax", "prototype", "gaussian", "fused")
GAUSSIAN: dict[str, Any] = {"kernel_gamma": 1.0, "ridge": 0.03, "shrinkage": 0.6, "scaling": "l2"}
"""Parameters of the Gaussian head, chosen on the validation classes of CUB for codes of ACMR."""
SCORED = Having("embed", "decision_function", words="a fitted model, as models.ESZSL().fit(X) is")
FUSED = ("inputs", "gaussian", "prototype")
"""Views of a class that the fused head adds up."""


class ZeroShot(Task):
    """Recogniser of seen and unseen classes.

    Parameters
    ----------
    model : fitted model
        Model: a `ZeroShotClassifier`, which scores by itself, or an `Aligner` that embeds
        side information (`embed_classes`).
    head : {"auto", "classifier", "softmax", "prototype", "gaussian", "fused"}
        Way to score the classes; default ``auto``, the model's own choice. ``classifier``: the
        model's own scores. ``prototype``: cosine between a sample and its class's side information
        in the latent space, or the model's ``class_scores``. ``softmax``: a linear softmax trained
        on codes of training samples for seen classes and on codes drawn from side information for
        unseen ones (CADA-VAE, ACMR). ``gaussian``: `GFZSL` on codes, a Gaussian per class whose
        mean is regressed from side information. ``fused``: `GFZSL` on inputs, ``gaussian`` and
        ``prototype``, each standardised over classes, with the model's ``view_weights``.
    gamma : float
        Number that `predict` subtracts from the scores of seen classes (calibrated stacking, Chao
        et al., ECCV 2016); default 0. Choose it on validation classes.

    Attributes
    ----------
    classes_ : Classes
        Classes to choose among.
    """

    learned = MappingProxyType({
        "classes_": Classes, "modality_": str, "views_": list, "head_": str, "weights_": dict,
        "prototypes_": np.ndarray, "gaussians_": GFZSL, "inputs_": dict, "coef_": np.ndarray,
        "intercept_": np.ndarray})

    def __init__(self, model: Any, head: str = "auto", gamma: float = 0.0) -> None:
        check_values({"model": model, "head": head, "gamma": gamma},
                     {"model": [SCORED], "head": [StrOptions(set(HEADS))], "gamma": [NUMBER]})
        self.model = model
        self.head = head
        self.gamma = gamma

    def fit(self, train: Samples, classes: Classes | Any) -> Self:
        """Prepare the head on training samples; only the softmax head learns anything.

        ``classes`` are those to choose among, also as a data frame or a mapping of label to vector.
        They may be all unseen or all seen. A head that reads training samples needs all their
        classes among them.

        Raises
        ------
        ValueError
            If it lacks them, or the model cannot score such classes by the head.
        """
        for _ in self.fit_epochs(train, classes):
            pass
        return self

    def fit_epochs(self, train: Samples, classes: Classes | Any) -> Iterator[int]:
        """Prepare the head, with a stop after every epoch of a softmax head, counted from 0.

        At each stop the head scores as it is then; other heads stop once.
        """
        train, classes = task_training(self.model, train, classes)
        self.classes_ = classes
        self.modality_ = getattr(self.model, "modality_", train.modalities[0])
        modalities = getattr(self.model, "modalities_", [])
        self.views_ = ([self.modality_] if hasattr(self.model, "modality_") else
                       [m for m in train.modalities if m in modalities] or [self.modality_])
        self.head_ = self._kind()
        self._check_model(classes)
        if self.head_ in ("gaussian", "fused") or (self.head_ == "softmax" and classes.seen.any()):
            self._check_trained(train, classes)
        if self.head_ == "softmax":
            for epoch, (coef, intercept) in enumerate(self._softmax_path(train, classes)):
                self.coef_, self.intercept_ = coef, intercept
                yield epoch
            return
        self._prepare(self.head_, train, classes)
        yield 0

    def _check_model(self, classes: Classes) -> None:
        """Raise ValueError if the model cannot score such classes by this head."""
        model = self.model
        if self.head_ != "classifier" and not hasattr(model, "embed"):
            raise ValueError(f"head: {self.head_!r} needs an aligner, and {type(model).__name__} "
                             "does not embed samples; choose 'classifier' or an aligner, as "
                             "RidgeMap.")
        width = getattr(model, "widths_", {}).get(CLASS_MODALITY)
        if self.head_ not in ("gaussian", "fused") and width is not None:
            checked_side(classes.embeddings, width)

    def _check_trained(self, train: Views, classes: Classes) -> None:
        """Raise ValueError if the classes of training samples are not among ``classes``."""
        labels = np.unique(train.truth)
        if labels[-1] >= len(classes) or not classes.seen[labels].all():
            raise ValueError(f"classes: the head {self.head_!r} reads training samples, and these "
                             "are of classes that are not here or not marked as seen; give all "
                             "classes, with gamma=inf to choose among the unseen ones only.")

    def _prepare(self, head: str, train: Views, classes: Classes) -> None:
        """Prepare a head without epochs."""
        if head == "prototype":
            self.prototypes_ = self.model.embed_classes(classes.embeddings)
        elif head == "gaussian":
            codes = Views({"code": in_blocks(lambda part: self._code(*self.read(part)), train)})
            self.gaussians_ = GFZSL(**GAUSSIAN).fit(codes, train.labels, classes=classes)
        elif head == "inputs":
            self.inputs_ = {}
            for m in self.views_:
                here = train.having(m)
                self.inputs_[m] = GFZSL().fit(vectors_of(here, m), here.labels, classes=classes)
        elif head == "fused":
            self.weights_ = {view: weight for view, weight in
                             zip(FUSED, self.model.view_weights, strict=True) if weight > 0}
            for view in self.weights_:
                self._prepare(view, train, classes)

    def decision_function(self, X: npt.ArrayLike | Views) -> Array:
        """Compute the scores ``(n, C)`` before calibration: log-probabilities, cosines or the
        model's own.

        Rows are of the first view; `Views` are read through all views that the model knows, as far
        as a sample has them.

        Raises
        ------
        ValueError
            If a sample has none of them, or the head is not prepared.
        """
        self.check_prepared()
        check_samples(X, "X")
        if by_modality(X):
            X = samples_given(X)
        if isinstance(X, Views):
            return in_blocks(lambda part: self._scores(self.head_, *self.read(part)), X)
        return self._scores(self.head_, *self.read(X))

    def check_prepared(self) -> None:
        """Raise ValueError before `fit`."""
        if not hasattr(self, "head_"):
            raise ValueError("X: this task is not prepared; call fit(train, classes) first.")

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
        names = [m for m in self.views_ if m in X] or [self.modality_]
        if len(names) == 1:
            return as_given(complete(X, names[0]), names[0]), names[0]
        presence(X, names)
        return X.select(*names), names

    def _scores(self, head: str, rows: Any, views: Any) -> Array:
        if head == "fused":
            return np.asarray(sum(weight * _standardised(self._scores(view, rows, views))
                                  for view, weight in self.weights_.items()))
        if head == "classifier":
            return np.asarray(self.model.decision_function(rows, classes=self.classes_))
        if head == "prototype" and hasattr(self.model, "class_scores"):
            return np.asarray(self.model.class_scores(rows, views, self.classes_.embeddings))
        if head == "prototype":
            embed = self.model.embed if isinstance(views, str) else self.model.embed_views
            return np.asarray(embed(rows, views) @ self.prototypes_.T)
        if head == "gaussian":
            return self.gaussians_.decision_function(self._code(rows, views))
        if head == "inputs":
            return self._input_scores(rows, views)
        logits = self._code(rows, views) @ self.coef_ + self.intercept_
        return np.asarray(log_softmax(logits, axis=1))

    def _input_scores(self, rows: Any, views: Any) -> Array:
        """Compute log-densities of the features, summed over views as if errors were
        independent.
        """
        if isinstance(views, str):
            return self.inputs_[views].decision_function(vectors_in(rows, views))
        scores = np.zeros((len(rows), len(self.classes_)))
        for m, here in zip(views, presence(rows, views).T, strict=True):
            scores[here] += self.inputs_[m].decision_function(vectors_in(rows[here], m))
        return scores

    def predict(self, X: npt.ArrayLike | Views) -> Array:
        """Return the best class ``(n,)`` after calibrated stacking with ``gamma``."""
        scores = calibrated_stacking(self.decision_function(X), self.classes_.seen, self.gamma)
        return np.asarray(scores.argmax(axis=1))

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
        if self.head_ != "prototype":
            raise ValueError(f"head: {self.head_!r} cannot take classes after fit; use "
                             "head='prototype', or fit again with all classes.")
        classes = task_classes(classes)
        side = checked_side(classes.embeddings, self.classes_.embeddings.shape[1])
        merged = np.concatenate([self.classes_.embeddings, side])
        seen = np.concatenate([self.classes_.seen, classes.seen])
        self.classes_ = Classes(merged, seen, (
            *self.classes_.names, *(names or _after(self.classes_, classes))))
        self.prototypes_ = self.model.embed_classes(merged)
        return self

    def try_out(self) -> None:
        """Score made-up samples, if the head is prepared."""
        rows = made_up(self.model)
        if not hasattr(self, "head_") or self.modality_ not in rows:
            return
        with np.errstate(all="ignore"):
            scores = self._scores(self.head_, rows[self.modality_], self.modality_)
        if scores.shape != (2, len(self.classes_)):
            raise ValueError(f"scores of shape {scores.shape} for 2 samples and "
                             f"{len(self.classes_)} classes")

    def _kind(self) -> str:
        if self.head != "auto":
            return self.head
        if isinstance(self.model, ZeroShotClassifier):
            return "classifier"
        return str(getattr(self.model, "head", "prototype"))

    def _code(self, rows: Any, views: Any) -> Array:
        """Return latent rows, with their length if the model keeps it.

        Several views give unit rows, unless the model multiplies their Gaussians.
        """
        if not isinstance(views, str) and not isinstance(self.model, Distributional):
            return np.asarray(self.model.embed_views(rows, views))
        encode = getattr(self.model, "project", self.model.embed)
        return np.asarray(encode(rows, views))

    def _softmax_path(self, train: Views, classes: Classes) -> Iterator[tuple[Array, Array]]:
        """Train the softmax head on codes of seen and of unseen classes; yield it after every
        epoch.
        """
        model = self.model
        assert train.labels is not None
        seed, codes, labels = model.random_state, [], []
        if classes.seen.any():
            rows = balanced_rows(train.labels, model.seen_samples)
            codes.append(model.sample_rows(*self.read(train[rows]), seed))
            labels.append(train.labels[rows])
        unseen = np.flatnonzero(classes.unseen)
        if len(unseen):
            samples = model.sample(classes.embeddings[unseen], model.unseen_samples, seed + 1)
            codes.append(samples.reshape(-1, samples.shape[2]))
            labels.append(np.repeat(unseen, model.unseen_samples))
        return softmax_path(np.concatenate(codes), np.concatenate(labels), len(classes),
                            epochs=model.head_epochs, lr=model.head_lr, betas=model.head_betas,
                            seed=seed)


def _after(known: Classes, further: Classes) -> tuple[str, ...]:
    """Return the names of further classes; if both are but numbered, the numbers go on."""
    start, stop = len(known), len(known) + len(further)
    numbers = tuple(map(str, range(stop)))
    if known.names == numbers[:start] and further.names == numbers[:len(further)]:
        return numbers[start:]
    return further.names


def vectors_of(X: Views, modality: str) -> Views:
    """Return the samples through one modality; tokens become their means."""
    if X.kind(modality) == "vectors":
        return X.select(modality)
    return Views({modality: in_blocks(lambda part: vectors_in(part, modality), X)})


def _standardised(scores: Array) -> Array:
    """Scale scores ``(n, C)`` to mean 0 and deviation 1 over the classes of every sample."""
    centred = scores - scores.mean(axis=1, keepdims=True)
    deviation = centred.std(axis=1, keepdims=True)
    return np.asarray(centred / np.where(deviation > 0, deviation, 1))
