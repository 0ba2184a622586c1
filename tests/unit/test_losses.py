import numpy as np
import ot
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from crossalign.losses import gaussian_w2, kl_standard_normal, mmd, reconstruction


@pytest.fixture
def draw():
    generator = torch.Generator().manual_seed(0)
    return lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)


def test_kl_is_torch_distributions(draw):
    mean, logvar = draw(7, 5), draw(7, 5)
    expected = kl_divergence(Normal(mean, (0.5 * logvar).exp()), Normal(0.0, 1.0)).sum(1).mean()
    torch.testing.assert_close(kl_standard_normal(mean, logvar), expected)


def test_w2_is_pot_bures(draw):
    a, b, s, t = draw(4, 3), draw(4, 3), draw(4, 3).exp(), draw(4, 3).exp()
    expected = np.mean([ot.gaussian.bures_wasserstein_distance(
        *(x[i].numpy() for x in (a, b)), np.diag(s[i].numpy() ** 2), np.diag(t[i].numpy() ** 2))
        for i in range(4)])
    assert float(gaussian_w2(a, s, b, t)) == pytest.approx(expected, rel=1e-6)


def test_w2_vanishes_with_finite_gradient_at_coincidence(draw):
    mean = draw(4, 3).requires_grad_()
    std = draw(4, 3).exp()
    loss = gaussian_w2(mean, std, mean.detach().clone(), std)
    loss.backward()
    assert loss.item() < 1e-5
    assert torch.isfinite(mean.grad).all()
    mean.grad = None
    gaussian_w2(mean, std, mean.detach().clone(), std, eps=0.0).backward()
    assert torch.isnan(mean.grad).any()                        # what eps is there for


def test_mmd_is_the_naive_sum_and_never_negative(draw):
    x, y = draw(6, 3), draw(8, 3) + 0.5
    pooled = torch.cat([x, y])
    distances = [float((pooled[i] - pooled[j]).square().sum())
                 for i in range(14) for j in range(i + 1, 14)]
    width = float(torch.tensor(distances, dtype=torch.float64).median())

    def kernel(a, b):
        return np.mean([[np.exp(-float((p - q).square().sum()) / width) for q in b] for p in a])

    expected = kernel(x, x) + kernel(y, y) - 2 * kernel(x, y)
    assert float(mmd(x, y)) == pytest.approx(expected, rel=1e-8)
    assert float(mmd(x, x)) == pytest.approx(0, abs=1e-12)
    assert all(float(mmd(draw(5, 2), draw(5, 2))) >= -1e-12 for _ in range(50))


def test_mmd_width_carries_no_gradient(draw):
    x, y = draw(6, 3), draw(6, 3)
    x = x.requires_grad_()
    (gradient,) = torch.autograd.grad(mmd(x, y), x)
    eps = 1e-6
    bumped = x.detach().clone()
    bumped[2, 1] += eps
    pooled = torch.cat([x.detach(), y])
    width = torch.pdist(pooled).square().median()

    def fixed(a):
        k = (-torch.cdist(torch.cat([a, y]), torch.cat([a, y])).square() / width).exp()
        return k[:6, :6].mean() + k[6:, 6:].mean() - 2 * k[:6, 6:].mean()

    numeric = (fixed(bumped) - fixed(x.detach())) / eps
    assert float(gradient[2, 1]) == pytest.approx(float(numeric), rel=1e-3, abs=1e-6)


def test_reconstruction_sums_over_dimensions_and_averages_rows(draw):
    a, b = draw(4, 3), draw(4, 3)
    assert float(reconstruction(a, b, "l1")) == pytest.approx(float((a - b).abs().sum() / 4))
    assert float(reconstruction(a, b, "l2")) == pytest.approx(float((a - b).square().sum() / 4))
