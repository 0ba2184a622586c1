"""Class Gaussians and the other heads that transfer can carry from one modality to another."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import linalg
from scipy.special import logsumexp

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

REGULARISATION = 1e-6
"""Share of the mean variance added to the diagonal of a class covariance."""


@dataclass(frozen=True)
class ClassGaussians:
    """Weighted Gaussians, each owned by a class.

    Attributes
    ----------
    log_weights : (G,)
        Logarithms of the Gaussians' weights.
    means : (G, d)
        Means of the Gaussians.
    covariances : (G, d, d) or (1, d, d)
        Covariances of the Gaussians; one if all share it.
    owner : (G,)
        Class of each Gaussian.
    n_classes : int
        Number of classes C.
    """

    log_weights: Array
    means: Array
    covariances: Array
    owner: Labels
    n_classes: int

    def log_joint(self, x: Array) -> Array:
        """Return the joint log-density of rows ``(n, d)`` and Gaussians, ``(n, G)``."""
        constant = -0.5 * x.shape[1] * np.log(2 * np.pi)
        joint = np.empty((len(x), len(self.means)))
        roots = [np.linalg.cholesky(cov) for cov in self.covariances]
        for g, mean in enumerate(self.means):
            root = roots[g if len(roots) > 1 else 0]
            white = linalg.solve_triangular(root, (x - mean).T, lower=True)      # (d, n)
            joint[:, g] = (self.log_weights[g] + constant - np.log(np.diag(root)).sum()
                           - 0.5 * (white**2).sum(axis=0))
        return joint

    def scores(self, x: Array) -> Array:
        """Return the joint log-density with each class, ``(n, C)``; -inf for a class without
        Gaussian.
        """
        joint = self.log_joint(x)
        scores = np.full((len(x), self.n_classes), -np.inf)
        for c in np.unique(self.owner):
            scores[:, c] = logsumexp(joint[:, self.owner == c], axis=1)
        return scores

    def predict(self, x: Array) -> Labels:
        """Return the likeliest class ``(n,)``."""
        return np.asarray(self.scores(x).argmax(axis=1), dtype=np.int64)

    def widened(self, delta: Array) -> ClassGaussians:
        """Return the same Gaussians with ``delta (d, d)`` added to every covariance (T6)."""
        return replace(self, covariances=self.covariances + delta)


def weighted_gaussians(x: Array, responsibilities: Array, owner: Labels, n_classes: int,
                       shared: bool) -> ClassGaussians:
    """Fit Gaussians to rows ``(n, d)`` by maximum likelihood under responsibilities ``(n, G)``.

    One-hot responsibilities give linear (``shared``) or quadratic discriminant analysis. A Gaussian
    without responsibility for any row gets weight zero.
    """
    counts = responsibilities.sum(axis=0)                                        # (G,)
    safe = np.where(counts > 0, counts, 1.0)
    means = (responsibilities.T @ x) / safe[:, None]
    d = x.shape[1]
    covariances = np.zeros((1 if shared else len(counts), d, d))
    for g, mean in enumerate(means):
        centred = x - mean
        scatter = (centred.T * responsibilities[:, g]) @ centred
        covariances[0 if shared else g] += scatter / (len(x) if shared else safe[g])
    with np.errstate(divide="ignore"):
        log_weights = np.log(counts / counts.sum())
    return ClassGaussians(log_weights, means, regularised(covariances), owner, n_classes)


def regularised(covariances: Array) -> Array:
    """Add a share of their mean variance to the diagonal of covariances ``(G, d, d)``.

    A covariance of zeros, from a class of one row, takes the mean variance of all others.
    """
    d = covariances.shape[-1]
    level = np.trace(covariances, axis1=1, axis2=2) / d
    usual = float(level[level > 0].mean()) if (level > 0).any() else 1.0
    level = np.where(level > 0, REGULARISATION * level, usual)
    return np.asarray(covariances + level[:, None, None] * np.eye(d))


def positive_part(matrix: Array) -> Array:
    """Return the positive semi-definite matrix ``(d, d)`` nearest to a symmetric one."""
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.maximum(values, 0)) @ vectors.T)


def fit_head(head: Any, x: Array, labels: Labels, n_classes: int) -> Any:
    """Fit a classifier with ``predict``: class Gaussians, or a copy of ``head``.

    A `sklearn.mixture.GaussianMixture` is fitted without labels, and each of its components
    belongs to the class that most of its rows have, rows counted by responsibility.
    """
    from sklearn.base import clone
    from sklearn.mixture import GaussianMixture

    if isinstance(head, str):
        return weighted_gaussians(x, np.eye(n_classes)[labels], np.arange(n_classes), n_classes,
                                  shared=head == "lda")
    if not isinstance(head, GaussianMixture):
        return clone(head).fit(x, labels)
    mixture = clone(head).fit(x)
    votes = mixture.predict_proba(x).T @ np.eye(n_classes)[labels]               # (G, C)
    return ClassGaussians(np.log(mixture.weights_), mixture.means_, _full(mixture),
                          votes.argmax(axis=1), n_classes)


def _full(mixture: Any) -> Array:
    """Return the covariances ``(G, d, d)`` of a fitted mixture of any covariance type."""
    cov = np.asarray(mixture.covariances_, dtype=np.float64)
    d = mixture.means_.shape[1]
    if mixture.covariance_type == "tied":
        return cov[None]
    if mixture.covariance_type == "spherical":
        return np.asarray(cov[:, None, None] * np.eye(d))
    if mixture.covariance_type == "diag":
        return np.asarray(cov[:, :, None] * np.eye(d))
    return cov
