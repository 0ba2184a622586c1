"""Unlabelled samples move unseen classes: a naive loop, POT and the conditions of the plan."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import ot
import pytest
from complaints import complaint

import crossalign as ca
from crossalign.evaluation.protocols import GZSL, with_options
from crossalign.evaluation.protocols.base import Outcome
from crossalign.evaluation.protocols.unlabelled import (
    GRID,
    adapted,
    apart,
    choose_adaptation,
    halves,
)
from crossalign.models import ESZSL, GFZSL, FusionNetQSMA, RidgeMap
from crossalign.tasks import ZeroShot
from crossalign.tasks.class_em import ClassEM, class_plan, moves, way_of
from crossalign.types import Benchmark, Classes, Views

RNG = np.random.default_rng(0)
SCORES = RNG.normal(size=(60, 7)) * 3
UNSEEN = np.arange(7) >= 3


def made(n_classes: int = 12, unseen: int = 4, noise: float = 0.5, seed: int = 0) -> Benchmark:
    """Samples whose unseen classes lie off where side information says."""
    rng = np.random.default_rng(seed)
    side = rng.normal(size=(n_classes, 6))
    means = side @ rng.normal(size=(6, 20)) + 0.8 * rng.normal(size=(n_classes, 20))
    seen = np.arange(n_classes) < n_classes - unseen

    def views(which: np.ndarray, each: int) -> Views:
        labels = np.repeat(which, each)
        rows = means[labels] + noise * rng.normal(size=(len(labels), 20))
        return Views({"image": rows.astype(np.float32)}, labels,
                     ids=[f"{which[0]}-{each}-{i}" for i in range(len(labels))])

    known, new = np.flatnonzero(seen), np.flatnonzero(~seen)
    return Benchmark("made", "gzsl", {"train": views(known, 20), "test_seen": views(known, 9),
                                      "test_unseen": views(new, 15)},
                     Classes(side.astype(np.float32), seen))


BENCH = made()
MODEL = GFZSL().fit(BENCH["train"], classes=BENCH.classes)
TASK = ZeroShot(MODEL).fit(BENCH["train"], BENCH.classes)
TESTS = Views.concatenate([BENCH["test_seen"], BENCH["test_unseen"]])


def test_a_plan_without_balance_is_the_posterior():
    logits = SCORES / 2.0
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(class_plan(SCORES, UNSEEN, 2.0, 0.0), expected, rtol=1e-12)


def test_a_balanced_plan_of_all_classes_is_the_transport_plan_of_sinkhorn():
    plan = class_plan(SCORES, np.ones(7, dtype=bool), 2.0, 1.0)
    expected = ot.sinkhorn(np.ones(60), np.full(7, 60 / 7), -SCORES, 2.0, stopThr=1e-10,
                           numItermax=10_000)
    np.testing.assert_allclose(plan, expected, atol=2e-3)


@pytest.mark.parametrize("balance", [0.3, 1.0])
def test_a_plan_meets_its_conditions(balance):
    free = class_plan(SCORES, UNSEEN, 2.0, 0.0)[:, UNSEEN].sum(axis=0)
    plan = class_plan(SCORES, UNSEEN, 2.0, balance)
    np.testing.assert_allclose(plan.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_allclose(plan[:, UNSEEN].sum(axis=0),
                               (1 - balance) * free + balance * free.mean(), rtol=2e-3)
    offset = np.log(plan) - SCORES / 2.0                     # u_i + v_c, v = 0 on seen classes
    offset -= offset[:, :1]
    np.testing.assert_allclose(offset[:, ~UNSEEN], 0, atol=1e-9)
    np.testing.assert_allclose(offset, np.broadcast_to(offset[0], offset.shape), atol=1e-9)


def test_two_steps_are_those_of_a_naive_loop():
    by = ClassEM(steps=2, prior=3.0, temperature=0.2, balance=0.0)
    found = TASK.adapt(TESTS, by).head_.moved_.means_
    x, start = MODEL.placed(TESTS["image"]), MODEL.means_
    means = start.copy()
    unit = TASK.decision_function(TESTS).std(axis=1).mean()
    for _ in range(2):
        scores = MODEL.with_means(means).decision_function(TESTS)
        moved = means.copy()
        for c in np.flatnonzero(BENCH.classes.unseen):
            top, bottom = 3.0 * start[c], 3.0
            for i in range(len(x)):
                shares = np.exp((scores[i] - scores[i].max()) / (0.2 * unit))
                share = shares[c] / shares.sum()
                top, bottom = top + share * x[i], bottom + share
            moved[c] = top / bottom
        means = moved
    np.testing.assert_allclose(found, means, rtol=1e-9, atol=1e-12)


def test_adapting_helps_classes_that_lie_off():
    other = made(seed=1)
    model = GFZSL().fit(other["train"], classes=other.classes)
    task = ZeroShot(model).fit(other["train"], other.classes)
    tests = Views.concatenate([other["test_seen"], other["test_unseen"]])
    assert task.adapt(tests).score(other["test_unseen"]) > task.score(other["test_unseen"]) + 0.05


@pytest.mark.parametrize(("samples", "words"), [
    (None, "X: got None"), (3, "X: got 3"), (np.zeros((0, TESTS["image"].shape[1])), "no samples"),
    (np.full(TESTS["image"].shape, np.nan), "holds NaN or infinity")])
def test_what_teaches_nothing_is_one_sentence(samples, words):
    complaint(lambda: TASK.adapt(samples), words)


def test_a_recogniser_stays_as_it_is_and_labels_are_not_read():
    before = TASK.decision_function(TESTS)
    shuffled = TESTS.with_labels(RNG.permutation(TESTS.truth))
    np.testing.assert_array_equal(TASK.adapt(TESTS).decision_function(TESTS),
                                  TASK.adapt(shuffled).decision_function(TESTS))
    np.testing.assert_array_equal(TASK.decision_function(TESTS), before)


@pytest.mark.parametrize("head", ["auto", "inputs", "attributes"])
def test_an_adapted_recogniser_is_saved_and_takes_further_classes(tmp_path, head):
    task = ZeroShot(MODEL, head=head).fit(BENCH["train"], BENCH.classes).adapt(TESTS)
    task.save(tmp_path / "task")
    rows = BENCH["test_unseen"]
    again = ZeroShot.load(tmp_path / "task")
    scores = task.decision_function(rows)
    np.testing.assert_array_equal(again.decision_function(rows), scores)
    again.add_classes(Classes(RNG.normal(size=(1, 6)).astype(np.float32), np.zeros(1, dtype=bool)))
    wider = again.decision_function(rows)
    assert wider.shape == (len(rows), 13)
    np.testing.assert_allclose(wider[:, :12], scores, rtol=1e-9)


@pytest.mark.parametrize("head", ["gaussian", "code", "inputs", "prototype", "attributes",
                                  "fused"])
def test_every_head_with_means_moves_them(head):
    aligner = RidgeMap().fit(BENCH["train"], classes=BENCH.classes)
    task = ZeroShot(aligner, head=head).fit(BENCH["train"], BENCH.classes)
    moved = task.adapt(TESTS)
    rows = BENCH["test_unseen"]
    seen, unseen = BENCH.classes.seen, BENCH.classes.unseen
    gap = moved.decision_function(rows) - task.decision_function(rows)
    assert np.abs(gap[:, unseen]).max() > 1e-3
    if head != "fused":                                    # its scores are standardised together
        np.testing.assert_allclose(gap[:, seen], 0, atol=1e-6)


def test_fusionnet_scores_around_the_moved_prototypes():
    model = FusionNetQSMA(epochs=2, network__latent=8).fit(BENCH["train"], classes=BENCH.classes)
    task = ZeroShot(model, head="prototype").fit(BENCH["train"], BENCH.classes)
    gap = task.adapt(TESTS).decision_function(TESTS) - task.decision_function(TESTS)
    assert np.abs(gap[:, BENCH.classes.unseen]).max() > 1e-3
    np.testing.assert_allclose(gap[:, BENCH.classes.seen], 0, atol=1e-6)


def test_a_head_without_means_says_so():
    task = ZeroShot(ESZSL().fit(BENCH["train"], classes=BENCH.classes)).fit(BENCH["train"],
                                                                         BENCH.classes)
    complaint(lambda: task.adapt(TESTS), "'classifier' has no means of classes")


def test_heldout_scores_no_sample_that_it_adapted_on():
    by = ClassEM()
    first = adapted(TASK, apart(TASK, TESTS, "heldout"), by, 0.0)
    for adapts, scored in halves(len(TESTS), "heldout"):
        assert not (adapts & scored).any()
        rows = TESTS["image"].copy()
        rows[scored] += 7                                    # other scored samples, same classes
        again = adapted(TASK, apart(TASK, Views({"image": rows}, TESTS.truth), "heldout"), by,
                        0.0)
        rows[scored] -= 7
        means = TASK.adapt(TESTS[np.flatnonzero(adapts)], by).head_
        np.testing.assert_allclose(first[scored], means.scores(MODEL, rows[scored], "image"),
                                   atol=1e-3)                # of hundreds: features are float32
        assert not np.allclose(again[scored], first[scored])


def test_transductive_adapts_on_all():
    by = ClassEM()
    np.testing.assert_allclose(adapted(TASK, apart(TASK, TESTS, "transductive"), by, 0.0),
                               TASK.adapt(TESTS, by).decision_function(TESTS), rtol=1e-9)


def test_a_report_has_both_and_is_not_compared_with_one_without():
    bench = replace(BENCH, validation_split=lambda: made(n_classes=20, unseen=8, seed=1))
    with_it = ca.evaluate(GFZSL(), bench, task=GZSL(adapt="heldout"), tune=False, pictures=False)
    without = ca.evaluate(GFZSL(), bench, tune=False, pictures=False)
    assert with_it.scores["H_base"]["mean"] == without.scores["H"]["mean"]
    assert with_it.scores["H"]["mean"] != with_it.scores["H_base"]["mean"]
    assert "half of the test samples" in with_it.protocol["adaptation"]
    assert with_it.protocol["leaks"]["transductive"] is False
    assert "adaptation (heldout)" in with_it.selection
    complaint(lambda: with_it.comparable(without), "adaptation")
    both = ca.evaluate(GFZSL(), bench, task=GZSL(adapt="transductive"), tune=False, pictures=False)
    assert both.protocol["leaks"]["transductive"] is True


def base_of(bench: Benchmark) -> tuple[Outcome, ZeroShot]:
    """Outcome without adaptation at the best calibration, as on validation classes."""
    model = GFZSL().fit(bench["train"], classes=bench.classes)
    outcome = GZSL().trial(model, bench)
    return outcome, outcome.details["head"]


def test_a_gain_that_is_not_clear_moves_nothing():
    noisy = made(noise=20.0)                                   # samples that tell nothing
    bench = replace(BENCH, validation_split=lambda: noisy)
    report = ca.evaluate(GFZSL(), bench, task=GZSL(adapt="heldout"), tune=False, pictures=False)
    assert "no adaptation (heldout), as no gain is clear (H " in report.selection
    assert report.scores["H"] == report.scores["H_base"]


@pytest.mark.parametrize(("noise", "clear"), [(0.5, True), (20.0, False)])
def test_the_gain_is_of_a_bootstrap_over_classes_by_a_naive_loop(noise, clear):
    bench = made(n_classes=20, unseen=8, noise=noise, seed=1)
    base, head = base_of(bench)
    found = choose_adaptation(base, bench, "transductive", {"balance": 1.0})
    assert moves(found) == clear
    low, high = found["between"]
    assert low <= found["gain"] <= high
    assert (low > 0) == clear
    if not clear:
        return
    tests = Views.concatenate([bench["test_seen"], bench["test_unseen"]])
    rows = adapted(head, apart(head, tests, "transductive"), way_of(found), base.gamma)
    n, seen, rng = len(bench["test_seen"]), bench.classes.seen, np.random.default_rng(7)
    labels, accuracy = tests.truth, []
    for scores in (rows, np.concatenate([base.details["parts"][0], base.details["parts"][2]])):
        curve = ca.metrics.seen_unseen_curve(scores[:n], labels[:n], scores[n:], labels[n:], seen)
        right = (scores - ca.metrics.best_gamma(curve) * seen).argmax(axis=1) == labels
        accuracy.append(np.array([right[labels == c].mean() for c in range(20)]))
    gains = []
    for _ in range(4000):
        drawn = [rng.choice(np.flatnonzero(which), which.sum()) for which in (seen, ~seen)]
        s, u = (np.array([one[part].mean() for one in accuracy]) for part in drawn)
        gains.append(np.diff((2 * s * u / (s + u))[::-1])[0])
    np.testing.assert_allclose(np.quantile(gains, [0.025, 0.975]), [low, high], atol=0.01)


def test_a_balance_that_is_given_is_not_chosen():
    bench = made(n_classes=20, unseen=8, seed=1)
    found = choose_adaptation(base_of(bench)[0], bench, "transductive", {"balance": 0.0})
    assert found["balance"] == 0.0
    assert with_options("gzsl", adapt="heldout", adapt_by={"balance": 0.0}).adapt_by["balance"] == 0


def test_an_unknown_mode_is_named():
    complaint(lambda: GZSL(adapt="always"), "adapt")


@pytest.mark.parametrize("wrong", [{"steps": -1}, {"prior": 0.0}, {"balance": 5.0},
                                   {"temperature": 0.0}, {"plan": "flat"}])
def test_parameters_out_of_range_are_named(wrong):
    complaint(lambda: TASK.adapt(TESTS, ClassEM(**wrong)), *wrong)
    complaint(lambda: GZSL(adapt="heldout", adapt_by=wrong), *wrong)


@pytest.mark.parametrize("options", [{"adapt_by": {"balance": 0.5}},
                                     {"adapt": "heldout", "adapt_by": {"pace": 3}}])
def test_parameters_of_no_adaptation_are_named(options):
    complaint(lambda: GZSL(**options), "adapt_by: got", "give a mode, and parameters among")


def test_the_grid_is_of_the_parameters():
    assert set(GRID) < set(ClassEM().get_params())


def test_samples_that_were_joined_can_be_taken_apart():
    np.testing.assert_array_equal(TESTS[np.arange(3)]["image"], BENCH["test_seen"]["image"][:3])
