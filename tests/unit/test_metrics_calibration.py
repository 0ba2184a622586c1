from itertools import pairwise

import numpy as np
import pytest

from crossalign.metrics import (
    SeenUnseenCurve,
    ausuc,
    best_gamma,
    calibrated_stacking,
    gzsl_scores,
    harmonic_mean,
    per_class_accuracy,
    seen_unseen_curve,
)


def problem(seed, n_seen=40, n_unseen=30, classes=8, eighths=False, strength=1.5):
    rng = np.random.default_rng(seed)
    seen = rng.permutation(classes) < classes - 3
    labels_seen = np.resize(np.flatnonzero(seen), n_seen)
    labels_unseen = np.resize(np.flatnonzero(~seen), n_unseen)
    scores_seen = rng.standard_normal((n_seen, classes)) + 0.8 * seen
    scores_unseen = rng.standard_normal((n_unseen, classes)) + 0.8 * seen
    scores_seen[np.arange(n_seen), labels_seen] += strength
    scores_unseen[np.arange(n_unseen), labels_unseen] += strength
    if eighths:  # exact in binary, so that equal margins are equal numbers
        scores_seen, scores_unseen = np.rint(scores_seen * 8) / 8, np.rint(scores_unseen * 8) / 8
    return scores_seen, labels_seen, scores_unseen, labels_unseen, seen


def naive_sweep(scores_seen, labels_seen, scores_unseen, labels_unseen, seen):
    """U and S at the midpoints of the breakpoints of all items, and beyond the outer ones."""
    margins = [s[:, seen].max(1) - s[:, ~seen].max(1) for s in (scores_seen, scores_unseen)]
    points = sorted(set(np.concatenate(margins).round(12)))
    gammas = [points[0] - 1, *((a + b) / 2 for a, b in pairwise(points))]
    gammas.append(points[-1] + 1)
    u = [per_class_accuracy(labels_unseen, (scores_unseen - g * seen).argmax(1)) for g in gammas]
    s = [per_class_accuracy(labels_seen, (scores_seen - g * seen).argmax(1)) for g in gammas]
    return np.array(gammas), np.array(u), np.array(s)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("eighths", [False, True])
def test_curve_equals_a_loop_over_every_gamma(seed, eighths):
    arguments = problem(seed, eighths=eighths)
    curve = seen_unseen_curve(*arguments)
    gammas, u, s = naive_sweep(*arguments)
    step = np.searchsorted(curve.gamma, gammas, side="right") - 1
    np.testing.assert_allclose(curve.unseen[step], u, atol=1e-12)
    np.testing.assert_allclose(curve.seen[step], s, atol=1e-12)
    assert ausuc(curve) == pytest.approx(-np.trapezoid(u, s), abs=1e-12)
    assert set(step) == set(range(len(curve.gamma)))  # no step is missed, none is made up


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("eighths", [False, True])
def test_best_gamma_reaches_the_best_h_of_the_loop(seed, eighths):
    arguments = problem(seed, eighths=eighths)
    _, u, s = naive_sweep(*arguments)
    best = max(harmonic_mean(*pair) for pair in zip(u, s, strict=True))
    gamma = best_gamma(seen_unseen_curve(*arguments))
    assert np.isfinite(gamma)
    assert gzsl_scores(*arguments, gamma=gamma)["H"] == pytest.approx(best, abs=1e-12)
    assert best > gzsl_scores(*arguments)["H"]


def test_curve_runs_from_all_seen_to_all_unseen():
    arguments = problem(0)
    curve = seen_unseen_curve(*arguments)
    assert curve.gamma[0] == -np.inf
    assert curve.unseen[0] == 0
    assert curve.seen[-1] == 0
    assert curve.unseen[-1] == pytest.approx(gzsl_scores(*arguments)["T1"], abs=1e-12)
    assert (np.diff(curve.gamma) > 0).all()
    assert (np.diff(curve.unseen) >= 0).all()
    assert (np.diff(curve.seen) <= 0).all()


def test_curve_at_zero_is_what_gzsl_scores_reports():
    arguments = problem(3)
    curve = seen_unseen_curve(*arguments)
    step = np.searchsorted(curve.gamma, 0.0, side="right") - 1
    scores = gzsl_scores(*arguments)
    assert curve.unseen[step] == pytest.approx(scores["U"], abs=1e-12)
    assert curve.seen[step] == pytest.approx(scores["S"], abs=1e-12)


def test_curve_is_right_at_its_breakpoints_a_tie_is_unseen():
    # one seen item (breakpoint 1) and one unseen item (breakpoint 1): both turn together
    seen = np.array([True, False])
    curve = seen_unseen_curve([[2.0, 1.0]], [0], [[2.0, 1.0]], [1], seen)
    np.testing.assert_array_equal(curve.gamma, [-np.inf, 1.0])
    np.testing.assert_array_equal(curve.unseen, [0, 1])
    np.testing.assert_array_equal(curve.seen, [1, 0])
    assert ausuc(curve) == 0.5
    assert best_gamma(curve) == 0.0  # H is zero on both steps


def test_perfect_and_separable_scores_have_area_one():
    seen = np.array([True, True, False, False])
    curve = seen_unseen_curve(np.eye(4)[:2], [0, 1], np.eye(4)[2:], [2, 3], seen)
    assert ausuc(curve) == 1.0
    assert best_gamma(curve) == 0.0  # halfway between the breakpoints -1 and 1


def test_area_does_not_depend_on_row_order_or_on_a_shift_of_seen_scores():
    scores_seen, labels_seen, scores_unseen, labels_unseen, seen = problem(1, eighths=True)
    area = ausuc(seen_unseen_curve(scores_seen, labels_seen, scores_unseen, labels_unseen, seen))
    order = np.random.default_rng(0).permutation(len(labels_seen))
    shuffled = seen_unseen_curve(
        scores_seen[order], labels_seen[order], scores_unseen, labels_unseen, seen
    )
    assert ausuc(shuffled) == pytest.approx(area, abs=1e-12)
    shifted = seen_unseen_curve(
        calibrated_stacking(scores_seen, seen, 4.0), labels_seen,
        calibrated_stacking(scores_unseen, seen, 4.0),
        labels_unseen, seen,
    )  # fmt: skip
    assert ausuc(shifted) == pytest.approx(area, abs=1e-12)


def test_nothing_right_gives_an_empty_curve():
    seen = np.array([True, True, False, False])
    wrong = np.eye(4)[[1, 0, 3, 2]]
    curve = seen_unseen_curve(wrong[:2], [0, 1], wrong[2:], [2, 3], seen)
    assert curve.gamma.tolist() == [-np.inf]
    assert ausuc(curve) == 0.0
    assert best_gamma(curve) == 0.0


def test_best_gamma_takes_the_middle_of_the_widest_of_equal_steps():
    curve = SeenUnseenCurve(
        gamma=np.array([-np.inf, 0.0, 1.0, 2.0, 6.0]),
        unseen=np.array([0.0, 0.4, 0.4, 0.8, 0.8]),
        seen=np.array([1.0, 0.8, 0.6, 0.4, 0.0]),
    )
    assert best_gamma(curve) == 4.0  # H = .533 on [0, 1) and on [2, 6)


def test_an_empty_class_is_dropped_with_a_warning():
    seen = np.array([True, False, False])
    with pytest.warns(UserWarning, match="1 of 2 classes have no items"):
        curve = seen_unseen_curve([[1.0, 0, 0]], [0], [[0, 1.0, 0]], [1], seen)
    assert curve.unseen[-1] == 1.0


def test_stack_penalises_seen_columns_only_in_float64():
    scores = np.ones((2, 3), np.float32)
    stacked = calibrated_stacking(scores, [True, False, True], 0.25)
    assert stacked.dtype == np.float64
    np.testing.assert_array_equal(stacked, [[0.75, 1, 0.75]] * 2)
    np.testing.assert_array_equal(scores, 1)


def test_a_wrong_argument_is_named():
    with pytest.raises(ValueError, match="scores: got 3 columns for the 2 classes"):
        calibrated_stacking(np.ones((2, 3)), [True, False], 0.1)
    with pytest.raises(ValueError, match="gamma: got nan"):
        calibrated_stacking(np.ones((2, 2)), [True, False], float("nan"))
    with pytest.raises(ValueError, match="scores_seen: got an item whose best"):
        seen_unseen_curve([[1.0, -np.inf]], [0], [[0.0, 1.0]], [1], [True, False])
    with pytest.raises(ValueError, match="labels_unseen: got 0"):
        seen_unseen_curve([[1.0, 0.0]], [0], [[0.0, 1.0]], [0], [True, False])


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_gamma_for_a_share_of_unseen_items_gives_the_most_right_answers(seed, share):
    arguments = problem(seed)
    _, u, s = naive_sweep(*arguments)
    best = max(share * a + (1 - share) * b for a, b in zip(u, s, strict=True))
    gamma = best_gamma(seen_unseen_curve(*arguments), share)
    scores = gzsl_scores(*arguments, gamma=gamma)
    assert np.isfinite(gamma)
    assert share * scores["U"] + (1 - share) * scores["S"] == pytest.approx(best, abs=1e-12)
    with pytest.raises(ValueError, match=r"unseen_share: got 1\.5"):
        best_gamma(seen_unseen_curve(*arguments), 1.5)
