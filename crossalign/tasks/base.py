"""Base of all tasks: parameters as in scikit-learn, and a folder for saving."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from crossalign.nested import Nested
from crossalign.sentences import short
from crossalign.types import Classes, Views, samples_given, training_given
from crossalign.types.given import FEATURES, Given, by_modality


class Task(Nested):
    """Base of all tasks.

    Class attributes
    ----------------
    learned : mapping of name to type or types
        Attributes that the task learns, all of which a folder may hold.
    learned_format : int
        Number that is raised where older folders lack some of them; default 1.
    """

    learned: ClassVar[Mapping[str, Any]] = {}
    learned_format: ClassVar[int] = 1

    def save(self, folder: str | Path) -> Path:
        """Write the task, with its model, to a folder; see `tasks.store`.

        Raises
        ------
        ValueError
            If the folder exists and holds something else or cannot be written, or a part of the
            task can only be kept by pickling it.
        """
        from crossalign.tasks.store import save_task

        return save_task(self, folder)

    @classmethod
    def load(cls, folder: str | Path, model: str | type[Any] | None = None) -> Self:
        """Read a folder that `save` wrote.

        Parameters
        ----------
        folder : str or Path
            Folder of the task.
        model : str or class, optional
            Class of a model of your own, or ``FILE.py:CLASS``; default None, a model of the
            library.

        Raises
        ------
        ValueError
            If the folder is of another class or format version, or was damaged or edited.
        """
        from crossalign.models.store import check_class
        from crossalign.tasks.store import load_task

        return check_class(load_task(folder, model), cls, folder)

    def try_out(self) -> None:
        """Answer made-up samples; a part that a loaded task lacks or cannot use is an error
        here.
        """


class ForeignError(ValueError):
    """A part that a folder cannot bring, as code or a language model, is not given, or another."""


class VersionError(ForeignError):
    """A folder was written by a version whose format is another."""


def check_samples(X: Any, argument: str) -> None:
    """Raise ValueError unless these are `Views`, arrays by modality or one array."""
    listed = isinstance(X, list | tuple) and not any(isinstance(part, Views) for part in X)
    if not by_modality(X) and not listed and not any(
            hasattr(X, method) for method in ("__array__", "toarray")):
        raise ValueError(f"{argument}: got {short(X)}; give Views, arrays by modality, or one "
                         "array.")


def task_samples(X: Any, argument: str, name: str = FEATURES) -> Views:
    """Return samples as `Views`; ``name`` is that of the modality of one array or data frame.

    Raises
    ------
    ValueError
        If they are none.
    """
    check_samples(X, argument)
    return samples_given(X, name)


def task_training(model: Any, train: Any, classes: Any, y: npt.ArrayLike | None = None) -> Given:
    """Return training samples of a fitted model, and the classes to choose among with their labels.

    Classes in a mapping of label to vector or a data frame are seen if they label samples; without
    labels all count as seen.

    Raises
    ------
    ValueError
        If either is nothing of the kind.
    """
    views = [getattr(model, "modality_", None), *getattr(model, "modalities_", []), FEATURES]
    samples = task_samples(train, "train", next(name for name in views if name is not None))
    _check_classes(classes)
    return training_given(samples, y, classes)


def task_classes(classes: Any) -> Classes:
    """Return classes as `Classes`; those in a mapping or a data frame are unseen.

    Raises
    ------
    ValueError
        If they are none.
    """
    _check_classes(classes)
    if isinstance(classes, Classes):
        return classes
    known = training_given(Views({FEATURES: np.zeros((1, 1))}), None, classes).classes
    assert known is not None
    return Classes(known.embeddings, np.zeros(len(known), dtype=bool), known.names)


def _check_classes(classes: Any) -> None:
    """Raise ValueError unless these are `Classes`, a data frame or a mapping."""
    if not isinstance(classes, Classes | Mapping) and not hasattr(classes, "iloc"):
        raise ValueError(f"classes: got {short(classes)}; give Classes, a data frame with the "
                         "labels as its index, or a dict from label to vector.")
