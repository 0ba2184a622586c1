"""Intervals and tests against scipy, naive loops and worked examples."""

import math

import numpy as np
import pytest
from scipy import stats

from crossalign.evaluation.class_bootstrap import (
    class_bootstrap,
    class_interval,
    resampled,
    score_of,
)
from crossalign.evaluation.significance import (
    corrected_t_test,
    holm,
    run_comparison,
    split_comparison,
)


def part(runs, prefix="c", weights=None):
    runs = np.atleast_2d(np.asarray(runs, dtype=float))
    found = {"classes": [f"{prefix}{i}" for i in range(runs.shape[1])], "runs": runs.tolist()}
    return found if weights is None else {**found, "weights": list(weights)}


def gzsl(seed, runs=3, unseen=7, seen=11, lift=0.0):
    rng = np.random.default_rng(seed)
    u, s = rng.uniform(0.1, 0.7, (runs, unseen)), rng.uniform(0.3, 0.9, (runs, seen))
    return {"T1": part(u + 0.1, "u"), "U": part(np.clip(u + lift, 0, 1), "u"), "S": part(s, "s")}


def naive_h(models, draws, seed):
    """H of every model in every draw, class by class, with the draws of the library."""
    rng = np.random.default_rng(seed)
    unseen, seen = (np.asarray(models[0][name]["runs"]).shape[1] for name in ("U", "S"))
    picks_u, picks_s = (rng.integers(0, n, (draws, n)) for n in (unseen, seen))
    found = []
    for model in models:
        u, s = (np.asarray(model[name]["runs"]) for name in ("U", "S"))
        found.append([])
        for d in range(draws):
            hs = []
            for run in range(len(u)):
                a = sum(u[run, c] for c in picks_u[d]) / unseen
                b = sum(s[run, c] for c in picks_s[d]) / seen
                hs.append(2 * a * b / (a + b))
            found[-1].append(sum(hs) / len(hs))
    return np.array(found)


def test_h_of_resampled_classes_equals_a_naive_loop():
    a, b = gzsl(0), gzsl(1)
    np.testing.assert_allclose(resampled((a, b), "H", resamples=60, random_state=3),
                               naive_h((a, b), 60, 3))


def test_difference_interval_and_p_value_are_those_of_the_draws():
    a, b = gzsl(0, lift=0.1), gzsl(0, runs=1)
    drawn = naive_h((a, b), 400, 0)
    d = drawn[0] - drawn[1]
    found = class_bootstrap(a, b, "H", resamples=400)
    assert (found.low, found.high) == pytest.approx(np.percentile(d, [2.5, 97.5]))
    side = min((d <= 0).sum(), (d >= 0).sum())
    assert found.p_value == pytest.approx(min(1, 2 * (side + 1) / 401))
    assert found.mean == pytest.approx(score_of("H", a) - score_of("H", b))
    assert (found.n, found.unit) == (18, "class")
    means = [np.concatenate([np.mean(m[k]["runs"], axis=0) for k in ("U", "S")]) for m in (a, b)]
    assert found.wins == (means[0] > means[1] + 1e-12).sum()
    assert found.wins + found.ties + found.losses == 18


def test_interval_of_a_mean_over_classes_agrees_with_scipy():
    values = np.random.default_rng(5).beta(2, 3, 60)
    theirs = stats.bootstrap((values,), np.mean, n_resamples=20_000, method="percentile",
                             rng=np.random.default_rng(1)).confidence_interval
    ours = class_interval({"T1": part(values)}, "T1", resamples=20_000)
    assert ours == pytest.approx((theirs.low, theirs.high), abs=0.004)


def test_paired_difference_of_means_agrees_with_scipy():
    rng = np.random.default_rng(6)
    a = rng.uniform(size=40)
    b = a - rng.normal(0.05, 0.1, 40)
    theirs = stats.bootstrap((a, b), lambda x, y, axis: (x - y).mean(axis=axis), paired=True,
                             vectorized=True, n_resamples=20_000, method="percentile",
                             rng=np.random.default_rng(2)).confidence_interval
    found = class_bootstrap({"T1": part(a)}, {"T1": part(b)}, "T1", resamples=20_000)
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=0.004)


def test_retrieval_weighs_classes_by_queries_and_draws_both_directions_alike():
    rng = np.random.default_rng(2)
    values, counts = rng.uniform(size=(2, 5)), np.array([[3, 1, 4, 1, 5], [9, 2, 6, 5, 3]])
    model = {f"mAP[{way}]": part(values[i], weights=counts[i])
             for i, way in enumerate(("a->b", "b->a"))}
    picks = np.random.default_rng(9).integers(0, 5, (30, 5))
    naive = [np.mean([sum(counts[i][c] * values[i][c] for c in pick) /
                      sum(counts[i][c] for c in pick) for i in range(2)]) for pick in picks]
    np.testing.assert_allclose(resampled((model,), "mAP", resamples=30, random_state=9)[0], naive)
    assert score_of("mAP", model) == pytest.approx(
        np.mean([np.average(values[i], weights=counts[i]) for i in range(2)]))


def test_parts_of_a_score_that_has_classes_of_its_own_do_not_change_it():
    whole, kind = part([0.25, 0.75]), part([0.0, 1.0])
    model = {"accuracy": whole, "accuracy[letter]": kind}
    assert score_of("accuracy", model) == 0.5
    assert score_of("accuracy[letter]", {**model, "accuracy[letter]": part([0.0, 0.2])}) == 0.1
    np.testing.assert_array_equal(resampled((model,), "accuracy", resamples=20),
                                  resampled(({"accuracy": whole},), "accuracy", resamples=20))


def test_equal_models_differ_by_nothing():
    found = class_bootstrap(gzsl(0), gzsl(0), "H", resamples=50)
    assert (found.mean, found.low, found.high, found.p_value, found.ties) == (0, 0, 0, 1, 18)


def test_a_run_that_is_repeated_changes_nothing():
    once, again = gzsl(3, runs=1), gzsl(3, runs=1)
    for score in again.values():
        score["runs"] = score["runs"] * 5
    a, b = (class_bootstrap(m, gzsl(4, runs=1), "H", resamples=100) for m in (once, again))
    assert (a.low, a.high, a.p_value, a.n) == pytest.approx((b.low, b.high, b.p_value, b.n))


def test_draws_are_reproducible_and_antisymmetric():
    a, b = gzsl(0, runs=1), gzsl(1, runs=1)
    one, two = class_bootstrap(a, b, "U"), class_bootstrap(b, a, "U")
    assert one == class_bootstrap(a, b, "U")
    assert (one.low, one.high) == pytest.approx((-two.high, -two.low))
    assert one.p_value == two.p_value


def test_other_classes_and_unknown_metrics_do_not_compare():
    with pytest.raises(ValueError, match="not of the same classes"):
        class_bootstrap(gzsl(0), gzsl(0, unseen=6), "H")
    with pytest.raises(ValueError, match="'AUSUC' has no scores of classes"):
        class_bootstrap(gzsl(0), gzsl(1), "AUSUC")
    with pytest.raises(ValueError, match="resamples: got 0"):
        class_interval(gzsl(0), "H", resamples=0)


def test_without_overlap_the_corrected_test_is_students():
    d = np.random.default_rng(1).normal(0.01, 0.02, 9)
    p, low, high = corrected_t_test(d, 0)
    theirs = stats.ttest_1samp(d, 0)
    assert p == pytest.approx(theirs.pvalue)
    assert (low, high) == pytest.approx(tuple(theirs.confidence_interval(0.95)))


def test_corrected_test_of_a_worked_example():
    # Ten splits into halves: variance times 1/10 + 1, by hand with the table's t(9, .975) = 2.262.
    d = np.array([1.0, 2, 3, 4, 5, 6, 7, 8, 9, 10]) / 100
    se = math.sqrt(0.000916666667 * 1.1)
    p, low, high = corrected_t_test(d, 1)
    assert (low, high) == pytest.approx((0.055 - 2.262157 * se, 0.055 + 2.262157 * se), rel=1e-6)
    assert p == pytest.approx(2 * stats.t.sf(0.055 / se, 9))
    assert 0.11 < p < 0.13  # Student's would say .0002
    assert stats.ttest_1samp(d, 0).pvalue < 0.0003


def test_corrected_test_at_its_edges():
    assert corrected_t_test(np.zeros(4), 1) == (1, 0, 0)
    assert corrected_t_test(np.full(4, 0.25), 1) == (0, 0.25, 0.25)
    assert np.isnan(corrected_t_test([0.1], 1)).all()
    with pytest.raises(ValueError, match="ratio: got -1"):
        corrected_t_test([0.1, 0.2], -1)


def test_corrected_test_holds_its_level_where_students_does_not():
    rng = np.random.default_rng(0)
    ours = theirs = 0
    for _ in range(400):
        classes = rng.normal(size=40)  # per-class differences around 0; halves are the test part
        d = np.array([rng.permutation(classes)[:20].mean() for _ in range(10)])
        ours += corrected_t_test(d, 1)[0] < 0.05
        theirs += stats.ttest_1samp(d, 0).pvalue < 0.05
    assert ours / 400 < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 400)
    assert theirs / 400 > 0.2


@pytest.mark.parametrize(("p", "adjusted"), [
    ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),      # Holm's own rule, by hand
    ([0.5, 0.6], [1.0, 1.0]), ([0.02], [0.02]), ([], []),
    ([0.02, math.nan, 0.01], [0.02, math.nan, 0.02])])
def test_holm_by_hand(p, adjusted):
    np.testing.assert_allclose(holm(p), adjusted)


def test_split_comparison_counts_splits_and_reads_as_a_sentence():
    found = split_comparison([0.50, 0.60, 0.70], [0.49, 0.58, 0.71], 1.0)
    assert (found.n, found.unit) == (3, "class split")
    assert str(found).startswith("+0.7 points [")
    assert "over 3 class splits: 2 won, 0 tied, 1 lost; corrected resampled t-test" in str(found)


def test_what_cannot_be_tested_says_why_and_has_no_p_value():
    for found in (split_comparison([0.5], [0.4], 1.0),
                  split_comparison([0.5, 0.6], [0.4, 0.5], None),
                  run_comparison([0.5, 0.6], [0.4, 0.5], "seeds say nothing")):
        assert not found.tested
        assert math.isnan(found.p_value)
        assert "no test" in str(found)
        assert "p =" not in str(found)
    assert str(run_comparison([0.5], [0.4], "x")).startswith("+10.0 points over 1 run: 1 won")


@pytest.mark.parametrize(("a", "b", "match"), [
    ([1.0, 2.0], [1.0], "1 runs against 2"), ([], [], "n >= 1"),
    ([1.0, np.nan], [1.0, 1.0], "run 1 is nan"), ([[1.0]], [[1.0]], "one number per run")])
def test_bad_runs(a, b, match):
    with pytest.raises(ValueError, match=match):
        split_comparison(a, b, 1.0)
