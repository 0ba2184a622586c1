"""Scaling against scikit-learn's scalers, fitted on training rows only."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.preprocessing import MinMaxScaler, StandardScaler, normalize

from crossalign.preprocessing.scaling import (
    FARTHEST,
    KINDS,
    apply_scaling,
    fit_scaling,
    fit_within,
    undo_scaling,
)


def scaled_by(kind, fitted_on, x):
    return apply_scaling(x, kind, **fit_scaling(fitted_on, kind))


@pytest.fixture
def train():
    x = np.random.default_rng(0).normal(3, [.01, 1, 50, 0, 2], size=(40, 5)).astype(np.float32)
    x[:, 3] = 7  # constant
    return x


@pytest.fixture
def test(train):
    return np.random.default_rng(1).normal(1, 20, size=(9, 5)).astype(np.float32)


def farthest_ranges(train):
    """How far ``minmax`` lets new rows be from 0: 20 deviations on from the mean, or the ends."""
    scaler = MinMaxScaler().fit(train.astype(np.float64))
    scaled = scaler.transform(train.astype(np.float64))
    deviation = np.where(np.ptp(train, axis=0) == 0, 1, scaled.std(axis=0))
    return np.maximum(scaled.max(axis=0), scaled.mean(axis=0) + 20 * deviation)


@pytest.mark.parametrize(("kind", "oracle"), [("minmax", MinMaxScaler), ("standard",
                                                                         StandardScaler)])
def test_column_scaling_equals_scikit_learn(train, test, kind, oracle):
    fitted = fit_scaling(train, kind)
    assert {name: (a.shape, a.dtype) for name, a in fitted.items()} == dict.fromkeys(
        ("shift", "scale", "farthest"), ((5,), np.float32))
    reference = oracle().fit(train.astype(np.float64))
    most = FARTHEST if kind == "standard" else farthest_ranges(train)
    for x in (train, test):
        scaled = apply_scaling(x, kind, **fitted)
        assert scaled.dtype == np.float32
        expected = reference.transform(x.astype(np.float64)).clip(-most, most)
        np.testing.assert_allclose(scaled, expected, rtol=2e-4, atol=2e-4)
    assert fitted["scale"][3] == 1


def test_columns_of_any_units_count_as_in_scikit_learn():
    """Populations of 1e9, shares of 1e-9 and years vary as much as each other."""
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.normal(1e9, 3e8, 200), rng.uniform(0, 1e-9, 200),
                         rng.integers(1990, 2026, 200), rng.normal(0, 1e-30, 200),
                         rng.normal(50, 1e-3, 200)]).astype(np.float32)
    reference = StandardScaler().fit(x[:150].astype(np.float64))
    for rows in (x[:150], x[150:]):
        np.testing.assert_allclose(scaled_by("standard", x[:150], rows),
                                   reference.transform(rows.astype(np.float64)), atol=5e-3)


@pytest.mark.parametrize("value", [0.0, 0.3, -7.0, 300.0])
def test_a_constant_column_with_rounding_is_that_column(value):
    rng = np.random.default_rng(0)
    around = np.float32(value) * (1 + rng.integers(-2, 3, 50) * np.finfo(np.float32).eps)
    new = np.float32(value) + np.array([[-.1], [0], [.4], [2]], np.float32)
    constant, noisy = (scaled_by("standard", column[:, None], new)
                       for column in (np.full(50, value), around))
    np.testing.assert_allclose(noisy, constant, atol=1e-4)


@pytest.mark.parametrize("kind", ["minmax", "standard", "root"])
def test_no_training_row_is_held(kind):
    """One row of 1,000 has something in a column: it is sqrt(999) deviations away."""
    train = np.zeros((1000, 2), np.float32)
    train[:, 1], train[7, 0] = np.random.default_rng(0).standard_normal(1000), 0.3
    fitted = fit_scaling(train, kind)
    held = apply_scaling(train, kind, **fitted)
    np.testing.assert_array_equal(held, apply_scaling(
        train, kind, fitted["shift"], fitted["scale"], np.inf))
    assert held[7, 0] == (1 if kind == "minmax" else pytest.approx(np.sqrt(999), rel=1e-4))


@pytest.mark.parametrize("kind", ["standard", "root"])
def test_a_new_row_is_held_to_the_farthest_training_row_or_20_deviations(kind):
    rng = np.random.default_rng(0)
    train = np.column_stack([1e-3 * rng.uniform(0, 1, 90), rng.uniform(0, 1, 90)])
    new = np.array([[.5, .5], [-.5, .5], [.5, 9], [5e-4, .5]])
    root = (lambda x: np.sign(x) * np.sqrt(np.abs(x))) if kind == "root" else np.asarray
    reference = StandardScaler().fit(root(train))
    np.testing.assert_allclose(scaled_by(kind, train, new),
                               reference.transform(root(new)).clip(-20, 20), rtol=1e-3, atol=1e-4)
    one = np.concatenate([np.zeros(900), [1.0]])[:, None]
    assert scaled_by(kind, one, [[50.0]])[0, 0] == pytest.approx(30, rel=1e-4)


def test_a_new_row_is_held_under_minmax_too():
    rng = np.random.default_rng(0)
    train = np.column_stack([1e-3 * rng.uniform(0, 1, 90), rng.uniform(0, 1, 90), np.ones(90)])
    new = np.array([[.5, .5, 1], [-.5, 1.5, 1.3], [.5, 99, 255], [5e-4, .5, -255]])
    most = farthest_ranges(train)
    reference = MinMaxScaler().fit(train)
    np.testing.assert_allclose(scaled_by("minmax", train, new),
                               reference.transform(new).clip(-most, most), rtol=1e-3, atol=1e-4)
    assert most.max() < 21
    one = np.concatenate([np.zeros(900), [1.0]])[:, None]      # the mean is 1 / 901
    assert scaled_by("minmax", one, [[50.0]])[0, 0] == 1


def test_minmax_lands_on_zero_and_one_exactly(train):
    scaled = scaled_by("minmax", train, train)
    np.testing.assert_array_equal(scaled.min(axis=0), 0)
    np.testing.assert_array_equal(scaled.max(axis=0), [1, 1, 1, 0, 1])


def test_unit_rows_equal_scikit_learn_and_spare_zero(test):
    test[2] = 0
    scaled = scaled_by("l2", test, test)
    np.testing.assert_allclose(scaled, normalize(test), rtol=1e-6)
    np.testing.assert_array_equal(scaled[2], 0)


def test_none_changes_nothing(train, test):
    np.testing.assert_array_equal(scaled_by("none", train, test), test)


@pytest.mark.parametrize("kind", KINDS)
def test_tokens_are_scaled_by_their_own_columns(train, kind):
    tokens = train.reshape(8, 5, 5)
    flat = scaled_by(kind, train, train)
    np.testing.assert_array_equal(scaled_by(kind, tokens, tokens),
                                  flat.reshape(8, 5, 5))


def test_wrong_use_is_refused_in_one_sentence(train):
    for call, words in [
        (lambda: apply_scaling(train, "zca", **fit_scaling(train, "minmax")), "kind: got 'zca'"),
        (lambda: fit_scaling(train, "max"), "kind: got 'max'"),
        (lambda: fit_scaling(train[:0], "l2"), "at least one training row"),
        (lambda: apply_scaling(train[:, :3], "minmax", **fit_scaling(train, "minmax")),
         "width 3, but 5 columns"),
    ]:
        with pytest.raises(ValueError, match=words):
            call()


@pytest.mark.parametrize("kind", ["minmax", "standard", "root", "none"])
def test_undo_is_the_inverse(kind):
    x = np.random.default_rng(0).standard_normal((20, 3)).astype(np.float32)
    fitted = fit_scaling(x, kind)
    scaled = apply_scaling(x, kind, **fitted)
    undone = undo_scaling(scaled, kind, fitted["shift"], fitted["scale"])
    np.testing.assert_allclose(undone, x, rtol=1e-3, atol=1e-5)


def test_root_is_standard_after_the_signed_square_root():
    x = np.random.default_rng(0).standard_normal((20, 3)).astype(np.float32)
    root = np.sign(x) * np.abs(x) ** 0.5
    expected = (root - root.mean(axis=0)) / root.std(axis=0)
    np.testing.assert_allclose(apply_scaling(x, "root", **fit_scaling(x, "root")), expected,
                               rtol=1e-3, atol=1e-4)


def test_the_length_of_unit_rows_is_lost():
    with pytest.raises(ValueError, match="'l2' loses the length"):
        undo_scaling(np.ones((2, 3)), "l2", np.zeros(3), np.ones(3))


@pytest.mark.parametrize("kind", ["standard", "root"])
def test_ends_that_float32_can_hold_and_not_their_distance_are_scaled(kind):
    x = np.array([[-3e38, 1e-42], [3e38, 3e-42], [1e38, 2e-42]], dtype=np.float32)
    fitted = fit_scaling(x, kind)
    assert all(np.isfinite(of).all() for of in fitted.values())
    new = np.array([[3.4e38, 3e38]], dtype=np.float32)
    scaled = apply_scaling(np.concatenate([x, new]), kind, **fitted)
    assert np.abs(scaled).max() <= FARTHEST
    assert scaled[-1, 1] == FARTHEST


@pytest.mark.parametrize("one_unit", [True, False])
def test_columns_of_one_unit_count_as_half_their_mean_variance_at_least(one_unit):
    rng = np.random.default_rng(0)
    rows = rng.normal([3, -1, 0, 7], [1e-3, 1, 5, 0], (60, 4)).astype(np.float32)
    fitted = fit_within(rows, one_unit)
    assert {name: (a.shape, a.dtype) for name, a in fitted.items()} == dict.fromkeys(
        ("shift", "scale", "farthest"), ((4,), np.float32))
    variances = np.var(rows.astype(np.float64), axis=0)
    least = variances.sum() / 3 / 2                                     # of three that vary
    expected = np.maximum(variances, least) if one_unit else np.where(variances > 0, variances, 1)
    np.testing.assert_allclose(fitted["scale"], np.sqrt(expected), rtol=1e-4)
    scaled = apply_scaling(rows, "standard", **fitted)
    np.testing.assert_allclose(scaled, (rows - rows.mean(axis=0)) / fitted["scale"], rtol=1e-3,
                               atol=1e-3)
    np.testing.assert_array_equal(scaled, apply_scaling(
        rows, "standard", fitted["shift"], fitted["scale"], np.inf))   # no training row is held


@pytest.mark.parametrize("one_unit", [True, False])
def test_new_rows_are_held_within_the_farthest_training_row(one_unit):
    x = np.array([[0, 5, 0], [1, 5, .01], [3, 5, 0], [0, 5, 0]], np.float32)
    fitted = fit_within(x, one_unit)
    new = apply_scaling([[9, 9, 9], [-9, -9, -9]], "standard", **fitted)
    far = np.abs(apply_scaling(x, "standard", **fitted)).max(axis=0)
    np.testing.assert_array_equal(new, [far, -far])
    assert far[1] == 0                                    # what never varied says nothing
    assert (far[2] < 0.02) == one_unit
    assert far[0] > 1


@pytest.mark.parametrize("one_unit", [True, False])
def test_no_rows_are_refused_and_constant_ones_are_zero(one_unit):
    with pytest.raises(ValueError, match="at least one training row"):
        fit_within(np.zeros((0, 3), np.float32), one_unit)
    for value in (0.0, 3e38):
        fitted = fit_within(np.full((4, 2), value, np.float32), one_unit)
        np.testing.assert_array_equal(apply_scaling([[1.0, -2.0]], "standard", **fitted), [[0, 0]])
    wide = np.array([[-3e38, 0], [3e38, 1]], np.float32)
    assert np.isfinite(apply_scaling(wide, "standard", **fit_within(wide, one_unit))).all()
