"""Closed-form models against scikit-learn or their formula written out."""

from itertools import product

import numpy as np
import pytest
from scipy import linalg
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.gaussian_process.kernels import RBF
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler, normalize

from crossalign import models
from crossalign.models import CCA, ESZSL, GFZSL, CommonPCA, RidgeMap
from crossalign.models.closed_form.cca import inverse_root
from crossalign.tasks import ZeroShot
from crossalign.types import Classes, Views


@pytest.fixture
def toy():
    rng = np.random.default_rng(0)
    side = rng.standard_normal((7, 4)).astype(np.float32)
    labels = np.repeat(np.arange(5), 12)
    z = side[labels] + 0.5 * rng.standard_normal((60, 4))
    views = Views({"image": z @ rng.standard_normal((4, 9)) + 0.3 * rng.standard_normal((60, 9)),
                   "text": z @ rng.standard_normal((4, 6)) + 0.3 * rng.standard_normal((60, 6))},
                  labels)
    return views, Classes(side, np.arange(7) < 5)


def similarities(model, views):
    return model.embed(views["image"], "image") @ model.embed(views["text"], "text").T


def test_columns_without_variance_change_nothing_of_cca(toy):
    views, _ = toy
    wide = Views({"image": np.hstack([views["image"], np.full((60, 30), 2.5)]),
                  "text": views["text"]}, views.labels)
    for reg in (0.0, 0.1, 1.0):
        narrow, more = CCA(reg=reg).fit(views), CCA(reg=reg, n_components=5).fit(wide)
        np.testing.assert_allclose(more.correlations_, narrow.correlations_, atol=1e-6)
        np.testing.assert_allclose(similarities(more, wide), similarities(narrow, views), atol=1e-4)
    x = views["image"].astype(float) - views["image"].mean(axis=0)
    values, vectors = linalg.eigh(x.T @ x / 60)
    expected = linalg.fractional_matrix_power(
        x.T @ x / 60 + 0.3 * x.var(axis=0).mean() * np.eye(9), -0.5)
    np.testing.assert_allclose(inverse_root(values, vectors, 0.3), expected, atol=1e-8)


def test_eszsl_is_its_equation(toy):
    views, classes = toy
    model = ESZSL(alpha=1, gamma=-1, scaling="none").fit(views, classes=classes)
    X = views["image"].astype(float)
    X = (X - X.mean(axis=0)).T                                          # (d, n)
    S = classes.embeddings[:5].astype(float)
    S = (S - S.mean(axis=0)).T                                          # (a, C)
    Y = np.where(views.labels[:, None] == np.arange(5), 1.0, -1.0)
    W = np.linalg.inv(X @ X.T + 10 * np.eye(9)) @ X @ Y @ S.T @ np.linalg.inv(
        S @ S.T + 0.1 * np.eye(4))
    np.testing.assert_allclose(model.coef_, W, rtol=1e-7)


@pytest.mark.parametrize("model", [RidgeMap(), CCA()])
def test_a_path_of_linear_maps_is_its_points(model, toy):
    views, _ = toy
    space = model.search_space
    points = [dict(zip(space, values, strict=True)) for values in product(*(
        (v[0], v[-1]) for v in space.values()))]
    rows = views["image"][:7]
    for point, candidate in zip(points, model.fit_path(views, points), strict=True):
        alone = type(model)(**point).fit(views)
        np.testing.assert_allclose(candidate.embed(rows, "image"), alone.embed(rows, "image"),
                                   atol=1e-6)
        assert candidate.get_params() == alone.get_params()


def test_a_ridge_on_pairs_of_a_class_is_that_on_every_pair_written_out(toy):
    views, _ = toy
    here = np.arange(60) % 3 > 0                         # a third of the texts are missing
    part = Views({m: views[m] for m in views.modalities}, views.labels, present={"text": here})
    model = RidgeMap(alpha=1e-6, pairs="class", scaling="none").fit(part)
    pairs = [(i, j) for i in range(60) for j in range(60)
             if views.labels[i] == views.labels[j] and here[j]]
    first, second = np.transpose(pairs)
    expected = Ridge(alpha=1e-6, fit_intercept=False).fit(
        views["image"][first].astype(float), views["text"][second].astype(float))
    np.testing.assert_allclose(model.coef_, expected.coef_.T, rtol=1e-4, atol=1e-5)


def test_correlations_of_pairs_of_a_class_are_those_of_every_pair_written_out(toy):
    views, _ = toy
    model = CCA(n_components=3, reg=0.0, pairs="class").fit(views)
    first, second = np.nonzero(views.labels[:, None] == views.labels)
    a, b = (views[m].astype(float) - views[m].astype(float).mean(0) for m in ("image", "text"))
    roots = [linalg.inv(linalg.sqrtm(x.T @ x / 60)).real for x in (a, b)]
    cross = a[first].T @ b[second] / len(first)
    expected = linalg.svdvals(roots[0] @ cross @ roots[1])[:3]
    np.testing.assert_allclose(model.correlations_, expected, rtol=1e-5)
    shuffled = Views({"image": views["image"], "text": views["text"][np.random.default_rng(
        0).permutation(12) + 12 * np.arange(5)[:, None]].reshape(60, -1)}, views.labels)
    again = CCA(n_components=3, reg=0.0, pairs="class").fit(shuffled)   # who is whose: no matter
    np.testing.assert_allclose(again.correlations_, model.correlations_, rtol=1e-6)


def test_rows_that_lack_one_of_two_modalities_are_left_out_of_own_pairs(toy):
    views, _ = toy
    image, text = np.arange(60) % 3 > 0, np.arange(60) % 5 > 0
    part = Views({m: views[m] for m in views.modalities}, views.labels,
                 present={"image": image, "text": text})
    for model in (RidgeMap(whitening=1.0), CCA(whitening=1.0)):
        found, alone = clone(model).fit(part), clone(model).fit(views[image & text])
        np.testing.assert_allclose(found.embed(views["text"], "text"),
                                   alone.embed(views["text"], "text"), atol=1e-6)
        none = Views({m: views[m] for m in views.modalities}, views.labels,
                     present={"image": image, "text": ~image})
        with pytest.raises(ValueError, match="no sample has both 'image' and 'text'"):
            model.fit(none)
        assert np.isfinite(model.set_params(pairs="class").fit(none).embed(
            views["text"], "text")).all()


def test_pairs_of_a_class_need_labels_and_a_class_of_both(toy):
    views, _ = toy
    with pytest.raises(ValueError, match="labels"):
        RidgeMap(pairs="class").fit(views.with_labels(None))
    apart = Views({m: views[m] for m in views.modalities}, views.labels,
                  present={"image": views.labels < 2, "text": views.labels > 2})
    with pytest.raises(ValueError, match="no class has samples of 'image' and of 'text'"):
        CCA(pairs="class").fit(apart)
    assert set(RidgeMap().idle(views.with_labels(None))) == {"whitening", "pairs"}
    assert set(CCA().idle(views)) == {"covariances"}
    assert set(CCA().idle(apart)) == set()
    assert set(CCA().idle(views.select("image"))) == {"pairs", "covariances"}


@pytest.mark.parametrize("name", ["CCA", "RidgeMap", "CADAVAE", "ACMR", "FGAN"])
def test_a_third_modality_is_refused_by_models_of_two(name, toy):
    views, classes = toy
    three = Views({**{m: views[m] for m in views.modalities}, "sound": views["text"]},
                  views.labels)
    with pytest.raises(ValueError, match=r"aligns two modalities .*select.*--modalities"):
        getattr(models, name)().fit(three, classes=classes)
    assert getattr(models, name).many_modalities is False


@pytest.mark.parametrize("kind", [GFZSL, ESZSL])
def test_what_unread_modalities_lack_does_not_matter(kind, toy):
    views, classes = toy
    here = np.arange(60) % 4 > 0
    part = Views({m: views[m] for m in views.modalities}, views.labels, present={"text": here})
    found = kind().fit(part, classes=classes).decision_function(part)
    np.testing.assert_array_equal(
        found, kind().fit(views, classes=classes).decision_function(views))
    for reader in (kind(modality="text").fit, kind(modality="text").fit(
            views, classes=classes).decision_function):
        with pytest.raises(ValueError, match="15 samples lack 'text'"):
            reader(part, classes=classes)


def test_of_one_sample_a_class_gfzsl_takes_the_nearest_mean(toy):
    views, classes = toy
    one = views[np.arange(0, 60, 12)]
    scores = GFZSL(scaling="none").fit(one, classes=classes).decision_function(views)[:, :5]
    gaps = ((views["image"][:, None] - one["image"]) ** 2).sum(axis=2)
    np.testing.assert_array_equal(scores.argmax(axis=1), gaps.argmin(axis=1))


@pytest.mark.parametrize("model", [ESZSL(), GFZSL()])
def test_a_path_is_its_points(model, toy):
    views, classes = toy
    names = list(model.search_space)
    points = [dict(zip(names, values, strict=False)) for values in
              ([v[0] for v in model.search_space.values()],
               [v[-1] for v in model.search_space.values()])]
    for point, candidate in zip(points, model.fit_path(views, points, classes=classes),
                                strict=True):
        alone = type(model)(**point).fit(views, classes=classes)
        np.testing.assert_allclose(candidate.decision_function(views),
                                   alone.decision_function(views), rtol=1e-9)
        assert candidate.get_params() == alone.get_params()


def test_gfzsl_means_are_kernel_ridge(toy):
    views, classes = toy
    model = GFZSL(kernel_gamma=0.7, ridge=0.2, scaling="none").fit(views, classes=classes)
    side = normalize(classes.embeddings.astype(float))
    means = np.stack([views["image"][views.labels == c].astype(float).mean(0) for c in range(5)])
    kernel = RBF(length_scale=(1 / (2 * 0.7)) ** 0.5)
    ridge = KernelRidge(alpha=0.2, kernel="precomputed").fit(kernel(side[:5]),
                                                             means - means.mean(0))
    expected = ridge.predict(kernel(side[5:], side[:5])) + means.mean(0)
    np.testing.assert_allclose(model.means_[5:], expected, rtol=1e-5)
    np.testing.assert_allclose(model.means_[:5], means, rtol=1e-6)


def test_gfzsl_on_seen_classes_is_shrunk_lda(toy):
    views, classes = toy
    model = GFZSL(shrinkage=0.3, scaling="none").fit(views, classes=classes)
    lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.3, priors=np.full(5, 0.2))
    x = views["image"].astype(float)
    # scikit-learn shrinks a standardised covariance, class by class; give it one already white
    residuals = x - np.stack([x[views.labels == c].mean(0) for c in range(5)])[views.labels]
    lda.fit(x, views.labels)
    covariance = residuals.T @ residuals / len(x)
    shrunk = 0.7 * covariance + 0.3 * np.trace(covariance) / 9 * np.eye(9)
    means = np.stack([x[views.labels == c].mean(0) for c in range(5)])
    expected = np.stack([-0.5 * np.einsum("nd,nd->n", x - m, linalg.solve(shrunk, (x - m).T).T)
                         for m in means], axis=1)
    found = model.decision_function(views)[:, :5]
    shift = found - expected                                            # constant per sample
    np.testing.assert_allclose(shift - shift[:, :1], 0, atol=1e-4)
    assert (found.argmax(1) == lda.predict(x)).mean() > 0.95


def test_cca_is_the_generalised_eigenproblem(toy):
    views, _ = toy
    model = CCA(n_components=3, reg=1e-2).fit(views)
    a, b = (views[m].astype(float) - views[m].astype(float).mean(0) for m in ("image", "text"))
    caa, cbb, cab = a.T @ a / 60, b.T @ b / 60, a.T @ b / 60
    caa += 1e-2 * np.trace(caa) / 9 * np.eye(9)
    cbb += 1e-2 * np.trace(cbb) / 6 * np.eye(6)
    values = linalg.eigh(cab @ np.linalg.solve(cbb, cab.T), caa, eigvals_only=True)[::-1]
    np.testing.assert_allclose(model.correlations_, np.sqrt(values[:3]), rtol=1e-4)
    pa, pb = model.projections_["image"], model.projections_["text"]
    np.testing.assert_allclose(pa.T @ caa @ pa, np.eye(3), atol=1e-4)
    np.testing.assert_allclose(pa.T @ cab @ pb, np.diag(model.correlations_), atol=1e-4)


def test_ridge_map_is_scikit_learn_ridge(toy):
    views, _ = toy
    model = RidgeMap(alpha=10.0).fit(views)
    x = StandardScaler().fit_transform(views["image"].astype(float))
    y = StandardScaler().fit_transform(views["text"].astype(float))
    expected = Ridge(alpha=10.0, fit_intercept=False).fit(x, y).predict(x)
    np.testing.assert_allclose(model.project(views["image"], "image"), expected, atol=1e-4)
    np.testing.assert_allclose(model.embed(views["text"], "text"), normalize(y), atol=1e-5)
    translated = model.translate(views["image"], "image", "text")
    np.testing.assert_allclose(
        translated, expected * views["text"].std(0) + views["text"].mean(0), atol=1e-3)
    with pytest.raises(ValueError, match="goes from"):
        model.translate(views["text"], "text", "image")


def test_common_axes_are_pca_of_all_z_scored_rows():
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((40, 4)) @ rng.standard_normal((4, 9))
    views = Views({"sketch": rows[:20], "photo": 3 * rows[20:] + 5})
    model = CommonPCA(n_components=3).fit(views)
    scaled = [StandardScaler().fit_transform(views[m]) for m in views.modalities]
    codes = PCA(3).fit(np.concatenate(scaled)).transform(np.concatenate(scaled))
    ours = np.concatenate([model.embed(views[m], m) for m in views.modalities])
    np.testing.assert_allclose(ours @ ours.T, normalize(codes) @ normalize(codes).T, atol=1e-5)
    np.testing.assert_allclose(CommonPCA(n_components=99).fit(views).axes_.T
                               @ CommonPCA(n_components=99).fit(views).axes_, np.eye(9), atol=1e-5)


def test_common_axes_leave_out_what_is_missing():
    rng = np.random.default_rng(0)
    views = {"sketch": rng.standard_normal((20, 5)), "photo": rng.standard_normal((20, 5))}
    here = np.arange(20) < 15
    padded = {**views, "photo": np.where(here[:, None], views["photo"], 0)}
    model = CommonPCA(2).fit(Views(padded, present={"photo": here}))
    np.testing.assert_allclose(model.shift_["photo"], views["photo"][:15].mean(axis=0), rtol=1e-5)
    apart = [StandardScaler().fit_transform(x) for x in (views["sketch"], views["photo"][:15])]
    total = sum(np.cov(x.T, bias=True) for x in apart)
    assert np.trace(model.axes_.T @ total @ model.axes_) == pytest.approx(
        np.linalg.eigvalsh(total)[-2:].sum(), rel=1e-5)


def test_common_axes_need_one_width(toy):
    with pytest.raises(ValueError, match="common axes are for features of one encoder"):
        CommonPCA().fit(toy[0])


# -- the linear layer --------------------------------------------------------------------------
def test_the_linear_layer_scores_by_cosine_with_centred_side_information(toy):
    views, classes = toy
    model = models.LinearCosine(epochs=3, device="cpu").fit(views, classes=classes)
    scaled = StandardScaler().fit(views["image"]).transform(views["image"])
    side = classes.embeddings - classes.embeddings[:5].mean(axis=0)
    expected = normalize(scaled @ model.coef_ + model.intercept_) @ normalize(side).T
    found = ZeroShot(model, head="prototype").fit(views, classes).decision_function(views)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_linear_layer_recognises_classes_it_never_saw():
    rng = np.random.default_rng(0)
    side = rng.standard_normal((36, 6)).astype(np.float32)
    labels = np.repeat(np.arange(36), 12)
    x = (side[labels] + 0.4 * rng.standard_normal((432, 6))) @ rng.standard_normal((6, 20))
    views, classes = Views({"image": x}, labels), Classes(side, np.arange(36) < 28)
    train, test = views[labels < 28], views[labels >= 28]
    found = {}
    for head, epochs in (("prototype", 1), ("prototype", 40), ("fused", 40)):
        model = models.LinearCosine(epochs=epochs, head=head, device="cpu", lr=1e-2).fit(
            train, classes=classes)
        scores = ZeroShot(model).fit(train, classes).decision_function(test)
        scores[:, :28] = -np.inf
        found[head, epochs] = (scores.argmax(axis=1) == test.labels).mean()
    assert found["prototype", 40] > 0.5                                        # chance .125
    assert found["fused", 40] > 0.5


def test_weights_of_the_head_of_the_linear_layer_share_a_fit(toy):
    views, classes = toy
    points = [{"scaling": "root", "head__weights": w} for w in ((1.0, 0.5, 0.5), (0.0, 0.0, 1.0))]
    first, second = models.LinearCosine(epochs=2, device="cpu").fit_path(views, points,
                                                                         classes=classes)
    assert first.coef_ is second.coef_
    assert second.get_params()["head__weights"] == (0.0, 0.0, 1.0)


@pytest.mark.parametrize("model", [CCA(), RidgeMap(), CommonPCA(), models.Procrustes(),
                                   models.ASIF()], ids=lambda m: m.cli_name)
def test_nothing_is_aligned_with_one_sample_or_with_equal_ones(model):
    rows = np.random.default_rng(0).standard_normal((6, 3))
    model.fit(Views({"image": rows, "text": rows[::-1]}))
    with pytest.raises(ValueError, match=r"has 1 pair|is constant"):
        model.fit(Views({"image": rows[:1], "text": rows[:1]}))
    with pytest.raises(ValueError, match="'text' is constant"):
        model.fit(Views({"image": rows, "text": np.ones((6, 3))}))
