"""Samples, labels and classes as users give them, turned into the types of the library.

The inside works on `Views`, whose labels are rows of `Classes`. Users have arrays, data frames,
labels of any kind, and one vector per class by its name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from crossalign.arrays import check_frames
from crossalign.labels import classes_held, label_array, sample_labels
from crossalign.names import composed
from crossalign.types.classes import Classes
from crossalign.types.views import Views

Array = npt.NDArray[Any]

FEATURES = "features"
"""Name of the modality of samples that come without one."""
Samples = Views | Mapping[str, npt.ArrayLike] | npt.ArrayLike
"""`Views`; arrays or data frames by modality; or one array or data frame, ``(n, d)``."""


class Given(NamedTuple):
    """Training samples with their classes.

    Attributes
    ----------
    samples : Views
        Samples, labelled by rows of the classes if there are labels.
    classes : Classes or None
        Classes; None if the user gave none.
    labels : (C,) array or None
        Label of each class as the user gave it; None if the user gave rows of the classes.
    """

    samples: Views
    classes: Classes | None
    labels: Array | None


def by_modality(X: object) -> bool:
    """Tell whether samples come under the names of modalities; sparse arrays can be dicts too."""
    return isinstance(X, Views | Mapping) and not hasattr(X, "toarray")


def samples_given(X: Samples, name: str = FEATURES) -> Views:
    """Return samples as `Views`; ``name`` is that of a modality without one."""
    if isinstance(X, Views):
        return X
    data: Any = X if by_modality(X) else {name: X}
    return Views(data)


def check_together(X: Samples, y: object) -> None:
    """Raise ValueError if labels ``y`` are bytes, or their index disagrees with that of data frames
    in ``X``.
    """
    _refuse_bytes(y, "y")
    if isinstance(X, Views):
        return
    frames = ({f"X[{name!r}]": values for name, values in X.items()}
              if isinstance(X, Mapping) and by_modality(X) else {"X": X})
    check_frames({**frames, "y": y})


def training_given(X: Samples, y: npt.ArrayLike | None, classes: Any,
                   name: str = FEATURES) -> Given:
    """Return training samples, labelled by rows of their classes.

    Parameters
    ----------
    X : Views, mapping of modality to array, array, or data frame
        Samples.
    y : (n,) labels, optional
        Labels, text or numbers; with `Classes` or `Views`, numbers are rows of the classes. Default
        those in ``X``.
    classes : Classes, data frame, or mapping of label to vector, optional
        Side information. The index of a data frame is its labels. Classes that label no sample are
        unseen.
    name : str
        Name of a modality without one.

    Raises
    ------
    ValueError
        If a label is not among the classes, stands there twice, or is missing; or if the index of
        ``y`` disagrees with that of data frames in ``X``.
    """
    check_together(X, y)
    samples = samples_given(X, name)
    if classes is not None and not isinstance(classes, Classes):
        return _by_label(samples, y, classes)
    if y is None:
        return Given(samples, classes, None)
    labels = label_array(y)
    if labels.ndim == 2 and labels.shape[1] > 1:
        return Given(samples.with_labels(labels), classes, None)
    text = labels.dtype.kind == "U"
    if classes is not None and text:
        return Given(samples.with_labels(classes.rows(sample_labels(y))), classes,
                     _as_in(labels, np.array(classes.names)))
    if not text and (classes is not None or isinstance(X, Views)):
        return Given(samples.with_labels(y), classes, None)
    values, rows = np.unique(sample_labels(y) if text else labels.ravel(), return_inverse=True)
    return Given(samples.with_labels(rows), None, values)


def _by_label(samples: Views, y: npt.ArrayLike | None, classes: Any) -> Given:
    """Return samples with classes that are known by their labels."""
    given = None if y is None else sample_labels(y)
    keys, vectors = _side_by_label(classes)
    _refuse_bytes(keys, "classes")
    values = sample_labels(keys, "classes")
    at = {_key(label): c for c, label in enumerate(values.tolist())}
    if len(at) < len(values):
        twice = next(v for c, v in enumerate(values.tolist()) if at[_key(v)] != c)
        raise ValueError(f"classes: {twice!r} stands there twice; give every class one vector.")
    if given is not None:
        if given.ndim == 2:
            raise ValueError(f"labels: several classes a sample, in shape {given.shape}; give them "
                             "with Classes, whose rows are the columns of the labels.")
        labels = given.tolist()
        foreign = [label for label in dict.fromkeys(labels) if _key(label) not in at]
        if foreign:
            raise ValueError(f"labels: {len(foreign)} are not among the classes, first "
                             f"{foreign[0]!r}; the {len(at)} classes begin with "
                             f"{values[:5].tolist()}.")
        samples = samples.with_labels([at[_key(label)] for label in labels])
        values = _as_in(given, values)
    held = np.arange(len(at)) if samples.labels is None else classes_held(samples.labels)
    seen = np.isin(np.arange(len(at)), held)
    return Given(samples, Classes(vectors, seen, tuple(map(str, values.tolist()))), values)


def _side_by_label(classes: Any) -> tuple[Array | list[Any], Array]:
    """Return the labels of classes, and side information ``(C, a)``."""
    if hasattr(classes, "iloc"):
        if (levels := classes.index.nlevels) > 1:
            raise ValueError(f"classes: an index of {levels} levels; give a data frame whose index "
                             "is the labels, one level.")
        index = np.asarray(classes.index)
        keys = index if index.dtype.kind == "M" else list(classes.index)  # dates keep their unit
        return keys, np.asarray(classes.to_numpy())
    if not isinstance(classes, Mapping):
        raise ValueError(f"classes: got {type(classes).__name__}; give Classes, a data frame with "
                         "the labels as its index, or a dict from label to vector.")
    vectors = {label: _shape(vector) for label, vector in classes.items()}
    width = Counter(s[0] for s in vectors.values() if s is not None and len(s) == 1)
    usual = (width.most_common(1) or [(0, 0)])[0][0]
    for label, shape in vectors.items():
        if shape != (usual,):
            what = "no vector" if shape is None else f"a vector of shape {shape}"
            raise ValueError(f"classes: {label!r} has {what}; give every class a vector of one "
                             f"width, here {usual}.")
    return list(classes), np.asarray(list(classes.values()))


def _shape(vector: Any) -> tuple[int, ...] | None:
    """Return the shape of a vector, None if there is none."""
    try:
        return None if vector is None else np.shape(vector)
    except ValueError:  # lists of several lengths
        return None


def _as_in(labels: Array, values: Array) -> Array:
    """Return class labels as those of samples are written: in their spelling and their type, if
    that holds all of them.
    """
    if not len(values):
        return values
    if labels.dtype.kind not in "Ub":
        with np.errstate(all="ignore"):  # the next line tells whether anything was lost
            typed = values.astype(labels.dtype)
        return typed if typed.tolist() == values.tolist() else values
    written = {_key(label): label for label in labels.ravel().tolist()}
    return np.array([written.get(_key(value), value) for value in values.tolist()])


def _refuse_bytes(labels: Any, name: str) -> None:
    """Raise ValueError if labels are bytes, which models would give back as text."""
    array = np.asarray(labels, dtype=object if isinstance(labels, list | tuple) else None)
    if array.dtype.kind in "SO":
        for value in array.ravel().tolist():
            if isinstance(value, bytes):
                raise ValueError(f"{name}: bytes, as {value!r}; give text, as "
                                 f"np.char.decode({name}) is.")


def _key(label: Any) -> Any:
    """Return a label that is equal for equal words, however their accents are spelt."""
    return composed(label) if isinstance(label, str) else label


def same_spelling(labels: npt.ArrayLike) -> Array:
    """Return labels with every word in one spelling of its accents, for comparisons."""
    array = label_array(labels)
    if array.dtype.kind != "U":
        return array
    return np.array([_key(label) for label in array.ravel().tolist()],
                    dtype=np.str_).reshape(array.shape)
