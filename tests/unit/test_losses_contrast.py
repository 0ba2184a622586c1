"""Losses of pairs and of unpaired rows, each against an oracle of another hand."""

import numpy as np
import ot
import pytest
import torch
from scipy.spatial.distance import cdist, jensenshannon
from torch.nn import functional

from crossalign.losses import info_nce, klot, log_plan, sigmoid_contrast, structure_gap

CONVERGED = {"rounds": 500, "tolerance": 1e-13}


@pytest.fixture
def draw():
    generator = torch.Generator().manual_seed(0)
    return lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)


def test_info_nce_is_a_loop_over_rows_and_columns(draw):
    logits = draw(6, 6)
    s = logits.numpy()
    expected = np.mean([np.log(np.exp(s[i]).sum()) + np.log(np.exp(s[:, i]).sum()) - 2 * s[i, i]
                        for i in range(6)]) / 2
    assert info_nce(logits).item() == pytest.approx(expected, rel=1e-12)


def test_sigmoid_contrast_is_the_equation_of_siglip(draw):
    logits = draw(5, 5)
    total = 0.0
    for i in range(5):
        for j in range(5):
            z = 1 if i == j else -1
            total += np.log(1 / (1 + np.exp(-z * logits[i, j].item())))
    assert sigmoid_contrast(logits).item() == pytest.approx(-total / 5, rel=1e-12)


@pytest.mark.parametrize(("temperature", "levels"), [(0.05, 1), (0.5, 3)])
def test_structure_gap_is_scipys_jensen_shannon_of_every_level(draw, temperature, levels):
    x, z = draw(7, 5), draw(7, 3)
    p, q = (np.exp((1 - cdist(rows, rows, "cosine")) / temperature) for rows in (x, z))
    p, q = p / p.sum(axis=1, keepdims=True), q / q.sum(axis=1, keepdims=True)
    expected = np.mean([
        np.mean([jensenshannon(a, b) ** 2 for a, b in zip(
            np.linalg.matrix_power(p, k), np.linalg.matrix_power(q, k), strict=True)]) / k
        for k in range(1, levels + 1)])
    assert structure_gap(x, z, temperature, levels).item() == pytest.approx(expected, rel=1e-9)


def test_structure_gap_is_no_kl_from_the_mean(draw):
    """What the authors' code computes, ``KL(m | p) + KL(m | q)``, is another number."""
    x, z = draw(7, 5), draw(7, 3)
    p, q = ((functional.normalize(r) @ functional.normalize(r).T / 0.5).softmax(1) for r in (x, z))
    m = (p + q) / 2
    other = sum(functional.kl_div(r.log(), m, reduction="batchmean") for r in (p, q)) / 2
    assert abs(structure_gap(x, z, 0.5, 1).item() - other.item()) > 1e-3


def test_structure_gap_moves_the_images_alone(draw):
    x, z = draw(7, 5).requires_grad_(), draw(7, 3).requires_grad_()
    structure_gap(x, z).backward()
    assert x.grad is None
    assert z.grad.any()
    assert structure_gap(x, 3 * x).item() == pytest.approx(0, abs=1e-12)


def plan_of_pot(affinity, epsilon):
    n, m = affinity.shape
    return ot.sinkhorn(np.full(n, 1 / n), np.full(m, 1 / m), -affinity.numpy(), epsilon,
                       method="sinkhorn_log", stopThr=1e-12, numItermax=10**5)


@pytest.mark.parametrize("epsilon", [0.1, 0.3, 3.0])
def test_plan_is_pots(draw, epsilon):
    affinity = draw(9, 6)
    plan = log_plan(affinity, epsilon, **CONVERGED).exp()
    np.testing.assert_allclose(plan, plan_of_pot(affinity, epsilon), atol=1e-9)


def test_plan_of_float32_is_finite_where_products_of_kernels_underflow(draw):
    plan = log_plan(draw(40, 30).float(), 0.005, rounds=100).exp()
    assert plan.isfinite().all()
    torch.testing.assert_close(plan.sum(dim=0), torch.full((30,), 1 / 30), rtol=1e-4, atol=0)


def test_a_plan_says_that_it_has_not_converged_and_klot_does_not(draw):
    hard = 100 * draw(12, 12)
    with pytest.warns(UserWarning, match=r"affinity: sums of the plan are wrong by [\d.e+]+ % on "
                                         "average after 2 rounds") as told:
        plan = log_plan(hard, 0.05, rounds=2).exp()
    wrong = (12 * plan.sum(dim=1) - 1).abs().mean().item()
    assert wrong > 1e-3
    assert f"{100 * wrong:.2g} %" in str(told[0].message)
    klot(hard, draw(12, 12), 0.05, rounds=2)                # warnings are errors here


def test_klot_is_the_kl_of_pots_plans(draw):
    teacher, student = draw(8, 5), draw(8, 5)
    wanted, found = plan_of_pot(teacher, 0.3), plan_of_pot(student, 0.2)
    expected = (wanted * np.log(wanted / found)).sum()
    assert klot(teacher, student, 0.2, 0.3, **CONVERGED).item() == pytest.approx(expected, rel=1e-7)


def test_gradient_of_klot_is_that_of_differences_and_of_unrolled_iterations(draw):
    teacher, student = draw(6, 5), draw(6, 5).requires_grad_()
    found, = torch.autograd.grad(klot(teacher, student, 0.2, 0.3, **CONVERGED), student)
    numeric, step = torch.zeros(6, 5, dtype=torch.float64), 1e-5
    for i in range(6):
        for j in range(5):
            moved = torch.zeros(6, 5, dtype=torch.float64)
            moved[i, j] = step
            high, low = (klot(teacher, student.detach() + sign * moved, 0.2, 0.3, **CONVERGED)
                         for sign in (1, -1))
            numeric[i, j] = (high - low) / (2 * step)
    torch.testing.assert_close(found, numeric, rtol=0, atol=1e-7)
    wanted = torch.from_numpy(plan_of_pot(teacher, 0.3))
    f, g = torch.zeros(6, 1, dtype=torch.float64), torch.zeros(1, 5, dtype=torch.float64)
    for _ in range(500):
        f = -np.log(6) - torch.logsumexp(student / 0.2 + g, dim=1, keepdim=True)
        g = -np.log(5) - torch.logsumexp(student / 0.2 + f, dim=0, keepdim=True)
    unrolled, = torch.autograd.grad((wanted * (wanted.log() - (student / 0.2 + f + g))).sum(),
                                    student)
    torch.testing.assert_close(found, unrolled, rtol=0, atol=1e-7)
