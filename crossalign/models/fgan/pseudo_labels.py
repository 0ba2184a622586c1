"""Pseudo-labels: a classifier's distribution over classes for each training sample.

FGAN takes them from an ImageNet classifier, whose classes include those that the benchmarks call
unseen. Here any classifier will do: the default knows the seen classes only, so that nothing leaks,
and its answer for a sample comes from other samples, so that it is not merely the sample's label.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

import numpy as np
import numpy.typing as npt
from scipy import linalg
from scipy.special import softmax
from sklearn.decomposition import PCA

from crossalign.metrics.temperature import likeliest_temperature
from crossalign.models.closed_form.gfzsl import ROUNDING
from crossalign.models.rows import Array, unit_rows
from crossalign.preprocessing.rows import Rows, mean_row, rows_of, scatter
from crossalign.preprocessing.tokens import vector_rows
from crossalign.types import Classes, Views

Teacher = Callable[[Views], npt.ArrayLike]
"""Function from training samples to their class posteriors ``(n, L)``, over any classes."""

FORMS = ("soft", "one_hot", "random", "embedding")
FOLDS = 5
FLAT = 4096          # widest token rows that are laid out flat; wider ones are averaged
COMPONENTS = 200     # of the classifier's input
SHRINKAGE = 0.1      # weight of the identity in its covariance
TEMPERATURES = (np.exp(-4.0), np.exp(8.0))  # of its scores
SIMILARITY = 0.1     # temperature of the softmax over cosines of class embeddings


def pseudo_labels(X: Views, labels: Array, form: str, teacher: Teacher | str,
                  classes: Classes | None, random_state: int) -> tuple[Array, str]:
    """Compute target distributions ``(n, L)`` float32 of training samples, and name their source.

    Parameters
    ----------
    X : n samples
        Samples, whose first modality the classifier reads.
    labels : (n,) integers
        Class numbers.
    form : {"soft", "one_hot", "random", "embedding"}
        Form of the target: the posterior itself, or its likeliest class; softmax of normal noise,
        one draw per sample; or the similarity of the sample's class embedding to those of all seen
        classes.
    teacher : {"seen"}, callable or "module:function"
        Source of the posterior, see `Teacher`; ``"seen"`` is `seen_class_posteriors`.
    classes : Classes, optional
        Classes, needed by the form "embedding".
    random_state : int
        Seed.

    Raises
    ------
    ValueError
        If a posterior is not one, or class embeddings are missing.
    """
    seen, codes = np.unique(labels, return_inverse=True)
    rng = np.random.default_rng(random_state)
    if form == "random":
        noise = softmax(rng.standard_normal((len(labels), len(seen))), axis=1)
        return noise.astype(np.float32), "random"
    if form == "embedding":
        if classes is None or classes.embeddings.shape[1] == 0:
            raise ValueError("pseudo_labels: 'embedding' needs one vector per class; pass classes "
                             "with embeddings, or choose 'soft'.")
        side = unit_rows(classes.embeddings[seen])
        alike = softmax(side @ side.T / SIMILARITY, axis=1)                  # (C, C)
        return alike[codes].astype(np.float32), "similarity of seen class embeddings"
    if teacher == "seen":
        posteriors, source = seen_class_posteriors(X, codes, rng)
    else:
        posteriors, source = _posteriors(X, teacher), teacher_name(teacher)
    if form == "one_hot":
        posteriors = np.eye(posteriors.shape[1], dtype=np.float32)[posteriors.argmax(axis=1)]
    return posteriors, source


def seen_class_posteriors(X: Views, codes: Array, rng: np.random.Generator) -> tuple[Array, str]:
    """Return cross-fitted, calibrated posteriors ``(n, C)`` of training classes 0..C-1, and a name.

    They come from a linear discriminant on principal components of the first modality, fitted on
    the other folds; its logits are divided by the temperature at which the held-out labels are
    likeliest.
    """
    x = _components(_flat_rows(X, X.modalities[0]))
    n_classes = int(codes.max()) + 1
    order = rng.permutation(len(codes))
    order = order[np.argsort(codes[order], kind="stable")]
    fold = np.empty(len(codes), dtype=np.int64)
    fold[order] = np.arange(len(codes)) % FOLDS                              # dealt out by class
    scores = np.empty((len(codes), n_classes))
    for held in range(FOLDS):
        rest = fold != held
        scores[~rest] = _discriminant(x[rest], codes[rest], n_classes, x[~rest])
    temperature = _temperature(scores, codes)
    posterior = softmax(scores / temperature, axis=1).astype(np.float32)
    return posterior, (f"linear discriminant on {X.modalities[0]} of the {n_classes} seen classes, "
                       f"{FOLDS}-fold, temperature {temperature:.3g}")


def teacher_name(teacher: Teacher | str) -> str:
    """Return the name of a teacher: ``"seen"`` or ``"module:function"``."""
    if isinstance(teacher, str):
        return teacher
    kind = teacher if hasattr(teacher, "__qualname__") else type(teacher)
    return f"{kind.__module__}:{kind.__qualname__}"


def _posteriors(X: Views, teacher: Teacher | str) -> Array:
    """Return a teacher's posteriors, checked."""
    if isinstance(teacher, str):
        module, _, name = teacher.partition(":")
        try:
            teacher = getattr(import_module(module), name)
        except (ImportError, AttributeError, ValueError) as error:
            raise ValueError(f"teacher: got {teacher!r}, which cannot be imported ({error}); give "
                             "'seen', a function, or 'module:function'.") from None
    assert callable(teacher)
    posteriors = np.asarray(teacher(X), dtype=np.float32)
    if posteriors.ndim != 2 or len(posteriors) != len(X) or posteriors.shape[1] < 2:
        raise ValueError(f"teacher: gave shape {posteriors.shape} for {len(X)} samples; return "
                         "(n, L) class posteriors.")
    if not (posteriors >= 0).all() or not np.allclose(posteriors.sum(axis=1), 1, atol=1e-3):
        raise ValueError("teacher: gave rows that are no distributions; return probabilities that "
                         "sum to 1.")
    return posteriors


def _flat_rows(X: Views, modality: str) -> Rows:
    """Return one row per sample, for wide tokens their mean."""
    if X.kind(modality) == "tokens" and X.read(modality, np.arange(1)).size > FLAT:
        return vector_rows(X, modality)
    return rows_of(X, modality).then(lambda x: x.reshape(len(x), int(np.prod(x.shape[1:]))))


def _components(rows: Rows) -> Array:
    """Return principal components ``(n, k)``; those of several blocks come from their
    covariance.
    """
    k = min(COMPONENTS, len(rows), rows.width)
    if rows.step is None or len(rows) <= rows.step:
        return np.asarray(PCA(k, svd_solver="full").fit_transform(rows.read(slice(None))))
    centred = rows.less(mean_row(rows))
    _, axes = linalg.eigh(scatter(centred), subset_by_index=(rows.width - k, rows.width - 1))
    return np.concatenate([x for _, x in centred.by(axes[:, ::-1]).blocks()])


def _temperature(scores: Array, codes: Array) -> float:
    """Find the divisor of logits ``(n, C)`` for which the codes ``(n,)`` are likeliest.

    Rows whose class got no score are left out: all its samples were held out together.
    """
    rows = np.flatnonzero(np.isfinite(scores[np.arange(len(codes)), codes]))
    if len(rows) == 0:
        return 1.0
    return likeliest_temperature(scores[rows], codes[rows], TEMPERATURES, 1e-5)


def _discriminant(x: Array, codes: Array, n_classes: int, rows: Array) -> Array:
    """Return log-posteriors ``(m, C)`` up to a constant per row; -inf for a class without samples.

    If no class has two samples that differ, the covariance is a multiple of the identity.
    """
    counts = np.bincount(codes, minlength=n_classes)
    indicator = np.eye(n_classes)[codes]
    means = indicator.T @ x / np.maximum(counts, 1)[:, None]
    residuals = x - means[codes]
    covariance = residuals.T @ residuals / len(x)
    within, spread = np.trace(covariance) / len(covariance), float(x.var(axis=0).mean())
    ridge = SHRINKAGE * within if within > ROUNDING * spread else (spread or 1.0)
    covariance *= 1 - SHRINKAGE
    covariance[np.diag_indices_from(covariance)] += ridge
    coef = linalg.solve(covariance, means.T, assume_a="pos")                 # (d, C)
    with np.errstate(divide="ignore"):
        prior = np.log(counts / counts.sum())
    return np.asarray(rows @ coef - 0.5 * np.einsum("cd,dc->c", means, coef) + prior)
