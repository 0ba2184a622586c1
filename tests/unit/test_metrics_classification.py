import numpy as np
import pytest

from crossalign.metrics import (
    class_accuracies,
    gzsl_scores,
    harmonic_mean,
    micro_accuracy,
    per_class_accuracy,
)


def naive_per_class(labels, predictions, classes):
    accuracies = []
    for c in classes:
        mine = [p for y, p in zip(labels, predictions, strict=True) if y == c]
        if mine:
            accuracies.append(sum(p == c for p in mine) / len(mine))
    return sum(accuracies) / len(accuracies)


def test_per_class_and_micro_differ_on_an_imbalanced_toy():
    labels = [0] * 9 + [1]
    predictions = [0] * 10
    assert per_class_accuracy(labels, predictions) == 0.5
    assert micro_accuracy(labels, predictions) == 0.9


@pytest.mark.parametrize("seed", range(5))
def test_per_class_accuracy_is_the_mean_of_a_loop_over_classes(seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 7, 60)
    predictions = np.where(rng.random(60) < 0.5, labels, rng.integers(0, 9, 60))
    expected = naive_per_class(labels, predictions, range(7))
    assert per_class_accuracy(labels, predictions) == pytest.approx(expected, abs=1e-15)


def test_labels_may_be_text_and_classes_in_any_order():
    labels = np.array(["wolf", "bear", "wolf", "seal"])
    predictions = np.array(["wolf", "bear", "bear", "wolf"])
    assert class_accuracies(labels, predictions, ["seal", "wolf", "bear"]).tolist() == [0, 0.5, 1]


def test_a_class_without_items_is_dropped_with_a_warning_and_is_not_a_zero():
    with pytest.warns(UserWarning, match="1 of 3 classes have no items"):
        assert per_class_accuracy([0, 1], [0, 1], classes=[0, 1, 2]) == 1.0


def test_class_accuracies_keeps_the_place_of_an_empty_class():
    accuracies = class_accuracies([0, 0, 2], [0, 1, 2], [0, 1, 2])
    np.testing.assert_array_equal(accuracies, [0.5, np.nan, 1.0])
    assert accuracies.dtype == np.float64


def test_micro_accuracy_is_float64_of_integers():
    assert micro_accuracy(np.array([1, 2, 3], np.int8), [1, 2, 4]) == 2 / 3


def test_harmonic_mean():
    assert harmonic_mean(53.1, 57.7) == pytest.approx(55.3, abs=0.05)
    assert harmonic_mean(0.0, 0.0) == 0.0
    assert harmonic_mean(0.0, 0.9) == 0.0
    assert harmonic_mean(0.4, 0.4) == pytest.approx(0.4)


def test_mean_of_h_is_not_h_of_means():
    u, s = np.array([0.2, 0.6]), np.array([0.8, 0.4])
    mean_h = np.mean([harmonic_mean(*run) for run in zip(u, s, strict=True)])
    assert mean_h < harmonic_mean(u.mean(), s.mean()) - 0.05


def gzsl_problem(seed=0, n=80, classes=9):
    rng = np.random.default_rng(seed)
    seen = np.arange(classes) % 3 != 0
    labels_seen = rng.choice(np.flatnonzero(seen), n)
    labels_unseen = rng.choice(np.flatnonzero(~seen), n)
    scores_seen = rng.standard_normal((n, classes)) + 0.6 * seen
    scores_unseen = rng.standard_normal((n, classes)) + 0.6 * seen
    scores_seen[np.arange(n), labels_seen] += 1.5
    scores_unseen[np.arange(n), labels_unseen] += 1.5
    return scores_seen, labels_seen, scores_unseen, labels_unseen, seen


@pytest.mark.parametrize("gamma", [0.0, 0.7, -0.3])
def test_gzsl_scores_against_a_loop_over_items(gamma):
    scores_seen, labels_seen, scores_unseen, labels_unseen, seen = gzsl_problem()
    got = gzsl_scores(scores_seen, labels_seen, scores_unseen, labels_unseen, seen, gamma)

    def predict(row, allowed, penalty):
        return max(allowed, key=lambda c: row[c] - penalty * seen[c])

    every, unseen = range(9), [c for c in range(9) if not seen[c]]
    t1 = naive_per_class(labels_unseen, [predict(r, unseen, 0) for r in scores_unseen], unseen)
    u = naive_per_class(labels_unseen, [predict(r, every, gamma) for r in scores_unseen], unseen)
    s = naive_per_class(labels_seen, [predict(r, every, gamma) for r in scores_seen], every)
    assert got == pytest.approx({"T1": t1, "U": u, "S": s, "H": 2 * u * s / (u + s)}, abs=1e-14)
    assert t1 > u


def test_gzsl_scores_warns_once_for_each_side_with_an_empty_class():
    scores = np.eye(4)
    seen = np.array([True, True, False, False])
    with pytest.warns(UserWarning, match="1 of 2") as caught:
        got = gzsl_scores(scores[[0]], [0], scores[[2]], [2], seen)
    assert len(caught) == 2
    assert got == {"T1": 1.0, "U": 1.0, "S": 1.0, "H": 1.0}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: per_class_accuracy([0, 3], [0, 0], classes=[0, 1]), "labels: got 3"),
        (lambda: per_class_accuracy([0, 1], [0]), "labels: got 2 rows and predictions has 1"),
        (lambda: per_class_accuracy([], []), "labels: got shape"),
        (lambda: per_class_accuracy([0.0, np.nan], [0, 0]), "labels: None or NaN in row 1"),
        (lambda: class_accuracies([0], [0], [0, 0]), "classes: got 2, with repeats"),
        (lambda: micro_accuracy([[0]], [0]), "labels: got shape"),
        (lambda: harmonic_mean(-0.1, 0.5), "u, s: got"),
        (lambda: harmonic_mean(float("nan"), 0.5), "u, s: got"),
    ],
)
def test_a_wrong_argument_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scores_seen": np.full((80, 9), np.nan)}, "scores_seen: got NaN"),
        ({"scores_unseen": np.zeros((80, 8))}, "scores_unseen: got 8 columns"),
        ({"labels_seen": np.zeros(80, int)}, "labels_seen: got 0"),
        ({"labels_unseen": np.ones(80, int)}, "labels_unseen: got 1"),
        ({"labels_unseen": np.zeros(79, int)}, "scores_unseen: got 80 rows and labels_unseen"),
        ({"seen": np.ones(9, bool)}, "seen: got 9 of 9"),
        ({"seen": np.ones(9, int)}, "one bool per class"),
    ],
)
def test_gzsl_scores_names_what_disagrees(change, message):
    names = ("scores_seen", "labels_seen", "scores_unseen", "labels_unseen", "seen")
    arguments = dict(zip(names, gzsl_problem(), strict=True)) | change
    with pytest.raises(ValueError, match=message):
        gzsl_scores(**arguments)
