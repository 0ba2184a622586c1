"""Base of all models, and the roles that a model can play.

A model is a scikit-learn estimator that *has* learned arrays or a network. Its constructor takes
the hyper-parameters and only stores them; `fit` takes `Views`; what is learned ends in ``_`` and
is all that `save` writes. A role is a mixin, which says in its docstring what the
model can do.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import ClassifierMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from crossalign.arrays import column_names, float32, refuse_masked
from crossalign.index.exact import ExactIndex
from crossalign.labels import check_class_rows, classes_held
from crossalign.metrics.retrieval.score_sources import EmbeddingScores, ScoreSource
from crossalign.models.parts import head_of
from crossalign.models.ranges import check_parameters
from crossalign.models.trained_classes import training_record
from crossalign.nested import Nested, Part, without
from crossalign.types import (
    CLASS_MODALITY,
    KINDS,
    Classes,
    Samples,
    Views,
    samples_given,
    training_given,
)
from crossalign.types.given import FEATURES, Given, by_modality, check_together, same_spelling

Array = npt.NDArray[Any]

UNREAD = {
    "vectors": "choose a model that handles vectors",
    "tokens": "pool the tokens, as load(..., pool='flat') does, or choose a model that handles "
              "them",
    "frames": "pool the frames, as preprocessing.pooling does, or give them as tokens, "
              "x.reshape(n, f * t, d)",
    "images": "encode the images first, as encoders.PretrainedPictures does",
    "ids": "encode the texts first, as encoders.PretrainedTexts does"}
"""Fixes for a kind that a model does not read."""


class Model(Nested):
    """Base of all models.

    Class attributes
    ----------------
    search_space : mapping of parameter to values
        Values to try on validation classes, for parameters that the user did not set.
    reads : sequence of kinds
        Kinds of modalities (`Views.kind`) that the model reads.
    oracle : bool
        Whether it is fitted on test samples, unseen classes included.
    uses_side_information, many_modalities, handles_missing, many_labels, one_encoder, \
stochastic : bool
        Traits of the model, from which the table of models is made.
    ablations : mapping of row to parameters
        Rows of the module ablation: the parameters that each changes.
    sweeps : mapping of parameter to values
        Values of a parameter for the sensitivity curves.
    resumable : bool
        Whether ``fit`` takes a ``checkpoint`` folder, from which an interrupted fit resumes.
    """

    search_space: ClassVar[Mapping[str, Sequence[Any]]] = {}
    ablations: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    sweeps: ClassVar[Mapping[str, Sequence[Any]]] = {}
    reads: ClassVar[tuple[str, ...]] = ("vectors",)
    oracle: ClassVar[bool] = False
    uses_side_information: ClassVar[bool] = False
    many_modalities: ClassVar[bool] = False
    handles_missing: ClassVar[bool] = False
    many_labels: ClassVar[bool] = False
    one_encoder: ClassVar[bool] = False
    stochastic: ClassVar[bool] = False
    resumable: ClassVar[bool] = False
    _parameter_constraints: ClassVar[Mapping[str, Any]] = {}

    def save(self, folder: str | Path) -> Path:
        """Write ``model.json``, ``weights.safetensors`` and ``card.md``; see `store`."""
        from crossalign.models.store import save_model

        return save_model(self, folder)

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a folder that `save` wrote.

        Raises
        ------
        ValueError
            If the folder is of another class or format version, or a file is damaged.
        """
        from crossalign.models.store import check_class, load_model

        return check_class(load_model(folder, cls), cls, folder)

    def savable(self) -> Self:
        """Return the model with parameters that a folder can hold; itself by default."""
        return self

    def grid(self, fixed: Collection[str] = ()) -> dict[str, Sequence[Any]]:
        """Return the search space without the parameters that the user has fixed.

        Parameters of a head that is not the model's own are not in it, nor is the head itself once
        one of its parameters is fixed.
        """
        fixed = {*fixed, *(name.partition("__")[0] for name in fixed)}
        known = self.get_params()
        return {name: values for name, values in self.search_space.items()
                if name not in fixed and name in known}

    def make_part(self, name: str, value: Any) -> Part | None:
        """Return a head by its name."""
        return head_of(value) if name == "head" else super().make_part(name, value)

    def idle(self, X: Views) -> Collection[str]:
        """Return the parameters of the search space that need not be tried on such samples."""
        return ()

    def fit_path(self, X: Views, points: Sequence[Mapping[str, Any]], *,
                 classes: Classes | None = None,
                 callbacks: Sequence[Any] = ()) -> Iterator[Self]:
        """Yield one fitted clone per point of a hyper-parameter grid, in order.

        Neighbours that differ in their head alone share a fit. A closed-form model overrides this
        to share what the points have in common.
        """
        fitted, trained_with = None, None
        for params in points:
            body = self._trained_by(params)
            if fitted is None or body != trained_with:
                fitted = clone(self).set_params(**params)
                fitted.fit(X, classes=classes, callbacks=callbacks)
                trained_with = body
            yield copy(fitted).set_params(**params)

    def _trained_by(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return those of some parameters that matter to training."""
        return without(dict(params), "head")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = isinstance(self, ZeroShotClassifier)
        tags.input_tags.three_d_array = "tokens" in self.reads
        return tags

    def _validate_params(self) -> None:
        """Raise ValueError for a parameter outside of the declared ranges."""
        check_parameters(self)

    def _restore(self) -> None:
        """Rebuild what is not an array (networks) before the weights are loaded."""

    def _start(self, X: Samples, y: npt.ArrayLike | None = None,
               classes: Any = None) -> tuple[Views, Classes | None]:
        """Check parameters and training data, store the widths, and return what to train on.

        Samples, labels and classes enter here alone, whatever a user has: see `training_given`.
        Sets ``modalities_``, ``widths_`` and ``trained_on_``, and ``columns_`` if there are data
        frames; `CLASS_MODALITY` is added when the
        model uses side information and there is some.
        """
        self._validate_params()
        X, classes, _ = self._given(X, y, classes)
        classes = self._described_by(X, classes)
        if CLASS_MODALITY in X:
            raise ValueError(f"X: the modality name {CLASS_MODALITY!r} stands for side information "
                             "in a model; choose another name.")
        check_kinds(X, self)
        if not self.handles_missing:
            for name, present in X.present.items():
                if not present.all():
                    raise ValueError(f"X: {int((~present).sum())} samples lack {name!r}, which "
                                     f"{type(self).__name__} cannot fill in; drop those samples "
                                     "or choose a model that handles missing modalities.")
        self._check_labels(X.labels, classes)
        self._remember(X.widths)
        if X.column_names:
            self.columns_ = dict(X.column_names)
        described = classes is not None and getattr(self, "described_", True)
        if self.uses_side_information and described and classes.embeddings.shape[1]:
            self._remember({**X.widths, CLASS_MODALITY: int(classes.embeddings.shape[1])})
        self.trained_on_ = training_record(X, None if self.oracle else classes)
        return X, classes

    def _given(self, X: Samples, y: npt.ArrayLike | None, classes: Any) -> Given:
        """Return `training_given`; one array or data frame passes scikit-learn's checks first."""
        for name in ("n_features_in_", "feature_names_in_", "columns_"):
            self.__dict__.pop(name, None)
        if not by_modality(X) and getattr(X, "ndim", 2) <= 2:
            X = self._validated(X, y)
        wanted: str | None = getattr(self, "modality", None)
        given = training_given(X, y, classes, wanted or FEATURES)
        if hasattr(self, "feature_names_in_"):
            given.samples.column_names[wanted or FEATURES] = list(self.feature_names_in_)
        if not hasattr(self, "modality"):
            return given
        return given._replace(samples=given.samples.select(
            wanted or given.samples.modalities[0]))

    def _described_by(self, X: Views, classes: Classes | None) -> Classes | None:
        """Return the classes to train with; a model that leaves out their vectors overrides it."""
        return classes

    def _validated(self, X: Any, y: npt.ArrayLike | None) -> Array:
        """Return an array or a frame ``(n, d)`` as an array, once it fits its labels."""
        check_together(X, y)
        refuse_masked(X, "X")
        if y is None:
            return np.asarray(validate_data(self, X, None))
        several = getattr(y, "ndim", 1) == 2 and np.shape(y)[1] > 1
        return np.asarray(validate_data(self, X, y, multi_output=several)[0])

    @property
    def views(self) -> list[str]:
        """Modalities of samples that a fitted model knows, without side information."""
        return [m for m in self.modalities_ if m != CLASS_MODALITY]

    def _check_labels(self, labels: Array | None, classes: Classes | None) -> None:
        """Raise ValueError unless training labels are of seen classes, one per sample for most
        models.

        A sample without a class (`NO_CLASS`) is refused, because its label would index the last
        row.
        """
        if labels is None:
            return
        if not self.many_labels:
            _check_single(labels, self)
        n_classes = int(labels.max(initial=0)) + 1 if labels.ndim == 1 else labels.shape[1]
        check_class_rows(labels, n_classes if classes is None else len(classes))
        if classes is None or self.oracle:
            return
        used = classes_held(labels)
        unseen = used[~classes.seen[used]]
        if len(unseen):
            raise ValueError(f"labels: training samples of the unseen class "
                             f"{classes.names[unseen[0]]!r}; remove them or mark it seen.")

    def _remember(self, widths: Mapping[str, int]) -> None:
        """Store the modalities that the fitted model will know, and their widths."""
        self.widths_ = dict(widths)
        self.modalities_ = list(self.widths_)

    def _rows(self, x: Samples, modality: str) -> Array:
        """Check rows of one modality; return them in float32, ``(n, d)``, or ``(n, t, d)`` if the
        model reads tokens.
        """
        check_fitted(self, "widths_")
        rows: Any = x
        if by_modality(x):
            samples = samples_given(x)
            check_columns(samples, modality, self)
            rows = samples.read(modality)
        elif modality in getattr(self, "columns_", {}) and not hasattr(self, "n_features_in_"):
            check_columns(x, modality, self)
        elif hasattr(self, "n_features_in_") and modality != CLASS_MODALITY:
            refuse_masked(x, f"x: {modality!r}")
            rows = validate_data(self, x, reset=False)
        return check_rows(rows, modality, self.widths_, tokens="tokens" in self.reads)

    def _masked_rows(self, x: npt.ArrayLike | Views, modality: str) -> tuple[Array, Array | None]:
        """Return `_rows` and the mask ``(n, t)`` of their real tokens, None if all are real."""
        mask = x.masks.get(modality) if isinstance(x, Views) else None
        return self._rows(x, modality), mask

    @property
    def cli_name(self) -> str:
        """Name on the command line: the file the model lives in, or the class of one's own."""
        cls = type(self)
        within = cls.__module__.startswith("crossalign.models.")
        return cls.__module__.rsplit(".", 1)[-1] if within else cls.__name__


class Aligner:
    """Role: puts every modality in one space, and says how similar rows are there.

    Whatever ranks samples asks the model: `similarity_inputs` are compared by `compare`, and
    `index` finds the nearest of their `index_vectors`, in the same order. Wherever a model that
    reads tokens takes rows of a modality, it takes `Views` as well, whose mask says which tokens
    are real. In plain rows all tokens are real.

    Class attributes
    ----------------
    similarities : tuple of str
        Ways in which the model can compare. One that has several compares by its parameter
        ``similarity``.
    """

    similarities: ClassVar[tuple[str, ...]] = ("cosine",)
    widths_: dict[str, int]

    def embed(self, x: npt.ArrayLike | Views, modality: str) -> Array:
        """Embed ``x (n, d_m)`` as unit rows ``(n, d)`` float32; cosine is their inner product."""
        raise NotImplementedError("abstract")  # pragma: no cover

    def embed_views(self, X: Views, modalities: Sequence[str]) -> Array:
        """Embed samples by all of the views that each has, as unit rows ``(n, d)``.

        Raises
        ------
        ValueError
            If a sample has none of them.
        """
        from crossalign.models.several_views import mean_of_views

        return mean_of_views(self, X, modalities)

    @property
    def knows_classes(self) -> bool:
        """True for a fitted model that has learned to read side information."""
        return CLASS_MODALITY in self.widths_

    def embed_classes(self, embeddings: npt.ArrayLike) -> Array:
        """Compute unit rows ``(C, d)`` of classes from their side information ``(C, a)``."""
        return self.embed(embeddings, CLASS_MODALITY)

    def similarity_inputs(self, x: npt.ArrayLike | Views, modality: str | Sequence[str]) -> Array:
        """Compute the rows ``(n, w)`` that `compare` takes; unit rows of the space by default.

        The input is rows ``(n, d)`` or ``(n, t, d)`` of a modality, or `Views` with several
        modalities, each sample by all that it has.
        """
        if not isinstance(modality, str):
            assert isinstance(x, Views)
            return self.embed_views(x, modality)
        return self.embed(x, modality)

    def compare(self, a: Array, b: Array, similarity: str | None = None) -> Array | ScoreSource:
        """Score similarity inputs ``(n, w)`` against ``(m, w)``, larger is closer.

        Parameters
        ----------
        a, b : array
            Similarity inputs of queries and of a gallery.
        similarity : str, optional
            One of ``similarities``; default the model's own.

        Returns
        -------
        array or callable
            Scores ``(n, m)``, or a source of some of their rows, as the retrieval metrics take
            them.
        """
        return EmbeddingScores(a, b)

    def index(self) -> Any:
        """Make an empty index of `index_vectors` that ranks as `compare` does."""
        return ExactIndex()

    def index_vectors(self, inputs: Array) -> Array:
        """Turn similarity inputs ``(n, w)`` into the vectors that `index` takes."""
        return inputs


class Distributional(Aligner):
    """Role: an aligner that also says how uncertain it is."""

    def embed_distribution(self, x: npt.ArrayLike | Views, modality: str) -> tuple[Array, Array]:
        """Return mean and standard deviation, ``(n, d)`` each, of the latent Gaussian of every
        row.
        """
        raise NotImplementedError("abstract")  # pragma: no cover

    def class_distribution(self, embeddings: npt.ArrayLike) -> tuple[Array, Array]:
        """Compute mean and standard deviation, ``(C, d)`` each, of classes by side information."""
        return self.embed_distribution(embeddings, CLASS_MODALITY)


class TokenSelector(Aligner):
    """Role: an aligner that reads the most salient tokens of a sample, and says which."""

    def saliency(self, x: npt.ArrayLike | Views, modality: str) -> Array:
        """Compute the saliency of the tokens of ``x (n, t, d)``, ``(n, t)``, 0 at padding."""
        raise NotImplementedError("abstract")  # pragma: no cover

    def kept_tokens(self, x: npt.ArrayLike | Views, modality: str) -> Array:
        """Return True for the tokens of ``x (n, t, d)`` that the model reads, ``(n, t)`` bool."""
        raise NotImplementedError("abstract")  # pragma: no cover


class ZeroShotClassifier(ClassifierMixin):  # type: ignore[misc]
    """Role: scores samples against classes, seen or not.

    Without classes in training it is a classifier of scikit-learn's: every class is its own one-hot
    vector. ``classes_ (C,)`` are the labels of the score columns, as they were given.
    """

    classes_: Any
    described_: bool
    modality_: str

    def decision_function(self, X: Samples, classes: Classes | None = None) -> Array:
        """Score samples ``(n, C)``, larger is likelier, for the training classes or for
        ``classes``.

        ``(n,)`` for two classes in training that came without side information.
        """
        from crossalign.models.blockwise import in_blocks
        from crossalign.models.one_modality import complete

        check_fitted(self, "widths_")
        if by_modality(X):
            return in_blocks(lambda part: self._scored(part, classes),
                             complete(samples_given(X), self.modality_))
        return self._scored(X, classes)

    def _scored(self, X: Samples, classes: Classes | None) -> Array:
        """Return `decision_function` of samples that are read at once."""
        return self._columns(self._class_scores(self._rows(X, self.modality_), classes), classes)

    def _columns(self, scores: Array, classes: Classes | None) -> Array:
        """Return scores ``(n, C)`` as scikit-learn has them where nobody described classes."""
        if classes is None and scores.shape[1] == 2 and not self.described_:
            return np.asarray(scores[:, 1] - scores[:, 0])
        return scores

    def _class_scores(self, x: Array, classes: Classes | None) -> Array:
        """Return scores ``(n, C)`` of checked rows ``(n, d)`` of the modality ``modality_``."""
        raise NotImplementedError("abstract")  # pragma: no cover

    def predict(self, X: Samples) -> Array:
        """Return the label ``(n,)`` of the best training class, as labels were given."""
        scores = self.decision_function(X)
        best = scores.argmax(axis=1) if scores.ndim == 2 else (scores > 0).astype(np.int64)
        return np.asarray(np.asarray(self.classes_)[best])

    def score(self, X: Samples, y: npt.ArrayLike | None = None,
              sample_weight: npt.ArrayLike | None = None) -> float:
        """Return the accuracy on samples with labels ``y``, by default those in ``X``.

        Data frames and series must have the same index, as in ``fit``.
        """
        check_together(X, y)
        if y is None and isinstance(X, Views):
            y = np.asarray(self.classes_)[X.truth]
        found = self.predict(X)
        if found.dtype.kind == "U" and y is not None:
            y, found = same_spelling(y), same_spelling(found)
        return float(accuracy_score(y, found, sample_weight=sample_weight))

    def _given(self, X: Samples, y: npt.ArrayLike | None, classes: Any) -> Given:
        """Return samples, classes and labels as `Model._given` does; without classes, those of the
        labels, one-hot.
        """
        samples, known, labels = super()._given(X, y, classes)
        self.described_ = known is not None
        if known is None and samples.labels is not None and samples.labels.ndim == 1:
            check_class_rows(samples.labels, int(samples.labels.max(initial=0)) + 1)
            held, rows = np.unique(samples.labels, return_inverse=True)
            labels = held if labels is None else labels[held]
            check_classification_targets(labels[rows])
            samples = samples.with_labels(rows)
            known = Classes(np.eye(len(held)), np.ones(len(held), dtype=bool),
                            tuple(str(label) for label in labels))
        if known is not None:
            self.classes_ = np.arange(len(known)) if labels is None else labels
        return Given(samples, known, labels)


class Generator:
    """Role: makes latent samples of a class from its side information."""

    def sample(self, class_embeddings: npt.ArrayLike, n: int, random_state: int = 0) -> Array:
        """Draw latent samples ``(C, n, d)`` for class embeddings ``(C, a)``."""
        raise NotImplementedError("abstract")  # pragma: no cover


class Translator:
    """Role: turns rows of one modality into rows of another."""

    def translate(self, x: npt.ArrayLike, source: str, target: str) -> Array:
        """Translate rows ``(n, d_source)`` to rows ``(n, d_target)``."""
        raise NotImplementedError("abstract")  # pragma: no cover


def check_kinds(X: Views, model: Model) -> None:
    """Raise ValueError if a modality is of a kind that the model does not read."""
    for name in X.modalities:
        kind = X.kind(name)
        if kind not in model.reads:
            known = " and ".join(KINDS[k] for k in model.reads)
            raise ValueError(f"X: {name!r} holds {KINDS[kind]}, and {type(model).__name__} reads "
                             f"{known}; {UNREAD[kind]}.")


def check_fitted(model: object, attribute: str) -> None:
    """Raise NotFittedError unless the model has the learned attribute."""
    if not hasattr(model, attribute):
        raise NotFittedError(f"{type(model).__name__} is not fitted yet; call fit first.")


def check_columns(x: Any, modality: str, model: object) -> None:
    """Raise ValueError if a modality's columns have other names, or another order, than in
    training.

    Arrays have no names, and go by position.
    """
    given = x.column_names.get(modality, []) if isinstance(x, Views) else column_names(x)
    trained = getattr(model, "columns_", {}).get(modality, [])
    if len(given) != len(trained):
        return
    for c, (here, there) in enumerate(zip(given, trained, strict=True)):
        if here != there:
            raise ValueError(f"x: column {c} of {modality!r} is {here!r}, and {there!r} in "
                             "training; give the columns of training in their order, or an array, "
                             "as frame.to_numpy() is, to go by position.")


def check_rows(x: npt.ArrayLike, modality: str, widths: Mapping[str, int], *,
               tokens: bool = False) -> Array:
    """Return finite float32 rows ``(n, d)`` of a known modality; with ``tokens`` also ``(n, t,
    d)``.

    Raises
    ------
    ValueError
        For an unknown modality, another width, NaN or infinity.
    """
    if modality not in widths:
        raise ValueError(f"modality: got {modality!r}; the model knows {list(widths)}.")
    rows = float32(x, f"x: {modality!r}")
    if rows.ndim not in ((2, 3) if tokens else (2,)) or rows.shape[-1] != widths[modality]:
        raise ValueError(f"x: shape {rows.shape} for {modality!r}; "
                         f"give (n, {widths[modality]}), the width of training.")
    if not np.isfinite(rows).all():
        bad = int(np.flatnonzero(~np.isfinite(rows.reshape(len(rows), -1)).all(axis=1))[0])
        raise ValueError(f"x: row {bad} of {modality!r} holds NaN or infinity in float32; repair "
                         "or drop it.")
    return rows


def labels_of(X: Views, model: object) -> Array:
    """Return the labels ``(n,)`` of training samples, as `Model._start` returns them.

    Raises
    ------
    ValueError
        If there are none.
    """
    if X.labels is None:
        raise ValueError(f"y: {type(model).__name__} learns from labels and the samples have "
                         "none; pass y or Views with labels.")
    _check_single(X.labels, model)
    return X.labels


def _check_single(labels: Array, model: object) -> None:
    """Raise ValueError if samples have several classes."""
    if labels.ndim == 2:
        raise ValueError(f"labels: several classes a sample, and {type(model).__name__} learns "
                         "from one here; give one label per sample, or choose a model or settings "
                         "that learn from pairs alone.")


def side_information(classes: Classes | None, model: object) -> Classes:
    """Return the classes, checked to carry side information.

    Raises
    ------
    ValueError
        If there are no classes or their embeddings have no columns.
    """
    if classes is None or classes.embeddings.shape[1] == 0:
        raise ValueError(f"classes: {type(model).__name__} needs side information, one vector per "
                         "class; pass Classes(embeddings, seen).")
    return classes


def checked_side(embeddings: npt.ArrayLike, width: int) -> Array:
    """Return class embeddings ``(C, a)``, checked to be as wide as those of training.

    Raises
    ------
    ValueError
        If they are not.
    """
    side = np.asarray(embeddings)
    if side.ndim != 2 or side.shape[1] != width:
        raise ValueError(f"classes: embeddings of shape {side.shape}; give (C, {width}), the width "
                         "of training.")
    return side


def unit_rows(x: Array) -> Array:
    """Scale rows to length one, float32; a zero row stays zero."""
    x = np.asarray(x)
    norms = np.linalg.norm(x, axis=1, keepdims=True)
    return np.asarray(x / np.where(norms > 0, norms, 1), dtype=np.float32)
