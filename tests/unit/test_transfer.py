import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.stats import multivariate_normal
from sklearn.discriminant_analysis import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
)
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.mixture import GaussianMixture
from sklearn.svm import LinearSVC
from threadpoolctl import threadpool_limits

from crossalign.data.sources.synthetic import gaussian_pair, load_synthetic
from crossalign.evaluation.protocols.transfer import transfer_scores
from crossalign.models.closed_form.perfect_alignment import PerfectAlignment
from crossalign.tasks.class_gaussians import fit_head, positive_part, weighted_gaussians
from crossalign.tasks.transfer import Transfer
from crossalign.types import Benchmark, Classes, Views

SEEDS = range(8)


@pytest.fixture(autouse=True)
def one_thread():
    """Small matrices: more BLAS threads only wait for each other when the machine is busy."""
    with threadpool_limits(1):
        yield


class Identity:
    """An aligner that is no estimator: both modalities already share their space."""

    def embed(self, x, modality):
        return np.asarray(x)


def mean_scores(make, noise, **sizes):
    runs = [transfer_scores(make(), load_synthetic(noise=noise, seed=s, **sizes)) for s in SEEDS]
    return {name: float(np.mean([run[name] for run in runs])) for name in runs[0]}


def aligned(method="informative", **kw):
    return lambda: Transfer(PerfectAlignment(method, n_components=4, **kw))


# -- reference figures of this world, from another implementation and its own eight draws:
# -- d = 20/15, k = 4, K = 6. "allowed" is how far ours, on other draws, may lie from "stated".
def test_without_noise_the_target_is_as_good_as_the_source():
    scores = mean_scores(aligned(), (0, 0))
    assert scores["accuracy"] == scores["source_accuracy"]
    assert scores["accuracy"] == pytest.approx(0.965, abs=0.005)
    assert scores["oracle_accuracy"] == pytest.approx(scores["accuracy"], abs=0.001)


@pytest.mark.parametrize(("noise", "name", "stated", "allowed"), [
    ((0.3, 0.3), "naive", 0.910, 0.015), ((0.3, 0.3), "cca", 0.963, 0.005),
    ((0.3, 0.3), "informative", 0.963, 0.005), ((0.3, 0.3), "marginal", 0.934, 0.01),
    ((0.3, 1.0), "naive", 0.679, 0.02), ((0.3, 1.0), "cca", 0.935, 0.005),
    ((0.3, 1.0), "informative", 0.935, 0.005), ((0.3, 1.0), "marginal", 0.898, 0.015)])
def test_transfer_accuracy_under_noise(noise, name, stated, allowed):
    make = {"naive": aligned("svd_naive"), "cca": aligned("cca"), "informative": aligned(),
            "marginal": lambda: Transfer(mode="marginal", head="qda")}[name]
    scores = mean_scores(make, noise)
    assert scores["accuracy"] == pytest.approx(stated, abs=allowed)
    if name == "naive" and noise[1] == 1.0:
        assert scores["source_accuracy"] == pytest.approx(0.390, abs=0.02)


def test_methods_rank_as_the_theory_says():
    scores = {name: mean_scores(make, (0.3, 1.0))["accuracy"] for name, make in {
        "naive": aligned("svd_naive"), "cca": aligned("cca"),
        "marginal": lambda: Transfer(mode="marginal", head="qda"),
        "whitened": aligned("svd_naive", noise_cov={"left": 0.09, "right": 1.0})}.items()}
    assert scores["naive"] + 0.05 < scores["whitened"] < scores["marginal"] < scores["cca"]


def test_few_pairs_need_truncated_ranks():
    assert mean_scores(aligned(rank=4), (0, 0), n_pairs=20)["accuracy"] == pytest.approx(
        0.962, abs=0.005)
    assert mean_scores(aligned(rank=4), (0.3, 0.3), n_pairs=20)["accuracy"] == pytest.approx(
        0.962, abs=0.01)
    truncated = mean_scores(aligned(rank=8), (0.3, 0.3), n_pairs=30)["accuracy"]
    assert truncated == pytest.approx(0.96, abs=0.01)
    assert mean_scores(aligned(), (0.3, 0.3), n_pairs=30)["accuracy"] > truncated - 0.005
    assert mean_scores(aligned(rank="full"), (0.3, 0.3), n_pairs=30)["accuracy"] < 0.85
    # six of the full-rank dimensions are spurious and tie at correlation one; reference .62
    assert 0.5 < mean_scores(aligned(rank="full"), (0.3, 1.0), n_pairs=30)["accuracy"] < 0.75


def test_pairing_by_class_only_still_transfers_and_none_does_not():
    accuracy = {}
    for pairing in ("sample", "class", "none"):
        _, truth = gaussian_pair(3000, seed=0, noise=(0.3, 0.3), pairing=pairing)
        rows = Views(dict(zip(("left", "right"), truth.rows, strict=True)))
        train = rows[1000:2000].with_labels(truth.labels[0][1000:2000])
        transfer = Transfer(PerfectAlignment(n_components=4)).fit(
            rows[:1000], train, "left", "right", 6)
        accuracy[pairing] = np.mean(
            transfer.predict(truth.rows[1][2000:]) == truth.labels[1][2000:])
    assert accuracy["sample"] > accuracy["class"] > 0.8
    assert accuracy["none"] < 0.4


# -- class Gaussians ---------------------------------------------------------------------------
@pytest.mark.parametrize(("head", "oracle"), [
    ("lda", LinearDiscriminantAnalysis()), ("qda", QuadraticDiscriminantAnalysis())])
def test_heads_predict_as_scikit_learn(head, oracle):
    views, truth = gaussian_pair(1500, noise=(1.0, 1.0), seed=0)
    x, y = truth.rows[0], truth.labels[0]
    ours = fit_head(head, x[:1000], y[:1000], 6)
    theirs = oracle.fit(x[:1000], y[:1000])
    assert (ours.predict(x[1000:]) == theirs.predict(x[1000:])).mean() > 0.99
    assert views.labels is not None


def test_log_joint_is_the_weighted_normal_density():
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(40, 3)), np.arange(40) % 2
    for shared in (True, False):
        head = weighted_gaussians(x, np.eye(2)[labels], np.arange(2), 2, shared)
        covariances = np.broadcast_to(head.covariances, (2, 3, 3))
        expected = np.stack([np.log(0.5) + multivariate_normal(head.means[c], covariances[c])
                             .logpdf(x) for c in range(2)], axis=1)
        np.testing.assert_allclose(head.scores(x), expected, atol=1e-9)


def test_marginal_of_joint_gaussians_is_the_fit_of_one_modality():
    rng = np.random.default_rng(1)
    rows, gamma = rng.normal(size=(60, 5)), rng.dirichlet(np.ones(3), size=60)
    joint = weighted_gaussians(rows, gamma, np.arange(3), 3, False)
    alone = weighted_gaussians(rows[:, 2:], gamma, np.arange(3), 3, False)
    np.testing.assert_allclose(joint.means[:, 2:], alone.means)
    np.testing.assert_allclose(joint.covariances[:, 2:, 2:], alone.covariances, atol=1e-5)


def test_one_em_step_matches_a_naive_loop():
    bench = load_synthetic(d=(6, 5), noise=(0.3, 0.3), n_pairs=80, n_train=200, n_test=10)
    transfer = Transfer(mode="marginal", head="qda").fit(
        bench["pairs"], bench["train"], "left", "right", 6)
    source = bench["train"]["left"].astype(np.float64)
    pairs = [bench["pairs"][m].astype(np.float64) for m in ("left", "right")]
    density = np.empty((80, 6))
    for c in range(6):
        mine = source[bench["train"].labels == c]
        normal = multivariate_normal(mine.mean(axis=0), np.cov(mine.T, bias=True))
        density[:, c] = len(mine) / 200 * normal.pdf(pairs[0])
    gamma = density / density.sum(axis=1, keepdims=True)
    for c in range(6):
        mean = sum(g * x for g, x in zip(gamma[:, c], pairs[1], strict=True)) / gamma[:, c].sum()
        cov = sum(g * np.outer(x - mean, x - mean) for g, x in
                  zip(gamma[:, c], pairs[1], strict=True)) / gamma[:, c].sum()
        np.testing.assert_allclose(transfer.target_head_.means[c], mean, rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(transfer.target_head_.covariances[c], cov, atol=2e-2)


def test_em_raises_the_likelihood_of_the_pairs():
    bench = load_synthetic(d=(6, 5), noise=(0.5, 0.5), n_pairs=400, n_train=60, n_test=10)
    rows = np.hstack([bench["pairs"]["left"], bench["pairs"]["right"]]).astype(np.float64)
    means = []
    for iterations in (1, 2, 10):
        transfer = Transfer(mode="marginal", head="lda", em_iterations=iterations).fit(
            bench["pairs"], bench["train"], "left", "right", 6)
        means.append(transfer.target_head_.scores(rows[:, 6:]))
    likelihood = [np.logaddexp.reduce(scores, axis=1).mean() for scores in means]
    assert likelihood[0] < likelihood[1] < likelihood[2]


def test_class_that_no_pair_answers_to_is_never_predicted():
    x = np.random.default_rng(0).normal(size=(30, 2))
    gamma = np.zeros((30, 3))
    gamma[np.arange(30), np.arange(30) % 2] = 1
    head = weighted_gaussians(x, gamma, np.arange(3), 3, False)
    assert set(head.predict(x)) <= {0, 1}
    assert np.isneginf(head.scores(x)[:, 2]).all()


# -- aligned+cov -------------------------------------------------------------------------------
def test_positive_part_is_the_nearest_semidefinite_matrix():
    np.testing.assert_allclose(positive_part(np.diag([2.0, -1.0])), np.diag([2.0, 0.0]))
    root = np.random.default_rng(0).normal(size=(3, 3))
    np.testing.assert_allclose(positive_part(root @ root.T), root @ root.T)


def test_widened_covariance_knows_the_noise_of_the_target():
    rng = np.random.default_rng(0)
    labels = rng.integers(2, size=9000)
    z = rng.normal(size=(9000, 2)) + np.where(labels[:, None] == 1, (2.0, 4.0), (-2.0, -4.0))
    extra = np.array([0.0, 8.0])                                # the second axis turns unreliable
    views = Views({"a": z, "b": z + extra * rng.normal(size=z.shape)}, labels)
    accuracy, heads = {}, {}
    for mode in ("aligned", "aligned+cov"):
        transfer = Transfer(Identity(), mode=mode).fit(
            views[:3000].with_labels(None), views[3000:6000], "a", "b", 2)
        accuracy[mode] = np.mean(transfer.predict(views["b"][6000:]) == labels[6000:])
        heads[mode] = transfer
    wide, plain = (heads[m].target_head_.covariances[0] for m in ("aligned+cov", "aligned"))
    np.testing.assert_allclose(wide - plain, np.diag(extra**2), atol=4)
    assert accuracy["aligned+cov"] > accuracy["aligned"] + 0.05
    np.testing.assert_array_equal(*(h.predict_source(views["a"]) for h in heads.values()))


# -- heads and aligners ------------------------------------------------------------------------
@pytest.mark.parametrize("mode", ["aligned", "marginal", "aligned+cov"])
@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical"])
def test_mixture_components_are_named_by_their_labelled_rows(mode, kind):
    bench = load_synthetic(noise=(0.1, 0.1), seed=1, separation=8.0, n_test=500)
    mixture = GaussianMixture(6, covariance_type=kind, n_init=3, random_state=0)
    scores = transfer_scores(Transfer(mode=mode, head=mixture), bench)
    assert min(scores.values()) > 0.95
    assert not hasattr(mixture, "means_")                       # the caller's own is untouched


def test_more_components_than_classes_share_a_class():
    bench = load_synthetic(noise=(0.1, 0.1), seed=1, separation=8.0, n_test=500)
    transfer = Transfer(head=GaussianMixture(10, random_state=0))
    assert transfer_scores(transfer, bench)["accuracy"] > 0.95
    assert transfer.target_head_.scores(np.zeros((2, 4))).shape == (2, 6)


@pytest.mark.parametrize("mode", ["aligned", "marginal"])
def test_any_classifier_is_a_head(mode):
    scores = transfer_scores(Transfer(mode=mode, head=LogisticRegression(max_iter=1000)),
                             load_synthetic(noise=(0.1, 0.1), n_test=500))
    assert scores["accuracy"] > 0.9


def test_a_fitted_aligner_is_used_as_it_is_and_an_unfitted_one_copied():
    bench = load_synthetic(noise=(0.1, 0.1), n_test=50)
    fitted = PerfectAlignment().fit(bench["pairs"])
    alone = Transfer(fitted).fit(None, bench["train"], "left", "right", 6)
    assert alone.aligner_ is fitted
    fresh = PerfectAlignment()
    copied = Transfer(fresh).fit(bench["pairs"], bench["train"], "left", "right", 6)
    assert copied.aligner_ is not fresh
    assert not hasattr(fresh, "coef_")
    np.testing.assert_array_equal(alone.predict(bench["test"]["right"]),
                                  copied.predict(bench["test"]["right"]))
    back = Transfer(fitted).fit(None, bench["train"], "right", "left", 6)
    assert np.mean(back.predict(bench["test"]["left"]) == bench["test"].labels) > 0.9


def test_embed_serves_an_aligner_without_project():
    bench = load_synthetic(noise=(0.0, 0.0), n_test=300)
    model = PerfectAlignment().fit(bench["pairs"])

    class OnlyEmbed:
        widths_ = model.widths_

        def embed(self, x, modality):
            return model.embed(x, modality)

    ours = Transfer(OnlyEmbed()).fit(None, bench["train"], "left", "right", 6)
    oracle = LinearDiscriminantAnalysis().fit(model.embed(bench["train"]["left"], "left"),
                                              bench["train"].labels)
    expected = oracle.predict(model.embed(bench["test"]["right"], "right"))
    assert (ours.predict(bench["test"]["right"]) == expected).mean() > 0.98


def test_samples_that_lack_a_modality_are_left_out():
    bench = load_synthetic(noise=(0.1, 0.1), n_test=100)
    pairs, train = bench["pairs"], bench["train"]
    gap = np.zeros(len(pairs), dtype=bool)
    gap[400:] = True
    holed = Views({m: pairs[m] for m in pairs.modalities}, present={"right": ~gap})
    some = Transfer().fit(holed, train, "left", "right", 6)
    few = Transfer().fit(pairs[:400], train, "left", "right", 6)
    np.testing.assert_array_equal(some.aligner_.coef_["left"], few.aligner_.coef_["left"])


def test_upper_bound_is_cross_fitted_where_training_lacks_the_target():
    bench = load_synthetic(noise=(0.3, 0.3), n_test=600)
    splits = {**bench.splits, "train": bench["train"].select("left")}
    poor = Benchmark("poor", "transfer", splits, bench.classes)
    rich, cross = transfer_scores(Transfer(), bench), transfer_scores(Transfer(), poor)
    assert cross["accuracy"] == rich["accuracy"]
    assert cross["oracle_accuracy"] == pytest.approx(rich["oracle_accuracy"], abs=0.03)
    assert cross["oracle_accuracy"] < 1


# -- errors ------------------------------------------------------------------------------------
def test_bad_input_ends_in_one_sentence():
    bench = load_synthetic(n_pairs=100, n_train=200, n_test=20)
    pairs, train = bench["pairs"], bench["train"]
    tokens = Views({"left": np.ones((9, 2, 3)), "right": np.eye(9)}, np.zeros(9))
    good = Transfer().fit(pairs, train, "left", "right", 6)
    calls = [
        (lambda: Transfer().fit(pairs, train[train.labels != 3], "left", "right", 6),
         "class 3 has no 'left' sample"),
        (lambda: Transfer().fit(pairs, train, "left", "right", 3), "outside the 3 classes"),
        (lambda: Transfer().fit(pairs, train.with_labels(None), "left", "right", 6), "labels"),
        (lambda: Transfer().fit(pairs, train, "up", "right", 6), "modality: got 'up'"),
        (lambda: Transfer().fit(pairs, train, "left", "down", 6), "modality: got 'down'"),
        (lambda: Transfer().fit(pairs, tokens, "left", "right", 1), "pool them"),
        (lambda: Transfer().fit(None, train, "left", "right", 6), "pairs: got None"),
        (lambda: Transfer(mode="magic").fit(pairs, train, "left", "right", 6), "mode: got"),
        (lambda: Transfer(head="svm").fit(pairs, train, "left", "right", 6), "head: got"),
        (lambda: Transfer(em_iterations=0).fit(pairs, train, "left", "right", 6),
         "em_iterations: got 0"),
        (lambda: Transfer(mode="aligned+cov", head=LogisticRegression()).fit(
            pairs, train, "left", "right", 6), "no covariance to widen"),
        (lambda: Transfer(mode="marginal", head=LinearSVC()).fit(
            pairs, train, "left", "right", 6), "no predict_proba"),
        (lambda: good.predict(bench["test"]["left"]), "the width of training"),
        (lambda: good.predict(np.full((1, 15), np.nan)), "row 0 of 'right' holds NaN"),
        (lambda: good.predict_source(np.ones(20)), "rows: shape"),
        (lambda: good.predict(np.ma.masked_array(np.ones((1, 15)), np.eye(1, 15))), "1 masked"),
        (lambda: good.predict(csr_array(np.ones((1, 15)))), "a sparse matrix"),
        (lambda: good.predict([["a"] * 15]), "rows: 'right': got dtype"),
    ]
    for call, message in calls:
        with pytest.raises(ValueError, match=message) as error:
            call()
        assert "\n" not in str(error.value)
    with pytest.raises(NotFittedError, match="not fitted"):
        Transfer().predict(bench["test"]["right"])


def test_only_transfer_benchmarks_with_two_modalities_are_scored():
    bench = load_synthetic(n_pairs=100, n_train=200, n_test=20)
    single = Benchmark("single", "transfer", {
        name: bench[name].select("left") for name in bench.splits}, bench.classes)
    with pytest.raises(ValueError, match="only 'left'"):
        transfer_scores(Transfer(), single)
    x, seen = np.eye(4), np.array([True, True, False])
    retrieval = Benchmark("other", "retrieval", {
        "train": Views({"left": x, "right": x}, [0, 0, 1, 1]),
        "query": Views({"left": x, "right": x}, [2, 2, 2, 2], ids=np.arange(4, 8)),
        "gallery": Views({"left": x, "right": x}, [2, 2, 2, 2], ids=np.arange(8, 12))},
        Classes(np.zeros((3, 0)), seen))
    with pytest.raises(ValueError, match="'other' is for retrieval"):
        transfer_scores(Transfer(), retrieval)
