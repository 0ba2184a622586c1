"""Confidences fitted on validation and judged on test: does a model know when it is wrong?

Reported for generalized zero-shot recognition, after calibrated stacking: ``AURC`` and ``ECE`` of
the largest probability, at the temperature that validation chose; of a model with latent Gaussians
also ``AURC_tempered``, whose temperature follows their variances, and ``sigma_error``, the rank
correlation between a sample's variance and its being wrong. Sets of `Conformal` are judged by how
many hold the right class, ``coverage_seen`` and ``coverage_unseen``, which should be `COVERAGE`,
and by their sizes, ``set_size_seen`` and ``set_size_unseen``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from crossalign import metrics
from crossalign.models.roles import Distributional
from crossalign.models.several_views import joined
from crossalign.tasks import Conformal, ZeroShot
from crossalign.tasks.conformal import COVERAGE
from crossalign.tasks.rejection import Rejection
from crossalign.types import Benchmark, Views

if TYPE_CHECKING:
    from crossalign.evaluation.protocols.base import Outcome

Array = npt.NDArray[Any]

ANSWERED = 0.8
"""Share of the validation samples that the threshold answers."""
BASELINE = "max_probability"


Settings = dict[str, dict[str, Any]]
"""Threshold and temperature of every confidence, as `Rejection` takes them; plain numbers."""


def choose_confidences(outcome: Outcome, validation: Benchmark) -> Settings:
    """Choose a threshold and a temperature for every confidence that these scores allow.

    Parameters
    ----------
    outcome : Outcome
        Result of `score_gzsl` on the validation benchmark; its gamma calibrates.
    validation : Benchmark
        Validation benchmark.
    """
    head: ZeroShot = outcome.details["head"]
    samples, raw, settings = _tests(head, validation), _raw(outcome), {}
    variances = outcome.details["variances"]
    differ = variances is not None and np.ptp(variances) > 0
    kinds = [BASELINE, *(["tempered"] if differ else [])]
    for kind in kinds:
        try:
            fitted = Rejection(_calibrated(head, outcome.gamma or 0.0), kind).fit(
                samples, coverage=ANSWERED, scores=raw, variances=variances)
        except ValueError:
            continue
        settings[kind] = {"threshold": fitted.threshold_,
                          "temperature": np.asarray(fitted.temperature_).tolist()}
    return settings


def add_confidences(outcome: Outcome, settings: Settings, bench: Benchmark) -> None:
    """Add AURC and its kin to the scores, and the curves of `plots.coverage_risk` to the details.

    Parameters
    ----------
    outcome : Outcome
        Result of `score_gzsl` on a benchmark; changed.
    settings : mapping
        Choice of `choose_confidences`; nothing is added if it is empty.
    bench : Benchmark
        Benchmark of the outcome.
    """
    if not settings:
        return
    gamma = outcome.details["gamma"]
    head: ZeroShot = _calibrated(outcome.details["head"], gamma)
    samples, raw, variances = _tests(head, bench), _raw(outcome), outcome.details["variances"]
    curves = outcome.details["rejection"] = {}
    for kind, choice in settings.items():
        judged = Rejection(head, kind, **choice)
        curves[kind] = judged.curve(samples, raw, variances)
        name = "AURC" if kind == BASELINE else f"AURC_{kind}"
        outcome.scores[name] = float(curves[kind]["aurc"])
        if kind == BASELINE:
            outcome.scores["ECE"] = metrics.expected_calibration_error(
                judged.predict_proba(samples, raw), samples.truth)
    if "tempered" in settings:
        answers = metrics.calibrated_stacking(raw, bench.classes.seen, gamma).argmax(axis=1)
        wrong = answers != samples.truth
        correlation = metrics.rank_correlation(variances, wrong)
        # 0 if nothing is wrong
        outcome.scores["sigma_error"] = float(np.nan_to_num(correlation))


def choose_sets(outcome: Outcome, validation: Benchmark) -> dict[str, Any]:
    """Choose the limits of sets, as `Conformal` takes them; nothing if the scores allow none.

    Parameters
    ----------
    outcome : Outcome
        Result of `score_gzsl` on the validation benchmark; its gamma calibrates.
    validation : Benchmark
        Validation benchmark.
    """
    head = _calibrated(outcome.details["head"], outcome.gamma or 0.0)
    try:
        return Conformal(head).fit(_tests(head, validation), scores=_raw(outcome)).settings
    except ValueError:
        return {}


def add_sets(outcome: Outcome, limits: Mapping[str, Any], bench: Benchmark) -> None:
    """Add coverage and size of sets to the scores.

    Parameters
    ----------
    outcome : Outcome
        Result of `score_gzsl` on a benchmark; changed. Its own gamma calibrates.
    limits : mapping
        Choice of `choose_sets`; nothing is added if it is empty.
    bench : Benchmark
        Benchmark of the outcome.
    """
    if not limits:
        return
    judged = Conformal(outcome.details["head"], **{**limits, "gamma": outcome.details["gamma"]})
    seen, of_seen, unseen, of_unseen = outcome.details["parts"]
    for kind, scores, labels in (("seen", seen, of_seen), ("unseen", unseen, of_unseen)):
        sets = judged.sets(scores, COVERAGE)
        outcome.scores[f"coverage_{kind}"] = metrics.set_coverage(sets, labels)
        outcome.scores[f"set_size_{kind}"] = metrics.set_size(sets)


def _raw(outcome: Outcome) -> Array:
    """Return the scores ``(n, C)`` before calibration, of seen classes' samples and then of unseen
    ones'.
    """
    seen, _, unseen, _ = outcome.details["parts"]
    return np.concatenate([seen, unseen])


def latent_variances(head: ZeroShot, parts: Sequence[Views]) -> Array | None:
    """Compute variances ``(n,)`` of the samples' latent Gaussians; None where there are none."""
    if not isinstance(head.model, Distributional):
        return None
    measure = Rejection(head, "uncertainty")
    return np.concatenate([measure.variances(part) for part in parts])


def _calibrated(head: ZeroShot, gamma: float) -> ZeroShot:
    """Return the same prepared head with calibrated stacking."""
    other = copy(head)
    other.gamma = gamma
    return other


def _tests(head: ZeroShot, bench: Benchmark) -> Views:
    """Join the test samples of seen and unseen classes."""
    return joined([bench["test_seen"], bench["test_unseen"]], head.views_)
