"""Scaling against scikit-learn's scalers, fitted on training rows only."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.preprocessing import MinMaxScaler, StandardScaler, normalize

from crossalign.preprocessing.scaling import (
    KINDS,
    apply_scaling,
    fit_scaling,
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


@pytest.mark.parametrize(("kind", "oracle"), [("minmax", MinMaxScaler), ("standard",
                                                                         StandardScaler)])
def test_column_scaling_equals_scikit_learn(train, test, kind, oracle):
    fitted = fit_scaling(train, kind)
    assert {name: (a.shape, a.dtype) for name, a in fitted.items()} == {
        "shift": ((5,), np.float32), "scale": ((5,), np.float32)}
    reference = oracle().fit(train.astype(np.float64))
    for x in (train, test):
        scaled = apply_scaling(x, kind, **fitted)
        assert scaled.dtype == np.float32
        np.testing.assert_allclose(scaled, reference.transform(x.astype(np.float64)), rtol=2e-4,
                                   atol=2e-4)
    assert fitted["scale"][3] == 1


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
    np.testing.assert_allclose(undo_scaling(scaled, kind, **fitted), x, rtol=1e-3, atol=1e-5)


def test_root_is_standard_after_the_signed_square_root():
    x = np.random.default_rng(0).standard_normal((20, 3)).astype(np.float32)
    root = np.sign(x) * np.abs(x) ** 0.5
    expected = (root - root.mean(axis=0)) / root.std(axis=0)
    np.testing.assert_allclose(apply_scaling(x, "root", **fit_scaling(x, "root")), expected,
                               rtol=1e-3, atol=1e-4)


def test_the_length_of_unit_rows_is_lost():
    with pytest.raises(ValueError, match="'l2' loses the length"):
        undo_scaling(np.ones((2, 3)), "l2", np.zeros(3), np.ones(3))
