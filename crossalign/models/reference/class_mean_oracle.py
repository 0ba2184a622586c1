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

from crossalign.models.base import Array, Model, ZeroShotClassifier, labels_of
from crossalign.preprocessing.rows import class_means, rows_of
from crossalign.preprocessing.scaling import KINDS, apply_scaling, fit_scaling
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
        return self

    def _class_scores(self, x: Array, classes: Classes | None) -> Array:
        """Return scores ``(n, C)``; minus infinity for a class without samples in `fit`."""
        x = apply_scaling(x, self.scaling, **self.scaling_)
        has_mean = np.asarray(np.isfinite(self.means_).all(axis=1))
        scores = np.full((len(x), len(has_mean)), -np.inf)
        means = self.means_[has_mean]
        scores[:, has_mean] = 2 * x @ means.T - np.square(means).sum(axis=1)
        return scores
