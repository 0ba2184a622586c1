from itertools import pairwise, permutations

import numpy as np
import pytest
from complaints import complaint
from scipy.stats import rankdata
from sklearn.metrics import roc_auc_score, roc_curve

from crossalign.metrics import (
    aurc,
    auroc,
    calibration_error,
    excess_aurc,
    expected_calibration_error,
    fpr_at_tpr,
    oscr,
    rank_correlation,
    risk_coverage_curve,
)

TIED = (np.array([0.9, 0.5, 0.5, 0.5, 0.2, 0.2]), np.array([0, 1, 0, 1, 0, 1], bool))


def naive_risks(confidence, losses):
    """Mean loss of the first k, in the order given where confidences are equal."""
    order = sorted(range(len(confidence)), key=lambda i: -confidence[i])
    risks, total = [], 0.0
    for k, i in enumerate(order, 1):
        total += losses[i]
        risks.append(total / k)
    return np.array(risks)


def problem(seed, n=60, levels=None):
    rng = np.random.default_rng(seed)
    confidence = rng.random(n)
    if levels is not None:
        confidence = np.rint(confidence * levels) / levels
    return confidence, rng.random(n) > 0.3 + 0.6 * confidence


# -- risk over coverage --------------------------------------------------------------------------
@pytest.mark.parametrize("seed", range(4))
def test_curve_without_ties_equals_a_loop(seed):
    confidence, wrong = problem(seed)
    curve = risk_coverage_curve(confidence, wrong)
    np.testing.assert_allclose(curve.risk, naive_risks(confidence, wrong), atol=1e-14)
    np.testing.assert_allclose(curve.coverage, np.arange(1, 61) / 60)
    assert curve.risk[-1] == pytest.approx(wrong.mean())
    assert aurc(confidence, wrong) == pytest.approx(naive_risks(confidence, wrong).mean())


@pytest.mark.parametrize("losses", [TIED[1], np.array([0.1, 2.0, 0.3, 0.7, -1.0, 4.0])])
def test_curve_with_ties_is_the_mean_over_all_orders(losses):
    confidence = TIED[0]
    every = [naive_risks(confidence[list(order)], losses[list(order)])
             for order in permutations(range(len(losses)))]  # fmt: skip
    assert np.std(every, axis=0).max() > 0.05
    curve = risk_coverage_curve(confidence, losses)
    np.testing.assert_allclose(curve.risk, np.mean(every, axis=0), atol=1e-12)
    assert aurc(confidence, losses) == pytest.approx(np.mean(every))


def test_order_of_rows_and_monotone_maps_of_confidence_do_not_matter():
    confidence, wrong = problem(0, levels=5)
    curve = risk_coverage_curve(confidence, wrong)
    order = np.random.default_rng(1).permutation(len(wrong))
    np.testing.assert_array_equal(
        curve.risk, risk_coverage_curve(confidence[order], wrong[order]).risk
    )
    with np.errstate(divide="ignore"):
        mapped = risk_coverage_curve(np.log(confidence), wrong)  # holds -inf
    np.testing.assert_array_equal(curve.risk, mapped.risk)


def test_a_constant_confidence_has_the_mean_loss_as_area():
    wrong = problem(2)[1]
    assert aurc(np.ones(60), wrong) == pytest.approx(wrong.mean())


@pytest.mark.parametrize("wrong", [0, 1, 13, 40])
def test_excess_is_zero_for_the_best_order_and_largest_for_the_worst(wrong):
    errors = np.arange(40) < wrong
    best = np.sum([(k - (40 - wrong)) / k for k in range(41 - wrong, 41)]) / 40
    assert aurc(-errors.astype(float), errors) == pytest.approx(best)
    assert excess_aurc(np.arange(40.0), errors) == pytest.approx(0, abs=1e-15)
    worst = np.mean([min(k, wrong) / k for k in range(1, 41)])
    assert excess_aurc(-np.arange(40.0), errors) == pytest.approx(worst - best)


def test_excess_tends_to_the_formula_of_the_paper():
    n, r = 200_000, 0.3
    errors = np.arange(n) < r * n
    random = aurc(np.ones(n), errors)
    assert random == pytest.approx(r)
    optimum = r + (1 - r) * np.log(1 - r)
    assert excess_aurc(np.ones(n), errors) == pytest.approx(random - optimum, abs=1e-5)


def test_excess_of_real_losses_orders_by_the_loss():
    losses = np.random.default_rng(0).exponential(size=50)
    assert excess_aurc(-losses, losses) == 0
    best = min(aurc(np.random.default_rng(s).random(50), losses) for s in range(50))
    assert aurc(-losses, losses) < best


# -- rank correlation ----------------------------------------------------------------------------
def test_rank_correlation_is_pearson_of_mean_ranks():
    confidence, wrong = problem(3, levels=6)
    ranks = rankdata(-confidence), rankdata(wrong)
    expected = np.corrcoef(*ranks)[0, 1]
    assert 0.1 < expected < 0.9
    assert rank_correlation(-confidence, wrong) == pytest.approx(expected)
    assert rank_correlation(confidence, wrong) == pytest.approx(-expected)


def test_rank_correlation_of_a_constant_is_nan():
    assert np.isnan(rank_correlation([0.1, 0.2], [False, False]))
    assert np.isnan(rank_correlation([0.1, 0.1], [True, False]))


# -- calibration error ---------------------------------------------------------------------------
def naive_ece(probabilities, labels, edges):
    total, n = 0.0, len(labels)
    for low, high in pairwise(edges):
        inside = [i for i, p in enumerate(probabilities)
                  if low < max(p) <= high or (low == edges[0] and max(p) <= low)]  # fmt: skip
        if inside:
            accuracy = np.mean([np.argmax(probabilities[i]) == labels[i] for i in inside])
            total += len(inside) / n * abs(accuracy - np.mean([max(probabilities[i])
                                                                for i in inside]))  # fmt: skip
    return total


def classifier(seed, n=90, classes=4, sharpness=2.0):
    rng = np.random.default_rng(seed)
    logits = sharpness * rng.standard_normal((n, classes))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return probabilities, rng.integers(0, classes, n)


@pytest.mark.parametrize("bins", [1, 5, 15, 1000])
def test_equal_width_equals_a_loop_over_bins(bins):
    probabilities, labels = classifier(bins)
    edges = np.linspace(0, 1, bins + 1)
    expected = naive_ece(probabilities, labels, edges)
    assert expected > 0.1
    ece = expected_calibration_error(probabilities, labels, bins)
    assert ece == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("bins", [1, 9, 15])
def test_equal_mass_puts_as_many_items_in_every_bin(bins):
    probabilities, labels = classifier(1)
    sure = np.sort(probabilities.max(axis=1)).reshape(bins, -1)
    edges = np.r_[0, sure[:-1, -1], 1]
    ece = expected_calibration_error(probabilities, labels, bins, "equal_mass")
    assert ece == pytest.approx(naive_ece(probabilities, labels, edges), abs=1e-12)
    order = np.random.default_rng(0).permutation(len(labels))
    again = expected_calibration_error(probabilities[order], labels[order], bins, "equal_mass")
    assert again == pytest.approx(ece, abs=1e-12)


def test_equal_mass_keeps_equal_confidences_together():
    probabilities = np.tile([0.75, 0.25], (8, 1))
    labels = np.repeat([0, 1], [6, 2])  # right in 6 of 8: calibrated as one bin, not as two
    assert expected_calibration_error(probabilities, labels, 2, "equal_mass") == 0


def test_calibration_error_of_known_cases():
    assert expected_calibration_error(np.eye(3), [0, 1, 2]) == 0
    assert expected_calibration_error(np.eye(3), [1, 2, 0]) == 1
    # a confidence on an edge belongs to the bin below it: .5 with .3, not with .7
    probabilities = [[0.5, 0.5, 0, 0], [0.3, 0.3, 0.2, 0.2], [0.7, 0.3, 0, 0]]
    assert expected_calibration_error(probabilities, [0, 1, 0], 2) == pytest.approx(
        (abs(1 - 0.8) + 0.3) / 3
    )


def test_labels_drawn_from_the_probabilities_are_calibrated():
    rng = np.random.default_rng(5)
    probabilities = rng.dirichlet(np.ones(3), 40_000)
    labels = (rng.random(40_000)[:, None] > probabilities.cumsum(axis=1)).sum(axis=1)
    for binning in ("equal_width", "equal_mass"):
        assert expected_calibration_error(probabilities, labels, binning=binning) < 0.01
    sharpened = probabilities**3 / (probabilities**3).sum(axis=1, keepdims=True)
    assert expected_calibration_error(sharpened, labels) > 0.1


# -- known and unknown classes -------------------------------------------------------------------
def scores(seed, levels=None):
    rng = np.random.default_rng(seed)
    known, unknown = rng.normal(1, 1, 80), rng.normal(0, 1, 50)
    if levels is None:
        return known, unknown
    return np.rint(levels * known), np.rint(levels * unknown)


@pytest.mark.parametrize("levels", [None, 1, 2])
@pytest.mark.parametrize("seed", range(3))
def test_auroc_and_fpr_equal_scikit_learn(seed, levels):
    known, unknown = scores(seed, levels)
    truth, both = np.repeat([1, 0], [80, 50]), np.concatenate([known, unknown])
    assert auroc(known, unknown) == pytest.approx(roc_auc_score(truth, both), abs=1e-12)
    fpr, tpr, _ = roc_curve(truth, both, drop_intermediate=False)
    for wanted in (0.95, 0.5, 1.0):
        reached = fpr[np.flatnonzero(tpr >= wanted - 1e-12)[0]]
        assert fpr_at_tpr(known, unknown, wanted) == pytest.approx(reached, abs=1e-12)


def test_auroc_of_ties_is_one_half_whatever_the_order():
    assert auroc([1, 1, 1], [1, 1]) == 0.5
    assert auroc([np.inf, 0], [-np.inf, 0]) == pytest.approx((1 + 1 + 0.5 + 1) / 4)
    assert fpr_at_tpr(np.ones(20), [1.0, 0.0]) == 0.5


@pytest.mark.parametrize("levels", [None, 2])
def test_oscr_is_the_area_of_a_sweep_over_thresholds(levels):
    known, unknown = scores(7, levels)
    right = np.random.default_rng(0).random(80) < 0.7
    thresholds = np.unique(np.concatenate([known, unknown]))[::-1]
    rate = [0.0] + [np.mean((known >= t) & right) for t in thresholds]
    false = [0.0] + [np.mean(unknown >= t) for t in thresholds]
    assert oscr(known, right, unknown) == pytest.approx(np.trapezoid(rate, false), abs=1e-12)
    assert oscr(known, np.ones(80, bool), unknown) == pytest.approx(auroc(known, unknown))
    assert oscr(known, right, unknown) < right.mean()


# -- arguments -----------------------------------------------------------------------------------
@pytest.mark.parametrize(("call", "match"), [
    (lambda: aurc([0.1], [True, False]), "confidence: got 1 rows and errors has 2"),
    (lambda: aurc([], []), r"confidence: got shape \(0,\)"),
    (lambda: aurc([np.nan], [True]), "confidence: got NaN"),
    (lambda: aurc([0.1], [np.inf]), "errors: got infinity"),
    (lambda: aurc([[0.1]], [True]), r"confidence: got shape \(1, 1\)"),
    (lambda: rank_correlation([0.1], [np.nan]), "error: got NaN"),
    (lambda: rank_correlation([0.1], [1, 2]), "uncertainty: got 1 rows"),
    (lambda: auroc([], [1.0]), "known_scores: got shape"),
    (lambda: auroc([1.0], [np.nan]), "unknown_scores: got NaN"),
    (lambda: fpr_at_tpr([1.0], [1.0], 0.0), "tpr: got 0.0"),
    (lambda: fpr_at_tpr([1.0], [1.0], 1.1), "tpr: got 1.1"),
    (lambda: oscr([1.0], [1], [1.0]), "correct: got shape"),
    (lambda: oscr([1.0], [True, True], [1.0]), "known_scores: got 1 rows and correct has 2"),
    (lambda: expected_calibration_error(np.eye(2), [0, 2]), "labels: got 2"),
    (lambda: expected_calibration_error(np.eye(2), [0]), "probabilities: got 2 rows"),
    (lambda: expected_calibration_error(np.eye(2), [0, 1], 0), "bins: got 0"),
    (lambda: expected_calibration_error(np.eye(2), [0, 1], True), "bins: got True"),
    (lambda: expected_calibration_error(np.eye(2), [0, 1], 2, "mass"), "binning: got 'mass'"),
    (lambda: expected_calibration_error([[2.0, -1.0]], [0]), "a least value of -1"),
    (lambda: expected_calibration_error([[3.0, 5.0]], [0]), "rows that sum to 8 up to 8"),
    (lambda: expected_calibration_error(np.zeros((0, 2)), []), r"shape \(0, 2\)"),
])  # fmt: skip
def test_bad_arguments(call, match):
    with pytest.raises(ValueError, match=match):
        call()


def test_answers_that_are_right_in_part_count_by_their_accuracy():
    rng = np.random.default_rng(3)
    sure, right = rng.random(50), rng.integers(0, 4, 50) / 3
    expected = sum(abs(sum(right[i] - sure[i] for i in range(50) if low < sure[i] <= low + 0.2))
                   for low in np.arange(5) / 5) / 50
    assert calibration_error(sure, right, bins=5) == pytest.approx(expected, abs=1e-12)
    for values in ([0.5, 1.5], [-0.1, 0.5], [], [[0.5]]):
        complaint(lambda of=values: calibration_error(of, [0.5, 0.5]), "confidences: got")
