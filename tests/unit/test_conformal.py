"""Sets of classes that hold the right one: thresholds, sets, and their place in reports."""

import math

import numpy as np
import pytest
import small
from complaints import complaint

from crossalign import metrics
from crossalign.evaluation import evaluate, fit_for, score_fitted
from crossalign.metrics.conformal import least_groups
from crossalign.models import GFZSL
from crossalign.tasks import Conformal, Fitted, ZeroShot
from crossalign.tasks.conformal import LEVELS
from crossalign.types import Benchmark, Classes, Views


# -- thresholds ----------------------------------------------------------------------------------
def naive_quantile(values, coverage, groups):
    """The smallest value that enough of the distribution does not exceed, by counting."""
    kinds = sorted(set(groups))
    for value in sorted(values):
        share = sum(np.mean([v <= value for v, g in zip(values, groups, strict=True) if g == kind])
                    for kind in kinds) / (len(kinds) + 1)
        if share >= coverage - 1e-9:
            return value
    return math.inf


@pytest.mark.parametrize("seed", range(6))
def test_the_threshold_equals_a_count(seed):
    rng = np.random.default_rng(seed)
    values = np.round(rng.normal(size=40), 1)
    groups = rng.integers(0, 12, 40)
    for coverage in (0.3, 0.5, 0.8, 0.9, 0.97):
        assert metrics.conformal_quantile(values, coverage) == naive_quantile(
            values, coverage, range(40))
        assert metrics.conformal_quantile(values, coverage, groups) == naive_quantile(
            values, coverage, groups)
    assert metrics.conformal_quantile(values, 0.5) == np.sort(values)[math.ceil(41 * 0.5) - 1]


def test_too_few_promise_nothing():
    assert metrics.conformal_quantile(np.arange(8.0), 0.9) == math.inf
    for level in (0.5, 0.8, 0.9, 0.95, 0.99):
        least = least_groups(level)
        assert metrics.conformal_quantile(np.arange(least), level) == least - 1
        if least > 1:
            assert metrics.conformal_quantile(np.arange(least - 1.0), level) == math.inf
    assert metrics.conformal_quantile(np.arange(9.0), 0.9) == 8
    assert metrics.conformal_quantile(np.arange(80.0), 0.9, np.arange(80) % 8) == math.inf
    for coverage in (0, 1, 1.5, math.nan):
        complaint(lambda coverage=coverage: metrics.conformal_quantile([1.0], coverage),
                  "coverage: got", "give a share")


def test_what_is_promised_is_kept_for_values_and_for_new_groups():
    """P(new <= threshold) >= coverage, and groups are needed where values of a group agree."""
    rng = np.random.default_rng(0)
    kept, new_group, by_rows = [], [], []
    for _ in range(3000):
        values = rng.standard_exponential(30)
        kept.append(values[-1] <= metrics.conformal_quantile(values[:-1], 0.9))
        centres = rng.normal(size=16)
        rows = centres[:, None] + 0.3 * rng.normal(size=(16, 8))
        groups = np.repeat(np.arange(15), 8)
        old, new = rows[:15].ravel(), rows[15, 0]
        new_group.append(new <= metrics.conformal_quantile(old, 0.9, groups))
        by_rows.append(new <= metrics.conformal_quantile(old, 0.9))
    error = 3 * math.sqrt(0.09 / 3000)
    assert 0.9 - error < np.mean(kept) < 0.9 + 1 / 30 + error
    assert np.mean(new_group) > 0.9 - error
    assert np.mean(by_rows) < 0.9 - error


# -- margins and sets ----------------------------------------------------------------------------
def test_margins_do_not_know_the_unit():
    scores = np.random.default_rng(1).normal(size=(5, 7))
    margins = metrics.standardised_margins(scores)
    for row, found in zip(scores, margins, strict=True):
        mean = sum(row) / 7
        spread = math.sqrt(sum((one - mean) ** 2 for one in row) / 7)
        np.testing.assert_allclose(found, [(max(row) - one) / spread for one in row])
    np.testing.assert_allclose(metrics.standardised_margins(30 * scores - 4), margins)
    assert not metrics.standardised_margins(np.ones((2, 3))).any()
    complaint(lambda: metrics.standardised_margins([[1.0, np.inf]]), "scores: got")


def test_coverage_is_the_mean_over_classes():
    sets = np.array([[1, 1, 0], [0, 1, 0], [1, 0, 0], [0, 0, 1]], dtype=bool)
    assert metrics.set_coverage(sets, [0, 0, 0, 1]) == pytest.approx((2 / 3 + 0) / 2)
    assert metrics.set_size(sets) == 5 / 12
    complaint(lambda: metrics.set_coverage(sets, [0, 0, 0, 3]), "labels: got 3")
    complaint(lambda: metrics.set_coverage(sets * 1.0, [0, 0, 0, 1]), "sets: got")


# -- the task ------------------------------------------------------------------------------------
def prepared(bench, gamma=0.0):
    model = GFZSL().fit(bench["train"], classes=bench.classes)
    return ZeroShot(model, gamma=gamma).fit(bench["train"], bench.classes)


def noisy(seed=0):
    """Twelve classes, nine seen, whose samples are easily mistaken."""
    rng = np.random.default_rng(seed)
    bench = small.recognition(seed)
    splits = {name: Views({"image": part["image"] + 3 * rng.normal(size=part["image"].shape)},
                          part.truth, ids=part.ids) for name, part in bench.splits.items()}
    return Benchmark("noisy", "gzsl", splits, bench.classes, {}, lambda: noisy(seed + 1))


def test_sets_hold_what_is_no_further_below_the_best_than_the_limit_of_its_kind():
    bench = noisy()
    head = prepared(bench, gamma=0.5)
    parts = [bench["test_seen"], bench["test_unseen"]]
    sets = Conformal(head).fit(parts)
    scores = [head.decision_function(part) - 0.5 * bench.classes.seen for part in parts]
    own = [[(row.max() - row[y]) / row.std() for row, y in zip(rows, part.truth, strict=True)]
           for rows, part in zip(scores, parts, strict=True)]
    seen = metrics.conformal_quantile(own[0], 0.9)
    unseen = max(own[1])                                          # three classes promise nothing
    assert sets.seen_[LEVELS.index(0.9)] == pytest.approx(seen)
    assert sets.unseen_[LEVELS.index(0.9)] == pytest.approx(unseen)
    for rows, part in zip(scores, parts, strict=True):
        for row, found in zip(rows, sets.predict_set(part), strict=True):
            right = [c for c in np.argsort(-row) if row.max() - row[c] <= row.std() * (1e-6 + (
                seen if bench.classes.seen[c] else unseen))]
            assert found.tolist() == right
        assert (sets.predict(part) == head.predict(part)).all()
    wide, narrow = (sum(map(len, sets.predict_set(parts[0], c))) for c in (0.99, 0.5))
    assert wide > narrow >= len(parts[0])
    assert sets.with_head(head).settings == sets.settings


def test_sets_name_labels_as_they_were_given():
    bench = small.recognition()
    side = {f"class {c}": row for c, row in enumerate(bench.classes.embeddings)}
    train = bench["train"]
    names = np.array([f"class {c}" for c in train.truth])
    model = GFZSL().fit(train["image"], names, classes=side)
    head = ZeroShot(model).fit(train["image"], side, names)
    found = Conformal(head, seen=[0.1] * 50, unseen=[0.1] * 50).predict_set(train["image"][:3])
    assert [one[0] for one in found] == head.predict(train["image"][:3]).tolist()


# -- reports -------------------------------------------------------------------------------------
def test_every_report_of_gzsl_has_coverage_and_size_and_a_saved_model_the_same(tmp_path):
    bench = noisy()
    report = evaluate(GFZSL(), bench, tune=False, pictures=False)
    names = ("coverage_seen", "coverage_unseen", "set_size_seen", "set_size_unseen")
    assert set(names) <= set(report.scores)
    fitted = fit_for(GFZSL(), bench, tune=False)
    again = Fitted.load(fitted.save(tmp_path / "model"))
    found = again.predict_set(bench["test_unseen"])
    truth = bench["test_unseen"].truth
    held = [np.mean([y in one for one, of in zip(found, truth, strict=True) if of == y])
            for y in np.unique(truth)]
    assert report.scores["coverage_unseen"]["mean"] == pytest.approx(np.mean(held))
    assert report.scores["set_size_unseen"]["mean"] == pytest.approx(
        np.mean([len(one) for one in found]) / 12)
    scored = score_fitted(again, bench, pictures=False)
    for name in names:
        assert scored.scores[name]["mean"] == pytest.approx(report.scores[name]["mean"])


def test_limits_come_from_validation_classes_alone():
    bench = noisy()
    other = noisy(3)
    mixed = Benchmark("small", "gzsl", {**bench.splits, "test_unseen": other["test_unseen"]},
                            Classes(bench.classes.embeddings, bench.classes.seen), {},
                            bench.validation_split)
    assert fit_for(GFZSL(), bench, tune=False).settings["sets"] == fit_for(
        GFZSL(), mixed, tune=False).settings["sets"]
