"""Log-odds, by decimal arithmetic of 400 digits where floats round to certainty."""

from __future__ import annotations

from decimal import Decimal, getcontext

import numpy as np
import pytest
from complaints import complaint

from crossalign.tasks.log_odds import LEAST, log_odds, log_odds_of_all

getcontext().prec = 400
RNG = np.random.default_rng(0)


def shares(row):
    """Softmax of a row, in decimals."""
    powers = [Decimal(float(x)).exp() for x in row]
    return [power / sum(powers) for power in powers]


@pytest.mark.parametrize("scale", [1.0, 30.0, 200.0])
def test_they_are_those_of_a_softmax_also_where_it_rounds_to_one(scale):
    scores = scale * RNG.normal(size=(20, 5))
    for column in range(5):
        expected = [float((p / (1 - p)).ln()) for p in (shares(row)[column] for row in scores)]
        np.testing.assert_allclose(log_odds(scores, column), expected, rtol=1e-12, atol=1e-12)


def test_of_two_they_are_the_difference_of_scores():
    scores = RNG.normal(size=(9, 2)) * 1000
    np.testing.assert_array_equal(log_odds(scores, 1), scores[:, 1] - scores[:, 0])
    assert (log_odds(scores, 1) == -log_odds(scores, 0)).all()


@pytest.mark.parametrize("scale", [1.0, 10.0, 40.0])
def test_of_all_are_those_of_the_product_of_probabilities(scale):
    each = np.clip(scale * RNG.normal(size=(20, 6)) + scale, LEAST, None)
    for row, found in zip(each, log_odds_of_all(each), strict=True):
        product = Decimal(1)
        for odds in row:
            product *= 1 / (1 + Decimal(float(-odds)).exp())
        assert found == pytest.approx(float((product / (1 - product)).ln()), rel=1e-12, abs=1e-12)


def test_one_alone_is_its_own_and_what_cannot_happen_has_a_bound():
    odds = RNG.normal(size=(4, 1)) * 30
    np.testing.assert_allclose(log_odds_of_all(odds), odds[:, 0], rtol=1e-12)
    found = log_odds_of_all([[3.0, -np.inf], [np.inf, 2.0]])
    np.testing.assert_allclose(found, [LEAST + np.log(1 / (1 + np.exp(-3.0))), 2.0], rtol=1e-12)
    assert log_odds([[0.0, -np.inf, -1.0]], 1) == -np.inf


def test_a_single_column_is_one_sentence():
    complaint(lambda: log_odds(np.zeros((3, 1)), 0), "scores: shape (3, 1)", "two columns or more")
