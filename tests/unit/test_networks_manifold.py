import numpy as np
import pytest
import torch
from scipy import stats
from torch.nn.functional import normalize

from crossalign.networks import (
    Adapter,
    GaussianHead,
    ManifoldProjection,
    ModalityFusion,
    initialise,
    reparametrise,
)
from crossalign.networks.manifold import step
from crossalign.sampling import quasi_normal, sobol_digits


@pytest.fixture(autouse=True)
def own_state():
    """Modules draw their first weights from torch's global state."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def draw(generator):
    return lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)


@pytest.fixture
def rows(generator):
    """A source of uniform noise for n rows."""
    return lambda n: lambda *tail: torch.rand(n, *tail, generator=generator)


def sphere(draw, n, d):
    return normalize(draw(n, d), dim=1)


# -- adapter and head --------------------------------------------------------------------------
def test_adapter_is_the_formula_on_rows_and_tokens(draw):
    adapter = Adapter(5, 7).double()
    torch.nn.init.normal_(adapter[1].weight)
    x = draw(4, 3, 5)
    linear, norm, _ = adapter
    h = x.numpy() @ linear.weight.detach().numpy().T + linear.bias.detach().numpy()
    h = (h - h.mean(-1, keepdims=True)) / np.sqrt(h.var(-1, keepdims=True) + 1e-5)
    h = h * norm.weight.detach().numpy() + norm.bias.detach().numpy()
    expected = torch.from_numpy(h * stats.norm.cdf(h))                   # GELU
    torch.testing.assert_close(adapter(x), expected)
    torch.testing.assert_close(adapter(x[:, 1]), expected[:, 1])


def test_adapter_drops_in_training_only(draw):
    adapter = Adapter(5, 400, dropout=0.25).double()
    x = draw(20, 5)
    assert float((adapter(x) == 0).double().mean()) == pytest.approx(0.25, abs=0.02)
    adapter.eval()
    assert (adapter(x) != 0).all()
    assert torch.equal(adapter(x), adapter(x))


@pytest.mark.parametrize("scheme", [None, "torch", "xavier"])
def test_log_variance_starts_near_minus_three_and_stays_in_range(draw, generator, scheme):
    head = GaussianHead(256, 64).double()
    if scheme is not None:
        initialise(head, generator, scheme)
    h = draw(50, 256)
    mean, logvar = head(h)
    assert float(logvar.detach().mean()) == pytest.approx(-3, abs=0.15)
    torch.testing.assert_close(mean, h @ head.mean.weight.T + head.mean.bias)
    _, far = head(1e4 * h)
    assert far.min() == -8
    assert far.max() == 2


def test_head_with_skip_adds_raw_features_to_the_mean_only(draw):
    head = GaussianHead(6, 4, skip=3).double()
    h, raw = draw(5, 6), draw(5, 3)
    mean, logvar = head(h, raw)
    torch.testing.assert_close(mean - head.mean(h), raw @ head.skip.weight.T)
    torch.testing.assert_close(logvar, head(h, 2 * raw)[1])
    with pytest.raises(ValueError, match="raw=None goes with a head of skip=0; give both"):
        head(h)
    with pytest.raises(ValueError, match="raw=a tensor goes with"):
        GaussianHead(6, 4)(h, raw)


@pytest.mark.parametrize("build", [
    lambda: Adapter(5, 4, 0.1), lambda: GaussianHead(4, 3), lambda: ModalityFusion(["a", "b"], 4),
    lambda: GaussianHead(4, 3, skip=5), lambda: ManifoldProjection(4)])
def test_initialisation_draws_every_random_weight(build):
    modules = [build(), build()]
    assert any(not torch.equal(*pair) for pair in zip(*(m.parameters() for m in modules),
                                                      strict=True))
    for module in modules:
        initialise(module, torch.Generator().manual_seed(3))
    assert all(torch.equal(*pair) for pair in zip(*(m.parameters() for m in modules), strict=True))


# -- noise -------------------------------------------------------------------------------------
@pytest.mark.parametrize(("samples", "kind"), [(1, "quasi"), (2, "quasi"), (5, "quasi"),
                                               (8, "quasi"), (16, "quasi"), (4, "iid")])
def test_every_draw_is_standard_normal_and_independent_over_rows(rows, samples, kind):
    z = quasi_normal(samples, 3, rows(4000), kind)
    assert z.shape == (samples, 4000, 3)
    for column in z.movedim(1, 2).reshape(-1, 4000).numpy():
        assert stats.kstest(column, "norm").pvalue > 1e-4
        assert abs(np.corrcoef(column[:-1], column[1:])[0, 1]) < 0.06
    for one in z:
        assert (torch.corrcoef(one.T) - torch.eye(3)).abs().max() < 0.06


def test_one_draw_is_scipy_normal_quantile(rows):
    u = rows(500)(1, 4)
    z = quasi_normal(1, 4, lambda *tail: u)
    np.testing.assert_allclose(z[0], stats.norm.ppf(u[:, 0].double()), atol=2e-5)


@pytest.mark.parametrize("value", [0.0, 1 - 2**-24])
@pytest.mark.parametrize("samples", [1, 2, 8])
def test_noise_is_finite_at_the_ends_of_the_uniform(samples, value):
    z = quasi_normal(samples, 3, lambda *tail: torch.full((2, *tail), value))
    assert z.abs().max() < 5.5


def test_few_draws_are_antithetic_and_an_odd_one_is_plain(rows):
    z = quasi_normal(6, 4, rows(50))
    torch.testing.assert_close(z[3:], -z[:3])
    z = quasi_normal(3, 4, rows(5000))
    torch.testing.assert_close(z[2], -z[0])
    assert abs(np.corrcoef(z[0].flatten(), z[1].flatten())[0, 1]) < 0.03
    assert float(z.mean(dim=0).std()) == pytest.approx(1 / 3, abs=0.01)         # only z[1] is left


def test_sobol_draws_are_one_in_every_cell(rows):
    z = quasi_normal(16, 8, rows(100))
    cells = np.sort(np.floor(stats.norm.cdf(z) * 16), axis=0)
    assert (cells == np.arange(16)[:, None, None]).all()
    cells = np.floor(stats.norm.cdf(quasi_normal(16, 8, rows(100), "iid")) * 16)
    assert (np.sort(cells, axis=0) != np.arange(16)[:, None, None]).any(axis=0).mean() > 0.9


def test_sobol_draws_have_low_discrepancy_in_several_dimensions(rows):
    def discrepancy(kind):
        u = stats.norm.cdf(quasi_normal(64, 3, rows(40), kind))
        return np.mean([stats.qmc.discrepancy(u[:, i]) for i in range(40)])

    assert discrepancy("quasi") < 0.15 * discrepancy("iid")


def test_sobol_shifts_differ_between_rows_and_calls_and_the_set_is_made_once(rows):
    uniform = rows(3)
    a, b = quasi_normal(8, 4, uniform), quasi_normal(8, 4, uniform)
    assert not torch.equal(a[:, 0], a[:, 1])
    assert not torch.equal(a, b)
    cpu = torch.device("cpu")
    assert sobol_digits(8, 4, cpu) is sobol_digits(8, 4, cpu)


@pytest.mark.parametrize(("samples", "kind"), [(1, "quasi"), (3, "quasi"), (8, "quasi"),
                                               (8, "iid")])
def test_some_rows_of_uniform_noise_give_those_rows_and_torch_keeps_its_state(rows, samples, kind):
    taken, uniform, state = [], rows(6), torch.get_rng_state()

    def keep(*tail):
        taken.append(uniform(*tail))
        return taken[-1]

    whole = quasi_normal(samples, 11, keep, kind)
    half = quasi_normal(samples, 11, lambda *tail: taken[0][3:], kind)
    assert torch.equal(whole[:, 3:], half)
    assert len(taken) == 1
    assert torch.equal(torch.get_rng_state(), state)


def test_spread_of_a_mean_over_draws_is_that_of_methods(rows, draw):
    """Standard deviations of E[log p(class)] over draws at d = 64, iid and quasi."""
    classes, mean = sphere(draw, 10, 64).float(), sphere(draw, 1, 64).float()

    def sd(samples, kind):
        z = mean + quasi_normal(samples, 64, rows(2000), kind)
        logits = -0.5 * torch.cdist(z, classes).square()
        return float(logits.log_softmax(-1)[..., 0].mean(dim=0).std())

    for samples, iid, quasi in ((2, 0.78, 0.21), (8, 0.36, 0.114), (32, 0.197, 0.045)):
        plain, even = sd(samples, "iid"), sd(samples, "quasi")
        assert plain == pytest.approx(iid, rel=0.2)
        assert even / plain == pytest.approx(quasi / iid, rel=0.25)
    z = {kind: 0.22 * quasi_normal(8, 64, rows(2000), kind) for kind in ("iid", "quasi")}
    squares = {kind: float((mean + e).square().sum(-1).mean(0).std()) for kind, e in z.items()}
    assert squares["quasi"] < 0.6 * squares["iid"]


@pytest.mark.parametrize(("arguments", "message"), [
    ((0, 4), "samples=0 draws nothing"), ((12, 4), "no power of two.* give 8 or 16"),
    ((4, 4, "sobol"), "kind='sobol' is unknown; give one of quasi, iid")])
def test_noise_refuses(rows, arguments, message):
    samples, latent, *kind = arguments
    with pytest.raises(ValueError, match=message):
        quasi_normal(samples, latent, rows(2), *kind)


def test_noise_serves_all_draws_of_a_sample_at_once(draw, rows):
    mean, logvar = draw(5, 3), draw(5, 3)
    noise = quasi_normal(8, 3, rows(5))
    z = reparametrise(mean, logvar, noise, "textbook")
    assert z.shape == (8, 5, 3)
    torch.testing.assert_close(z[6, 2], mean[2] + (logvar[2] / 2).exp() * noise[6, 2])


# -- manifold ----------------------------------------------------------------------------------
@pytest.mark.parametrize("temperature", [0.05, 0.2, 1.0])
@pytest.mark.parametrize("alpha", [0.1, 0.3, 1.0])
def test_no_step_lowers_the_objective(draw, temperature, alpha):
    manifold = ManifoldProjection(64, 32, 1, alpha, temperature).double()
    z = sphere(draw, 500, 64)
    before = start = manifold.objective(z)
    with torch.no_grad():
        for _ in range(20):
            z, _ = manifold(z)
            after = manifold.objective(z)
            assert (before - after).max() < 1e-12
            before = after
    assert (after > start).all()


@pytest.mark.parametrize("steps", [1, 3])
def test_projection_is_the_naive_loop(draw, steps):
    manifold = ManifoldProjection(4, 5, steps, alpha=0.4, temperature=0.3).double()
    anchors = manifold.unit_anchors().detach().numpy()
    mean = draw(6, 4)
    for row, out in zip(mean.numpy(), manifold(mean)[0].detach().numpy(), strict=True):
        z = row / np.linalg.norm(row)
        for _ in range(steps):
            e = np.exp(anchors @ z / 0.3)
            z = 0.6 * z + 0.4 * anchors.T @ (e / e.sum())
            z /= np.linalg.norm(z)
        np.testing.assert_allclose(out, z, rtol=1e-10)
    scores = mean.numpy() @ anchors.T / 0.3
    expected = 0.3 * np.log(np.exp(scores).sum(1))
    np.testing.assert_allclose(manifold.objective(mean).detach(), expected, rtol=1e-10)


def test_samples_with_more_dimensions_go_through_row_by_row(draw):
    manifold = ManifoldProjection(4, 5, spread="delta").double()
    mean, logvar = draw(2, 3, 4), draw(2, 3, 4)
    for whole, one in zip(manifold(mean, logvar), manifold(mean[1], logvar[1]), strict=True):
        torch.testing.assert_close(whole[1], one)


def test_without_steps_there_are_no_anchors(draw):
    manifold = ManifoldProjection(4, steps=0)
    mean, logvar = draw(6, 4), draw(6, 4)
    z, same = manifold(mean, logvar)
    torch.testing.assert_close(z, mean / mean.norm(dim=1, keepdim=True))
    assert same is logvar
    assert list(manifold.parameters()) == []
    with pytest.raises(ValueError, match="steps=0 leaves no anchors"):
        manifold.objective(z)


def test_variance_is_carried_unchanged(draw):
    logvar = draw(6, 4)
    assert ManifoldProjection(4, 5)(draw(6, 4).float(), logvar)[1] is logvar
    assert ManifoldProjection(4, 5, spread="delta")(draw(6, 4).float())[1] is None


@pytest.mark.parametrize("steps", [1, 3])
def test_delta_variance_is_that_of_the_jacobian(draw, steps):
    manifold = ManifoldProjection(6, 5, steps, alpha=0.6, spread="delta").double()
    mean, logvar = draw(7, 6), draw(7, 6)
    anchors = manifold.unit_anchors().detach()

    def path(z):
        for _ in range(steps):
            z, _ = step(z, anchors, 0.6, 0.2)
        return z

    _, out = manifold(mean, logvar)
    for z, given, found in zip(normalize(mean, dim=1), logvar, out, strict=True):
        jacobian = torch.func.jacrev(path)(z)
        expected = (jacobian @ torch.diag(given.exp()) @ jacobian.T).diagonal()
        torch.testing.assert_close(found.exp().detach(), expected)


def test_anchors_count_by_direction_and_bound_the_step(draw):
    manifold = ManifoldProjection(8, 12, 1, alpha=0.7, temperature=0.1).double()
    mean = draw(30, 8)
    before = manifold(mean)[0]
    with torch.no_grad():
        manifold.anchors.weight.mul_(torch.linspace(0.5, 9, 12)[:, None])
    torch.testing.assert_close(manifold(mean)[0], before)
    anchors = manifold.unit_anchors().detach()
    torch.testing.assert_close(anchors.norm(dim=1), torch.ones(12).double())
    norm = torch.linalg.matrix_norm(anchors, 2)
    assert norm**2 <= 12
    bound = 0.3 + 0.7 * norm**2 / (2 * 0.1)

    def unnormalised(z):
        return 0.3 * z + 0.7 * (anchors @ z / 0.1).softmax(0) @ anchors

    found = [torch.linalg.matrix_norm(torch.func.jacrev(unnormalised)(z), 2) for z in before]
    assert max(found) <= bound
    assert max(found) > 0.2 * bound


def test_gradients_reach_anchors_and_both_inputs(draw):
    manifold = ManifoldProjection(6, 5, spread="delta").double()
    mean, logvar = draw(7, 6).requires_grad_(), draw(7, 6).requires_grad_()
    z, out = manifold(mean, logvar)
    (z[:, 0].sum() + out.sum()).backward()
    for tensor in (manifold.anchors.weight, mean, logvar):
        assert torch.isfinite(tensor.grad).all()
        assert (tensor.grad != 0).any()
    for first, second in zip(manifold(mean, logvar), (z, out), strict=True):
        assert torch.equal(first, second)


def test_anchors_start_in_all_directions():
    first, second = (ManifoldProjection(64).unit_anchors().detach() for _ in range(2))
    cosines = first @ second.T
    assert cosines.abs().max() < 0.6
    assert float(cosines.std()) == pytest.approx(64**-0.5, rel=0.1)


@pytest.mark.parametrize(("arguments", "message"), [
    ({"steps": -1}, "steps=-1 is negative"), ({"anchors": 0}, "anchors=0 attract nothing"),
    ({"alpha": 0.0}, r"alpha=0.0 is outside \(0, 1\]"), ({"alpha": 1.1}, "alpha=1.1 is outside"),
    ({"temperature": 0.0}, "temperature=0.0 is not above 0"),
    ({"spread": "exact"}, "spread='exact' is unknown; give one of carry, delta")])
def test_manifold_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        ManifoldProjection(4, **arguments)
