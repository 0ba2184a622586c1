"""Paired comparisons against scipy and brute force."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from crossalign.evaluation.significance import (
    paired_comparison,
    paired_t_test,
    sign_flip_test,
)


def brute_force(d):
    signs = itertools.product((-1, 1), repeat=len(d))
    sums = [abs(sum(s * x for s, x in zip(flip, d, strict=True))) for flip in signs]
    return sum(total >= abs(sum(d)) - 1e-12 for total in sums) / len(sums)


@pytest.mark.parametrize("n", [1, 2, 5, 10])
def test_exact_p_value_equals_brute_force(n):
    d = np.random.default_rng(n).normal(0.01, 0.02, n)
    assert sign_flip_test(d) == pytest.approx(brute_force(d), abs=0)


def test_exact_p_value_equals_scipy():
    d = np.random.default_rng(1).normal(0.5, 1, 9)
    theirs = stats.permutation_test((d, np.zeros(9)), lambda a, b: np.mean(a - b),
                                    permutation_type="samples", n_resamples=np.inf)
    assert sign_flip_test(d) == pytest.approx(theirs.pvalue)


@pytest.mark.parametrize("n", [1, 3, 6, 16])
def test_smallest_p_value_of_n_runs(n):
    assert sign_flip_test(np.full(n, 0.1)) == 2.0 ** (1 - n)  # .1 is inexact: no pattern is missed


def test_differences_of_zero_are_no_evidence():
    assert sign_flip_test(np.zeros(8)) == 1
    assert paired_t_test(np.zeros(8)) == (0, 1)


def test_monte_carlo_is_near_exact_reproducible_and_never_zero():
    d = np.random.default_rng(3).normal(0.4, 1, 17)
    p = sign_flip_test(d, seed=5)
    exact = (np.abs((1 - 2 * (np.arange(2**17)[:, None] >> np.arange(17) & 1)) @ d)
             >= abs(d.sum()) - 1e-12).mean()
    assert p == sign_flip_test(d, seed=5)
    assert p == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / 100_000))
    assert sign_flip_test(np.full(30, 1.0), draws=1000) == 1 / 1001


def test_paired_comparison_equals_scipy():
    rng = np.random.default_rng(2)
    a, b = rng.uniform(size=(2, 12))
    a[3] = b[3]
    ours, theirs = paired_comparison(a, b), stats.ttest_rel(a, b)
    assert (ours.t, ours.t_p_value) == pytest.approx((theirs.statistic, theirs.pvalue))
    assert (ours.mean, ours.sd) == pytest.approx((np.mean(a - b), np.std(a - b, ddof=1)))
    assert (ours.wins, ours.ties, ours.losses) == (sum(a > b), 1, sum(a < b))
    assert ours.n == 12


def test_comparison_is_antisymmetric():
    a, b = np.random.default_rng(4).uniform(size=(2, 7))
    one, two = paired_comparison(a, b), paired_comparison(b, a)
    assert (one.mean, one.t, one.wins) == (-two.mean, -two.t, two.losses)
    assert (one.p_value, one.t_p_value) == (two.p_value, two.t_p_value)


def test_one_run_and_equal_differences():
    one = paired_comparison([0.5], [0.4])
    assert one.sd == 0
    assert one.p_value == 1
    assert math.isnan(one.t_p_value)
    assert paired_t_test([-1.0, -1.0]) == (-math.inf, 0)


def test_reads_as_a_sentence():
    text = str(paired_comparison([0.50, 0.60, 0.70], [0.49, 0.58, 0.71]))
    assert text.startswith("+0.7 ± 1.5 points over 3 runs: 2 won, 0 tied, 1 lost")


@pytest.mark.parametrize(("a", "b", "match"), [
    ([1.0, 2.0], [1.0], "1 runs against 2"), ([], [], "n >= 1"),
    ([1.0, np.nan], [1.0, 1.0], "run 1 is nan"), ([[1.0]], [[1.0]], "one number per run")])
def test_bad_runs(a, b, match):
    with pytest.raises(ValueError, match=match):
        paired_comparison(a, b)


def test_bad_draws():
    with pytest.raises(ValueError, match="draws"):
        sign_flip_test([1.0], draws=0)
