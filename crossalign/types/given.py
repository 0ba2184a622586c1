"""Samples, labels and classes as users give them, turned into the types of the library.

The inside works on `Views`, whose labels are rows of `Classes`. Users have arrays, data frames,
labels of any kind, and one vector per class by its name.
"""

from __future__ import annotations

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
    """Raise ValueError if the index of labels ``y`` disagrees with that of data frames in ``X``."""
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
                     np.array(classes.names))
    if not text and (classes is not None or isinstance(X, Views)):
        return Given(samples.with_labels(y), classes, None)
    values, rows = np.unique(sample_labels(y) if text else labels.ravel(), return_inverse=True)
    return Given(samples.with_labels(rows), None, values)


def _by_label(samples: Views, y: npt.ArrayLike | None, classes: Any) -> Given:
    """Return samples with classes that are known by their labels."""
    if isinstance(classes, Mapping):
        keys, vectors = list(classes), list(classes.values())
    elif hasattr(classes, "iloc"):
        keys, vectors = list(classes.index), classes.to_numpy()
    else:
        raise ValueError(f"classes: got {type(classes).__name__}; give Classes, a data frame with "
                         "the labels as its index, or a dict from label to vector.")
    values = label_array(keys, "classes")
    at = {_key(label): c for c, label in enumerate(values.tolist())}
    if len(at) < len(values):
        twice = next(v for c, v in enumerate(values.tolist()) if at[_key(v)] != c)
        raise ValueError(f"classes: {twice!r} stands there twice; give every class one vector.")
    if y is not None:
        labels = label_array(y).ravel().tolist()
        foreign = [label for label in dict.fromkeys(labels) if _key(label) not in at]
        if foreign:
            raise ValueError(f"labels: {len(foreign)} are not among the classes, first "
                             f"{foreign[0]!r}; the {len(at)} classes begin with "
                             f"{values[:5].tolist()}.")
        samples = samples.with_labels([at[_key(label)] for label in labels])
    held = np.arange(len(at)) if samples.labels is None else classes_held(samples.labels)
    seen = np.isin(np.arange(len(at)), held)
    return Given(samples, Classes(np.asarray(vectors), seen, tuple(map(str, values.tolist()))),
                 values)


def _key(label: Any) -> Any:
    """Return a label that is equal for equal words, however their accents are spelt."""
    return composed(label) if isinstance(label, str) else label
