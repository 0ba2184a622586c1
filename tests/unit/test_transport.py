"""Plans of optimal transport, against POT."""

import numpy as np
import pytest

from crossalign.transport import entropic_plan


@pytest.mark.parametrize("temperature", [1.0, 0.1])
def test_the_plan_is_that_of_pot(temperature):
    ot = pytest.importorskip("ot")
    scores = np.random.default_rng(0).standard_normal((12, 9))
    expected = ot.sinkhorn(np.full(12, 1 / 12), np.full(9, 1 / 9), -scores, temperature,
                           numItermax=10_000, stopThr=1e-14)
    np.testing.assert_allclose(entropic_plan(scores, temperature, rounds=3000), expected, atol=1e-8)


def test_columns_have_their_sums_after_few_rounds_and_a_cold_plan_is_the_best_matching():
    scores = np.random.default_rng(1).standard_normal((6, 6))
    plan = entropic_plan(scores, 1e-3, rounds=5000)
    from scipy.optimize import linear_sum_assignment
    np.testing.assert_array_equal(plan.argmax(axis=1), linear_sum_assignment(-scores)[1])
    np.testing.assert_allclose(entropic_plan(scores, 0.1, rounds=3).sum(axis=0), 1 / 6)


def test_shares_do_not_underflow_for_good():
    scores = np.array([[0.0, -5000.0], [0.0, -5000.0]])
    np.testing.assert_allclose(entropic_plan(scores, 1.0, rounds=100), np.full((2, 2), 0.25))
