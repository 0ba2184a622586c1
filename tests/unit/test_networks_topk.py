import numpy as np
import pytest
import torch
from scipy.stats import norm

from crossalign.networks.smoothed_topk import _top_on_cpu, _top_on_gpu, cuts
from crossalign.networks.topk import PerturbedTopK, hard_topk, perturbed_topk, tokens_kept


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def one_hot_draws(scores, k, noise, sigma):
    """(b, S, k, n) one-hot rows of the k best of every draw, by a loop."""
    b, samples, n = noise.shape
    drawn = torch.zeros(b, samples, k, n, dtype=scores.dtype)
    for i in range(b):
        for s in range(samples):
            value = (scores[i] + sigma * noise[i, s]).tolist()
            best = sorted(range(n), key=lambda j: -value[j])[:k]
            for slot, j in enumerate(sorted(best)):
                drawn[i, s, slot, j] = 1
    return drawn


def exact_indicators(scores, k, sigma, grid=100):
    """(k, n) expected indicators of one row by quadrature over the k-th largest value."""
    n = len(scores)
    t = np.linspace(scores.min() - 6 * sigma, scores.max() + 6 * sigma, grid)
    above = norm.sf((t[:, None] - scores) / sigma)                          # (t, n)
    density = norm.pdf((t[:, None] - scores) / sigma) / sigma
    total = np.zeros((k, n))
    for m in range(n):                                                      # m is the k-th largest
        p = above.copy()
        p[:, m] = 1.0
        before, after = counts(p, k), counts(p[:, ::-1], k)[::-1]
        for slot in range(k):
            joint = before[:-1, :, slot] * p.T * after[1:, :, k - 1 - slot]  # (n, t)
            total[slot] += np.trapezoid(joint * density[:, m], t, axis=1)
    return total


def counts(p, k):
    """(n + 1, t, k) probability that the first i of independent events give a count."""
    table = np.zeros((p.shape[1] + 1, len(p), k))
    table[0, :, 0] = 1
    for i in range(p.shape[1]):
        table[i + 1] = table[i] * (1 - p[:, i, None])
        table[i + 1, :, 1:] += table[i, :, :-1] * p[:, i, None]
    return table


def exact_gradient(scores, weights, sigma, h=1e-4):
    """(b, n) gradient of sum(weights * expected indicators) by central differences."""
    gradient = np.zeros_like(scores)
    for i, row in enumerate(scores):
        for j in range(len(row)):
            step = h * (np.arange(len(row)) == j)
            change = (exact_indicators(row + step, len(weights[i]), sigma)
                      - exact_indicators(row - step, len(weights[i]), sigma))
            gradient[i, j] = (weights[i] * change).sum() / (2 * h)
    return gradient


@pytest.fixture(scope="module")
def smoothed():
    """Four rows of twenty scores, k = 3, sigma = 0.5, and the exact gradient."""
    scores = torch.randn(4, 20, generator=seeded(1), dtype=torch.float64)
    weights = torch.randn(4, 3, 20, generator=seeded(2), dtype=torch.float64)
    return scores, weights, exact_gradient(scores.numpy(), weights.numpy(), 0.5)


def gradient_of(smoothed, **options):
    scores, weights, _ = smoothed
    x = scores.float().requires_grad_()
    y = perturbed_topk(x, 3, seeded(), samples=100_000, sigma=0.5, **options)
    y.backward(weights.float())
    return y.detach(), x.grad.double().numpy()


def cosine(a, b):
    return (a * b).sum() / np.linalg.norm(a) / np.linalg.norm(b)


@pytest.mark.parametrize("antithetic", [True, False])
def test_values_and_gradient_are_those_of_the_smoothed_map(smoothed, antithetic):
    y, gradient = gradient_of(smoothed, antithetic=antithetic)
    exact = [exact_indicators(row, 3, 0.5) for row in smoothed[0].numpy()]
    np.testing.assert_allclose(y, exact, atol=0.01)                         # 6 standard errors
    assert np.linalg.norm(gradient - smoothed[2]) < 0.05 * np.linalg.norm(smoothed[2])


def test_the_authors_gradient_is_far_from_it(smoothed):
    _, gradient = gradient_of(smoothed, grad="author")
    assert cosine(gradient, smoothed[2]) < 0.9
    assert np.linalg.norm(gradient) < 0.9 * np.linalg.norm(smoothed[2])


@pytest.mark.parametrize("pool", [None, "sum"])
@pytest.mark.parametrize("grad", ["full", "author"])
def test_equals_one_hot_draws_with_the_same_noise(pool, grad):
    b, samples, n, k, sigma = 3, 11, 7, 3, 0.4
    noise = torch.randn(b, samples, n, generator=seeded(), dtype=torch.float64)
    x = torch.randn(b, n, generator=seeded(1), dtype=torch.float64, requires_grad=True)
    y = perturbed_topk(x, k, noise, sigma=sigma, pool=pool, grad=grad)
    weights = torch.randn(y.shape, generator=seeded(2), dtype=torch.float64)
    y.backward(weights)

    drawn = one_hot_draws(x.detach(), k, noise, sigma)
    shown = drawn.sum(2) if pool else drawn
    torch.testing.assert_close(y.detach(), shown.mean(1))
    if grad == "author":                                    # E[Y_kd Z_d] / sigma, entry by entry
        z = noise if pool else noise[:, :, None]
        expected = ((shown * z).mean(1) / sigma * weights).reshape(b, -1, n).sum(1)
    else:                                                   # the score function, by autograd
        mean = x.detach().clone().requires_grad_()
        density = -(mean.detach()[:, None] + sigma * noise - mean[:, None]).square() / 2 / sigma**2
        value = (shown * weights[:, None]).reshape(b, samples, -1).sum(2)
        (expected,) = torch.autograd.grad((value * density.sum(2)).mean(1).sum(), mean)
    torch.testing.assert_close(x.grad, expected)


def test_antithetic_draws_are_pairs():
    x = torch.rand(2, 9, generator=seeded(1), requires_grad=True)
    weights = torch.randn(2, 4, 9, generator=seeded(2))
    half = torch.randn(2, 20, 9, generator=seeded(3))
    results = []
    for noise, samples in ((seeded(3), 40), (torch.cat([half, -half], dim=1), None)):
        y = perturbed_topk(x, 4, noise, samples=samples, sigma=0.3)
        results.append((y.detach(), *torch.autograd.grad(y, x, weights)))
    torch.testing.assert_close(results[0], results[1])


def test_antithetic_gradients_vary_less():
    x = torch.rand(4, 49, generator=seeded(1), requires_grad=True)
    weights = torch.randn(4, 49, generator=seeded(2))
    spread = {}
    for antithetic in (True, False):
        drawn = [torch.autograd.grad(perturbed_topk(
            x, 5, seeded(i), samples=200, pool="sum", antithetic=antithetic), x, weights)[0]
            for i in range(40)]
        spread[antithetic] = torch.stack(drawn).var(dim=0).sum()
    assert spread[True] < 0.6 * spread[False]


def test_indicators_sum_to_k_and_every_row_to_one():
    scores = torch.rand(5, 30, generator=seeded())
    for y in (perturbed_topk(scores, 7, seeded()), hard_topk(scores, 7)):
        torch.testing.assert_close(y.sum(2), torch.ones(5, 7))
        assert (y.argmax(2).diff(dim=1) >= 0).all()
    pooled = perturbed_topk(scores, 7, seeded(), pool="sum")
    torch.testing.assert_close(pooled, perturbed_topk(scores, 7, seeded()).sum(1))
    torch.testing.assert_close(pooled.sum(1), torch.full((5,), 7.0))
    assert pooled.max() <= 1


def test_hard_is_the_limit_of_little_noise():
    scores = torch.randperm(60, generator=seeded()).view(3, 20) / 60
    torch.testing.assert_close(perturbed_topk(scores, 6, seeded(), sigma=1e-4),
                               hard_topk(scores, 6))
    torch.testing.assert_close(hard_topk(scores, 6).sum(1), hard_topk(scores, 6, pool="sum"))


@pytest.mark.parametrize("top_columns", [_top_on_cpu, _top_on_gpu])
def test_ties_take_the_first_positions(top_columns):
    y = hard_topk(torch.tensor([[5.0, 5, 7, 5], [1, 1, 1, 1]]), 2)
    assert y.argmax(2).tolist() == [[0, 2], [0, 1]]
    values = torch.randint(0, 4, (200, 90), generator=seeded()).float()
    values[:20, 2:] = -torch.inf
    for k in (4, 90):
        expected = [sorted(j for j in np.lexsort((range(90), -row))[:k] if row[j] > -np.inf)
                    for row in values.numpy()]
        found = [[j for j in row if j < 90] for row in top_columns(values, k).tolist()]
        assert found == expected


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("k", [1, 7, 49, 50])
def test_exactly_k_values_reach_a_cut(k, dtype):
    values = torch.randn(400, 50, generator=seeded(), dtype=dtype)
    values[:100] *= 10 ** (20 * torch.rand(100, 50, generator=seeded(1), dtype=dtype) - 10)
    values[100:200] -= 1e4
    values[200:210, :40] = -torch.inf                       # ten finite values
    found = cuts(values, k)
    ordered = values.sort(dim=1, descending=True).values
    there = (ordered[:, k - 1] > -torch.inf) & (
        ordered[:, k - 1] > ordered[:, k] if k < 50 else True)
    has_cut = ~found.isnan()
    assert torch.equal((values >= found[:, None]).sum(1)[has_cut], torch.full_like(
        found, k, dtype=torch.int64)[has_cut])
    assert not has_cut[~there].any()
    assert has_cut[there].float().mean() > 0.95             # others are sorted


def test_no_cut_parts_equal_values():
    values = torch.tensor([[2.0, 1, 1, 0], [3, 3, 3, 3], [torch.inf, torch.inf, 0, 0]])
    assert cuts(values[:2], 2).isnan().all()
    assert _top_on_cpu(values, 2).tolist() == [[0, 1], [0, 1], [0, 1]]


@pytest.mark.parametrize("chunk", [1, 10**6])
@pytest.mark.parametrize("antithetic", [True, False])
def test_the_gradient_is_of_the_noise_of_the_forward_pass(monkeypatch, chunk, antithetic):
    monkeypatch.setattr("crossalign.networks.smoothed_topk.CHUNK", chunk)
    scores = torch.rand(2, 9, generator=seeded(3), requires_grad=True)
    weights = torch.randn(2, 9, generator=seeded(4))
    y = perturbed_topk(scores, 3, seeded(5), samples=6, sigma=0.3, pool="sum",
                       antithetic=antithetic)
    source, draws = seeded(5), 3 if antithetic else 6
    noise = torch.cat([torch.randn(2, draws // parts, 9, generator=source)
                       for parts in [draws if chunk == 1 else 1] for _ in range(parts)], dim=1)
    noise = torch.cat([noise, -noise], dim=1) if antithetic else noise
    given = scores.detach().clone().requires_grad_()
    expected = perturbed_topk(given, 3, noise, sigma=0.3, pool="sum")
    torch.testing.assert_close(y, expected)
    for _ in range(2):                                      # a graph may be walked again
        found, = torch.autograd.grad(y, scores, weights, retain_graph=True)
        torch.testing.assert_close(found, torch.autograd.grad(
            expected, given, weights, retain_graph=True)[0], rtol=1e-4, atol=1e-5)


def test_masked_tokens_are_never_selected():
    scores = torch.rand(3, 8, generator=seeded(1), requires_grad=True)
    mask = torch.ones(3, 8, dtype=torch.bool)
    mask[0, 5:] = False
    mask[1, 2:] = False                                     # two tokens left for three slots
    mask[2] = False
    for pool in (None, "sum"):
        y = perturbed_topk(scores, 3, seeded(), sigma=0.5, mask=mask, pool=pool)
        weights = y if pool else y.sum(1)
        assert (weights[~mask] == 0).all()
        torch.testing.assert_close(weights.sum(1), torch.tensor([3.0, 2, 0]))
        (gradient,) = torch.autograd.grad(y.square().sum(), scores)
        assert (gradient[~mask] == 0).all()
        assert (gradient[0, :5] != 0).all()
    alone = perturbed_topk(scores[:1, :5], 3, torch.randn(1, 400, 5, generator=seeded()))
    padded = torch.nn.functional.pad(torch.randn(1, 400, 5, generator=seeded()), (0, 3))
    together = perturbed_topk(scores[:1], 3, padded, mask=mask[:1])
    torch.testing.assert_close(together[:, :, :5], alone)
    assert hard_topk(scores, 3, mask)[1].tolist() == [[1] + 7 * [0], [0, 1] + 6 * [0], 8 * [0]]


def test_results_depend_on_nothing_but_the_generator():
    x = torch.rand(4, 600, generator=seeded(1), requires_grad=True)
    weights = torch.randn(4, 60, 600, generator=seeded(2))
    runs = []
    for seed, noisy in ((0, False), (0, True), (1, False)):
        y = perturbed_topk(x, 60, seeded(seed), samples=600)
        if noisy:
            torch.rand(5)
        runs.append((y.detach(), *torch.autograd.grad(y, x, weights)))
    assert torch.equal(runs[0][0], runs[1][0])
    assert torch.equal(runs[0][1], runs[1][1])
    assert not torch.equal(runs[0][0], runs[2][0])
    generator = seeded()
    first, second = (perturbed_topk(x, 60, generator, samples=2) for _ in range(2))
    assert not torch.equal(first, second)


def test_half_precision_scores_give_single_precision_indicators():
    scores = torch.rand(3, 40, generator=seeded()).bfloat16().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = perturbed_topk(scores, 9, seeded())
        y.square().sum().backward()
    assert y.dtype == torch.float32
    torch.testing.assert_close(y.sum(2), torch.ones(3, 9))
    assert scores.grad.dtype == torch.bfloat16
    exact = scores.detach().float().requires_grad_()
    perturbed_topk(exact, 9, seeded()).square().sum().backward()
    torch.testing.assert_close(scores.grad.float(), exact.grad, rtol=0.01, atol=0.01)


def test_at_least_one_token_is_kept():
    assert tokens_kept(9, 0.1) == 1
    assert tokens_kept(4, 0.1) == 1
    assert tokens_kept(196, 0.1) == 20
    assert tokens_kept(196, 0.3) == 59
    assert tokens_kept(7, 1.0) == 7


def test_module_perturbs_in_training_only():
    scores = torch.rand(2, 10, generator=seeded())
    select = PerturbedTopK(ratio=0.3, samples=50, sigma=0.2)
    torch.testing.assert_close(select(scores, noise=seeded()), perturbed_topk(
        scores, 3, seeded(), samples=50, sigma=0.2))
    with pytest.raises(ValueError, match="noise: got None in training"):
        select(scores)
    assert torch.equal(select.eval()(scores), hard_topk(scores, 3))
    assert PerturbedTopK(k=4, pool="sum").eval()(scores).shape == (2, 10)


def test_bad_arguments_are_named():
    scores = torch.rand(2, 5)
    for match, options in (("k: got 6 of 5", {"k": 6}), ("k: got 0", {"k": 0}),
                           ("sigma: got 0", {"sigma": 0.0}), ("samples: got 3", {"samples": 3}),
                           ("grad: got 'diagonal'", {"grad": "diagonal"}),
                           ("pool: got 'mean'", {"pool": "mean"}),
                           ("mask: torch.float32", {"mask": torch.ones(2, 5)}),
                           ("noise: shape", {"noise": torch.zeros(2, 4)})):
        with pytest.raises(ValueError, match=match):
            perturbed_topk(scores, **{"k": 2, "noise": seeded(), **options})
    with pytest.raises(ValueError, match="give one of the two"):
        PerturbedTopK(k=2, ratio=0.5)
    with pytest.raises(ValueError, match=r"scores: shape \(5,\)"):
        hard_topk(scores[0], 1)
