import math

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.metrics.pairwise import euclidean_distances
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from crossalign.networks import (
    ClassAttention,
    ModalityFusion,
    class_distances,
    product_of_experts,
)


@pytest.fixture(autouse=True)
def own_state():
    """Modules draw their first weights from torch's global state."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


@pytest.fixture
def draw():
    generator = torch.Generator().manual_seed(0)
    return lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)


# -- modalities --------------------------------------------------------------------------------
def test_product_is_proportional_to_the_product_of_densities(draw):
    means, logvars = draw(3, 1, 2), draw(3, 1, 2)
    experts = (means.movedim(0, 1), logvars.movedim(0, 1))
    mean, logvar, _ = (r[0].numpy() for r in product_of_experts(*experts))
    points = draw(50, 2).numpy()
    product = sum(stats.norm.logpdf(points, m[0], np.exp(v[0] / 2))
                  for m, v in zip(means.numpy(), logvars.numpy(), strict=True))
    ratio = product - stats.norm.logpdf(points, mean, np.exp(logvar / 2))
    np.testing.assert_allclose(ratio, np.broadcast_to(ratio[0], ratio.shape), rtol=1e-10)


def test_fusion_is_the_naive_loop(draw):
    order, present = ["image", "text", "sketch"], {"text": torch.tensor([1, 0, 1, 1]).bool(),
                                                   "sketch": torch.tensor([1, 0, 0, 1]).bool()}
    fusion = ModalityFusion(order, 5).double()
    codes = {m: (draw(4, 5), draw(4, 5)) for m in order}
    mean, logvar, weights = (r.detach() for r in fusion(codes, present))
    for i in range(4):
        precisions, products = {}, {}
        for m, gate in zip(order, fusion.gates, strict=True):
            if m in present and not present[m][i]:
                continue
            mu, g = codes[m][0][i], 2 / (1 + math.exp(-gate(codes[m][0][i]).item()))
            precisions[m] = g / codes[m][1][i].exp()
            products[m] = precisions[m] * mu
        total = sum(precisions.values())
        torch.testing.assert_close(logvar[i].exp(), 1 / total)
        torch.testing.assert_close(mean[i], sum(products.values()) / total)
        for j, m in enumerate(order):
            share = float((precisions[m] / total).mean()) if m in precisions else 0.0
            assert float(weights[i, j]) == pytest.approx(share, abs=1e-12)


def test_a_missing_modality_equals_one_left_out(draw):
    fusion = ModalityFusion(["a", "b", "c"], 4).double()
    codes = {m: (draw(6, 4), draw(6, 4)) for m in "abc"}
    absent = torch.zeros(6, dtype=torch.bool)
    whole, without = fusion(codes, {"b": absent}), fusion({m: codes[m] for m in "ac"})
    for first, second in zip(whole, without, strict=True):
        torch.testing.assert_close(first, second)
    assert (whole[2][:, 1] == 0).all()
    assert not torch.allclose(whole[0], fusion(codes)[0])


def test_what_a_missing_modality_holds_has_no_influence(draw):
    fusion = ModalityFusion(["a", "b"], 4).double()
    present = {"b": torch.tensor([True, False, False])}
    a = (draw(3, 4), draw(3, 4))
    b = tuple(r.where(present["b"][:, None], torch.nan).requires_grad_()
              for r in (draw(3, 4), draw(3, 4)))
    mean, logvar, _ = fusion({"a": a, "b": b}, present)
    (mean.sum() + logvar.sum()).backward()
    assert torch.isfinite(mean).all()
    for r in b:
        assert (r.grad[1:] == 0).all()
        assert (r.grad[0] != 0).all()
    for parameter in fusion.parameters():
        assert torch.isfinite(parameter.grad).all()


def test_one_modality_alone_is_unchanged_up_to_its_gate(draw):
    mean, logvar = draw(6, 4), draw(6, 4)
    fusion = ModalityFusion(["a", "b"], 4).double()
    gated = fusion({"b": (mean, logvar)})
    torch.testing.assert_close(gated[0], mean)
    torch.testing.assert_close(gated[2], torch.tensor([[0.0, 1.0]]).double().expand(6, 2))
    torch.testing.assert_close(gated[1], logvar - (2 * fusion.gates[1](mean).sigmoid()).log())


def test_no_modality_gives_the_prior(draw):
    fusion = ModalityFusion(["a", "b"], 4).double()
    mean = draw(3, 4).requires_grad_()
    present = {m: torch.tensor([True, False, False]) for m in "ab"}
    fused, logvar, weights = fusion({"a": (mean, draw(3, 4)), "b": (draw(3, 4), draw(3, 4))},
                                    present)
    assert (fused[1:] == 0).all()
    assert (logvar[1:] == 0).all()
    assert (weights[1:] == 0).all()
    (fused.sum() + logvar.sum()).backward()
    assert torch.isfinite(mean.grad).all()
    assert (mean.grad[1:] == 0).all()
    assert (mean.grad[0] != 0).all()


def test_variances_of_any_size_stay_finite(draw):
    means = draw(3, 2, 4).float()
    logvars = torch.tensor([-200.0, 200.0, 0.0])[:, None, None] * torch.ones(3, 2, 4)
    mean, logvar, shares = product_of_experts(means, logvars)
    torch.testing.assert_close(mean, means.mean(dim=1))
    torch.testing.assert_close(logvar, logvars[:, 0] - math.log(2))
    torch.testing.assert_close(shares, torch.full_like(means, 0.5))


def test_a_closed_gate_silences_its_modality(draw):
    fusion = ModalityFusion(["a", "b"], 4).double()
    codes = {m: (draw(6, 4), draw(6, 4)) for m in "ab"}
    with torch.no_grad():
        fusion.gates[1].bias.fill_(-1000)
    mean, _, weights = fusion(codes)
    torch.testing.assert_close(mean, codes["a"][0])
    assert weights[:, 1].max() < 1e-300
    mean.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in fusion.parameters())


def test_gates_start_near_one_and_learn(draw):
    fusion = ModalityFusion(["a", "b"], 64)
    codes = {m: ((0.1 * draw(6, 64)).float(), draw(6, 64).float()) for m in "ab"}
    mean, logvar, _ = fusion(codes)
    _, plain, _ = product_of_experts(*(torch.stack([codes[m][i] for m in "ab"], 1) for i in (0, 1)))
    torch.testing.assert_close(logvar, plain, atol=0.15, rtol=0)
    (mean.square().sum() + logvar.sum()).backward()
    assert all((p.grad != 0).all() for p in fusion.parameters())
    for first, second in zip(fusion(codes), fusion(codes), strict=True):
        assert torch.equal(first, second)


@pytest.mark.parametrize("names", [[], ["a", "x"]])
def test_fusion_refuses_no_or_unknown_modalities(draw, names):
    with pytest.raises(ValueError, match=r"holds no modality, or one that is not in \['a', 'b'\]"):
        ModalityFusion(["a", "b"], 4)({m: (draw(2, 4), draw(2, 4)) for m in names})


# -- classes -----------------------------------------------------------------------------------
def test_class_logits_are_the_naive_loop(draw):
    mean, logvar, classes, class_logvar = draw(6, 4), draw(6, 4), draw(5, 4), draw(5, 4)
    logits = ClassAttention(temperature=0.5).double()(mean, classes, logvar, class_logvar)
    for i in range(6):
        for c in range(5):
            distance = sum((float(mean[i, k]) - float(classes[c, k])) ** 2
                           + math.exp(logvar[i, k]) + math.exp(class_logvar[c, k])
                           for k in range(4))
            assert logits[i, c].item() == pytest.approx(-distance / 0.5, rel=1e-6)


def test_class_distance_is_the_expectation_over_samples(draw):
    mean, logvar, classes, class_logvar = draw(1, 3), draw(1, 3), draw(1, 3), draw(1, 3)
    z = mean + (logvar / 2).exp() * draw(200_000, 3)
    z_c = classes + (class_logvar / 2).exp() * draw(200_000, 3)
    found = class_distances(mean, classes, logvar, class_logvar)
    assert found.item() == pytest.approx(float((z - z_c).square().sum(1).mean()), rel=0.02)


def test_without_uncertainty_it_is_a_softmax_of_euclidean_distances(draw):
    mean, classes = draw(6, 4), draw(5, 4)
    attention = ClassAttention(temperature=0.2, uncertain=False).double()
    expected = -euclidean_distances(mean, classes, squared=True) / 0.2
    for variances in ((), (draw(6, 4), draw(5, 4))):
        logits = attention(mean, classes, *variances).detach()
        np.testing.assert_allclose(logits, expected, rtol=1e-6)


def test_a_softmax_sees_class_variance_and_not_that_of_the_sample(draw):
    attention, mean, classes = ClassAttention().double(), draw(6, 4), draw(5, 4)
    plain = attention(mean, classes)
    sample = attention(mean, classes, draw(6, 4))
    torch.testing.assert_close(sample.softmax(1), plain.softmax(1))
    assert (sample < plain).all()
    wide = attention(mean, classes, class_logvar=torch.eye(5, 4).double())
    assert not torch.allclose(wide.softmax(1), plain.softmax(1))


def test_temperature_is_learned(draw):
    attention = ClassAttention(temperature=0.3).double()
    assert attention.log_temperature.exp().item() == pytest.approx(0.3)
    logits = attention(draw(6, 4), draw(5, 4))
    nn.functional.cross_entropy(logits, torch.arange(6) % 5).backward()
    assert attention.log_temperature.grad.abs() > 0


class Largest(TorchDispatchMode):
    """Remembers the largest tensor that anything makes."""

    numel = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if isinstance(out, torch.Tensor):
            self.numel = max(self.numel, out.numel())
        return out


def test_class_logits_make_no_tensor_of_samples_by_classes_by_width(draw):
    attention = ClassAttention().double()
    with Largest() as largest:
        logits = attention(draw(40, 30), draw(50, 30), draw(40, 30), draw(50, 30))
        logits.sum().backward()
    assert largest.numel == 40 * 50


def test_class_logits_keep_single_precision_under_autocast(draw):
    attention, mean, classes = ClassAttention(temperature=1.0), draw(6, 64), draw(5, 64)
    expected = -euclidean_distances(mean, classes, squared=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = attention(mean.float(), classes.float()).detach()
    np.testing.assert_allclose(logits, expected, rtol=1e-5)
    mean, classes = mean.bfloat16(), classes.bfloat16()
    expected = -euclidean_distances(mean.double(), classes.double(), squared=True)
    np.testing.assert_allclose(attention(mean, classes).detach(), expected, rtol=1e-5)


def test_class_attention_refuses_a_temperature_of_zero():
    with pytest.raises(ValueError, match=r"temperature=0\.0 is not above 0"):
        ClassAttention(temperature=0.0)
