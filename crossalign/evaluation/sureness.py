"""Whether a model knows when it is wrong: confidences fitted on validation, judged on test.

Reported for generalized zero-shot recognition, after calibrated stacking: ``AURC`` and ``ECE`` of
the largest probability, at the temperature that validation chose; of a model with latent Gaussians
also ``AURC_tempered``, whose temperature follows their variances, and ``sigma_error``, the rank
correlation between a sample's variance and its being wrong.
"""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign import metrics
from crossalign.models.base import Distributional
from crossalign.models.several_views import joined
from crossalign.tasks import ZeroShot
from crossalign.tasks.rejection import Rejection
from crossalign.types import Benchmark, Views

Array = npt.NDArray[Any]

COVERAGE = 0.8
"""Share of the validation samples that the threshold answers."""
BASELINE = "max_probability"


Settings = dict[str, dict[str, Any]]
"""Threshold and temperature of every confidence, as `Rejection` takes them; plain numbers."""


def choose_confidences(head: ZeroShot, validation: Benchmark, gamma: float) -> Settings:
    """What validation chooses for every confidence that can be had of these scores.

    ``head`` is prepared on the validation benchmark's training samples, and ``gamma`` its
    calibration.
    """
    samples, found = _tests(head, validation), {}
    raw = head.decision_function(samples)
    kinds = [BASELINE, *(["tempered"] if _has_variances(head, samples) else [])]
    for kind in kinds:
        try:
            fitted = Rejection(_calibrated(head, gamma), kind).fit(
                samples, coverage=COVERAGE, scores=raw)
        except ValueError:
            continue
        found[kind] = {"threshold": fitted.threshold_,
                       "temperature": np.asarray(fitted.temperature_).tolist()}
    return found


def score_confidences(settings: Settings, head: ZeroShot, bench: Benchmark, gamma: float,
                      raw: Array) -> tuple[dict[str, float], dict[str, dict[str, Any]]]:
    """Scores of a benchmark's test samples, and the curves of `plots.coverage_risk`.

    ``raw (n, C)`` are the head's scores of seen classes' test samples and then of unseen ones'.
    """
    head, samples = _calibrated(head, gamma), _tests(head, bench)
    scores, curves = {}, {}
    for kind, chosen in settings.items():
        judged = Rejection(head, kind, **chosen)
        curves[kind] = judged.curve(samples, raw)
        scores["AURC" if kind == BASELINE else f"AURC_{kind}"] = float(curves[kind]["aurc"])
        if kind == BASELINE:
            scores["ECE"] = metrics.expected_calibration_error(
                judged.predict_proba(samples, raw), samples.truth)
    if "tempered" in settings:
        sigma = Rejection(head, "uncertainty")
        wrong = metrics.stack(raw, bench.classes.seen, gamma).argmax(axis=1) != samples.truth
        known = metrics.rank_correlation(-sigma.score_samples(samples), wrong)
        scores["sigma_error"] = float(np.nan_to_num(known))     # of nothing wrong there is none
    return scores, curves


def _has_variances(head: ZeroShot, samples: Views) -> bool:
    """Whether the model has latent Gaussians and they differ from sample to sample."""
    if not isinstance(head.model, Distributional):
        return False
    return bool(np.ptp(Rejection(head, "uncertainty").score_samples(samples)) > 0)


def _calibrated(head: ZeroShot, gamma: float) -> ZeroShot:
    """The same prepared head with calibrated stacking."""
    other = copy(head)
    other.gamma = gamma
    return other


def _tests(head: ZeroShot, bench: Benchmark) -> Views:
    """Test samples of seen and unseen classes in one."""
    return joined([bench["test_seen"], bench["test_unseen"]], head.views_)
