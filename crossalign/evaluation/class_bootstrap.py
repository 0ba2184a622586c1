"""Intervals and differences by drawing classes with replacement.

A score of unseen classes is the mean over classes that were drawn from many: with other classes it
would be another. Drawing the same number of them again and again, with replacement, shows how much.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.evaluation.significance import LEVEL, PairedComparison

Array = npt.NDArray[np.float64]
PerClass = Mapping[str, Mapping[str, Any]]
"""Mapping from the name of a score to ``classes``, C names; ``runs (R, C)``, the score of every
class in every run; and, if classes do not count alike, ``weights (C,)``.
"""

RESAMPLES = 10_000
SEED = 0
"""Seed of the generator that draws classes."""
BLOCK = 500
"""Number of resamples that are computed at once."""


def class_bootstrap(a: PerClass, b: PerClass, metric: str, *,
                    resamples: int = RESAMPLES) -> PairedComparison:
    """Compare two models by a paired bootstrap over classes: percentile interval of the difference.

    Seen and unseen classes are drawn apart, each as many as there are. The draws are the same for
    both models, for all runs, and for every direction of retrieval. The p-value is twice the share
    of draws on the far side of zero, the observed difference counted as one draw (Efron and
    Tibshirani 1993, sections 13.3 and 15.4).

    Parameters
    ----------
    a, b : mapping of score to its classes
        Scores by class, see `PerClass`. ``H`` is made of ``U`` and ``S``, any other metric of the
        score of its name, and where there is none, as of ``mAP``, of every ``mAP[...]``.
    metric : str
        Name of the metric.
    resamples : int
        Number of draws; default `RESAMPLES`.

    Raises
    ------
    ValueError
        If a model does not have the classes of the metric, or they are not the same for both.
    """
    parts = parts_of(metric, a)
    for name in parts:
        if name not in b or list(a[name]["classes"]) != list(b[name]["classes"]):
            raise ValueError(f"b: {name!r} is not of the same classes as in a; score both models "
                             "on the same split.")
    scores = resampled((a, b), metric, resamples=resamples)
    difference = scores[0] - scores[1]
    low, high = _interval(difference)
    below, above = int((difference <= 0).sum()), int((difference >= 0).sum())
    values = np.concatenate([_rows(a[name]).mean(axis=0) - _rows(b[name]).mean(axis=0)
                             for name in parts])
    return PairedComparison(
        mean=float(score_of(metric, a) - score_of(metric, b)), low=low, high=high,
        p_value=min(1.0, 2 * (min(below, above) + 1) / (resamples + 1)), n=len(values),
        unit="class", wins=int((values > 1e-12).sum()), losses=int((values < -1e-12).sum()),
        ties=int((np.abs(values) <= 1e-12).sum()),
        method=f"bootstrap over classes, {resamples} draws")


def class_interval(per_class: PerClass, metric: str, *,
                   resamples: int = RESAMPLES) -> tuple[float, float]:
    """Return the 95 % percentile interval of one model's score, by drawing classes with
    replacement.
    """
    return _interval(resampled((per_class,), metric, resamples=resamples)[0])


def resampled(models: Sequence[PerClass], metric: str, *, resamples: int,
              random_state: int = SEED) -> Array:
    """Compute ``(models, resamples)`` scores of the same resampled classes.

    Raises
    ------
    ValueError
        If there is nothing to draw.
    """
    if resamples < 1:
        raise ValueError(f"resamples: got {resamples}; draw at least once.")
    parts = parts_of(metric, models[0])
    rng = np.random.default_rng(random_state)
    scores_of = []
    for start in range(0, resamples, BLOCK):
        size, counts = min(BLOCK, resamples - start), {}
        for name in parts:
            group = tuple(models[0][name]["classes"])
            if group not in counts:
                counts[group] = _counts(rng, size, len(group))
        scores_of.append([_combined(metric, [
            _weighted(model[name], counts[tuple(models[0][name]["classes"])]) for name in parts])
            for model in models])
    return np.concatenate(scores_of, axis=1)


def score_of(metric: str, per_class: PerClass) -> float:
    """Compute the metric from its classes, none of them resampled; mean over runs."""
    whole = [_weighted(part, np.ones((1, len(part["classes"]))))
             for part in (per_class[name] for name in parts_of(metric, per_class))]
    return float(_combined(metric, whole)[0])


def parts_of(metric: str, per_class: PerClass) -> list[str]:
    """Return the names of the scores that a metric is made of.

    Raises
    ------
    ValueError
        If they are not there.
    """
    directions = [name for name in per_class if name.startswith(f"{metric}[")]
    parts = ["U", "S"] if metric == "H" else [metric] if metric in per_class else (
        directions or [metric])
    if any(name not in per_class for name in parts):
        raise ValueError(f"metric: {metric!r} has no scores of classes here; choose among those "
                         f"made of {list(per_class)}.")
    return parts


def _combined(metric: str, parts: Sequence[Array]) -> Array:
    """Combine the parts ``(draws, runs)`` of the metric to ``(draws,)``."""
    if metric != "H":
        return np.asarray(np.mean(parts, axis=(0, 2)))
    u, s = parts
    return np.asarray((2 * u * s / np.maximum(u + s, 1e-300)).mean(axis=1))


def _rows(part: Mapping[str, Any]) -> Array:
    return np.asarray(part["runs"], dtype=np.float64)


def _weighted(part: Mapping[str, Any], counts: Array) -> Array:
    """Compute scores ``(draws, runs)`` in which every class counts as often as it was drawn."""
    runs = _rows(part)                                                        # (R, C)
    weights = np.asarray(part.get("weights", np.ones(runs.shape[1])), dtype=np.float64)
    class_weights = counts * weights                                                  # (draws, C)
    return np.asarray(class_weights @ runs.T / class_weights.sum(axis=1, keepdims=True))


def _counts(rng: np.random.Generator, size: int, n: int) -> Array:
    """Count how often each of n classes is among n that are drawn with replacement, ``(size,
    n)``.
    """
    classes = rng.integers(0, n, (size, n)) + n * np.arange(size)[:, None]
    return np.bincount(classes.ravel(), minlength=size * n).reshape(size, n).astype(np.float64)


def _interval(values: Array) -> tuple[float, float]:
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
