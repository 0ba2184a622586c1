"""Answers only where the head is sure, and the picture of what that buys."""

import io
from typing import ClassVar

import numpy as np
import pytest
from matplotlib.colors import to_hex
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from crossalign import metrics
from crossalign.models import GFZSL, FusionNetQSMA
from crossalign.models.roles import Distributional
from crossalign.pages import plots
from crossalign.pages.plots import palette
from crossalign.tasks import ZeroShot
from crossalign.tasks.confidence import (
    RANGE,
    energy,
    margin,
    max_probability,
    temperature,
    varying_temperature,
)
from crossalign.tasks.rejection import NONE, Rejection, relabel
from crossalign.tasks.thresholds import threshold_at_coverage, threshold_at_risk
from crossalign.types import CLASS_MODALITY, Classes, Views

WISHES = ({"coverage": 0.7}, {"risk": 0.2}, {"false_alarms": 0.2})


def world(seed=0, noise=0.9, per_class=30):
    """Ten classes around their side information; the last two lie between two others."""
    described = np.random.default_rng(0).normal(size=(10, 6))
    described[8:] = (described[:2] + described[2:4]) / 2
    labels = np.repeat(np.arange(10), per_class)
    rows = described[labels] + noise * np.random.default_rng(seed).normal(size=(len(labels), 6))
    return Views({"image": rows}, labels), Classes(described, np.arange(10) < 6)


def prepared(gamma=0.0, known=range(8), **kw):
    """A head that knows eight classes, and validation and test samples of all ten."""
    train, classes = world(1)
    train = relabel(train[train.labels < 6], known)
    some = classes.take(known)
    head = ZeroShot(GFZSL(kernel_gamma=0.0, scaling="none").fit(train, classes=some), gamma=gamma)
    return head.fit(train, some), *(relabel(world(seed, **kw)[0], known) for seed in (2, 3))


class Noisy(Distributional):
    """An aligner whose rows are their own mean, and surer the longer they are."""

    def embed(self, x, modality):
        return np.asarray(x)

    def embed_distribution(self, x, modality):
        x = np.asarray(x)
        return x, np.exp(-np.linalg.norm(x, axis=1, keepdims=True)) * np.array([1, 2.0])


def logits(seed, n=200, classes=5, scale=1.0):
    """Scores whose softmax is the truth: labels are drawn from it."""
    rng = np.random.default_rng(seed)
    s = 2 * rng.normal(size=(n, classes))
    labels = (rng.random(n)[:, None] > softmax(s, axis=1).cumsum(axis=1)).sum(axis=1)
    return scale * s, np.minimum(labels, classes - 1)


# -- confidences ---------------------------------------------------------------------------------
def test_confidences_of_scores():
    scores = logits(0)[0]
    ordered = np.sort(scores, axis=1)
    np.testing.assert_allclose(max_probability(scores), softmax(scores, axis=1).max(axis=1))
    np.testing.assert_allclose(margin(scores), ordered[:, -1] - ordered[:, -2])
    np.testing.assert_allclose(energy(scores), np.log(np.exp(scores).sum(axis=1)))
    high = scores + 5000.0
    np.testing.assert_allclose(max_probability(high), max_probability(scores))
    np.testing.assert_allclose(energy(high), energy(scores) + 5000)


def test_log_probabilities_have_no_energy_and_one_class_no_margin():
    with pytest.raises(ValueError, match="they are log-probabilities"):
        energy(log_softmax(logits(0)[0], axis=1).astype(np.float32))
    with pytest.raises(ValueError, match="no second best class"):
        margin([[1.0]])


# -- temperature ---------------------------------------------------------------------------------
@pytest.mark.parametrize("scale", [0.01, 1.0, 300.0])
def test_temperature_finds_the_scale_of_the_scores(scale):
    scores, labels = logits(0, n=20_000, scale=scale)
    assert temperature(scores, labels) == pytest.approx(scale, rel=0.03)


def test_temperature_is_the_likeliest():
    scores, labels = logits(1)
    found = temperature(scores, labels)
    rows = np.arange(len(labels))

    def loss(inverse):
        return -log_softmax(scores * inverse, axis=1)[rows, labels].mean()

    other = minimize(lambda b: loss(b[0]), [1.0], method="Nelder-Mead", options={"xatol": 1e-8})
    assert 1 / found == pytest.approx(other.x[0], rel=1e-4)
    # at the optimum the mean true score is the mean expected score
    expected = (softmax(scores / found, axis=1) * scores).sum(axis=1).mean()
    assert scores[rows, labels].mean() == pytest.approx(expected, abs=1e-4)


def test_varying_temperature_finds_what_made_the_scores():
    s, labels = logits(3, n=4000)
    u = np.random.default_rng(4).normal(size=(4000, 2))
    truth = np.array([0.5, 0.8, -0.3])
    found = varying_temperature(s * np.exp(truth[0] + u @ truth[1:])[:, None], labels, u)
    np.testing.assert_allclose(found, truth, atol=0.08)
    moved = varying_temperature(s * np.exp(truth[0] + u @ truth[1:])[:, None], labels, u + 5)
    np.testing.assert_allclose(moved[1:], found[1:], atol=1e-3)


@pytest.mark.parametrize("seed", range(150, 160))
def test_scores_without_a_fault_give_finite_temperatures(seed):
    rng = np.random.default_rng(seed)
    labels = np.arange(rng.integers(4, 20)) % 2
    shape = len(labels), 2
    s = np.eye(2)[labels] * rng.choice([1, 10, 100]) + rng.normal(size=shape) * rng.choice([.1, .5])
    u = rng.normal(size=shape) * rng.choice([.01, .1, 1, 5])
    assert np.isfinite(varying_temperature(s, labels, u)).all()


def test_varying_temperature_is_the_likeliest_of_its_kind():
    s, labels = logits(5, n=300)
    u = np.random.default_rng(6).normal(size=(300, 1))

    def surprise(b):
        scaled = log_softmax(s * np.exp(-(b[0] + u[:, 0] * b[1]))[:, None], axis=1)
        return -scaled[np.arange(300), labels].mean()

    found = varying_temperature(s, labels, u)
    best = minimize(surprise, found + 0.3, method="Nelder-Mead", options={"xatol": 1e-8})
    assert surprise(found) <= best.fun + 1e-7
    assert surprise(found) <= surprise([np.log(temperature(s, labels)), 0.0]) + 1e-9


def test_temperature_calibrates():
    scores, labels = logits(2, n=4000, scale=6.0)
    raw, scaled = (metrics.expected_calibration_error(softmax(scores / t, axis=1), labels)
                   for t in (1.0, temperature(scores, labels)))
    assert scaled < 0.03 < 0.2 < raw


def test_temperature_is_small_where_all_is_right():
    found = temperature(np.eye(3), [0, 1, 2])
    assert np.std(np.eye(3) - 1 / 3) / RANGE <= found < 0.05
    assert max_probability(np.eye(3) / found).min() > 1 - 1e-6


@pytest.mark.parametrize(("call", "match"), [
    (lambda: temperature(np.ones((2, 3)), [0, 1]), "the same for every class"),
    (lambda: temperature([[np.inf, 1.0]], [0]), "infinite"),
    (lambda: temperature(np.eye(2), [0]), r"shape \(1,\) for scores of shape \(2, 2\)"),
    (lambda: temperature(np.eye(2), [0, -1]), "-1..0 outside the 2 columns"),
    (lambda: temperature(np.zeros((0, 2)), []), r"shape \(0,\)")])
def test_bad_temperature(call, match):
    with pytest.raises(ValueError, match=match):
        call()


# -- thresholds ----------------------------------------------------------------------------------
def candidates(confidence):
    """Every confidence as a threshold, highest first."""
    return np.unique(confidence)[::-1]


@pytest.mark.parametrize("levels", [1000, 7])
@pytest.mark.parametrize("coverage", [0.01, 0.5, 0.9, 0.999, 1.0])
def test_threshold_at_coverage_is_the_highest_that_answers_enough(levels, coverage):
    confidence = np.random.default_rng(0).integers(0, levels, 60) / 7
    shares = [np.mean(confidence >= t) for t in candidates(confidence)]
    wanted = next(s for s in shares if s >= coverage - 1e-12)
    threshold = threshold_at_coverage(confidence, coverage)
    assert np.mean(confidence >= threshold) == wanted
    assert threshold not in confidence
    assert (threshold == -np.inf) == (wanted == 1)


@pytest.mark.parametrize("levels", [1000, 7])
@pytest.mark.parametrize("risk", [0.1, 0.3, 0.45, 1.0])
def test_threshold_at_risk_answers_most(levels, risk):
    rng = np.random.default_rng(1)
    confidence = rng.integers(0, levels, 80)
    wrong = rng.random(80) > confidence / levels
    allowed = [t for t in candidates(confidence) if wrong[confidence >= t].mean() <= risk]
    threshold = threshold_at_risk(confidence, wrong, risk)
    assert np.mean(confidence >= threshold) == np.mean(confidence >= allowed[-1])
    assert wrong[confidence >= threshold].mean() <= risk


def test_thresholds_part_neighbouring_floats_and_infinities():
    low, high = 1.0, np.nextafter(1.0, 2.0)
    assert low < threshold_at_coverage([high, low], 0.5) <= high
    assert threshold_at_coverage([np.inf, -np.inf], 0.5) == np.inf
    assert threshold_at_coverage([0.0, -np.inf], 0.5) == 0.0
    assert threshold_at_coverage([3.0, 1.0], 0.5) == 2.0


@pytest.mark.parametrize(("call", "match"), [
    (lambda: threshold_at_coverage([1.0], 0.0), "coverage: got 0.0"),
    (lambda: threshold_at_coverage([1.0], 1.1), "coverage: got 1.1"),
    (lambda: threshold_at_coverage([], 0.5), r"shape \(0,\)"),
    (lambda: threshold_at_coverage([np.nan, 1.0], 0.5), "1 NaN"),
    (lambda: threshold_at_risk([1.0], [True], -0.1), "risk: got -0.1"),
    (lambda: threshold_at_risk([3, 2, 1], [True, False, True], 0.4), "that any threshold has is "
                                                                     "0.5")])
def test_bad_thresholds(call, match):
    with pytest.raises(ValueError, match=match):
        call()


# -- rejection -----------------------------------------------------------------------------------
@pytest.mark.parametrize("confidence", ["max_probability", "margin", "energy"])
@pytest.mark.parametrize("wish", WISHES, ids=lambda w: next(iter(w)))
def test_wishes_are_met_on_validation_and_hold_roughly_on_test(confidence, wish):
    head, validation, test = prepared()
    rejection = Rejection(head, confidence).fit(validation, **wish)
    ((name, value),) = wish.items()
    for samples, slack in ((validation, 0.0), (test, 0.1)):
        predicted, truth = rejection.predict(samples), samples.truth
        answered = predicted != NONE
        assert 0 < answered.mean() < 1
        if name == "coverage":
            assert value - slack <= answered.mean() <= value + slack + 1 / 300
        elif name == "risk":
            assert (predicted != truth)[answered].mean() <= value + slack
        else:
            assert (~answered)[truth != NONE].mean() <= value + slack
        np.testing.assert_array_equal(
            predicted[answered], head.decision_function(samples).argmax(axis=1)[answered])


def test_unknown_classes_are_rejected_more_often_than_known_ones():
    head, validation, test = prepared(noise=0.4)
    rejection = Rejection(head).fit(validation, false_alarms=0.1)
    rejected, unknown = rejection.predict(test) == NONE, test.truth == NONE
    assert unknown.sum() == 60
    assert rejected[~unknown].mean() < 0.2
    assert rejected[unknown].mean() > 0.3
    sure = rejection.score_samples(test)
    assert metrics.auroc(sure[~unknown], sure[unknown]) > 0.75


def test_several_parts_are_one_validation_set():
    head, validation, _ = prepared()
    whole = Rejection(head).fit(validation, coverage=0.8)
    parts = Rejection(head).fit([validation[:100], validation[100:]], coverage=0.8)
    assert parts.threshold_ == pytest.approx(whole.threshold_)
    assert parts.temperature_ == pytest.approx(whole.temperature_)


def test_temperature_comes_from_known_samples_unless_it_is_given():
    head, validation, test = prepared()
    known = validation.truth != NONE
    wanted = temperature(head.decision_function(validation)[known], validation.truth[known])
    assert Rejection(head).fit(validation, coverage=0.8).temperature_ == wanted
    fixed = Rejection(head, temperature=3.0).fit(validation, coverage=0.8)
    assert fixed.temperature_ == 3.0
    scores = head.decision_function(test)
    np.testing.assert_allclose(fixed.predict_proba(test), softmax(scores / 3, axis=1))
    np.testing.assert_allclose(fixed.score_samples(test), fixed.predict_proba(test).max(axis=1))
    p = softmax(scores / 3, axis=1)[:, 1]
    np.testing.assert_allclose(fixed.log_odds(test, 1), np.log(p) - np.log(1 - p), atol=1e-6)
    np.testing.assert_allclose(Rejection(head).predict_proba(test), softmax(scores, axis=1))


def test_calibrated_stacking_comes_first():
    plain, validation, test = prepared()
    head, *_ = prepared(gamma=4.0)
    rejection = Rejection(head, "margin").fit(validation, coverage=0.8)
    answered = rejection.predict(test) != NONE
    np.testing.assert_array_equal(rejection.predict(test)[answered], head.predict(test)[answered])
    assert (head.predict(test) != plain.predict(test)).any()
    stacked = metrics.calibrated_stacking(head.decision_function(test), head.classes_.seen, 4.0)
    np.testing.assert_allclose(rejection.score_samples(test) * rejection.temperature_,
                               margin(stacked))


def test_classes_may_all_be_seen():
    head, validation, _ = prepared(known=range(6))
    assert (validation.truth == NONE).sum() == 120
    assert (Rejection(head).fit(validation, coverage=0.5).predict(validation) == NONE).any()


def test_a_threshold_may_be_given_and_carried_over():
    head, validation, test = prepared()
    fitted = Rejection(head).fit(validation, coverage=0.6)
    given = Rejection(head, threshold=fitted.threshold_, temperature=fitted.temperature_)
    np.testing.assert_array_equal(given.predict(test), fitted.predict(test))
    other = ZeroShot(GFZSL(scaling="none", ridge=2.0).fit(
        relabel(world(1)[0][:180], range(8)), classes=head.classes_))
    carried = fitted.with_head(other.fit(test, head.classes_))
    assert carried.head is other
    assert (carried.threshold_, carried.temperature_) == (fitted.threshold_, fitted.temperature_)
    assert (carried.score_samples(test) != fitted.score_samples(test)).any()
    np.testing.assert_array_equal(fitted.predict(test["image"]), fitted.predict(test))


def test_uncertainty_is_the_negative_total_variance():
    rows = np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32)
    classes = Classes(np.eye(2), [True, True])
    views = Views({"image": rows}, rows.argmax(axis=1))
    head = ZeroShot(Noisy(), "prototype").fit(views, classes)
    rejection = Rejection(head, "uncertainty").fit(views, coverage=0.5)
    length = np.linalg.norm(rows, axis=1)
    np.testing.assert_allclose(rejection.score_samples(views), -5 * np.exp(-2 * length), rtol=1e-5)
    np.testing.assert_array_equal(rejection.predict(views) == NONE, length < np.median(length))
    np.testing.assert_array_equal(rejection.predict(rows), rejection.predict(views))


class Spread(Noisy):
    """Scores are right by chance; the variance, a column of its own, says how often."""

    widths_: ClassVar[dict[str, int]] = {"image": 3}

    def embed(self, x, modality):
        return np.asarray(x)[:, :2]

    def embed_distribution(self, x, modality):
        x = np.asarray(x)
        return x[:, :2], np.exp(x[:, 2:] / 2) * np.ones((1, 2)) / np.sqrt(2)


def spread_samples(seed, n=3000):
    rng = np.random.default_rng(seed)
    log_variance = rng.normal(size=n)
    gap = np.abs(rng.normal(size=n)) + 0.2
    right = rng.random(n) < 1 / (1 + np.exp(-6 * gap * np.exp(-1.5 * log_variance)))
    rows = np.c_[gap / 2, -gap / 2, log_variance].astype(np.float32)
    return Views({"image": rows}, np.where(right, 0, 1))


def test_tempered_confidence_uses_what_the_variance_knows():
    train = Views({"image": np.eye(2, 3, dtype=np.float32)}, [0, 1])
    head = ZeroShot(Spread(), "prototype").fit(train, Classes(np.eye(2), [True, True]))
    validation, test = spread_samples(0), spread_samples(1)
    areas = {kind: Rejection(head, kind).fit(validation, coverage=0.5).curve(test)["aurc"]
             for kind in ("max_probability", "tempered")}
    assert areas["tempered"] < 0.8 * areas["max_probability"]
    fitted = Rejection(head, "tempered").fit(validation, coverage=0.5)
    assert fitted.temperature_[1] == pytest.approx(1.5, abs=0.15)
    same = fitted.with_head(head)
    np.testing.assert_array_equal(same.score_samples(test), fitted.score_samples(test))
    np.testing.assert_allclose(fitted.predict_proba(test).max(axis=1), fitted.score_samples(test))
    assert np.mean(fitted.predict(test) != NONE) == pytest.approx(0.5, abs=0.03)


def test_tempered_confidence_of_the_class_that_is_given():
    rows, classes = np.random.default_rng(0).normal(size=(200, 6)), Classes(np.eye(6), [True] * 6)
    views = Views({"image": rows.astype(np.float32)}, np.arange(200) % 6)
    model = FusionNetQSMA(epochs=1, network__latent=4, network__hidden=8).fit(views,
                                                                              classes=classes)
    head = ZeroShot(model).fit(views, classes)
    fitted = Rejection(head, "tempered").fit(views, coverage=0.9)
    assert fitted.temperature_.shape == (3,)
    given = head.decision_function(views).argmax(axis=1)
    own, of_class = (np.log((model.embed_distribution(x, m)[1].astype(float)**2).sum(axis=1))
                     for x, m in ((rows, "image"), (classes.embeddings, CLASS_MODALITY)))
    t = np.exp(fitted.temperature_ @ [np.ones(200), own, of_class[given]])
    np.testing.assert_allclose(fitted.score_samples(views), max_probability(
        head.decision_function(views) / t[:, None]), rtol=1e-4)


def test_curve_is_what_the_metrics_say():
    head, validation, test = prepared()
    rejection = Rejection(head)
    wrong = head.predict(test) != test.truth
    assert wrong[test.truth == NONE].all()
    curve = rejection.curve(test)
    sure = rejection.score_samples(test)
    np.testing.assert_array_equal(curve["risk"], metrics.risk_coverage_curve(sure, wrong).risk)
    assert curve["aurc"] == metrics.aurc(sure, wrong)
    assert curve["excess_aurc"] == metrics.excess_aurc(sure, wrong)
    assert curve["chosen"] is None
    coverage, risk = rejection.fit(validation, coverage=0.7).curve(test)["chosen"]
    answered = rejection.predict(test) != NONE
    assert (coverage, risk) == pytest.approx((answered.mean(), wrong[answered].mean()))
    nothing = Rejection(head, threshold=2.0).curve(test)["chosen"]
    assert nothing[0] == 0
    assert np.isnan(nothing[1])


def test_relabel_renumbers_the_known_and_marks_the_others():
    views = Views({"image": np.zeros((5, 1))}, [4, 0, 2, 2, 1])
    assert relabel(views, [2, 0, 4]).truth.tolist() == [2, 1, 0, 0, NONE]
    assert relabel(views, [7]).truth.tolist() == [NONE] * 5
    assert views.truth.tolist() == [4, 0, 2, 2, 1]


HEAD, VALIDATION, TEST = prepared()


@pytest.mark.parametrize(("call", "match"), [
    (lambda: Rejection(HEAD, "entropy"), "confidence: got 'entropy'"),
    (lambda: Rejection(HEAD, "uncertainty"), "GFZSL has no latent distribution"),
    (lambda: Rejection(HEAD, "tempered"), "GFZSL has no latent distribution"),
    (lambda: Rejection(HEAD, temperature=0.0), "temperature: got 0.0"),
    (lambda: Rejection(HEAD, temperature=[1.0, 2.0]), "give one number"),
    (lambda: varying_temperature(np.eye(2), [0, 1], [0.0, 1.0]), "give finite"),
    (lambda: Rejection(HEAD).predict(TEST), "call fit"),
    (lambda: Rejection(HEAD).fit(VALIDATION), "got None; give one"),
    (lambda: Rejection(HEAD).fit(VALIDATION, coverage=0.9, risk=0.1),
     r"got \['coverage', 'risk'\]; give one"),
    (lambda: Rejection(HEAD).fit(VALIDATION, coverage=0.0), "coverage: got 0.0"),
    (lambda: Rejection(HEAD).fit(VALIDATION, false_alarms=1.0), "false_alarms: got 1.0"),
    (lambda: Rejection(HEAD).fit(VALIDATION[240:], coverage=0.9), "none of the classes; add"),
    (lambda: Rejection(HEAD).fit(world()[0], coverage=0.9), r"0\.\.9 for 8 classes"),
    (lambda: Rejection(HEAD).curve(TEST.with_labels(None)), "unlabelled"),
    (lambda: Rejection(ZeroShot(HEAD.model)).score_samples(TEST), "call fit")])
def test_bad_rejections(call, match):
    with pytest.raises(ValueError, match=match):
        call()


# -- the picture ---------------------------------------------------------------------------------
def drawn(figure):
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=40)
    assert buffer.getvalue().startswith(b"\x89PNG")
    return figure


def curve(n=50, chosen=None, aurc=0.2):
    return {"coverage": np.arange(1, n + 1) / n, "risk": np.linspace(0, 0.4, n), "aurc": aurc,
            "chosen": chosen}


def test_curves_are_drawn_in_percent_and_the_baseline_is_dashed():
    figure = drawn(plots.coverage_risk({"max_probability": curve(), "energy": curve(20, aurc=0.1),
                                        "my_model": curve()}))
    (ax,) = figure.axes
    assert ax.get_title(loc="left")
    assert ax.get_xlabel() == "coverage, samples answered (%)"
    assert ax.get_ylabel() == "risk, wrong among the answers (%)"
    baseline, energy_line, other = ax.lines
    np.testing.assert_allclose(energy_line.get_xdata(), 100 * np.arange(1, 21) / 20)
    np.testing.assert_allclose(energy_line.get_ydata(), 100 * np.linspace(0, 0.4, 20))
    assert [line.is_dashed() for line in ax.lines] == [True, False, False]
    assert [to_hex(line.get_color()) for line in ax.lines] == [palette.INK, *palette.SERIES[:2]]
    assert [t.get_text() for t in figure.legends[0].get_texts()] == [
        "max probability: AURC 20.0", "energy: AURC 10.0", "my model: AURC 20.0"]
    assert ax.get_ylim() == pytest.approx((0, 1.12 * 40))
    assert baseline.get_zorder() > other.get_zorder()


def test_the_threshold_is_a_diamond_where_anything_is_answered():
    figure = drawn(plots.coverage_risk({"a": curve(chosen=(0.7, 0.25)),
                                        "b": curve(chosen=(0.0, np.nan))}))
    marks = [line for line in figure.axes[0].lines
             if line.get_marker() == "D" and len(line.get_xdata())]
    assert [(m.get_xdata()[0], m.get_ydata()[0]) for m in marks] == [pytest.approx((70, 25))]
    assert figure.legends[0].get_texts()[-1].get_text() == "threshold from validation"


def test_a_long_curve_keeps_its_ends_and_a_wild_start_its_own_height():
    long = curve(30_000)
    long["risk"][:20] = 1.0
    ax = plots.coverage_risk({"a": long}).axes[0]
    x, y = ax.lines[0].get_data()
    assert len(x) <= 1000
    assert (x[0], x[-1], y[-1]) == pytest.approx((100 / 30_000, 100, 40))
    assert y[0] == 100
    assert ax.get_ylim()[1] == pytest.approx(1.12 * 40)


@pytest.mark.parametrize(("curves", "match"), [
    ({}, "none given"), ({"a": {"coverage": [], "risk": [], "aurc": 0.1}}, "at least one"),
    ({"a": {"coverage": [0.5, 1], "risk": [0.1], "aurc": 0.1}}, "2 coverages and 1 risks")])
def test_bad_curves(curves, match):
    with pytest.raises(ValueError, match=match):
        plots.coverage_risk(curves)
