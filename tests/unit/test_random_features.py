"""Quasi-random features, against the kernel that they stand for."""

import numpy as np
import pytest
from sklearn.metrics.pairwise import rbf_kernel

from crossalign.models.closed_form.random_features import BANDWIDTH, frequencies, lifted

WIDTH = 16


def kernel_error(kind, count, seed):
    x = np.random.default_rng(7).standard_normal((40, WIDTH))
    expected = x @ x.T + WIDTH * rbf_kernel(x, gamma=BANDWIDTH / (2 * WIDTH))
    rows = lifted(x, frequencies(WIDTH, count, seed, kind))
    return np.abs(rows @ rows.T - expected).mean() / WIDTH


@pytest.mark.parametrize("kind", ["orthogonal", "iid"])
def test_inner_products_tend_to_the_kernels(kind):
    assert kernel_error(kind, 1 << 14, 0) < 0.01


def test_orthogonal_directions_err_less_than_independent_ones():
    errors = {kind: np.mean([kernel_error(kind, 64, seed) for seed in range(20)])
              for kind in ("orthogonal", "iid")}
    assert errors["orthogonal"] < 0.9 * errors["iid"]


def test_features_are_those_of_their_seed():
    np.testing.assert_array_equal(frequencies(5, 12, 3), frequencies(5, 12, 3))
    assert np.abs(frequencies(5, 12, 3) - frequencies(5, 12, 4)).max() > 0.01
