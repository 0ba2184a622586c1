"""Triplets and label alignment of FGAN against the paper's equations, written out as loops."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from scipy.special import rel_entr, softmax
from torch import nn

from crossalign.losses.label_distribution import CODE, PAPER, label_alignment
from crossalign.losses.pairwise_contrast import cross_distances, pairwise_contrast
from crossalign.losses.selective_triplet import (
    anchor_positive_negative,
    anchor_positive_semipositive,
    selective_triplets,
)

LABELS = ([0, 0, 1, 2, 1, 0], [3, 3, 3, 3], [0, 1, 2, 3, 4], [7])


@pytest.fixture
def draw():
    generator = torch.Generator().manual_seed(0)
    return lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)


def hinges(distance, labels, margin, relation, choose):
    """Eq. 15 or 17 of one direction, over the anchors that have somebody in the relation."""
    found = []
    for i, mine in enumerate(labels):
        others = [distance[i][j] for j, theirs in enumerate(labels) if relation(i, j, mine, theirs)]
        if others:
            found.append(choose([max(margin + distance[i][i] - d, 0.0) for d in others], others))
    return sum(found) / max(len(found), 1)


def negative(i, j, mine, theirs):
    return mine != theirs


def semipositive(i, j, mine, theirs):
    return i != j and mine == theirs


def nearest(hinge, d):
    return hinge[int(np.argmin(d))]


def farthest(hinge, d):
    return hinge[int(np.argmax(d))]


def mean(hinge, d):
    return sum(hinge) / len(hinge)


# -- triplets ----------------------------------------------------------------------------------
@pytest.mark.parametrize(("kind", "oracle"), [
    ("cosine", lambda a, b: cdist(a, b, "cosine")),
    ("l2", lambda a, b: cdist(a / np.linalg.norm(a, axis=1, keepdims=True),
                              b / np.linalg.norm(b, axis=1, keepdims=True)))])
def test_distances_are_scipys(draw, kind, oracle):
    a, b = draw(5, 3), draw(4, 3)
    np.testing.assert_allclose(cross_distances(a, b, kind), oracle(a.numpy(), b.numpy()),
                               atol=1e-9)


def test_distances_of_equal_rows_have_finite_gradients(draw):
    a = draw(3, 4).requires_grad_()
    for kind in ("cosine", "l2"):
        (gradient,) = torch.autograd.grad(cross_distances(a, a.detach(), kind).sum(), a)
        assert gradient.isfinite().all()
    with pytest.raises(ValueError, match="kind='l1'"):
        cross_distances(a, a, "l1")


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("margin", [0.2, 1.5])
def test_triplets_are_equations_15_and_17(draw, labels, margin):
    distance = draw(len(labels), len(labels)).abs()
    codes, d = torch.tensor(labels), distance.tolist()
    for found, relation, hardest, choice in (
            (anchor_positive_negative, negative, nearest, "selective"),
            (anchor_positive_negative, negative, mean, "all"),
            (anchor_positive_semipositive, semipositive, farthest, "selective"),
            (anchor_positive_semipositive, semipositive, mean, "all")):
        expected = hinges(d, labels, margin, relation, hardest)
        assert float(found(distance, codes, margin, choice)) == pytest.approx(expected, rel=1e-12)


def test_both_sides_are_anchors(draw):
    distance, labels = draw(6, 6).abs(), torch.tensor(LABELS[0])
    total, apn, aps = selective_triplets(distance, labels, negative=0.7, semipositive=0.3,
                                         alpha=0.25)
    one_way = [anchor_positive_negative(d, labels, 0.7) for d in (distance, distance.T)]
    assert float(apn) == pytest.approx(float(sum(one_way)) / 2)
    assert float(total) == pytest.approx(float(apn + 0.25 * aps))
    turned = selective_triplets(distance.T, labels, negative=0.7, semipositive=0.3, alpha=0.25)
    assert [float(x) for x in turned] == pytest.approx([float(total), float(apn), float(aps)])


def test_rows_without_partners_in_the_relation_do_not_count(draw):
    distance, labels = draw(6, 6).abs(), torch.tensor([0, 0, 1, 1, 2, 3])
    paired = anchor_positive_semipositive(distance[:4, :4], labels[:4], 0.5)
    found = anchor_positive_semipositive(distance, labels, 0.5)
    assert float(found) == pytest.approx(float(paired))


def test_a_separated_batch_costs_nothing():
    """Partners coincide, the other class is opposite, and one of each class is set apart."""
    a = torch.tensor([[1.0, 0.0], [0.5, 0.75**0.5], [-1.0, 0.0], [-0.5, -(0.75**0.5)]])
    labels = torch.tensor([0, 0, 1, 1])
    total, _, _ = selective_triplets(cross_distances(a, a), labels, negative=0.5,
                                     semipositive=0.5)
    assert float(total) == pytest.approx(0.0, abs=1e-6)
    closer, _, _ = selective_triplets(cross_distances(a, a), labels, negative=0.5,
                                      semipositive=0.6, alpha=1.0)
    assert float(closer) == pytest.approx(0.1, abs=1e-6)


def test_only_the_hardest_is_moved():
    distance = torch.tensor([[0.1, 0.5, 0.3, 0.2], [0.9] * 4, [0.9] * 4, [0.9] * 4],
                            requires_grad=True)
    labels = torch.tensor([0, 0, 0, 1])
    (gradient,) = torch.autograd.grad(anchor_positive_semipositive(distance, labels, 1.0), distance)
    assert (gradient[0] != 0).tolist() == [True, True, False, False]    # the farthest, not the next
    assert gradient[3].abs().sum() == 0                                # the only one of its class


def test_gradients_are_those_of_finite_differences(draw):
    distance, labels = draw(6, 6).abs().requires_grad_(), torch.tensor(LABELS[0])
    for choice in ("selective", "all"):
        assert torch.autograd.gradcheck(
            lambda d, choice=choice: selective_triplets(d, labels, choice=choice)[0], distance)


def test_pairwise_contrast_is_its_formula(draw):
    for labels in LABELS:
        distance = draw(len(labels), len(labels)).abs()
        d, n = distance.tolist(), len(labels)
        total = sum(d[i][i] for i in range(n)) / n
        for margin, relation, weight in ((0.9, negative, 1.0), (0.4, semipositive, 0.3)):
            pushed = [max(margin - d[i][j], 0) for i in range(n) for j in range(n)
                      if relation(i, j, labels[i], labels[j])]
            total += weight * sum(pushed) / max(len(pushed), 1)
        found = pairwise_contrast(distance, torch.tensor(labels), 0.9, 0.4, 0.3)
        assert float(found) == pytest.approx(total, rel=1e-12)


def test_bad_arguments_are_named():
    square, labels = torch.zeros(3, 3), torch.zeros(3, dtype=torch.int64)
    with pytest.raises(ValueError, match=r"shape \(2, 3\)"):
        selective_triplets(square[:2], labels)
    with pytest.raises(ValueError, match="choice='hardest'"):
        selective_triplets(square, labels, choice="hardest")


# -- label distributions -----------------------------------------------------------------------
def test_torchs_divergence_has_its_target_first(draw):
    """nn.KLDivLoss(log q, p) is KL(p || q)."""
    p, q = softmax(draw(4, 6), axis=1), softmax(draw(4, 6), axis=1)
    loss = nn.KLDivLoss(reduction="batchmean")(torch.from_numpy(q).log(), torch.from_numpy(p))
    assert float(loss) == pytest.approx(rel_entr(p, q).sum() / 4)
    assert float(loss) != pytest.approx(rel_entr(q, p).sum() / 4, rel=0.01)


@pytest.mark.parametrize("factor", [PAPER, CODE])
def test_alignment_is_four_divergences(draw, factor):
    a, b = draw(4, 6), draw(4, 6)
    target = softmax(3 * draw(4, 6).numpy(), axis=1)
    target[0] = np.eye(6)[2]                                           # certain: zeros inside
    g_a, g_b = softmax(a.numpy(), axis=1), softmax(b.numpy(), axis=1)
    expected = sum(rel_entr(p, q).sum() / 4 for p, q in (
        (target, g_a), (target, g_b), (g_a, g_b), (g_b, g_a)))
    found = label_alignment(a, b, torch.from_numpy(target), factor)
    assert float(found) == pytest.approx(factor * expected, rel=1e-12)


def test_alignment_is_least_where_all_agree(draw):
    logits = draw(5, 7)
    target = logits.softmax(dim=1)
    assert float(label_alignment(logits, logits + 3, target)) == pytest.approx(0, abs=1e-12)
    a, b = draw(5, 7).requires_grad_(), draw(5, 7).requires_grad_()
    assert torch.autograd.gradcheck(lambda a, b: label_alignment(a, b, target), (a, b))
