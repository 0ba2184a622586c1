import itertools

import numpy as np
import ot
import pytest
import torch
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.stats import kstest
from torch.nn import functional

from crossalign.losses import (
    MARGINALS,
    barycentre,
    bures_w2,
    class_conditional_w2,
    class_moments,
    interpolation_gap,
    marginal_divergence,
    persistence_gap,
    probabilistic_contrast,
    sampled_distance,
    sinkhorn_divergence,
    slerp,
    sliced_w2,
    spanning_tree,
)
from crossalign.losses.sliced_wasserstein import _sort_by_digits, _sort_wide
from crossalign.sampling import directions


@pytest.fixture
def draw():
    generator = torch.Generator().manual_seed(0)
    return lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)


def _gradients(loss, *inputs):
    leaves = [z.detach().clone().requires_grad_() for z in inputs]
    value = loss(*leaves)
    return value.detach(), *torch.autograd.grad(value, leaves)


# -- sliced ------------------------------------------------------------------------------------
def test_sliced_distance_of_a_shift_is_its_squared_length(draw):
    x, shift = draw(40, 8), draw(8)
    value = sliced_w2(x, x + shift, directions(draw(8, 8)))
    assert float(value) == pytest.approx(float(shift.square().sum()), rel=1e-12)


@pytest.mark.parametrize(("n", "m"), [(30, 30), (30, 21), (7, 30), (1, 4)])
def test_sliced_is_pot(draw, n, m):
    x, y, along = draw(n, 5), draw(m, 5).exp(), directions(draw(9, 5), "iid")
    pot = ot.sliced.sliced_wasserstein_distance(x, y, projections=along.T)
    assert float(sliced_w2(x, y, along)) == pytest.approx(5 * float(pot) ** 2, rel=1e-12)


@pytest.mark.parametrize(("n", "m"), [(8, 8), (8, 5), (3, 6)])
def test_sliced_gradient(draw, n, m):
    along = directions(draw(7, 4))
    x, y = draw(n, 4).requires_grad_(), draw(m, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda a, b: 3 * sliced_w2(a, b, along), (x, y))
    assert torch.autograd.gradcheck(lambda b: sliced_w2(x.detach(), b, along), (y,))


@pytest.mark.parametrize(("n", "m"), [(200, 200), (200, 77)])
def test_sliced_in_float32_is_that_in_float64(draw, n, m):
    x, y, along = draw(n, 6).float(), draw(m, 6).exp().float(), directions(draw(6, 6)).float()
    x[3], y[5] = 0, 0                                                     # signed zeros
    exact = _gradients(lambda a, b: sliced_w2(a, b, along.double()), x.double(), y.double())
    single = _gradients(lambda a, b: sliced_w2(a, b, along), x, y)
    for one, other in zip(single, exact, strict=True):
        assert one.dtype == torch.float32
        torch.testing.assert_close(one.double(), other, rtol=1e-4, atol=1e-6)


def test_sliced_of_equal_samples_shares_their_gradient(draw):
    x, y, along = draw(12, 3).float(), draw(12, 3).float(), directions(draw(3, 3)).float()
    x[4] = x[9] = x[11]
    _, single = _gradients(lambda a: sliced_w2(a, y, along), x)
    _, exact = _gradients(lambda a: sliced_w2(a, y.double(), along.double()), x.double())
    kept = [i for i in range(12) if i not in (4, 9, 11)]
    torch.testing.assert_close(single[kept].double(), exact[kept], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(single[[4, 9, 11]].sum(0).double(), exact[[4, 9, 11]].sum(0),
                               rtol=1e-4, atol=1e-6)


def test_sliced_of_nan_is_nan_and_no_crash(draw):
    x = draw(20, 3).float()
    x[4, 1] = torch.nan
    value, gradient = _gradients(lambda a: sliced_w2(a, x[:9], directions(draw(3, 3)).float()), x)
    assert torch.isnan(value)
    assert torch.isnan(gradient).any()


@pytest.mark.parametrize("sort", [_sort_wide, _sort_by_digits])
def test_rows_are_sorted_with_the_place_of_every_value(draw, sort):
    rows = draw(40, 300).float() * 10 ** (6 * draw(40, 1).float())
    rows[3, 20:40] = rows[3, 0]
    rows[4, ::2], rows[4, 1::7] = 0.0, -0.0
    rows[5] = 1e-42 * torch.arange(-150, 150)                # too small for a normal float32
    values, places = sort(rows)
    assert torch.equal(values, torch.from_numpy(np.sort(rows.numpy(), axis=1)))
    assert torch.equal(rows.gather(1, places), values)
    assert torch.equal(places.sort(dim=1).values, torch.arange(300).expand(40, 300))


@pytest.mark.parametrize("sort", [_sort_wide, _sort_by_digits])
def test_rows_with_nan_are_sorted_to_places_that_exist(draw, sort):
    rows = draw(3, 50).float()
    rows[1, 7], rows[2, :] = torch.nan, torch.nan
    values, places = sort(rows)
    assert torch.equal(values.isnan().any(dim=1), torch.tensor([False, True, True]))
    assert ((places >= 0) & (places < 50)).all()


def test_sliced_is_the_same_with_either_sort(draw, monkeypatch):
    x, y, along = draw(70, 6).float(), draw(50, 6).float(), directions(draw(6, 6)).float()
    found = []
    for by_vectors in (True, False):
        monkeypatch.setattr("crossalign.losses.sliced_wasserstein.sorts_by_vectors",
                            lambda answer=by_vectors: answer)
        found.append(_gradients(lambda a, b: sliced_w2(a, b, along), x, y))
    for one, other in zip(*found, strict=True):
        assert torch.equal(one, other)


def test_sliced_takes_half_precision_and_autocast(draw):
    x, y, along = draw(20, 4).float(), draw(20, 4).float(), directions(draw(4, 4)).float()
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(sliced_w2(x, y, along), sliced_w2(x, y, along).float())
        inside = sliced_w2(x, y, along)
    assert torch.equal(inside, sliced_w2(x, y, along))
    half = _gradients(lambda a: sliced_w2(a, y.bfloat16(), along), x.bfloat16())
    rounded = sliced_w2(x.bfloat16().float(), y.bfloat16().float(), along)
    assert torch.equal(half[0], rounded)
    assert half[1].dtype == torch.bfloat16


def test_sliced_refuses_what_it_cannot_compare(draw):
    with pytest.raises(ValueError, match="width 2 and 3"):
        sliced_w2(draw(4, 2), draw(3, 3), draw(4, 2))


# -- directions --------------------------------------------------------------------------------
def test_orthogonal_directions_are_gram_schmidt_of_each_block(draw):
    noise = draw(11, 4)
    expected = []
    for start in (0, 4, 8):
        frame = []
        for row in noise[start:start + 4].numpy():
            for unit in frame:
                row = row - (row @ unit) * unit
            frame.append(row / np.linalg.norm(row))
        expected += frame
    torch.testing.assert_close(directions(noise), torch.tensor(np.array(expected)))


@pytest.mark.parametrize("kind", ["orthogonal", "iid", "sobol"])
def test_every_direction_is_uniform_on_the_sphere(kind):
    generator = torch.Generator().manual_seed(1)
    drawn = torch.stack([directions(torch.randn(5, 3, generator=generator), kind)
                         for _ in range(1000)])                           # (1000, 5, 3)
    torch.testing.assert_close(drawn.norm(dim=2), torch.ones(1000, 5))
    for row, axis in itertools.product(range(5), range(3)):               # Archimedes
        assert kstest(drawn[:, row, axis].numpy(), "uniform", (-1, 2)).pvalue > 1e-3


def test_directions_names_its_kinds(draw):
    with pytest.raises(ValueError, match="orthogonal, iid, sobol"):
        directions(draw(3, 3), "haar")


@pytest.fixture(scope="module")
def slices():
    """Values of a skewed pair at d = 64: draws of 64 directions of each kind, and of many."""
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(64, 64, generator=generator) @ torch.randn(64, 64, generator=generator) / 8
    y = 0.5 * torch.randn(64, 64, generator=generator).exp()

    def value(count, kind):
        return float(sliced_w2(x, y, directions(torch.randn(count, 64, generator=generator), kind)))

    kinds = {kind: np.array([value(64, kind) for _ in range(draws)])
             for kind, draws in (("orthogonal", 500), ("iid", 200), ("sobol", 200))}
    return kinds, np.mean([value(1000, "iid") for _ in range(100)])


def test_orthogonal_sliced_is_unbiased(slices):
    kinds, many = slices
    assert kinds["orthogonal"].mean() == pytest.approx(many, rel=0.01)
    for kind in ("iid", "sobol"):
        error = kinds[kind].std() / len(kinds[kind]) ** 0.5
        assert abs(kinds[kind].mean() - many) < 4 * error


def test_orthogonal_directions_vary_least(slices):
    kinds, _ = slices
    assert 3 * kinds["orthogonal"].std() < kinds["iid"].std()
    assert 3 * kinds["orthogonal"].std() < kinds["sobol"].std()


# -- Gaussian and entropic -----------------------------------------------------------------------
def test_bures_is_pot(draw):
    x, y = draw(30, 4) @ draw(4, 4), draw(20, 4).exp()
    (a, cov_a), (b, cov_b) = ((z.mean(0).numpy(), np.cov(z.numpy().T, bias=True) + 0.1 * np.eye(4))
                              for z in (x, y))
    expected = ot.gaussian.bures_wasserstein_distance(a, b, cov_a, cov_b) ** 2
    assert float(bures_w2(x, y, eps=0.1)) == pytest.approx(expected, rel=1e-9)


def test_bures_gradient_where_eigenvalues_meet(draw):
    cross = torch.cat([torch.eye(4), -torch.eye(4)]).double()             # covariance I / 4
    x = cross.requires_grad_()
    y = 2 * cross.detach() + draw(4)
    assert torch.autograd.gradcheck(bures_w2, (x, y.requires_grad_()))


def test_sinkhorn_is_pot(draw):
    x, y = draw(12, 16), draw(9, 16) + 0.5
    strength = 0.2 * float(torch.cdist(x, y).square().flatten().median())

    def transport(a, b):
        cost = ot.dist(a.numpy(), b.numpy())
        plan = ot.sinkhorn(ot.unif(len(a)), ot.unif(len(b)), cost, strength, "sinkhorn_log",
                           numItermax=5000, stopThr=1e-10)
        return (plan * cost).sum() + strength * (plan * np.log(plan * cost.size + 1e-300)).sum()

    def reference(a):
        return transport(a, y) - 0.5 * (transport(a, a) + transport(y, y))

    value, gradient = _gradients(lambda a: sinkhorn_divergence(a, y, blur=0.2), x)
    assert float(value) == pytest.approx(reference(x), rel=1e-6)
    step = torch.zeros_like(x)
    step[3, 2] = 1e-4
    slope = (reference(x + step) - reference(x - step)) / 2e-4            # at a fixed strength
    assert float(gradient[3, 2]) == pytest.approx(slope, rel=1e-3)


@pytest.mark.parametrize("iterations", [0, 1, 5, 50])
def test_sinkhorn_is_never_negative_however_early_it_stops(draw, iterations):
    for _ in range(100):                                                  # from 0 it would be
        x = draw(8, 1)
        near = x + 0.01 * draw(8, 1)
        assert float(sinkhorn_divergence(x, near, iterations=iterations)) >= -1e-12
        assert float(sinkhorn_divergence(x, draw(3, 1), iterations=iterations)) >= -1e-12
    assert -1e-12 <= float(sinkhorn_divergence(x, x, iterations=iterations)) < 1e-6


# -- marginals -----------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", MARGINALS)
def test_marginals_vanish_with_finite_gradients_at_coincidence(draw, kind):
    x, noise = draw(12, 4).float(), draw(4, 4).float()
    x[5] = x[2]
    value, *gradients = _gradients(lambda a, b: MARGINALS[kind](a, b, noise), x, x)
    assert float(value) == pytest.approx(0, abs=2e-5)
    apart, *slopes = _gradients(lambda a, b: MARGINALS[kind](a, b, noise), x, x[:7] + 1)
    assert float(apart) > 0.1
    for gradient in (*gradients, *slopes):
        assert torch.isfinite(gradient).all()
    assert all(gradient.abs().max() < 1e-3 for gradient in gradients)
    assert all(slope.abs().max() > 1e-3 for slope in slopes)


def test_three_marginals_meet_at_their_barycentre(draw):
    parts, noise = [draw(10, 3), draw(10, 3) + 1, draw(10, 3).exp()], draw(3, 3)
    along = directions(noise)
    quantiles = np.stack([np.sort((z @ along.T).numpy(), axis=0) for z in parts])
    expected = 3 * ((quantiles - quantiles.mean(0)) ** 2).mean(axis=(1, 2)).sum()
    assert float(marginal_divergence(parts, noise)) == pytest.approx(expected)


def test_marginal_leaves_out_what_is_missing(draw):
    a, b, c, noise = draw(8, 3), draw(6, 3), draw(5, 3), draw(3, 3)
    here = torch.tensor([True, False, True, True, False, True])
    assert torch.equal(marginal_divergence([a, b], noise, present=[None, here]),
                       MARGINALS["orthogonal"](a, b[here], noise))
    torch.testing.assert_close(
        marginal_divergence([a, b, c], noise, present=[None, ~here & here, None]),
        MARGINALS["orthogonal"](a, c, noise) / 2)
    assert float(marginal_divergence([a, b], noise, present=[None, ~here & here])) == 0
    with pytest.raises(ValueError, match="orthogonal, iid, sobol, bures, sinkhorn, mmd"):
        marginal_divergence([a, b], noise, kind="w1")


# -- by class ------------------------------------------------------------------------------------
LABELS = torch.tensor([70, -3, 8, 70, 8, 70, 5])


def _naive_moments(mean, std, labels):
    found = {}
    for c in sorted(set(labels.tolist())):
        rows = [i for i, label in enumerate(labels.tolist()) if label == c]
        centre = sum(mean[i] for i in rows) / len(rows)
        variance = sum(std[i] ** 2 + (mean[i] - centre) ** 2 for i in rows) / len(rows)
        found[c] = centre, variance**0.5, len(rows)
    return found


def _naive_w2(a, b):
    return float(((a[0] - b[0]) ** 2).sum() + ((a[1] - b[1]) ** 2).sum())


def test_class_moments_are_those_of_a_loop(draw):
    mean, std = draw(7, 3), draw(7, 3).exp()
    classes, centres, spreads, counts = class_moments(mean, std, LABELS)
    naive = _naive_moments(mean, std, LABELS)
    assert classes.tolist() == list(naive)
    assert counts.tolist() == [count for *_, count in naive.values()]
    torch.testing.assert_close(centres, torch.stack([m for m, _, _ in naive.values()]))
    torch.testing.assert_close(spreads, torch.stack([s for _, s, _ in naive.values()]))


def test_class_moments_are_those_of_the_mixture(draw):
    mean, std = draw(4, 2), draw(4, 2).exp()
    samples = mean[:, None] + std[:, None] * draw(4, 200_000, 2)
    _, centre, spread, _ = class_moments(mean, std, torch.zeros(4, dtype=torch.int64))
    torch.testing.assert_close(centre[0], samples.mean(dim=(0, 1)), rtol=0, atol=0.01)
    torch.testing.assert_close(spread[0], samples.std(dim=(0, 1)), rtol=0.01, atol=0)


def test_class_conditional_is_a_loop_over_shared_classes(draw):
    mean, std = draw(7, 3), draw(7, 3).exp()
    table, table_std, ids = draw(4, 3), draw(4, 3).exp(), torch.tensor([8, 2, 70, -3])
    images = _naive_moments(mean, std, LABELS)
    expected = np.mean([_naive_w2(images[c], (table[i], table_std[i]))
                        for i, c in ((0, 8), (2, 70), (3, -3))])
    value = class_conditional_w2([mean, table], [std, table_std], [LABELS, ids])
    assert float(value) == pytest.approx(expected)
    swapped = class_conditional_w2([table, mean], [table_std, std], [ids, LABELS])
    assert float(swapped) == pytest.approx(expected)


def test_class_conditional_of_three_with_missing_samples(draw):
    means, stds = [draw(7, 3) for _ in range(3)], [draw(7, 3).exp() for _ in range(3)]
    masks = [None, LABELS != 70, torch.tensor([True, True, False, True, True, True, False])]
    naive = [_naive_moments(m, s, LABELS) if mask is None
             else _naive_moments(m[mask], s[mask], LABELS[mask])
             for m, s, mask in zip(means, stds, masks, strict=True)]
    total = 0.0
    for c in (-3, 5, 8, 70):                                              # each in two or three
        here = [found[c] for found in naive if c in found]
        assert len(here) >= 2
        centre = [sum(part[k] for part in here) / len(here) for k in (0, 1)]
        total += sum(_naive_w2(part, centre) for part in here)
    value = class_conditional_w2(means, stds, [LABELS] * 3, masks)
    assert float(value) == pytest.approx(total / 4)


def test_class_conditional_without_a_shared_class_is_zero(draw):
    value, gradient = _gradients(lambda m: class_conditional_w2(
        [m, draw(2, 3)], [draw(7, 3).exp(), draw(2, 3).exp()], [LABELS, torch.tensor([0, 1])]),
        draw(7, 3))
    assert float(value) == 0
    assert not gradient.any()
    with pytest.raises(ValueError, match="two or more modalities"):
        class_conditional_w2([gradient], [gradient], [LABELS])


@pytest.mark.parametrize("modalities", [2, 3])
def test_class_conditional_gradient_and_coincidence(draw, modalities):
    parts = [draw(7, 2) for _ in range(modalities)] + [draw(7, 2).exp() for _ in range(modalities)]
    assert torch.autograd.gradcheck(
        lambda *z: class_conditional_w2(z[:modalities], z[modalities:], [LABELS] * modalities),
        [z.requires_grad_() for z in parts])
    mean, nothing = draw(7, 2), torch.zeros(7, 2, dtype=torch.float64)    # no spread at all
    value, *gradients = _gradients(lambda *z: class_conditional_w2(
        z[:modalities], z[modalities:], [LABELS] * modalities),
        *[mean] * modalities, *[nothing] * modalities)
    assert float(value) == pytest.approx(0, abs=1e-12)
    assert all(torch.isfinite(g).all() for g in gradients)


def test_only_the_conditional_term_knows_the_classes(draw):
    centres = 5 * draw(3, 4)
    labels = torch.arange(3).repeat_interleave(10)
    a, b, std = centres[labels] + draw(30, 4), centres[labels] + draw(30, 4), draw(30, 4).exp()
    cycled, noise = (labels + 1) % 3, draw(4, 4)
    shuffled = torch.argsort(cycled)                                      # b of the wrong classes
    assert float(marginal_divergence([a, b[shuffled]], noise)) == pytest.approx(
        float(marginal_divergence([a, b], noise)), rel=1e-12)
    right = class_conditional_w2([a, b], [std, std], [labels, labels])
    wrong = class_conditional_w2([a, b[shuffled]], [std, std[shuffled]], [labels, labels])
    assert float(wrong) > 5 * float(right)


def test_barycentre_is_pot_and_a_minimum(draw):
    means, stds, weights = draw(3, 4), draw(3, 4).exp(), torch.tensor([1.0, 2.0, 5.0])
    centre, spread = barycentre(means, stds, weights)
    mean, covariance = ot.gaussian.bures_wasserstein_barycenter(
        means.numpy(), np.stack([np.diag(s) for s in stds.numpy() ** 2]),
        weights=weights.double().numpy() / 8, num_iter=10_000, eps=1e-13)
    np.testing.assert_allclose(centre, mean)
    np.testing.assert_allclose(np.diag(spread**2), covariance, rtol=1e-6, atol=1e-9)

    def cost(m, s):
        return sum(float(w) * _naive_w2((m, s), pair)
                   for w, *pair in zip(weights, means, stds, strict=True))

    for _ in range(20):
        assert cost(centre, spread) < cost(centre + 0.01 * draw(4), spread + 0.01 * draw(4))


def test_a_gaussian_that_nobody_has_is_nowhere_and_spoils_nothing(draw):
    means, stds = draw(3, 2, 4), draw(3, 2, 4).exp()
    weights = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 0.0]]).double()
    centre, spread = barycentre(means, stds, weights)
    torch.testing.assert_close(centre[0], means[:2, 0].mean(dim=0))
    assert not centre[1].any()
    assert not spread[1].any()


def test_barycentre_takes_a_weight_per_gaussian(draw):
    means, stds, weights = draw(3, 5, 4), draw(3, 5, 4).exp(), draw(3, 5).exp()
    together = barycentre(means, stds, weights)
    for c in range(5):
        torch.testing.assert_close([z[c] for z in together],
                                   list(barycentre(means[:, c], stds[:, c], weights[:, c])))
    torch.testing.assert_close(barycentre(means, stds),
                               barycentre(means, stds, torch.full((3,), 7.0)))


# -- contrast ------------------------------------------------------------------------------------
def test_csd_is_the_expected_squared_distance(draw):
    a, b, s, t = draw(3, 4), draw(2, 4), draw(3, 4).exp(), draw(2, 4).exp()
    expected = [[float(((a[i] - b[j]) ** 2 + s[i] ** 2 + t[j] ** 2).sum()) for j in range(2)]
                for i in range(3)]
    np.testing.assert_allclose(sampled_distance(a, s, b, t), expected)
    left, right = a[0] + s[0] * draw(200_000, 4), b[1] + t[1] * draw(200_000, 4)
    drawn = float((left - right).square().sum(dim=1).mean())
    assert drawn == pytest.approx(expected[0][1], rel=0.02)


def test_csd_is_never_below_the_spread_for_rounding(draw):
    far, std = (100 + draw(50, 8)).float(), torch.zeros(50, 8)
    assert float(sampled_distance(far, std, far, std).min()) == 0


def test_contrast_is_the_naive_cross_entropy(draw):
    distance = draw(3, 4).square()
    rows, columns = torch.tensor([4, 9, 4]), torch.tensor([9, 4, 4, 1])
    total = 0.0
    for i, j in itertools.product(range(3), range(4)):
        same = bool(rows[i] == columns[j])
        probability = 1 / (1 + np.exp(2 * float(distance[i, j]) - 0.7))
        total -= np.log(probability if same else 1 - probability)
    value = probabilistic_contrast(distance, 2.0, 0.7, (rows, columns))
    assert float(value) == pytest.approx(total / 12)


def test_contrast_matches_by_position_without_labels(draw):
    distance = draw(4, 4).square()
    ids = torch.arange(4)
    assert torch.equal(probabilistic_contrast(distance, 5.0, 5.0),
                       probabilistic_contrast(distance, 5.0, 5.0, (ids, ids)))
    with pytest.raises(ValueError, match="3 x 4 pairs"):
        probabilistic_contrast(distance[:3], 5.0, 5.0)


def test_contrast_gradient_at_coincidence(draw):
    mean, std = 0.1 * draw(4, 3), 0.1 * draw(4, 3).exp()
    scale, shift = torch.tensor(5.0).double(), torch.tensor(5.0).double()
    value, *gradients = _gradients(lambda m, s, a, b: probabilistic_contrast(
        sampled_distance(m, s, mean, std), a, b), mean, std, scale, shift)
    assert torch.isfinite(value)
    assert all(torch.isfinite(g).all() and g.abs().max() > 0 for g in gradients)


# -- smoothness ----------------------------------------------------------------------------------
def test_slerp_is_shoemakes(draw):
    a, b = functional.normalize(draw(6, 5)), functional.normalize(draw(6, 5))
    t = torch.linspace(0, 1, 6, dtype=torch.float64)[:, None]
    angle = (a * b).sum(dim=1, keepdim=True).acos()
    expected = ((1 - t) * angle).sin() / angle.sin() * a + (t * angle).sin() / angle.sin() * b
    torch.testing.assert_close(slerp(a, b, t), expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(slerp(a, b, 0.3), slerp(b, a, 0.7))


def test_slerp_is_finite_at_coincidence_and_between_antipodes(draw):
    a = functional.normalize(draw(4, 3)).float()
    around = 1e-3 * functional.normalize(draw(4, 3)).float()
    for b in (a, functional.normalize(a + around), -a, functional.normalize(around - a)):
        for t in (0.0, 0.3, 0.5, 1.0):
            value, *gradients = _gradients(lambda p, q, t=t: slerp(p, q, t).sum(), a, b)
            assert torch.isfinite(value)
            assert all(g.abs().max() < 2e3 for g in gradients)
    torch.testing.assert_close(slerp(a, a, 0.3), a)
    turned = functional.normalize(draw(4, 3))
    assert torch.autograd.gradcheck(lambda p: slerp(p, turned, 0.3),
                                    (turned.clone().requires_grad_(),))


def test_interpolation_gap_vanishes_on_the_geodesic_only(draw):
    a, b = functional.normalize(draw(6, 5)), functional.normalize(draw(6, 5))
    assert float(interpolation_gap(slerp(a, b, 0.4), a, b, 0.4)) == 0
    chord = 0.6 * a + 0.4 * b
    expected = np.mean([float(((chord - slerp(a, b, 0.4))[i] ** 2).sum()) for i in range(6)])
    assert float(interpolation_gap(chord, a, b, 0.4)) == pytest.approx(expected)


# -- persistence ---------------------------------------------------------------------------------
def test_spanning_tree_is_scipys(draw):
    distances = torch.cdist(draw(40, 3), draw(40, 3))
    distances = distances + distances.T
    edges = spanning_tree(distances)
    theirs = minimum_spanning_tree(np.triu(distances.numpy(), 1)).tocoo()
    assert ({tuple(sorted(edge)) for edge in edges.T.tolist()}
            == {tuple(sorted(edge)) for edge in zip(*theirs.coords, strict=True)})
    twins = torch.zeros(5, 5)                                             # no edge to scipy
    assert len(set(spanning_tree(twins).flatten().tolist())) == 5


def test_persistence_gap_is_the_naive_sum(draw):
    x, z = draw(9, 4), draw(9, 2)
    far_x, far_z = (np.linalg.norm(c[:, None] - c[None, :], axis=2) for c in (x.numpy(), z.numpy()))
    for scale_free in (False, True):
        if scale_free:
            far_x, far_z = far_x / far_x.mean(), far_z / far_z.mean()
        expected = 0.0
        for cloud in (far_x, far_z):
            tree = minimum_spanning_tree(cloud).tocoo()
            expected += sum(0.5 * (far_x[i, j] - far_z[i, j]) ** 2
                            for i, j in zip(*tree.coords, strict=True)) / 8
        assert float(persistence_gap(x, z, scale_free)) == pytest.approx(expected, rel=1e-6)


def test_persistence_gap_forgets_rotation_and_if_asked_scale(draw):
    x = draw(20, 4)
    turned = 3 * x @ directions(draw(4, 4)) + 1
    assert float(persistence_gap(x, turned)) == pytest.approx(0, abs=1e-12)
    assert float(persistence_gap(x, turned, scale_free=False)) > 0.1
    with pytest.raises(ValueError, match="3 points against 20"):
        persistence_gap(x, x[:3])


def test_persistence_gradient(draw):
    x, z = draw(8, 3), draw(8, 2).requires_grad_()
    assert torch.autograd.gradcheck(lambda a: persistence_gap(x, a, scale_free=False), (z,))
    same = torch.ones(5, 2)
    value, *gradients = _gradients(persistence_gap, same, same)
    assert float(value) == 0
    assert all(torch.isfinite(g).all() for g in gradients)
