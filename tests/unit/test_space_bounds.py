"""How far added classes are lifted, against a count of pictures."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossalign.space.bounds import KEPT, lifts


def taken(margins, weights, lift):
    """Share of the weight that any new class takes."""
    return weights[(margins <= lift).any(axis=1)].sum() / weights.sum()


def test_one_class_takes_as_much_as_it_may_and_no_more():
    rng = np.random.default_rng(0)
    margins, weights = rng.normal(size=(60, 1)), rng.uniform(0.5, 1, 60)
    for kept in (0.95, KEPT, 0.7):
        lift = lifts(margins, weights, kept)
        following = margins[margins > lift].min()
        assert taken(margins, weights, lift) <= 1 - kept < taken(margins, weights, following)


def test_several_classes_share_it_with_equal_shares():
    rng = np.random.default_rng(1)
    margins = rng.normal(size=(400, 3)) * [1, 5, 0.1] + [0, 3, -2]
    weights = np.ones(400)
    found = lifts(margins, weights)
    assert 0.09 < taken(margins, weights, found) <= 0.1 + 1e-9
    each = [taken(margins[:, [c]], weights, found[c]) for c in range(3)]
    assert max(each) - min(each) <= 1 / 400 + 1e-9
    assert (found < [lifts(margins[:, [c]], weights)[0] for c in range(3)]).all()


def test_pictures_that_are_wrong_without_it_do_not_count():
    rng = np.random.default_rng(2)
    margins, weights = rng.normal(size=(80, 2)), np.r_[np.ones(40), np.zeros(40)]
    np.testing.assert_array_equal(lifts(margins, weights), lifts(margins[:40], weights[:40]))


def test_without_pictures_that_are_right_nothing_is_lifted():
    np.testing.assert_array_equal(lifts(np.ones((3, 2)), np.zeros(3)), [0, 0])


@given(st.integers(1, 30), st.integers(1, 4), st.integers(0, 999), st.floats(0.5, 1))
def test_the_promise_holds_for_any_scores(n, k, seed, kept):
    rng = np.random.default_rng(seed)
    margins = rng.integers(-3, 4, size=(n, k)).astype(float)       # many are equal
    weights = rng.uniform(0.1, 1, n)
    found = lifts(margins, weights, kept)
    assert np.isfinite(found).all()
    assert taken(margins, weights, found) <= 1 - kept + 1e-9
    assert lifts(margins + 7, weights, kept) - 7 == pytest.approx(found)
