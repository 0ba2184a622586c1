import numpy as np
import pytest

from crossalign.metrics import cmae, modality_gap, normalised_cmae


def test_cmae_is_the_frobenius_norm_over_pairs():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((30, 4)), rng.standard_normal((30, 4))
    assert cmae(a, b) == pytest.approx(np.linalg.norm(a - b, "fro") ** 2 / 30, rel=1e-14)
    assert cmae(a, b) == pytest.approx(
        np.mean([((x - y) ** 2).sum() for x, y in zip(a, b, strict=True)])
    )
    assert cmae(a, a) == 0.0


def test_cmae_of_float32_is_computed_in_float64():
    a = np.full((2, 1), 3e30, np.float32)
    assert cmae(a, -a) == pytest.approx(4 * float(a[0, 0]) ** 2, rel=1e-14)


def test_normalised_cmae_is_half_the_distance_of_whitened_pairs():
    rng = np.random.default_rng(0)
    shared = rng.standard_normal((4000, 1))
    x = shared + 0.5 * rng.standard_normal((4000, 1))
    y = shared + 0.5 * rng.standard_normal((4000, 1))
    x, y = ((v - v.mean()) / v.std() for v in (x, y))
    rho = float((x * y).mean())
    assert normalised_cmae([rho]) == pytest.approx(cmae(x, y) / 2, abs=1e-12)
    assert normalised_cmae([1.0, 0.5]) == 0.25
    assert normalised_cmae([1 + 1e-9]) == 0.0


def test_modality_gap_is_measured_on_unit_rows():
    a = np.array([[2.0, 0.0], [0.0, 3.0]])
    b = np.array([[-1.0, 0.0], [0.0, -9.0], [-5.0, 0.0], [0.0, -1.0]])
    assert modality_gap(a, b) == pytest.approx(np.sqrt(2))
    assert modality_gap(a, 7 * a) == pytest.approx(0, abs=1e-15)
    assert modality_gap([[1.0, 0]], [[-1.0, 0]]) == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cmae(np.ones((3, 2)), np.ones((2, 2))), "a: got 3 rows and b has 2"),
        (lambda: cmae(np.ones((3, 2)), np.ones((3, 1))), "a: got width 2 and b has width 1"),
        (lambda: cmae([[np.nan]], [[1.0]]), "a: got NaN"),
        (lambda: cmae(np.ones(3), np.ones(3)), "a: got shape"),
        (lambda: normalised_cmae([]), "correlations: got shape"),
        (lambda: normalised_cmae([0.5, 1.2]), "correlations: got 1.2 inside"),
        (lambda: normalised_cmae([np.nan]), "correlations: got nan inside"),
        (lambda: modality_gap([[1.0, 0]], [[1.0, 0], [0, 0]]), "b: got a row of zeros at 1"),
    ],
)
def test_a_wrong_argument_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
