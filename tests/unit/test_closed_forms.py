"""Closed-form models against scikit-learn or their formula written out."""

import numpy as np
import pytest
from scipy import linalg
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.gaussian_process.kernels import RBF
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler, normalize

from crossalign.models import CCA, ESZSL, GFZSL, CommonPCA, RidgeMap
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
