"""Roles that a model can play: mixins, each of which says what the model can do.

A role has every method that others ask of such a model. A model that is asked for one is told by
its role, never by its attributes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils.multiclass import check_classification_targets

from crossalign.index.exact import ExactIndex
from crossalign.labels import check_class_rows
from crossalign.metrics.retrieval.score_sources import EmbeddingScores, ScoreSource
from crossalign.models.rows import Array, check_fitted
from crossalign.types import CLASS_MODALITY, Classes, Samples, Views, samples_given
from crossalign.types.given import Given, by_modality, check_together, same_spelling


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

    def project(self, x: npt.ArrayLike | Views, modality: str) -> Array:
        """Compute rows ``(n, d)`` of the space with their length; unit rows where it has none."""
        return self.embed(x, modality)

    @property
    def knows_classes(self) -> bool:
        """True for a fitted model that has learned to read side information."""
        return CLASS_MODALITY in self.widths_

    def embed_classes(self, embeddings: npt.ArrayLike) -> Array:
        """Compute unit rows ``(C, d)`` of classes from their side information ``(C, a)``."""
        return self.embed(embeddings, CLASS_MODALITY)

    def project_classes(self, embeddings: npt.ArrayLike) -> Array:
        """Compute rows ``(C, d)`` of classes with their length, as `project` does of samples."""
        return self.project(embeddings, CLASS_MODALITY)

    def class_scores(self, x: npt.ArrayLike | Views, modality: str | Sequence[str],
                     embeddings: npt.ArrayLike, prototypes: Array | None = None) -> Array:
        """Score samples against classes, ``(n, C)``, larger is likelier; cosines by default.

        Parameters
        ----------
        x, modality
            Samples as `similarity_inputs` takes them.
        embeddings : (C, a)
            Side information of the classes.
        prototypes : (C, d), optional
            Unit rows of the classes, as `embed_classes` gives them; default computed here.
        """
        if prototypes is None:
            prototypes = self.embed_classes(embeddings)
        return np.asarray(self.unit_rows(x, modality) @ prototypes.T)

    def similarity_inputs(self, x: npt.ArrayLike | Views, modality: str | Sequence[str]) -> Array:
        """Compute the rows ``(n, w)`` that `compare` takes; unit rows of the space by default.

        The input is rows ``(n, d)`` or ``(n, t, d)`` of a modality, or `Views` with several
        modalities, each sample by all that it has.
        """
        return self.unit_rows(x, modality)

    def unit_rows(self, x: npt.ArrayLike | Views, modality: str | Sequence[str]) -> Array:
        """Return unit rows ``(n, d)`` of samples through a modality or through several."""
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

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        return tags

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
    """Role: draws latent samples about rows, and so of a class from its side information."""

    def sample_rows(self, x: npt.ArrayLike | Views, modality: str | Sequence[str],
                    random_state: int = 0) -> Array:
        """Draw one latent sample ``(n, d)`` about every row."""
        raise NotImplementedError("abstract")  # pragma: no cover

    def sample(self, class_embeddings: npt.ArrayLike, n: int, random_state: int = 0) -> Array:
        """Draw latent samples ``(C, n, d)`` for class embeddings ``(C, a)``."""
        rows = np.asarray(class_embeddings, dtype=np.float32)
        codes = self.sample_rows(np.repeat(rows, n, axis=0), CLASS_MODALITY, random_state)
        return codes.reshape(len(rows), n, codes.shape[1])


class Translator:
    """Role: turns rows of one modality into rows of another."""

    def translate(self, x: npt.ArrayLike, source: str, target: str) -> Array:
        """Translate rows ``(n, d_source)`` to rows ``(n, d_target)``."""
        raise NotImplementedError("abstract")  # pragma: no cover
