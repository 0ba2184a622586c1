"""A few samples of new classes, the curve over their number, and its picture."""

import io
from typing import ClassVar

import numpy as np
import pytest
from matplotlib.colors import to_hex
from scipy.stats import multivariate_normal

from crossalign import metrics
from crossalign.evaluation.protocols import few_shot_curve
from crossalign.evaluation.protocols.few_shot_curve import (
    FewShotChoice,
    FewShotCurve,
    choose_few_shot,
    support_ranks,
)
from crossalign.heads import Softmax
from crossalign.heads.few_shot import posterior_means
from crossalign.models import CADAVAE, GFZSL, RidgeMap
from crossalign.models.roles import Distributional, Generator
from crossalign.models.rows import unit_rows
from crossalign.pages import plots
from crossalign.pages.plots import palette
from crossalign.tasks import ZeroShot
from crossalign.tasks.few_shot import FewShot
from crossalign.types import CLASS_MODALITY, Benchmark, Classes, Views

SEEN, UNSEEN, WIDTH, SIDE = 14, 6, 8, 5
GAUSSIANS = ("update", "support only", "side information only")


class Toy(Distributional, Generator):
    """Features are codes; the code of a class is a linear map of its side information."""

    head = Softmax(seen_samples=20, unseen_samples=30, epochs=8, lr=1e-2)
    random_state = 0

    def __init__(self, to_code):
        self.to_code = to_code

    def embed(self, x, modality):
        return np.asarray(x @ self.to_code if modality == CLASS_MODALITY else x, dtype=np.float32)

    def embed_distribution(self, x, modality):
        mean = self.embed(x, modality)
        return mean, np.full_like(mean, 0.3)

    def sample_rows(self, x, modality, random_state=0):
        mean, std = self.embed_distribution(x, modality)
        return mean + std * np.random.default_rng(random_state).standard_normal(
            mean.shape, dtype=np.float32)


def world(seed=0, seen=SEEN, hidden=0.7, noise=1.0, per_class=12):
    """Class means that side information predicts but for ``hidden``, and a benchmark of them."""
    rng = np.random.default_rng(seed)
    n_classes = seen + UNSEEN
    to_code = np.random.default_rng(99).normal(size=(SIDE, WIDTH))
    side = rng.normal(size=(n_classes, SIDE))
    means = 3 + side @ to_code + hidden * rng.normal(size=(n_classes, WIDTH))
    labels = np.repeat(np.arange(n_classes), 2 * per_class)
    rows = means[labels] + noise * rng.normal(size=(len(labels), WIDTH))
    whole = Views({"image": rows}, labels)
    first = np.arange(len(labels)) % 2 == 0
    known = labels < seen
    splits = {"train": whole[known & first], "test_seen": whole[known & ~first],
              "test_unseen": whole[~known & first]}
    classes = Classes(side, np.arange(n_classes) < seen)
    return Benchmark("toy", "gzsl", splits, classes), Toy(to_code)


BENCH, MODEL = world()
UNSEEN_ROWS = BENCH["test_unseen"]


def support(k, offset=0):
    """The first k test samples of every unseen class, and the rest."""
    rank = np.arange(len(UNSEEN_ROWS)) % 12
    mine = (rank >= offset) & (rank < offset + k)
    return UNSEEN_ROWS[mine], UNSEEN_ROWS[~mine]


def prepared(**kw):
    return FewShot(MODEL, **kw).fit(BENCH["train"], BENCH.classes)


# -- the conjugate update ------------------------------------------------------------------------
def test_posterior_means_are_those_of_a_normal_prior():
    rng = np.random.default_rng(0)
    prior, rows, labels = rng.normal(size=(4, 3)), rng.normal(size=(9, 3)), rng.integers(0, 4, 9)
    variance, kappa = 0.7, np.array([0.5, 1.0, 4.0, 100.0])
    found = posterior_means(prior, kappa, rows, labels)
    for c in range(4):  # precision-weighted, with prior variance = variance / kappa
        precision = kappa[c] / variance
        total = prior[c] * precision
        for row, label in zip(rows, labels, strict=True):
            if label == c:
                precision, total = precision + 1 / variance, total + row / variance
        np.testing.assert_allclose(found[c], total / precision)


def test_posterior_means_may_be_updated_one_by_one_and_lie_between():
    rng = np.random.default_rng(1)
    prior, rows = rng.normal(size=(1, 3)), rng.normal(size=(5, 3))
    whole = posterior_means(prior, [2.0], rows, np.zeros(5, int))
    step = prior
    for i, row in enumerate(rows):
        step = posterior_means(step, [2.0 + i], row[None], np.zeros(1, int))
    np.testing.assert_allclose(step, whole)
    np.testing.assert_allclose(posterior_means(prior, [0.0], rows, np.zeros(5, int))[0],
                               rows.mean(axis=0))
    np.testing.assert_allclose(posterior_means(prior, [1e12], rows, np.zeros(5, int)), prior)
    np.testing.assert_array_equal(posterior_means(prior, [2.0], rows[:0], np.zeros(0, int)), prior)


# -- Gaussians -----------------------------------------------------------------------------------
def test_without_samples_it_is_the_zero_shot_head():
    task = prepared()
    zero = ZeroShot(MODEL, "gaussian").fit(BENCH["train"], BENCH.classes)
    np.testing.assert_allclose(task.decision_function(UNSEEN_ROWS),
                               zero.decision_function(UNSEEN_ROWS))
    before = task.scores(task.encode(UNSEEN_ROWS))
    np.testing.assert_allclose(task.fit_few_shot(None).decision_function(UNSEEN_ROWS), before)
    inputs = prepared(head="inputs")
    raw = GFZSL().fit(BENCH["train"], classes=BENCH.classes)
    np.testing.assert_allclose(inputs.decision_function(UNSEEN_ROWS),
                               raw.decision_function(UNSEEN_ROWS))


def test_scores_are_normal_densities_around_the_posterior_means():
    few, rest = support(3)
    task = prepared(kappa=2.5).fit_few_shot(few)
    codes, gaussians = task.encode(rest), task.head_.gaussians_
    np.testing.assert_allclose(codes, unit_rows(rest["image"]), atol=1e-6)
    covariance = gaussians.axes_ / gaussians.precisions_ @ gaussians.axes_.T
    expected, rows = [], unit_rows(few["image"]).astype(np.float64)
    for c in range(SEEN + UNSEEN):
        mean = task.head_.prior_[c] if c < SEEN else (
            2.5 * task.head_.prior_[c] + rows[few.truth == c].sum(axis=0)) / 5.5
        expected.append(multivariate_normal(mean, covariance).logpdf(codes))
    expected = np.stack(expected, axis=1)
    difference = task.scores(codes) - expected                  # one constant per sample
    np.testing.assert_allclose(difference, difference[:, :1] + np.zeros_like(difference), atol=1e-7)


def test_seen_classes_count_their_training_samples():
    task = prepared(kappa=1.0)
    extra = BENCH["test_seen"][BENCH["test_seen"].truth == 0][:4]
    task.fit_few_shot(extra)
    train = BENCH["train"][BENCH["train"].truth == 0]
    together = np.concatenate([unit_rows(train["image"]), unit_rows(extra["image"])])
    np.testing.assert_allclose(task.head_.means_[0], together.mean(axis=0), atol=1e-6)
    np.testing.assert_array_equal(task.head_.means_[1:], task.head_.prior_[1:])


def test_earlier_samples_are_forgotten_and_kappa_may_change():
    task, (few, rest) = prepared(kappa=4.0), support(3)
    once = task.fit_few_shot(few).decision_function(rest)
    task.fit_few_shot(support(5, 3)[0])
    assert np.abs(task.decision_function(rest) - once).max() > 0.1
    np.testing.assert_array_equal(task.fit_few_shot(few).decision_function(rest), once)
    task.kappa = 0.0
    task.fit_few_shot(few)
    for c in range(SEEN, SEEN + UNSEEN):
        np.testing.assert_allclose(task.head_.means_[c],
                                   unit_rows(few["image"])[few.truth == c].mean(axis=0), atol=1e-6)


def test_the_prior_may_be_the_models_own_code():
    task, regressed = prepared(head="code"), prepared()
    np.testing.assert_allclose(
        task.head_.prior_[SEEN:], unit_rows(MODEL.embed_classes(BENCH.classes.embeddings[SEEN:])))
    np.testing.assert_array_equal(task.head_.prior_[:SEEN], regressed.head_.prior_[:SEEN])
    np.testing.assert_array_equal(task.head_.gaussians_.precisions_,
                                  regressed.head_.gaussians_.precisions_)


def test_predict_stacks():
    few, rest = support(2)
    task = prepared(gamma=1e6).fit_few_shot(few)
    assert (task.predict(rest) >= SEEN).all()
    assert (prepared(gamma=-1e6).fit_few_shot(few).predict(rest) < SEEN).all()
    np.testing.assert_array_equal(task.predict(rest["image"]), task.predict(rest))


# -- the baseline --------------------------------------------------------------------------------
def test_latent_features_without_samples_are_the_softmax_head():
    task = prepared(head="softmax").fit_few_shot(None)
    zero = ZeroShot(MODEL, "softmax").fit(BENCH["train"], BENCH.classes)
    scores = task.decision_function(UNSEEN_ROWS)
    logs = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(logs, zero.decision_function(UNSEEN_ROWS), atol=1e-4)


def test_latent_features_are_half_described_and_half_drawn_around_samples(monkeypatch):
    given = {}

    def spy(codes, labels, n_classes, **settings):
        given.update(codes=codes, labels=labels, **settings)
        return iter([(np.zeros((WIDTH, n_classes)), np.zeros(n_classes))])

    monkeypatch.setattr("crossalign.heads.softmax.softmax_path", spy)
    few = support(2)[0]
    few = few[few.truth != SEEN + 1]
    prepared(head="softmax").fit_few_shot(few)
    np.testing.assert_array_equal(np.bincount(given["labels"]), [20] * SEEN + [30] * UNSEEN)
    assert (given["epochs"], given["lr"], given["betas"]) == (8, 1e-2, (0.5, 0.999))
    mine = given["codes"][given["labels"] == SEEN]              # 15 described, then 15 drawn
    described = MODEL.embed_classes(BENCH.classes.embeddings[SEEN:SEEN + 1])
    assert np.abs(mine[:15].mean(axis=0) - described).max() < 0.4
    around = few["image"][few.truth == SEEN]
    for i, code in enumerate(mine[15:]):                        # its two samples in turn
        assert np.linalg.norm(code - around[i % 2]) < 0.3 * 6
    without = given["codes"][given["labels"] == SEEN + 1]
    described = MODEL.embed_classes(BENCH.classes.embeddings[SEEN + 1:SEEN + 2])
    assert np.abs(without.mean(axis=0) - described).max() < 0.4


def test_a_trained_model_takes_every_head():
    bench, _ = world(per_class=6)
    model = CADAVAE(latent=4, epochs=2, head__seen_samples=6, head__unseen_samples=8,
                    head__epochs=2,
                    device="cpu").fit(bench["train"], classes=bench.classes)
    few = bench["test_unseen"][np.arange(len(bench["test_unseen"])) % 6 < 2]
    for head in ("gaussian", "code", "inputs", "softmax"):
        task = FewShot(model, head=head).fit(bench["train"], bench.classes).fit_few_shot(few)
        scores = task.decision_function(bench["test_unseen"])
        assert scores.shape == (36, SEEN + UNSEEN)
        assert np.isfinite(scores).all()
        again = FewShot(model, head=head).fit(bench["train"], bench.classes).fit_few_shot(few)
        np.testing.assert_array_equal(again.decision_function(bench["test_unseen"]), scores)


# -- draws and curves ----------------------------------------------------------------------------
def test_ranks_number_the_samples_of_every_class():
    labels = np.random.default_rng(0).integers(3, 7, 60)
    ranks = support_ranks(labels, 5, seed=3)
    for rank in ranks:
        for c in np.unique(labels):
            assert sorted(rank[labels == c]) == list(range((labels == c).sum()))
    np.testing.assert_array_equal(support_ranks(labels, 2, seed=3), ranks[:2])
    assert (ranks[0] != ranks[1]).any()
    assert (support_ranks(labels, 1, seed=4)[0] != ranks[0]).any()


class Recorder:
    """A task that notes which samples it learns from and which it scores."""

    log: ClassVar[dict[tuple[str, float], list]] = {}

    def __init__(self, model, kappa, head):
        self.notes = self.log.setdefault((head, kappa), [])

    def fit(self, train, classes):
        self.classes = classes
        return self

    def encode(self, views):
        return views.ids

    def fit_few_shot(self, few):
        self.notes.append(None if few is None else (few.ids, few.truth))

    def scores(self, codes):
        self.notes.append(codes)
        return np.random.default_rng(len(codes)).random((len(codes), len(self.classes)))


def test_support_is_never_scored_and_rows_share_their_draws(monkeypatch):
    monkeypatch.setattr(few_shot_curve, "FewShot", Recorder)
    monkeypatch.setattr(Recorder, "log", {})
    rows = (*GAUSSIANS, "latent features")
    few_shot_curve.few_shot_curve(None, BENCH, (1, 2, 5), draws=3, seed=1, rows=rows)
    notes = {row: [Recorder.log[key][i:i + 3] for i in range(0, 27, 3)] for row, key in {
        "update": ("gaussian", 4.0), "support only": ("gaussian", 0.0),
        "latent features": ("softmax", 4.0)}.items()}
    for i, ((ids, truth), seen, asked) in enumerate(notes["update"]):
        k = (1, 2, 5)[i // 3]
        np.testing.assert_array_equal(np.bincount(truth)[SEEN:], [k] * UNSEEN)
        assert len(np.intersect1d(ids, asked)) == 0
        assert len(asked) == UNSEEN * (12 - 5)
        np.testing.assert_array_equal(asked, notes["update"][i % 3][2])     # at every k
        assert set(notes["update"][i % 3][0][0]) <= set(ids)                # more, not others
        np.testing.assert_array_equal(seen, BENCH["test_seen"].ids)
        for row in ("support only", "latent features"):
            np.testing.assert_array_equal(notes[row][i][0][0], ids)
            np.testing.assert_array_equal(notes[row][i][2], asked)
    alone = Recorder.log["gaussian", 4.0][27:]                  # "side information only"
    assert alone[::3] == [None] * 9
    np.testing.assert_array_equal(alone[2], notes["update"][0][2])


def test_the_curve_is_what_a_loop_gives():
    chosen = FewShotChoice({"update": 2.0}, {"update": {1: 0.3, 3: -0.2}})
    curve = few_shot_curve.few_shot_curve(MODEL, BENCH, (1, 3), draws=2, seed=5, chosen=chosen,
                                          rows=("update", "support only"))
    ranks = support_ranks(UNSEEN_ROWS.truth, 2, seed=5)
    for draw in range(2):
        for at, (k, gamma) in enumerate(((1, 0.3), (3, -0.2))):
            few, rest = UNSEEN_ROWS[ranks[draw] < k], UNSEEN_ROWS[ranks[draw] >= 3]
            task = prepared(kappa=2.0, gamma=gamma).fit_few_shot(few)
            u = metrics.per_class_accuracy(rest.truth, task.predict(rest))
            s = metrics.per_class_accuracy(BENCH["test_seen"].truth,
                                           task.predict(BENCH["test_seen"]))
            t1 = metrics.per_class_accuracy(
                rest.truth, SEEN + task.decision_function(rest)[:, SEEN:].argmax(axis=1))
            found = {name: values[draw, at] for name, values in curve.scores["update"].items()}
            assert found == pytest.approx({"T1": t1, "U": u, "S": s, "H": 2 * u * s / (u + s)})
            raw = prepared(kappa=0.0).fit_few_shot(few)
            u = metrics.per_class_accuracy(rest.truth, raw.predict(rest))
            assert curve.scores["support only"]["U"][draw, at] == pytest.approx(u)


def test_the_update_beats_both_of_its_parts():
    bench, model = world(noise=2.0)
    curve = few_shot_curve.few_shot_curve(model, bench, (1, 2, 5), draws=10, rows=GAUSSIANS)
    mean = {row: scores["T1"].mean(axis=0) for row, scores in curve.scores.items()}
    assert (mean["update"] > mean["side information only"]).all()
    assert (mean["update"][:2] > mean["support only"][:2]).all()
    assert (np.diff(mean["update"]) > 0).all()
    assert np.ptp(mean["side information only"]) == 0
    gain = mean["update"] - mean["support only"]
    assert gain[0] > gain[2]


def test_kappa_and_gamma_are_the_best_of_validation():
    ks, kappas = (1, 3), (0.5, 4.0, 64.0)
    chosen = choose_few_shot(MODEL, BENCH, ks, draws=3, kappas=kappas, rows=GAUSSIANS[:2])
    t1 = {}
    for kappa in kappas:
        curve = few_shot_curve.few_shot_curve(MODEL, BENCH, ks, draws=3, rows=("update",),
                                              chosen=FewShotChoice({"update": kappa}))
        t1[kappa] = curve.scores["update"]["T1"].mean()
    assert list(chosen.tried) == list(chosen.kappas) == ["update"]
    assert chosen.tried["update"] == pytest.approx(t1)
    assert chosen.kappas["update"] == max(t1, key=t1.get)
    assert set(chosen.gammas) == {"update", "support only"}

    def h(shift):
        gammas = {"update": {k: g + shift for k, g in chosen.gammas["update"].items()}}
        curve = few_shot_curve.few_shot_curve(MODEL, BENCH, ks, draws=3, rows=("update",),
                                              chosen=FewShotChoice(chosen.kappas, gammas))
        u, s = (curve.scores["update"][name].mean(axis=0) for name in "US")
        return 2 * u * s / (u + s)

    for shift in (-3.0, -0.3, 0.3, 3.0):
        assert (h(0.0) >= h(shift) - 1e-12).all()


def test_side_information_is_worth_less_where_it_says_less():
    found = {}
    for hidden in (0.2, 3.0):
        bench, model = world(hidden=hidden)
        choice = choose_few_shot(model, bench, (1, 2), draws=3, rows=("update",))
        found[hidden] = choice.kappas["update"]
    assert found[3.0] < found[0.2]


def test_the_table_says_mean_and_deviation_in_percent():
    curve = FewShotCurve((1, 10), {"update": {"T1": np.array([[0.5, 0.75], [0.7, 0.85]]),
                                              "H": np.array([[0.25, 0.5], [0.25, 0.5]])}})
    lines = str(curve).splitlines()
    assert lines[0].split("  ")[-1].strip() == "k = 10"
    assert [" ".join(line.split()) for line in lines[1:]] == [
        "update T1 60.0 ± 14.1 80.0 ± 7.1", "update H 25.0 ± 0.0 50.0 ± 0.0"]
    assert len({len(line) for line in lines}) == 1


FITTED = prepared(kappa=0.0)
RIDGE = RidgeMap().fit(BENCH["train"], classes=BENCH.classes)


@pytest.mark.parametrize(("call", "match"), [
    (lambda: FewShot(MODEL, head="linear"), "head: got 'linear'"),
    (lambda: FewShot(MODEL, kappa=-1.0), "kappa: got -1.0"),
    (lambda: FewShot(RIDGE, head="softmax").fit(BENCH["train"], BENCH.classes),
     "RidgeMap draws no codes"),
    (lambda: FewShot(MODEL).fit_few_shot(None), r"call fit\(train, classes\) first"),
    (lambda: prepared(head="softmax").predict(UNSEEN_ROWS), r"call fit_few_shot\(support\) first"),
    (lambda: FITTED.fit_few_shot(None), "class 14 has no sample"),
    (lambda: FITTED.fit_few_shot(UNSEEN_ROWS.with_labels(UNSEEN_ROWS.truth + 1)),
     r"labels 15\.\.20 for 20 classes"),
    (lambda: FITTED.fit_few_shot(UNSEEN_ROWS.with_labels(None)), "unlabelled"),
    (lambda: few_shot_curve.few_shot_curve(MODEL, BENCH, (1, 12)), "give at most 11"),
    (lambda: few_shot_curve.few_shot_curve(MODEL, BENCH, (0, 2)), r"ks: got \[0, 2\]"),
    (lambda: choose_few_shot(MODEL, BENCH, ()), r"ks: got \[\]"),
    (lambda: few_shot_curve.few_shot_curve(MODEL, BENCH, (1,), rows=("best",)),
     "rows: got 'best'")])
def test_bad_few_shot(call, match):
    with pytest.raises(ValueError, match=match):
        call()


# -- the picture ---------------------------------------------------------------------------------
CURVES = {"update": {"H": np.array([[0.5, 0.75, 0.8], [0.7, 0.85, 0.9]]), "T1": np.ones((2, 3))},
          "side information only": {"H": np.full((2, 3), 0.4), "T1": np.ones((2, 3))},
          "latent_features": {"H": [0.3, 0.5, 0.6]}}


def test_means_and_bars_are_drawn_in_percent_and_the_baseline_is_dashed():
    figure = plots.few_shot(CURVES, (1, 2, 10))
    figure.savefig(io.BytesIO(), format="png", dpi=40)
    (ax,) = figure.axes
    assert ax.get_title(loc="left")
    assert ax.get_xlabel() == "samples per new class"
    assert ax.get_ylabel() == "H (%), mean ± sd of 2 draws"
    assert [t.get_text() for t in ax.get_xticklabels()] == ["1", "2", "10"]
    update, _, single = ax.containers
    np.testing.assert_allclose(update[0].get_ydata(), [60, 80, 85])
    ends = np.array([bar.get_segments() for bar in update[2]])[0][:, :, 1]      # (K, 2)
    mean, sd = np.array([60, 80, 85]), 100 * CURVES["update"]["H"].std(axis=0, ddof=1)
    np.testing.assert_allclose(ends, np.stack([mean - sd, mean + sd], axis=1))
    np.testing.assert_allclose(single[0].get_ydata(), [30, 50, 60])
    assert single[2] == ()
    assert [c[0].is_dashed() for c in ax.containers] == [False, True, False]
    assert [to_hex(c[0].get_color()) for c in ax.containers] == [
        palette.SERIES[0], palette.INK, palette.SERIES[1]]
    places = np.array([c[0].get_xdata() for c in ax.containers])
    assert (np.ptp(places, axis=0) > 0).all()
    assert np.abs(places - np.arange(3)).max() < 0.1
    assert [t.get_text() for t in figure.legends[0].get_texts()] == [
        "update", "side information only", "latent features"]


def test_another_metric_and_one_curve():
    curve = few_shot_curve.few_shot_curve(MODEL, BENCH, (1, 2), draws=2, rows=("update",))
    ax = plots.few_shot(curve.scores, curve.ks, metric="T1").axes[0]
    np.testing.assert_allclose(ax.containers[0][0].get_ydata(),
                               100 * curve.scores["update"]["T1"].mean(axis=0))
    np.testing.assert_allclose(ax.containers[0][0].get_xdata(), [0, 1])


@pytest.mark.parametrize(("call", "match"), [
    (lambda: plots.few_shot({}, (1,)), "none given"),
    (lambda: plots.few_shot(CURVES, (1, 2, 10), metric="T1"), "'latent_features' has no 'T1'"),
    (lambda: plots.few_shot(CURVES, (1, 2)), r"shape \(2, 3\) for 2 values of k")])
def test_bad_pictures(call, match):
    with pytest.raises(ValueError, match=match):
        call()
