"""Within-class whitening: directions in which samples of one class differ count less.

    T = U (diag(w) + s mean(w))^(-1/2),     U diag(w) U' = W

with W the covariance of samples about the mean of their class, over all modalities (within-class
covariance normalisation: Hatch, Kajarekar and Stolcke, Interspeech 2006). Classes and modalities
are told apart by the directions that vary least within them, as in discriminant analysis, but
nothing is left out, so that unseen classes may differ where seen ones do not. It needs many seen
classes; with few, W is a poor estimate for unseen ones.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import linalg

from crossalign.labels import has_class
from crossalign.models.rows import Array
from crossalign.preprocessing.rows import Rows, class_means, held, scatter

WHITENINGS = (None, 0.1, 1.0, 10.0)
"""Values of s that validation tries; None is no whitening."""


def within_class_covariance(rows: Mapping[str, Array | Rows],
                            labels: Mapping[str, Array]) -> Array:
    """Compute W ``(d, d)`` from the embedded samples ``(n_m, d)`` of every modality and their
    labels.

    The mean of a class is that of its modalities' means; each modality weighs the same in W.
    Samples without a class do not count.
    """
    sides = {m: x if isinstance(x, Rows) else held(x) for m, x in rows.items()}
    known = {m: has_class(y) for m, y in labels.items()}
    if not all(here.all() for here in known.values()):
        sides = {m: x.take(known[m]) for m, x in sides.items()}
        labels = {m: y[known[m]] for m, y in labels.items()}
    classes = np.unique(np.concatenate(list(labels.values())))
    places = {m: np.searchsorted(classes, y) for m, y in labels.items()}
    total = sum(class_means(x, places[m], len(classes)) for m, x in sides.items())
    seen = sum(np.bincount(places[m], minlength=len(classes)) > 0 for m in sides)
    means = np.asarray(total) / np.asarray(seen)[:, None]
    return np.asarray(sum(scatter(x.less_class(places[m], means)) / len(x) / len(sides)
                          for m, x in sides.items()))


def whitening_of(within: Array, s: float) -> Array:
    """Compute T ``(d, d)``; rows are whitened as ``x @ T``. Without any spread it is the
    identity.
    """
    values, vectors = linalg.eigh(within)
    values = np.clip(values, 0, None)
    if values.mean() == 0:
        return np.eye(len(within))
    return np.asarray(vectors / np.sqrt(values / values.mean() + s))
