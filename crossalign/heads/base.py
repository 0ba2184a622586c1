"""Common part of the heads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from crossalign.models.blockwise import as_given
from crossalign.models.one_modality import complete
from crossalign.models.ranges import check_values
from crossalign.models.roles import Aligner, Distributional
from crossalign.models.several_views import presence
from crossalign.models.supervision import check_side
from crossalign.nested import Part
from crossalign.types import Classes, Views

Array = npt.NDArray[Any]
Modalities = str | Sequence[str]
"""Name of the one modality that rows are of, or of the views that `Views` are read through."""


class Places(NamedTuple):
    """Places of classes in a space, and of samples in the same one.

    Attributes
    ----------
    means : (C, d)
        Means of the classes, to which a head compares samples.
    rows : (m, d)
        Samples that have a place.
    here : (n,) bool
        Which of n samples these are.
    sphere : bool
        Whether means have unit length.
    settle : callable
        Function of means ``(C, d)``, by which the head compares from then on.
    whitener : (d, d), optional
        Map under which samples of a class differ alike in all directions; default None, they do
        without.
    """

    means: Array
    rows: Array
    here: Array
    sphere: bool
    settle: Callable[[Array], None]
    whitener: Array | None = None


class Head(Part):
    """Base of the heads: it is fitted for a model, and scores samples of that model.

    A head holds its parameters and what it has learned, and is given the fitted model with every
    call, so that both are saved apart.

    Class attributes
    ----------------
    learned : mapping of name to type or types
        Attributes that the head learns, all of which a folder may hold.
    embeds : bool
        Whether the model has to embed samples.
    embeds_classes : bool
        Whether class vectors have to be as wide as those that the model was fitted on.
    has_epochs : bool
        Whether `fit_epochs` stops more than once.
    """

    learned: ClassVar[Mapping[str, Any]] = {}
    embeds: ClassVar[bool] = True
    embeds_classes: ClassVar[bool] = False
    has_epochs: ClassVar[bool] = False

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.name = cls.__module__.rpartition(".")[2]

    def fit(self, model: Any, train: Views, classes: Classes, views: Sequence[str]) -> Self:
        """Learn from training samples, which are read through ``views``, and the classes.

        Raises
        ------
        ValueError
            If the head cannot score such classes for such a model.
        """
        for _ in self.fit_epochs(model, train, classes, views):
            pass
        return self

    def fit_epochs(self, model: Any, train: Views, classes: Classes,
                   views: Sequence[str]) -> Iterator[int]:
        """Learn as `fit` does, with a stop after every epoch, counted from 0; others stop once."""
        self.check(model, train, classes)
        self.learn(model, train, classes, views)
        yield 0

    def check(self, model: Any, train: Views, classes: Classes) -> None:
        """Raise ValueError if a parameter is out of range, or the head cannot score such classes
        for such a model.
        """
        check_values({f"head__{key}": value for key, value in self.get_params().items()},
                     {f"head__{key}": of for key, of in self._parameter_constraints.items()})
        if self.embeds and not isinstance(model, Aligner):
            raise ValueError(f"head: {self.name!r} needs an aligner, and {type(model).__name__} "
                             "does not embed samples; choose 'classifier' or an aligner, as "
                             "RidgeMap.")
        if self.embeds_classes:
            check_side(classes.embeddings, model)
        if self.reads_samples(classes):
            labels = np.unique(train.truth)
            if labels[-1] >= len(classes) or not classes.seen[labels].all():
                raise ValueError(f"classes: the head {self.name!r} reads training samples, and "
                                 "these are of classes that are not here or not marked as seen; "
                                 "give all classes, with gamma=inf to choose among the unseen "
                                 "ones only.")

    def reads_samples(self, classes: Classes) -> bool:
        """Tell whether training samples, and so all their classes, are needed."""
        return False

    def learn(self, model: Any, train: Views, classes: Classes, views: Sequence[str]) -> None:
        """Learn what `scores` needs."""
        raise NotImplementedError("abstract")  # pragma: no cover

    def scores(self, model: Any, rows: Any, views: Modalities) -> Array:
        """Score rows of a modality, or `Views`, through ``views``: ``(n, C)``, larger is
        likelier.
        """
        raise NotImplementedError("abstract")  # pragma: no cover

    def take_classes(self, model: Any, classes: Classes) -> None:
        """Score ``classes`` from now on, further ones behind those of `fit`.

        Raises
        ------
        ValueError
            If the head has to be fitted again for that.
        """
        raise ValueError(f"head: {self.name!r} cannot take classes after fit; use "
                         "another, as head='prototype', or fit again with all classes.")

    def places(self, model: Any, rows: Any, views: Modalities) -> list[Places]:
        """Return where classes and samples lie, in every space in which the head compares them.

        Raises
        ------
        ValueError
            If the head has no means of classes.
        """
        raise ValueError(f"head: {self.name!r} has no means of classes that unlabelled samples "
                         "could move; use another, as head='gaussian'.")


def codes_of(model: Any, rows: Any, views: Modalities) -> Array:
    """Compute latent rows ``(n, d)``, with their length if the model keeps it.

    Several views give unit rows, unless the model multiplies their Gaussians.
    """
    if not isinstance(views, str) and not isinstance(model, Distributional):
        return np.asarray(model.embed_views(rows, views))
    return np.asarray(model.project(rows, views))


def read_through(X: Views, views: Sequence[str]) -> tuple[Any, Modalities]:
    """Return samples as a model takes them, and the view or views through which.

    Raises
    ------
    ValueError
        If a sample has none of the views.
    """
    names = [m for m in views if m in X] or [views[0]]
    if len(names) == 1:
        return as_given(complete(X, names[0]), names[0]), names[0]
    presence(X, names)
    return X.select(*names), names
