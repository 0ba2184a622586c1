"""Side information predicted from features, and classes scored by how far theirs is from it.

Direct attribute prediction (Lampert et al., "Attribute-based classification for zero-shot visual
object categorization", TPAMI 2014) for side information of any kind. Kernel ridge regression

    f(x) = a_0 + k(x, X) (K + l I)^-1 (A - a_0),      k(x, z) = exp(-g |x - z|^2 / s)

predicts what the class of a sample is described by, ``A`` being that of the training samples and s
their mean squared distance; every column is learned from all classes, so that a combination of
known attributes is told where it was never seen. A class with side information a scores

    -1/2 (f(x) - a)' S^-1 (f(x) - a)

with S the covariance of the errors on samples of classes that the regression did without. Leaving
a class out needs no further fit: with H = K (K + l I)^-1 and the same a_0, its errors are
(I - H_cc)^-1 times those of the regression with it. How we differ: Lampert et al. train a
classifier per attribute and take them for independent, to which ``shrinkage=1`` comes near; errors
of attributes that go together, as of a mark and its place, are seen together here. With more
samples than ``landmarks`` the kernel is that of Nystroem (Williams & Seeger, NeurIPS 2000).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from numbers import Real
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from scipy import linalg
from sklearn.utils._param_validation import Interval, StrOptions

from crossalign.heads.base import Array, Head, Modalities, Places
from crossalign.heads.inputs import vectors_of
from crossalign.models.ranges import RATE, SIZE
from crossalign.models.several_views import presence
from crossalign.models.supervision import checked_side, side_information
from crossalign.preprocessing.pooling import vectors_in
from crossalign.preprocessing.scaling import KINDS, apply_scaling, fit_scaling
from crossalign.types import Classes, Views

__all__ = ["Attributes"]

JITTER = 1e-10
"""Share of the identity in the kernel of landmarks, so that equal rows do no harm."""


class Attributes(Head):
    """Kernel ridge regression from the features of every view to side information.

    Scores of several views are added up. The defaults were chosen on validation classes of letters.

    Parameters
    ----------
    width : float
        Factor g of squared distances by their mean; default 0.25.
    ridge : float
        Ridge l of the regression, where a sample has the kernel 1 with itself; default 0.002.
    shrinkage : float in (0, 1]
        Weight of the identity in the covariance of errors; default 0.1.
    landmarks : int
        Most training samples that the kernel is computed with, evenly spaced over all of them
        class by class; default 2048.
    scaling : {"l2", "standard", "minmax", "root", "none"}
        Scaling of features, fitted on training rows; default ``"l2"``.

    Attributes
    ----------
    regressions_ : mapping of view to mapping
        Fitted regressions: ``landmarks`` (m, d), ``spread`` s, ``coef`` (m, a), ``mean`` (a,) and
        ``whitener`` (a, a), a root of S^-1, beside the ``shift`` and ``scale`` of the features, and
        ``side`` (C, a), the side information of the classes.
    """

    learned = MappingProxyType({"regressions_": dict})
    embeds = False
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "width": [RATE], "ridge": [RATE], "shrinkage": [Interval(Real, 0, 1, closed="right")],
        "landmarks": [SIZE], "scaling": [StrOptions(set(KINDS))]}

    def __init__(self, width: float = 0.25, ridge: float = 0.002, shrinkage: float = 0.1,
                 landmarks: int = 2048, scaling: str = "l2") -> None:
        self.width = width
        self.ridge = ridge
        self.shrinkage = shrinkage
        self.landmarks = landmarks
        self.scaling = scaling

    def reads_samples(self, classes: Classes) -> bool:
        """Tell that training samples are needed."""
        return True

    def learn(self, model: Any, train: Views, classes: Classes, views: Sequence[str]) -> None:
        """Fit the regression of every view on the samples that have it."""
        side = side_information(classes, self).embeddings.astype(np.float64)
        self.regressions_ = {}
        for view in views:
            here = train.having(view)
            rows = np.asarray(vectors_of(here, view)[view])
            self.regressions_[view] = self._regression(rows, here.truth, side)

    def _regression(self, rows: Array, labels: Array, side: Array) -> dict[str, Array]:
        order = np.argsort(labels, kind="stable")
        scaling = fit_scaling(rows, self.scaling)
        x = apply_scaling(rows[order], self.scaling, **scaling).astype(np.float64)
        y = side[labels[order]]                                                    # (n, a)
        mean = y.mean(axis=0)
        kept = np.linspace(0, len(x) - 1, min(self.landmarks, len(x))).round().astype(int)
        spread = np.maximum(2 * x.var(axis=0).sum(), np.finfo(np.float32).tiny)
        one = {**scaling, "landmarks": x[kept], "spread": np.asarray(spread)}
        root = linalg.cholesky(self._kernel(x[kept], one) + JITTER * np.eye(len(kept)), lower=True)
        lifted = linalg.solve_triangular(root, self._kernel(x, one).T, lower=True).T  # (n, m)
        gram = linalg.cho_factor(lifted.T @ lifted + self.ridge * np.eye(len(kept)))
        coef = linalg.cho_solve(gram, lifted.T @ (y - mean))                       # (m, a)
        errors = y - mean - lifted @ coef
        starts = np.flatnonzero(np.diff(labels[order], prepend=-1))
        for part, error in zip(np.split(lifted, starts[1:]), np.split(errors, starts[1:]),
                               strict=True):                                      # one class
            kernel = part @ linalg.cho_solve(gram, part.T)
            error[:] = linalg.solve(np.eye(len(part)) - kernel, error)
        coef = linalg.solve_triangular(root, coef, lower=True, trans="T")
        coef, whitener = map(np.ascontiguousarray, (coef, self._whitener(errors)))  # as saved
        return {**one, "coef": coef, "mean": mean, "whitener": whitener, "side": side}

    def _kernel(self, x: Array, one: dict[str, Array]) -> Array:
        """Return the kernel ``(n, m)`` of scaled rows with landmarks."""
        landmarks = one["landmarks"]
        squares = (x**2).sum(axis=1)[:, None] + (landmarks**2).sum(axis=1) - 2 * x @ landmarks.T
        return np.asarray(np.exp(-self.width / one["spread"] * np.maximum(squares, 0)))

    def _whitener(self, errors: Array) -> Array:
        """Return a root of the inverse covariance ``(a, a)`` of errors ``(n, a)``."""
        covariance = errors.T @ errors / len(errors)
        size = np.trace(covariance) / len(covariance)
        shrunk = (1 - self.shrinkage) * covariance + self.shrinkage * size * np.eye(len(covariance))
        values, axes = linalg.eigh(shrunk if size > 0 else np.eye(len(covariance)))
        return np.asarray(axes / np.sqrt(values))

    def predict(self, rows: Array, view: str) -> Array:
        """Predict side information ``(n, a)`` from rows of a view."""
        one = self.regressions_[view]
        x = apply_scaling(rows, self.scaling, **{
            of: one[of] for of in ("shift", "scale", "farthest")})
        return np.asarray(one["mean"] + self._kernel(x.astype(np.float64), one) @ one["coef"])

    def scores(self, model: Any, rows: Any, views: Modalities) -> Array:
        """Return log-densities ``(n, C)`` of side information, summed over views, each up to a term
        that all classes of a sample share.
        """
        parts = _parts(rows, views)
        scores: Array = np.zeros((len(rows), len(self.regressions_[parts[0][0]]["side"])))
        for view, here, x in parts:
            one = self.regressions_[view]
            found, known = self.predict(x, view) @ one["whitener"], one["side"] @ one["whitener"]
            scores[here] += found @ known.T - 0.5 * (known**2).sum(axis=1)
        return scores

    def take_classes(self, model: Any, classes: Classes) -> None:
        """Score ``classes`` from now on, further ones by their side information."""
        for view, one in self.regressions_.items():
            self._take(view, np.concatenate([one["side"], checked_side(
                classes.embeddings, one["side"].shape[1])[len(one["side"]):]]))

    def places(self, model: Any, rows: Any, views: Modalities) -> list[Places]:
        """Return side information of classes, and what is predicted from every view."""
        return [Places(self.regressions_[view]["side"], self.predict(x, view), here, False,
                       partial(self._take, view), self.regressions_[view]["whitener"])
                for view, here, x in _parts(rows, views)]

    def _take(self, view: str, side: Array) -> None:
        self.regressions_ = {**self.regressions_, view: {**self.regressions_[view], "side": side}}


def _parts(rows: Any, views: Modalities) -> list[tuple[str, Array, Array]]:
    """Return every view, which samples have it, and their vectors."""
    if isinstance(views, str):
        return [(views, np.ones(len(rows), dtype=bool), vectors_in(rows, views))]
    return [(m, here, vectors_in(rows[here], m))
            for m, here in zip(views, presence(rows, views).T, strict=True)]
