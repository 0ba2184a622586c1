"""Pairs needed, against a loop and a line that is known."""

import numpy as np
import pytest

from crossalign.evaluation.pairs_needed import PairsCurve, pairs_curve
from crossalign.models import Committee
from crossalign.types import Views


def views(n, noise, seed=0):
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((n, 5))
    return Views({m: (z @ rng.standard_normal((5, d)) + noise * rng.standard_normal((n, d)))
                  .astype(np.float32) for m, d in (("a", 12), ("b", 9))})


def test_a_line_is_followed_to_the_goal():
    pairs = (20, 40, 80, 160)
    curve = PairsCurve(pairs, tuple(0.1 + 0.05 * np.log2(n / 20) for n in pairs), 300)
    assert curve.slope == pytest.approx(0.05)
    assert curve.needed == 20 * 2**8                     # .1 + 8 * .05 is the goal
    assert "about 5,120" in curve.advice


@pytest.mark.parametrize(("precisions", "needed", "said"), [
    ((0.2, 0.6, 0.7), 40, "40 were enough"), ((0.02, 0.02, 0.02), None, "out of reach"),
    ((0.3, 0.2, 0.1), None, "out of reach")])
def test_a_goal_may_be_reached_already_or_never(precisions, needed, said):
    curve = PairsCurve((20, 40, 80), precisions, 80)
    assert curve.needed == needed
    assert said in curve.advice


def test_points_are_those_of_a_loop():
    X = views(200, 0.5)
    curve = pairs_curve(X, np.random.default_rng(3))
    assert curve.pairs == (20, 40, 80, 100)
    order = np.random.default_rng(3).permutation(200)
    held = X[np.sort(order[100:])]
    for count, found in zip(curve.pairs, curve.precisions, strict=True):
        model = Committee(members=("ridge",)).fit(X[np.sort(order[:count])])
        scores = model.embed(held["a"], "a") @ model.embed(held["b"], "b").T
        ranks = [1 + sum(scores[i, j] > scores[i, i] for j in range(100)) for i in range(100)]
        back = [1 + sum(scores[j, i] > scores[i, i] for j in range(100)) for i in range(100)]
        assert found == pytest.approx(np.mean([np.mean(1 / np.array(r)) for r in (ranks, back)]))
    assert curve.precisions[-1] > curve.precisions[0]


def test_rows_that_are_alike_are_one_item_and_few_pairs_have_no_curve():
    X = views(120, 0.1)
    twice = Views({m: np.repeat(X[m], 2, axis=0) for m in X.modalities})
    assert pairs_curve(twice, np.random.default_rng(0)).precisions[-1] > 0.9
    assert pairs_curve(X[:40], np.random.default_rng(0)) is None
