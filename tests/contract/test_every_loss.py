"""What every loss promises, checked over the registry."""

from __future__ import annotations

import pytest
import torch

from crossalign import losses
from crossalign.losses import MARGINALS, marginal_divergence

PARTS = {"MARGINALS", "barycentre", "class_moments", "sampled_distance", "cross_distances",
         "log_plan", "slerp", "spanning_tree"}
"""What losses are made of."""


def _labels(n):
    return torch.arange(n) // 2


CALLS = {
    "bures_w2": losses.bures_w2,
    "class_conditional_w2": lambda x, y: losses.class_conditional_w2(
        [x, y], [x.exp(), y.exp()], [_labels(len(x)), _labels(len(y))]),
    "coral": losses.coral,
    "gaussian_w2": lambda x, y: losses.gaussian_w2(x, x.exp(), y, y.exp()),
    "info_nce": lambda x, y: losses.info_nce(x @ y.T),
    "interpolation_gap": lambda x, y: losses.interpolation_gap(x, x, y, 0.3),
    "kl_standard_normal": lambda x, y: losses.kl_standard_normal(x, y),
    "klot": lambda x, y: losses.klot((x @ y.T).detach().square(), x @ y.T),
    "label_alignment": lambda x, y: losses.label_alignment(x, y, x.detach().softmax(dim=1)),
    "marginal_divergence": lambda x, y: marginal_divergence([x, y], torch.eye(3)),
    "mmd": losses.mmd,
    "pairwise_contrast": lambda x, y: losses.pairwise_contrast(
        losses.cross_distances(x, y), _labels(len(x)), 0.5, 0.5, 0.1),
    "persistence_gap": losses.persistence_gap,
    "probabilistic_contrast": lambda x, y: losses.probabilistic_contrast(
        losses.sampled_distance(x, x.exp(), y, y.exp()), 2.0, 1.0,
        (_labels(len(x)), _labels(len(y)))),
    "reconstruction": losses.reconstruction,
    "selective_triplets": lambda x, y: losses.selective_triplets(
        losses.cross_distances(x, y), _labels(len(x)))[0],
    "sigmoid_contrast": lambda x, y: losses.sigmoid_contrast(x @ y.T),
    "sinkhorn_divergence": losses.sinkhorn_divergence,
    "sliced_w2": lambda x, y: losses.sliced_w2(x, y, torch.eye(3)),
    "structure_gap": losses.structure_gap,
}
BY_PAIR = {"gaussian_w2", "info_nce", "interpolation_gap", "kl_standard_normal",
           "label_alignment", "pairwise_contrast", "persistence_gap", "reconstruction",
           "selective_triplets", "sigmoid_contrast", "structure_gap"}
"""Of two samples of which row i belongs to row i."""
ONE_SIDED = sorted(set(CALLS) - BY_PAIR)


def test_no_loss_is_left_out():
    assert set(CALLS) | PARTS == set(losses.__all__)


def _value_and_gradients(call, n, m):
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.randn(rows, 3, generator=generator).requires_grad_() for rows in (n, m))
    value = call(x, y)
    return value, torch.autograd.grad(value, (x, y), allow_unused=True)


@pytest.mark.parametrize("name", CALLS)
def test_of_some_samples_it_has_a_finite_gradient(name):
    value, gradients = _value_and_gradients(CALLS[name], 4, 4)
    assert value.ndim == 0
    assert value.item() > 0
    assert all(g is None or g.isfinite().all() for g in gradients)
    assert any(g is not None and g.any() for g in gradients)


@pytest.mark.parametrize("name", CALLS)
def test_over_no_pair_it_is_zero_on_the_graph(name):
    value, gradients = _value_and_gradients(CALLS[name], 0, 0)
    assert value.item() == 0
    assert value.requires_grad
    assert all(g is None or g.shape == (0, 3) for g in gradients)


@pytest.mark.parametrize("name", ONE_SIDED)
@pytest.mark.parametrize("sizes", [(0, 4), (4, 0)])
def test_where_one_side_is_empty_it_is_zero_and_moves_nothing(name, sizes):
    value, gradients = _value_and_gradients(CALLS[name], *sizes)
    assert value.item() == 0
    assert value.requires_grad
    assert all(g is None or not g.any() for g in gradients)


@pytest.mark.parametrize("kind", MARGINALS)
def test_every_marginal_of_nothing_is_zero(kind):
    for sizes in ((0, 0), (0, 4), (4, 0)):
        value, gradients = _value_and_gradients(
            lambda x, y: MARGINALS[kind](x, y, torch.eye(3)), *sizes)
        assert value.item() == 0
        assert all(g is None or not g.any() for g in gradients)


@pytest.mark.parametrize("name", ["coral", "persistence_gap"])
def test_of_single_samples_there_is_no_spread_to_compare(name):
    value, gradients = _value_and_gradients(CALLS[name], 1, 1)
    assert value.item() == 0
    assert value.requires_grad
    assert not any(g.any() for g in gradients)
