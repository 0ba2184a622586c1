"""Sliced plans: POT on a line, a naive loop along lines, and what they tell of classes."""

from __future__ import annotations

import numpy as np
import ot
import pytest
import torch

from crossalign.heads.base import Places
from crossalign.tasks.sliced_plan import (
    DRAWS,
    LINES,
    deviation,
    drawn,
    line_plan,
    mean_plan,
    sliced_plan,
)

RNG = np.random.default_rng(0)


def masses(m: int, n: int) -> np.ndarray:
    """Unequal masses that sum to n."""
    found = RNG.uniform(0.1, 2, m)
    return found * n / found.sum()


@pytest.mark.parametrize(("n", "m"), [(40, 25), (7, 60), (1, 5), (5, 1)])
def test_a_plan_on_a_line_is_the_optimal_one_of_pot(n, m):
    x, y, weight = RNG.normal(size=n), RNG.normal(size=m), masses(m, n)
    i, j, mass = line_plan(x, y, weight)
    plan = np.zeros((n, m))
    np.add.at(plan, (i, j), mass)
    np.testing.assert_allclose(plan, ot.emd_1d(x, y, np.ones(n), weight), atol=1e-9)
    cost = (mass * (x[i] - y[j]) ** 2).sum()
    np.testing.assert_allclose(cost, n * ot.emd2_1d(x, y, np.ones(n) / n, weight / n), rtol=1e-9)


def test_the_mean_over_lines_is_that_of_plans_of_pot_by_class():
    rows, points = RNG.normal(size=(30, 3)), RNG.normal(size=(4, 5, 3))
    weight, lines = masses(20, 30).reshape(4, 5), RNG.normal(size=(6, 3))
    expected = np.zeros((30, 5))
    for line in lines:
        plan = ot.emd_1d(rows @ line, points.reshape(20, 3) @ line, np.ones(30), weight.ravel())
        for draw in range(20):
            expected[:, draw % 5] += plan[:, draw] / len(lines)
    np.testing.assert_allclose(mean_plan(rows, points, weight, lines), expected, atol=1e-9)


def test_a_space_without_samples_adds_nothing():
    rows, means = RNG.normal(size=(20, 2)), RNG.normal(size=(4, 2))
    shares = RNG.dirichlet(np.ones(4), 20)
    here = Places(means, rows, np.ones(20, dtype=bool), False, print)
    none = Places(means, rows[:0], np.zeros(20, dtype=bool), False, print)
    np.testing.assert_array_equal(sliced_plan([here, none], shares, 0),
                                  sliced_plan([here], shares, 0))
    np.testing.assert_allclose(sliced_plan([none], shares, 0), shares)


def test_in_one_dimension_the_sliced_plan_is_the_exact_plan():
    rows, means = RNG.normal(size=(50, 1)), RNG.normal(size=(6, 1))
    shares = RNG.dirichlet(np.ones(6), 50)
    places = Places(means, rows, np.ones(50, dtype=bool), False, print)
    points = drawn(means, deviation(rows, means, shares), torch.Generator().manual_seed(3))
    weight = np.tile(shares.sum(axis=0) / DRAWS, DRAWS)
    exact = ot.emd_1d(rows[:, 0], points.reshape(-1), np.ones(50), weight)
    expected = exact.reshape(50, DRAWS, 6).sum(axis=1)
    np.testing.assert_allclose(sliced_plan([places], shares, 3), expected, atol=1e-6)


def test_it_has_the_sizes_of_the_plan_it_was_given():
    rows, means = RNG.normal(size=(80, 12)), RNG.normal(size=(9, 12))
    shares = RNG.dirichlet(np.ones(9), 80)
    here = np.ones(80, dtype=bool)
    spaces = [Places(means, rows, here, False, print), Places(means, rows, here, False, print,
                                                              RNG.normal(size=(12, 12)))]
    plan = sliced_plan(spaces, shares, 0)
    np.testing.assert_allclose(plan.sum(axis=1), 1, rtol=1e-9)
    np.testing.assert_allclose(plan.sum(axis=0), shares.sum(axis=0), rtol=1e-6)
    np.testing.assert_array_equal(plan, sliced_plan(spaces, shares, 0))
    assert LINES > 12                                          # several frames of directions


def test_samples_without_a_place_keep_their_shares():
    rows, here = RNG.normal(size=(20, 4)), np.arange(30) < 20
    shares = RNG.dirichlet(np.ones(3), 30)
    plan = sliced_plan([Places(RNG.normal(size=(3, 4)), rows, here, False, print)], shares, 0)
    np.testing.assert_allclose(plan[~here], shares[~here], rtol=1e-12)


def test_the_deviation_is_that_of_a_naive_loop():
    rows, means, shares = RNG.normal(size=(9, 4)), RNG.normal(size=(3, 4)), np.eye(3)[[0, 1, 2] * 3]
    total = sum(((rows[i] - means[i % 3]) ** 2).sum() for i in range(9))
    np.testing.assert_allclose(deviation(rows, means, shares), np.sqrt(total / 36), rtol=1e-9)


def test_two_classes_on_a_line_are_told_apart():
    labels = np.repeat([0, 1], 50)
    rows = (10.0 * labels + RNG.normal(size=100))[:, None]
    places = Places(np.array([[0.5], [9.5]]), rows, np.ones(100, dtype=bool), False, print)
    plan = sliced_plan([places], np.eye(2)[labels], 0)
    assert (plan.argmax(axis=1) == labels).mean() > 0.95
