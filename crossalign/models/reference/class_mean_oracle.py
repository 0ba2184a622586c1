"""ClassMeanOracle: nearest mean of the *test* features of each class.

It is not a method but a ceiling: the accuracy of a nearest-prototype rule on these features if the
means of unseen classes were known. It is fitted on test samples, is marked as an oracle wherever it
is shown, and no protocol compares against it as if it were a result.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn.utils._param_validation import StrOptions

from crossalign.models.base import Model
from crossalign.models.roles import ZeroShotClassifier
from crossalign.models.rows import Array
from crossalign.models.supervision import labels_of
from crossalign.preprocessing.rows import class_means, rows_of
from crossalign.preprocessing.scaling import KINDS, apply_scaling, fit_scaling
from crossalign.sentences import short
from crossalign.types import Classes, Samples

__all__ = ["ClassMeanOracle"]


class ClassMeanOracle(ZeroShotClassifier, Model):
    """Scores by negative squared distance to the class means of the samples it is fitted on.

    Parameters
    ----------
    scaling : {"l2", "standard", "minmax", "none"}
        Scaling of the features, fitted on the same samples; default ``"l2"``.
    """

    oracle: ClassVar[bool] = True
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {"scaling": [StrOptions(set(KINDS))]}

    def __init__(self, scaling: str = "l2") -> None:
        self.scaling = scaling

    def fit(self, X: Samples, y: npt.ArrayLike | None = None, *, classes: Any = None,
            callbacks: Sequence[Any] = ()) -> Self:
        """Average the rows of each class; ``classes`` gives the number of score columns."""
        X, classes = self._start(X, y, classes)
        assert classes is not None
        self.modality_ = X.modalities[0]
        rows, labels = rows_of(X, self.modality_), labels_of(X, self)
        self.scaling_ = fit_scaling(rows, self.scaling)
        x = rows.then(lambda x: apply_scaling(x, self.scaling, **self.scaling_))
        present, codes = np.unique(labels, return_inverse=True)
        self.means_ = np.full((len(classes), x.width), np.inf)
        self.means_[present] = class_means(x, codes, len(present))
        self.names_ = list(classes.names)
        return self

    def _class_scores(self, x: Array, classes: Classes | None) -> Array:
        """Return scores ``(n, C)``; minus infinity for a class without samples in `fit`.

        ``classes`` are those of `fit` or some of them, by name; for others there is no mean, which
        is a ValueError.
        """
        x = apply_scaling(x, self.scaling, **self.scaling_)
        has_mean = np.asarray(np.isfinite(self.means_).all(axis=1))
        scores = np.full((len(x), len(has_mean)), -np.inf)
        means = self.means_[has_mean]
        scores[:, has_mean] = 2 * x @ means.T - np.square(means).sum(axis=1)
        return scores if classes is None else scores[:, self._columns_of(classes)]

    def _columns_of(self, classes: Classes) -> list[int]:
        """Return the column of each of the classes, which are those of `fit` or some of them."""
        names = getattr(self, "names_", None)
        if names is None:  # saved before names were
            if len(classes) == len(self.means_):
                return list(range(len(classes)))
            raise ValueError(f"classes: {len(classes)} for the {len(self.means_)} that the oracle "
                             "was fitted on; leave them out, or fit it again.")
        at = {name: c for c, name in enumerate(names)}
        foreign = [name for name in classes.names if name not in at]
        if foreign:
            raise ValueError(f"classes: {short(foreign[0])} is none of the {len(at)} classes that "
                             "the oracle was fitted on, of which alone it has means; give some of "
                             "those.")
        return [at[name] for name in classes.names]
