"""Does the best of a gallery stand out: strengths of matches, and the cut-off from validation."""

import math

import numpy as np
import pytest
import small
from complaints import complaint

from crossalign import metrics
from crossalign.evaluation import evaluate, fit_for, score_fitted
from crossalign.models import CCA, RidgeMap
from crossalign.tasks import Fitted, Retriever


def naive_strength(row):
    """The best of a row, by definition."""
    mean = sum(row) / len(row)
    spread = math.sqrt(sum((one - mean) ** 2 for one in row) / len(row))
    return (max(row) - mean) / spread - math.sqrt(2 * math.log(len(row)))


@pytest.mark.parametrize("several", [False, True])
def test_strengths_are_those_of_a_loop(several):
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(300, 17))
    asked, there = rng.integers(0, 4, 300), rng.integers(0, 4, 17)
    labels = (np.eye(4, dtype=int)[asked], np.eye(4, dtype=int)[there]) if several else (
        asked, there)
    for source in (scores, lambda start, stop: scores[start:stop]):
        found = metrics.match_strengths(source, *labels)
        for n in range(300):
            assert found.whole[n] == pytest.approx(naive_strength(scores[n]))
            assert found.absent[n] == pytest.approx(naive_strength(scores[n][there != asked[n]]))
    np.testing.assert_allclose(metrics.match_strength(7 * scores + 1),
                               metrics.match_strength(scores))
    assert np.isnan(metrics.match_strengths(scores, asked * 0, there * 0).absent).all()
    complaint(lambda: metrics.match_strength([[1.0]]), "scores: got shape (1, 1)")


def test_the_best_of_chance_is_no_stronger_in_a_larger_gallery():
    rng = np.random.default_rng(1)
    small_one, large = (metrics.match_strength(rng.normal(size=(400, g))) for g in (100, 10_000))
    assert abs(np.mean(small_one) - np.mean(large)) < 0.15
    bare = [np.mean(s + np.sqrt(2 * np.log(g))) for s, g in ((small_one, 100), (large, 10_000))]
    assert bare[1] - bare[0] > 1


def test_reports_tell_how_many_match_falsely_and_a_saved_model_the_same(tmp_path):
    bench = small.retrieval()
    report = evaluate(RidgeMap(), bench, tune={"alpha": [0.1, 1.0]}, pictures=False)
    fitted = fit_for(RidgeMap(), bench, tune={"alpha": [0.1, 1.0]})
    again = Fitted.load(fitted.save(tmp_path / "model"))
    scored = score_fitted(again, bench, pictures=False)
    shares = []
    for a, b in (("image", "text"), ("text", "image")):
        cutoff = again.settings["cutoff"][f"{a}->{b}"]
        gallery, query = bench["gallery"], bench["query"]
        whole = Retriever(again.model).add(gallery, b).strength(query, a)
        absent = np.array([Retriever(again.model).add(gallery[gallery.truth != y], b).strength(
            query[n:n + 1], a)[0] for n, y in enumerate(query.truth)])
        shares.append([np.mean(absent > cutoff), np.mean(whole > cutoff)])
    for n, name in enumerate(("false_match", "kept_match")):
        assert report.scores[name]["mean"] == pytest.approx(np.mean(shares, axis=0)[n])
        assert scored.scores[name]["mean"] == pytest.approx(report.scores[name]["mean"])
    assert "cut-offs of matches chosen on validation classes" in report.selection
    without_grid = evaluate(CCA(), bench, tune=False, pictures=False)
    assert {"false_match", "kept_match"} <= set(without_grid.scores)
    assert "cut-offs of matches chosen on validation classes" in without_grid.selection
    assert "uncalibrated" not in without_grid.protocol
    complaint(lambda: Retriever(again.model).strength(bench["query"], "image"), "gallery is empty")
