"""Labels and side information that models learn from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from crossalign.labels import check_class_rows, classes_held, has_class
from crossalign.models.rows import Array
from crossalign.types import CLASS_MODALITY, Classes, Views

if TYPE_CHECKING:
    from crossalign.models.base import Model


def check_labels(labels: Array | None, classes: Classes | None, model: Model,
                 passed: bool = False) -> None:
    """Raise ValueError unless training labels are of seen classes, one per sample for most models.

    A sample without a class (`NO_CLASS`) is refused, because its label would index the last row,
    unless the model says that it handles unlabelled samples among others and samples say so
    themselves; in labels that are ``passed`` beside them it is taken for a mistake.
    """
    if labels is None:
        return
    if not model.many_labels:
        _check_single(labels, model)
    if model.handles_unlabelled and not passed:
        labels = labels[has_class(labels)]
    n_classes = int(labels.max(initial=0)) + 1 if labels.ndim == 1 else labels.shape[1]
    check_class_rows(labels, n_classes if classes is None else len(classes))
    if classes is None or model.oracle:
        return
    used = classes_held(labels)
    unseen = used[~classes.seen[used]]
    if len(unseen):
        raise ValueError(f"labels: training samples of the unseen class "
                         f"{classes.names[unseen[0]]!r}; remove them or mark it seen.")


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
                         "class, or a second modality; pass Classes(embeddings, seen) or "
                         "--attributes, or choose dual_encoder, which learns nothing.")
    return classes


def check_side(embeddings: npt.ArrayLike, model: object) -> None:
    """Raise ValueError unless side information is as wide as a fitted model has learned to read."""
    width = getattr(model, "widths_", {}).get(CLASS_MODALITY)
    if width is not None:
        checked_side(embeddings, width)


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
