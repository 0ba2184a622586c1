"""Base of all models.

A model is a scikit-learn estimator that *has* learned arrays or a network. Its constructor takes
the hyper-parameters and only stores them; `fit` takes `Views`; what is learned ends in ``_`` and
is all that `save` writes. `roles` say what a model can do.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
import numpy.typing as npt
from sklearn.base import clone
from sklearn.utils.validation import validate_data

from crossalign.models.parts import head_of
from crossalign.models.ranges import check_parameters
from crossalign.models.rows import (
    Array,
    check_columns,
    check_fitted,
    check_kinds,
    check_present,
    check_rows,
    check_table,
)
from crossalign.models.supervision import check_labels
from crossalign.models.trained_classes import training_record
from crossalign.nested import Nested, Part, without
from crossalign.types import (
    CLASS_MODALITY,
    Classes,
    Samples,
    Views,
    samples_given,
    training_given,
)
from crossalign.types.classes import views_among
from crossalign.types.given import FEATURES, Given, by_modality, check_together

T = TypeVar("T")


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
    uses_side_information, many_modalities, handles_missing, handles_unlabelled, many_labels, \
one_encoder, stochastic : bool
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
    handles_unlabelled: ClassVar[bool] = False
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
        tags.input_tags.two_d_array = False
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
        check_present(X, self)
        check_labels(X.labels, classes, self, passed=y is not None)
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
        check_table(X, "X")
        labels = np.asarray(y, dtype=object if isinstance(y, list | tuple) else None)
        if labels.ndim and len(labels) != len(np.asarray(X)):
            raise ValueError(f"y: {len(labels)} labels for {len(np.asarray(X))} samples; give one "
                             "for each.")
        if y is None:
            return np.asarray(validate_data(self, X, None))
        several = getattr(y, "ndim", 1) == 2 and np.shape(y)[1] > 1
        return np.asarray(validate_data(self, X, y, multi_output=several)[0])

    @property
    def views(self) -> list[str]:
        """Modalities of samples that a fitted model knows, without side information."""
        return views_among(self.modalities_)

    def _by_modality(self, view: T, side: T) -> dict[str, T]:
        """Return what a model has for each modality that it knows: ``view``, or ``side`` for side
        information.
        """
        return {m: side if m == CLASS_MODALITY else view for m in self.widths_}

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
            check_table(x, f"x: {modality!r}")
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
