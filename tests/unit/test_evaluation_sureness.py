"""AURC, ECE and what variances know, in a report of generalized zero-shot recognition."""

from dataclasses import replace

import numpy as np
import pytest

from crossalign import metrics
from crossalign.evaluation import evaluate, fit_for, score_fitted
from crossalign.evaluation.confidence import add_confidences, choose_confidences
from crossalign.evaluation.protocols.recognition_scores import score_gzsl
from crossalign.models import GFZSL, FusionNetQSMA
from crossalign.tasks import Fitted
from crossalign.types import Benchmark, Classes, Views

SMALL = {"network__latent": 8, "network__hidden": 16, "epochs": 3, "batch_size": 32}


def bench(noise=1.0, seed=0):
    """Twelve classes, three of them unseen; validation is made in the same way."""
    rng = np.random.default_rng(seed)
    side = rng.standard_normal((12, 5))
    directions = np.random.default_rng(9).standard_normal((5, 20))

    def views(classes, n, shift):
        labels = np.repeat(classes, n)
        local = np.random.default_rng(seed + shift)
        rows = side[labels] @ directions + noise * local.standard_normal((len(labels), 20))
        return Views({"image": rows.astype(np.float32)}, labels,
                     ids=np.arange(len(labels)) + 1000 * shift)

    splits = {"train": views(np.arange(9), 20, 1), "test_seen": views(np.arange(9), 10, 2),
              "test_unseen": views(np.arange(9, 12), 10, 3)}
    return Benchmark("toy", "gzsl", splits, Classes(side, np.arange(12) < 9),
                     validation_split=None if seed else lambda: bench(noise, 1))


def test_scores_are_those_of_the_chosen_temperature():
    data, validation = bench(3.0), bench(3.0).validation()
    fitted = [GFZSL().fit(b["train"], classes=b.classes) for b in (validation, data)]
    chosen = choose_confidences(replace(score_gzsl(fitted[0], validation), gamma=0.3), validation)
    assert set(chosen) == {"max_probability"}
    rows = np.concatenate([data[s]["image"] for s in ("test_seen", "test_unseen")])
    truth = np.concatenate([data[s].truth for s in ("test_seen", "test_unseen")])
    before = fitted[1].decision_function(rows)
    outcome = score_gzsl(fitted[1], data, 0.3)
    add_confidences(outcome, chosen, data)
    scores, curves = outcome.scores, outcome.details["rejection"]
    raw = metrics.calibrated_stacking(before, data.classes.seen, 0.3)
    t = chosen["max_probability"]["temperature"]
    p = np.exp(raw / t - (raw / t).max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    wrong = raw.argmax(axis=1) != truth
    assert 0.1 < wrong.mean() < 0.9
    assert scores["AURC"] == pytest.approx(metrics.aurc(p.max(axis=1), wrong), abs=1e-6)
    assert scores["ECE"] == pytest.approx(metrics.expected_calibration_error(p, truth), abs=1e-6)
    assert curves["max_probability"]["risk"][-1] == pytest.approx(wrong.mean())


def test_a_model_with_variances_has_a_second_confidence_and_a_saved_one_the_same(tmp_path):
    data = bench(3.0)
    report = evaluate(FusionNetQSMA(**SMALL), data, tune=False, pictures=False)
    assert {"AURC", "AURC_tempered", "ECE", "sigma_error"} <= set(report.scores)
    fitted = fit_for(FusionNetQSMA(**SMALL), data, tune=False)
    again = Fitted.load(fitted.save(tmp_path / "model"))
    assert set(again.confidences) == {"max_probability", "tempered"}
    scored = score_fitted(again, data, pictures=False)
    for name, score in report.scores.items():
        assert scored.scores[name]["mean"] == pytest.approx(score["mean"], abs=1e-6)


def test_without_variances_or_errors_there_is_still_a_report():
    equal = evaluate(FusionNetQSMA(**SMALL, draws__number=0), bench(3.0), tune=False,
                     pictures=False)
    assert "AURC" in equal.scores
    assert "AURC_tempered" not in equal.scores
    easy = evaluate(FusionNetQSMA(**{**SMALL, "epochs": 6}), bench(0.01), tune=False,
                    pictures=False)
    assert easy.scores["AURC"]["mean"] < 0.2
    assert -1 <= easy.scores["sigma_error"]["mean"] <= 1
