"""The theorems T1-T7 of the module docstring, each on data where the answer is known."""

import itertools

import numpy as np
import pytest
from scipy.linalg import null_space, subspace_angles
from sklearn.cross_decomposition import CCA as SklearnCCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.exceptions import NotFittedError
from threadpoolctl import threadpool_limits

from crossalign.data.sources.synthetic import gaussian_pair
from crossalign.models.closed_form.linear_alignment import (
    canonical_alignment,
    gavish_donoho_rank,
    noise_correlation,
    spurious_dimensions,
    stacked_alignment,
)
from crossalign.models.closed_form.perfect_alignment import PerfectAlignment
from crossalign.types import Views


@pytest.fixture(autouse=True)
def one_thread():
    """Small matrices: more BLAS threads only wait for each other when the machine is busy."""
    with threadpool_limits(1):
        yield


def shared_latent(n=200, d=(10, 8), k=3, seed=0):
    """Noiseless rows (n, d1), (n, d2), the loadings and the latent (n, k), all in float64."""
    rng = np.random.default_rng(seed)
    loadings = [rng.normal(size=(width, k)) for width in d]
    z = rng.normal(size=(n, k))
    return [z @ s.T for s in loadings], loadings, z


def unrelated(n, d=(10, 8), seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(n, width)) for width in d]


# -- T1, T2: existence, and which of it is worth having ----------------------------------------
@pytest.mark.parametrize(("d", "k", "n"), [((10, 8), 3, 200), ((6, 5), 5, 40), ((7, 7), 2, 9)])
def test_null_space_has_the_dimension_of_the_theorem(d, k, n):
    (x, y), _, _ = shared_latent(n, d, k)
    oracle = null_space(np.hstack([x, -y]))                     # columns a with [x, -y] a = 0
    total = sum(d) - k
    assert oracle.shape[1] == total
    found = stacked_alignment(x, y, total)
    rows = np.hstack([found.first, found.second])
    np.testing.assert_allclose(rows @ rows.T, np.eye(total), atol=1e-12)
    assert subspace_angles(rows.T, oracle).max() < 1e-6


def test_most_of_the_null_space_is_degenerate():
    (x, y), _, _ = shared_latent()
    assert null_space(x).shape[1] + null_space(y).shape[1] == 12
    assert null_space(np.hstack([x, -y])).shape[1] == 15
    found = canonical_alignment(x, y, 3, (3, 3))
    assert (found.values > 1 - 1e-12).sum() == 3
    first, second = x @ found.first.T, y @ found.second.T
    assert np.abs(first - second).max() < 1e-14                 # residual about 1e-15
    np.testing.assert_allclose(first.T @ first, np.eye(3), atol=1e-12)


def test_private_dimensions_are_not_aligned():
    rng = np.random.default_rng(1)
    z = rng.normal(size=(300, 7))                               # 3 shared, 2 + 2 private
    x = z[:, :5] @ rng.normal(size=(5, 10))
    y = z[:, [0, 1, 2, 5, 6]] @ rng.normal(size=(5, 8))
    model = PerfectAlignment().fit(Views({"a": x, "b": y}))
    assert model.ranks_ == [5, 5]
    assert model.n_perfect_ == model.n_components_ == 3
    latent = model.project(x, "a")
    hidden = z[:, :3] - z[:, :3].mean(axis=0)
    assert np.abs(latent - hidden @ np.linalg.lstsq(hidden, latent, rcond=None)[0]).max() < 1e-5


# -- T3: identifiability ----------------------------------------------------------------------
@pytest.mark.parametrize("seed", range(3))
def test_latent_is_recovered_up_to_one_invertible_map(seed):
    (x, y), loadings, z = shared_latent(seed=seed)
    found = canonical_alignment(x, y, 3, (3, 3))
    g_first, g_second = found.first @ loadings[0], found.second @ loadings[1]
    np.testing.assert_allclose(g_first, g_second, atol=1e-13)
    assert np.linalg.matrix_rank(g_first) == 3
    np.testing.assert_allclose(x @ found.first.T, z @ g_first.T, atol=1e-13)


def test_only_what_both_loadings_keep_is_recovered():
    rng = np.random.default_rng(2)
    z = rng.normal(size=(100, 4))
    keep = rng.normal(size=(2, 4))                              # rows seen by both
    loadings = [rng.normal(size=(6, 3)) @ np.vstack([keep, rng.normal(size=(1, 4))])
                for _ in range(2)]
    model = PerfectAlignment(rank="full", center=False).fit(
        Views({m: z @ loading.T for m, loading in zip("ab", loadings, strict=True)}))
    assert model.n_perfect_ == 2                                # >= 3 + 3 - 4


# -- T4: spurious alignment -------------------------------------------------------------------
@pytest.mark.parametrize(("n", "spurious"), [(10, 8), (14, 4), (17, 1), (18, 0), (40, 0)])
def test_unrelated_data_align_perfectly_when_pairs_are_few(n, spurious):
    x, y = unrelated(n)
    assert spurious_dimensions(10, 8, n) == spurious
    model = PerfectAlignment(rank="full", center=False, n_components=1)
    model.fit(Views({"a": x, "b": y}))
    assert model.n_perfect_ == model.n_spurious_expected_ == spurious
    assert ("Warning" in model.summary()) == (spurious > 0)


@pytest.mark.parametrize(("n", "spurious"), [(11, 8), (15, 4), (18, 1), (19, 0)])
def test_centring_costs_one_sample(n, spurious):
    x, y = unrelated(n)
    model = PerfectAlignment(rank="full", n_components=1).fit(Views({"a": x, "b": y}))
    assert model.n_perfect_ == model.n_spurious_expected_ == spurious


def test_held_out_pairs_reveal_spurious_alignment():
    rows = unrelated(16)
    views = Views(dict(zip("ab", rows, strict=True)))
    model = PerfectAlignment(rank="full", n_components=2, holdout=0.25).fit(views)
    assert model.normalised_cmae_ < 1e-8
    assert model.holdout_normalised_cmae_ > 0.5
    fresh = Views(dict(zip("ab", unrelated(2000, seed=9), strict=True)))
    assert model.cmae(fresh, normalised=True) == pytest.approx(1.0, abs=0.15)
    assert "Held out" in model.summary()


def test_noise_correlation_bounds_unrelated_data_from_above():
    for seed, (n, d) in enumerate([(200, (10, 8)), (500, (20, 15)), (100, (30, 20))]):
        x, y = unrelated(n, d, seed)
        top = canonical_alignment(x, y, 1, d).values[0]
        assert top < noise_correlation(*d, n) < top + 0.2
    assert noise_correlation(10, 8, 18) == 1.0


# -- T5: noise --------------------------------------------------------------------------------
@pytest.mark.parametrize("n", [12, 60])
def test_smallest_singular_vectors_minimise_the_residual(n):
    x, y = unrelated(n, (6, 5))
    stack = np.hstack([x, -y])
    found = stacked_alignment(x, y, 3)
    rows = np.hstack([found.first, found.second])
    objective = np.linalg.norm(rows @ stack.T) ** 2
    oracle = np.linalg.eigvalsh(stack.T @ stack)[:3]
    assert objective == pytest.approx(oracle.sum(), rel=1e-9)
    np.testing.assert_allclose(found.values[:3] ** 2, oracle, rtol=1e-8)
    rng = np.random.default_rng(0)
    for _ in range(200):                                        # Ky Fan: no frame does better
        frame = np.linalg.qr(rng.normal(size=(11, 3)))[0]
        assert np.linalg.norm(stack @ frame) ** 2 >= objective - 1e-9


def test_stack_of_row_spaces_has_singular_values_sqrt_one_minus_rho():
    x, y = unrelated(60)
    v = [np.linalg.svd(m, full_matrices=False)[0] for m in (x, y)]
    singular = np.linalg.svd(np.hstack([v[0], -v[1]]), compute_uv=False)
    rho = canonical_alignment(x, y, 8, (10, 8)).values
    expected = np.sort(np.concatenate([np.sqrt(1 - rho), np.sqrt(1 + rho), np.ones(2)]))
    np.testing.assert_allclose(np.sort(singular), expected, atol=1e-8)
    np.testing.assert_allclose(np.sort(singular)[:8], np.sqrt(1 - rho), atol=1e-8)


def test_taking_rows_of_u_for_columns_gives_no_alignment():
    (x, y), _, _ = shared_latent(n=1000, d=(3, 3), k=2)
    stack = np.hstack([x, -y]).T                                # (6, n), rank 2
    u, s, _ = np.linalg.svd(stack, full_matrices=True)
    assert s[2:].max() < 1e-11
    wrong, right = u[2:, :], u[:, 2:].T
    assert np.linalg.norm(wrong @ stack) > 10
    assert np.linalg.norm(right @ stack) < 1e-12
    found = stacked_alignment(x, y, 4)
    assert np.linalg.norm(x @ found.first.T - y @ found.second.T) < 1e-12


@pytest.mark.parametrize("noise", [0.3, 1.0])
def test_cca_constraint_objective_and_correlations(noise):
    views, _ = gaussian_pair(400, noise=(0.3, noise), seed=1)
    model = PerfectAlignment("cca", n_components=4).fit(views)
    latent = [model.project(views[m], m) for m in views.modalities]
    for z in latent:
        np.testing.assert_allclose(np.cov(z.T), np.eye(4), atol=1e-4)
    rho = model.canonical_correlations_[:4]
    np.testing.assert_allclose([np.corrcoef(latent[0][:, i], latent[1][:, i])[0, 1]
                                for i in range(4)], rho, atol=1e-5)
    assert model.cmae_ == pytest.approx(2 * (1 - rho).sum() * 399 / 400, rel=1e-3)
    assert model.normalised_cmae_ == pytest.approx(1 - rho.mean(), rel=1e-3)
    oracle = SklearnCCA(n_components=4, scale=False, max_iter=5000, tol=1e-10)
    scores = oracle.fit_transform(views["left"], views["right"])
    np.testing.assert_allclose([abs(np.corrcoef(a, b)[0, 1]) for a, b in
                                zip(scores[0].T, scores[1].T, strict=True)], rho, atol=1e-3)


def test_cca_is_informative_with_every_rank_kept():
    views, _ = gaussian_pair(60, noise=(0.3, 0.5), seed=2)
    cca, full, auto = (PerfectAlignment(method, rank, n_components=4).fit(views) for method, rank in
                       [("cca", "auto"), ("informative", "full"), ("informative", "auto")])
    np.testing.assert_array_equal(cca.coef_["left"], full.coef_["left"])
    assert cca.ranks_ == [20, 15]
    assert auto.ranks_ == [4, 4]
    assert auto.canonical_correlations_[0] < cca.canonical_correlations_[0]     # overfits less
    np.testing.assert_allclose(np.cov(auto.project(views["left"], "left").T), np.eye(4), atol=1e-4)


def test_ridge_lowers_the_correlations():
    views, _ = gaussian_pair(60, noise=(0.5, 0.5), seed=2)
    plain = PerfectAlignment("cca", n_components=4).fit(views)
    ridged = PerfectAlignment("cca", n_components=4, ridge=0.1).fit(views)
    assert (ridged.canonical_correlations_ < plain.canonical_correlations_).all()
    z = ridged.project(views["left"], "left")
    x = views["left"].astype(np.float64)
    cov = np.cov(x.T)
    cov += 0.1 * np.trace(cov) / len(cov) * np.eye(len(cov))
    a = ridged.coef_["left"]
    np.testing.assert_allclose(a @ cov @ a.T, np.eye(4), atol=1e-4)
    assert z.shape == (60, 4)


def test_whitening_by_the_noise_makes_the_stacked_solution_consistent():
    noise = (0.1, 2.0)
    views, truth = gaussian_pair(20_000, d=(6, 5), k=4, noise=noise, seed=0)
    known = {m: level**2 for m, level in zip(views.modalities, noise, strict=True)}
    loadings = np.vstack([truth.loadings[0], -truth.loadings[1]])

    def leak(model):                                            # ||A S|| of unit rows A L
        rows = np.hstack([model.coef_["left"] * noise[0], model.coef_["right"] * noise[1]])
        scale = np.linalg.norm(rows, axis=1, keepdims=True)
        a = np.hstack([model.coef_["left"], model.coef_["right"]]) / scale
        return np.linalg.norm(a @ loadings)

    naive = PerfectAlignment("svd_naive", n_components=7).fit(views)
    whitened = PerfectAlignment("svd_naive", n_components=7, noise_cov=known).fit(views)
    assert whitened.normalised_cmae_ < 1
    assert leak(whitened) < 0.1 * leak(naive)
    np.testing.assert_allclose(whitened.singular_values_[:7] / np.sqrt(20_000), 1, atol=0.03)


def test_noise_covariance_forms_agree_and_leave_cca_alone():
    views, _ = gaussian_pair(200, d=(6, 5), noise=(0.3, 0.5), seed=3)
    forms = [{"left": 0.09, "right": 0.25}, {"left": np.full(6, 0.09), "right": [0.25] * 5},
             {"left": 0.09 * np.eye(6), "right": 0.25 * np.eye(5)}]
    maps = [PerfectAlignment("svd_naive", n_components=2, noise_cov=f).fit(views).coef_["right"]
            for f in forms]
    for other in maps[1:]:
        np.testing.assert_allclose(other, maps[0], atol=1e-10)
    plain = PerfectAlignment("cca", n_components=3).fit(views)
    white = PerfectAlignment("cca", n_components=3, noise_cov=forms[2]).fit(views)
    np.testing.assert_allclose(white.canonical_correlations_, plain.canonical_correlations_,
                               atol=1e-8)


# -- T6, T7: transfer -------------------------------------------------------------------------
def test_risk_is_equal_under_perfect_alignment():
    views, truth = gaussian_pair(1200, seed=0)
    model = PerfectAlignment().fit(views[:400].with_labels(None))
    assert model.n_perfect_ == model.n_components_ == 4
    latent = [model.project(rows, m) for rows, m in zip(truth.rows, views.modalities, strict=True)]
    head = LinearDiscriminantAnalysis().fit(latent[0][400:800], truth.labels[0][400:800])
    predictions = [head.predict(z[800:]) for z in latent]
    np.testing.assert_array_equal(predictions[0], predictions[1])
    assert (predictions[0] == truth.labels[0][800:]).mean() > 0.85


def test_predictions_change_only_within_the_margin_of_the_bound():
    views, truth = gaussian_pair(3000, noise=(0.3, 1.0), seed=0)
    model = PerfectAlignment("cca", n_components=4).fit(views)
    z, w = (model.project(views[m], m) for m in views.modalities)
    head = LinearDiscriminantAnalysis().fit(z, truth.labels[0])
    scores = np.sort(head.decision_function(z), axis=1)
    margin = scores[:, -1] - scores[:, -2]
    lipschitz = np.linalg.norm(head.coef_, axis=1).max()
    bound = 2 * lipschitz * np.linalg.norm(w - z, axis=1)
    changed = head.predict(z) != head.predict(w)
    assert changed.any()
    assert (margin[changed] <= bound[changed]).all()
    risks = [np.mean(head.predict(v) != truth.labels[0]) for v in (z, w)]
    assert abs(risks[0] - risks[1]) <= (margin <= bound).mean()


def test_gaussians_are_closed_under_projection():
    rng = np.random.default_rng(0)
    mean, root = rng.normal(size=5), rng.normal(size=(5, 5))
    project = rng.normal(size=(2, 5))
    x = (mean + rng.normal(size=(200_000, 5)) @ root.T) @ project.T
    np.testing.assert_allclose(x.mean(axis=0), project @ mean, atol=0.1)
    np.testing.assert_allclose(np.cov(x.T), project @ root @ root.T @ project.T, rtol=0.03)
    white = np.linalg.solve(np.linalg.cholesky(np.cov(x.T)), (x - x.mean(axis=0)).T)
    assert abs((white**4).mean(axis=1) - 3).max() < 0.1         # kurtosis of a Gaussian


# -- the estimator ----------------------------------------------------------------------------
def test_embed_is_the_unit_projection_and_translate_inverts_it():
    views, truth = gaussian_pair(300, seed=1)
    model = PerfectAlignment().fit(views)
    z = model.project(views["left"], "left")
    rows = model.embed(views["left"], "left")
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows, z / np.linalg.norm(z, axis=1, keepdims=True), atol=1e-6)
    for source, target in itertools.product(views.modalities, repeat=2):
        np.testing.assert_allclose(model.translate(views[source], source, target),
                                   views[target], atol=2e-5)
    assert model.cmae_ < 1e-12
    assert model.normalised_cmae_ < 1e-9
    assert truth.rows[0].shape == (300, 20)


def test_ranks_follow_the_rule_asked_for():
    views, _ = gaussian_pair(30, noise=(0.3, 0.3), seed=0)
    fit = lambda **kw: PerfectAlignment(n_components=4, **kw).fit(views)  # noqa: E731
    assert fit(rank="full").ranks_ == [20, 15]
    assert fit(rank="full").n_spurious_expected_ == 6
    assert fit(rank=8).ranks_ == [8, 8]
    assert fit(rank=100).ranks_ == [20, 15]
    assert fit(rank="auto").ranks_ == [4, 4]
    assert fit(rank="auto").n_spurious_expected_ == 0
    shares = [np.cumsum(s**2) / (s**2).sum() for s in
              (np.linalg.svd(views[m] - views[m].mean(axis=0), compute_uv=False)
               for m in views.modalities)]
    assert fit(rank=0.98).ranks_ == [int((share < 0.98).sum()) + 1 for share in shares]
    many, _ = gaussian_pair(400, noise=(0.3, 0.3), seed=0)
    model = PerfectAlignment().fit(many)
    assert model.ranks_ == [20, 15]
    assert model.n_components_ == 4                             # found by itself
    assert model.n_perfect_ == 0


def test_gavish_donoho_finds_the_rank_of_a_noisy_matrix():
    rng = np.random.default_rng(0)
    for shape, rank in [((100, 20), 3), ((50, 50), 5), ((30, 200), 2)]:
        x = rng.normal(size=(shape[0], rank)) @ rng.normal(size=(rank, shape[1]))
        x += 0.3 * rng.normal(size=shape)
        assert gavish_donoho_rank(np.linalg.svd(x, compute_uv=False), shape) == rank


def test_large_offsets_do_not_pass_for_rank():
    (x, y), _, _ = shared_latent()
    views = Views({"a": x + 100, "b": y - 50})
    model = PerfectAlignment().fit(views)
    assert model.ranks_ == [3, 3]
    assert model.n_perfect_ == 3


def test_cmae_of_new_pairs_is_the_mean_squared_distance():
    views, _ = gaussian_pair(120, noise=(0.3, 0.3), seed=4)
    model = PerfectAlignment().fit(views[:80])
    new = views[80:]
    z, w = (model.project(new[m], m) for m in new.modalities)
    naive = np.mean([((a - b) ** 2).sum() for a, b in zip(z, w, strict=True)])
    assert model.cmae(new) == pytest.approx(naive)
    assert model.cmae(new, normalised=True) == pytest.approx(
        naive * 40 / ((z**2).sum() + (w**2).sum()))
    assert model.cmae(views[:80]) == pytest.approx(model.cmae_)


def test_fit_is_deterministic_and_holdout_keeps_the_maps():
    views, _ = gaussian_pair(100, noise=(0.3, 0.3), seed=4)
    one = PerfectAlignment(n_components=3).fit(views)
    two = PerfectAlignment(n_components=3, holdout=0.3).fit(views)
    np.testing.assert_array_equal(one.coef_["right"], two.coef_["right"])
    assert one.holdout_cmae_ is None
    assert two.holdout_normalised_cmae_ > two.normalised_cmae_


@pytest.mark.parametrize(("params", "data", "message"), [
    ({}, {"a": np.ones((5, 2))}, "takes two"),
    ({}, {m: np.eye(5) for m in "abc"}, "takes two"),
    ({}, {"a": np.ones((5, 2, 3)), "b": np.eye(5)}, "pool the tokens"),
    ({}, {"a": np.ones((1, 2)), "b": np.ones((1, 3))}, "at least two"),
    ({}, {"a": np.ones((5, 2)), "b": np.eye(5)}, "'a' is constant"),
    ({"n_components": 9}, {"a": np.eye(5), "b": np.eye(5)}, "n_components: got 9"),
    ({"method": "magic"}, {"a": np.eye(5), "b": np.eye(5)}, "method"),
    ({"rank": "some"}, {"a": np.eye(5), "b": np.eye(5)}, "rank"),
    ({"rank": 0}, {"a": np.eye(5), "b": np.eye(5)}, "rank"),
    ({"holdout": 0.9}, {"a": np.eye(5), "b": np.eye(5)}, "holdout: 0.9 leaves"),
    ({"noise_cov": {"a": 1.0}}, {"a": np.eye(5), "b": np.eye(5)}, "noise_cov: names"),
    ({"noise_cov": {"a": 1.0, "b": 0.0}}, {"a": np.eye(5), "b": np.eye(5)}, "positive definite"),
    ({"noise_cov": {"a": 1.0, "b": np.eye(4)}}, {"a": np.eye(5), "b": np.eye(5)}, "shape"),
])
def test_bad_input_ends_in_one_sentence(params, data, message):
    with pytest.raises(ValueError, match=message) as error:
        PerfectAlignment(**params).fit(Views(data))
    assert "\n" not in str(error.value)


def test_bad_queries_end_in_one_sentence():
    views, _ = gaussian_pair(60, seed=0)
    with pytest.raises(NotFittedError, match="not fitted"):
        PerfectAlignment().project(views["left"], "left")
    model = PerfectAlignment().fit(views)
    for call, message in [(lambda: model.project(views["left"], "up"), "modality: got 'up'"),
                          (lambda: model.embed(views["left"], "right"), "width of training"),
                          (lambda: model.project(np.full((2, 20), np.nan), "left"), "NaN"),
                          (lambda: model.translate(views["left"], "left", "up"), "target: got"),
                          (lambda: model.cmae(views.select("left")), "lacks the modality")]:
        with pytest.raises(ValueError, match=message):
            call()
