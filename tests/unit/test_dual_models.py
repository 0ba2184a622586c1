"""Models in the space of a dual encoder, against loops, normal equations and an optimiser."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import small
from complaints import complaint
from scipy.optimize import minimize

from crossalign.evaluation import evaluate, fit_for
from crossalign.evaluation.protocols.recognition_scores import score_gzsl
from crossalign.heads import Cache
from crossalign.models import FrozenDualEncoder, ResidualAdapter, RidgeMap, TipAdapter
from crossalign.tasks import FewShot, Retriever, ZeroShot
from crossalign.types import Classes, Views

D, C, SEEN = 8, 7, 4
RNG = np.random.default_rng(3)
TEXTS = RNG.normal(size=(C, D)).astype(np.float32)
COUNTS = (3, 9, 5, 2)
LABELS = RNG.permutation(np.repeat(np.arange(SEEN), COUNTS))
GAP = RNG.normal(size=D)
IMAGES = (TEXTS[LABELS] + GAP + 0.8 * RNG.normal(size=(len(LABELS), D))).astype(np.float32)
CLASSES = Classes(TEXTS, np.arange(C) < SEEN, tuple("abcdefg"))
TRAIN = Views({"image": IMAGES}, LABELS)
ROWS = (TEXTS[RNG.integers(0, C, 20)] + GAP + RNG.normal(size=(20, D))).astype(np.float32)


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def scored(model, rows=ROWS, **params):
    return ZeroShot(model.fit(TRAIN, classes=CLASSES), **params).fit(
        TRAIN, CLASSES).decision_function(rows)


# -- the frozen space --------------------------------------------------------------------------
def test_the_frozen_space_scores_by_cosine_over_temperature():
    want = np.array([[float(unit(x) @ unit(t)) / 0.05 for t in TEXTS] for x in ROWS])
    np.testing.assert_allclose(scored(FrozenDualEncoder(temperature=0.05)), want, rtol=1e-4,
                               atol=1e-5)


def test_nothing_is_learned_from_samples():
    other = Views({"image": IMAGES[::-1] * 3}, LABELS)
    a, b = (FrozenDualEncoder().fit(x, classes=CLASSES) for x in (TRAIN, other))
    np.testing.assert_array_equal(a.embed(ROWS, "image"), b.embed(ROWS, "image"))
    np.testing.assert_array_equal(a.embed(ROWS, "image"), a.embed_classes(ROWS))


def test_two_modalities_need_no_labels_and_may_have_attributes_of_another_width():
    views = Views({"image": IMAGES, "text": TEXTS[LABELS]})
    model = FrozenDualEncoder().fit(views)
    retriever = Retriever(model)
    retriever.add(TEXTS[LABELS], "text")
    hits = retriever.search(IMAGES, "image", k=1)
    cosines = unit(IMAGES) @ unit(TEXTS[LABELS]).T
    np.testing.assert_allclose(hits.scores[:, 0], cosines.max(axis=1), atol=1e-5)
    attributes = Classes(np.eye(C)[:, :5], CLASSES.seen)
    assert not FrozenDualEncoder().fit(views.with_labels(LABELS), classes=attributes).knows_classes
    assert model.fit(views.with_labels(LABELS), classes=CLASSES).knows_classes


@pytest.mark.parametrize("make", [FrozenDualEncoder, TipAdapter, ResidualAdapter])
def test_other_widths_are_refused(make):
    complaint(lambda: make().fit(Views({"image": IMAGES, "text": TEXTS[LABELS, 1:]})), "X: ",
              "one space and the widths are {'image': 8, 'text': 7}", "ridge_map")
    complaint(lambda: make().fit(TRAIN, classes=Classes(TEXTS[:, 1:], CLASSES.seen)), "X: ",
              "{'image': 8, 'class vectors': 7}")


# -- Tip-Adapter -------------------------------------------------------------------------------
def naive_tip(rows, alpha, beta, temperature, cached=None):
    scores = np.zeros((len(rows), C))
    for n, x in enumerate(unit(rows.astype(np.float64))):
        for c in range(C):
            scores[n, c] = x @ unit(TEXTS[c].astype(np.float64)) / temperature
            own = [i for i in np.flatnonzero(c == LABELS) if cached is None or i in cached]
            votes = [np.exp(-beta * (1 - x @ unit(IMAGES[i].astype(np.float64)))) for i in own]
            if votes:
                scores[n, c] += alpha * sum(votes) / len(votes)
    return scores


def test_tip_adapter_is_the_loop_of_the_paper(monkeypatch):
    want = naive_tip(ROWS, 7.0, 3.0, 0.05)
    model = TipAdapter(temperature=0.05, head__alpha=7.0, head__beta=3.0)
    np.testing.assert_allclose(scored(model), want, rtol=1e-4, atol=1e-5)
    monkeypatch.setattr("crossalign.heads.cache.BLOCK", 50)
    np.testing.assert_allclose(scored(model), want, rtol=1e-4, atol=1e-5)


def test_an_unseen_class_is_scored_by_its_text_alone():
    tip, frozen = scored(TipAdapter()), scored(FrozenDualEncoder())
    np.testing.assert_array_equal(tip[:, SEEN:], frozen[:, SEEN:])
    assert (tip[:, :SEEN] > frozen[:, :SEEN]).all()
    np.testing.assert_array_equal(scored(TipAdapter(head__alpha=0.0)), frozen)


def test_shots_are_cached_evenly_spaced():
    cached = []
    for c in range(SEEN):
        own = np.flatnonzero(c == LABELS)
        k = min(3, len(own))
        cached += [own[i * len(own) // k] for i in range(k)]
    model = TipAdapter(head__shots=3)
    np.testing.assert_allclose(scored(model), naive_tip(ROWS, 16.0, 5.5, 0.01, cached), rtol=1e-4,
                               atol=1e-4)


def test_further_classes_and_unseen_classes_alone_have_no_cache(tmp_path):
    model = TipAdapter().fit(TRAIN, classes=CLASSES)
    first = Classes(TEXTS[:5], CLASSES.seen[:5], CLASSES.names[:5])
    task = ZeroShot(model).fit(TRAIN, first)
    task.add_classes(Classes(TEXTS[5:], CLASSES.seen[5:], CLASSES.names[5:]))
    np.testing.assert_allclose(task.decision_function(ROWS), scored(TipAdapter()), rtol=1e-6)
    again = ZeroShot.load(task.save(tmp_path / "task"))
    np.testing.assert_array_equal(again.decision_function(ROWS), task.decision_function(ROWS))
    alone = Classes(TEXTS, np.zeros(C, bool), CLASSES.names)
    np.testing.assert_array_equal(
        ZeroShot(model).fit(TRAIN, alone).decision_function(ROWS), scored(FrozenDualEncoder()))


def test_the_cache_goes_with_any_aligner_and_with_several_views():
    model = RidgeMap().fit(TRAIN, classes=CLASSES)
    rows, keys = model.embed(ROWS, "image"), model.embed(IMAGES, "image")
    want = rows @ model.embed_classes(TEXTS).T
    for c in range(SEEN):
        want[:, c] += 2 * np.exp(-1.5 * (1 - rows @ keys[c == LABELS].T)).mean(axis=1)
    found = ZeroShot(model, Cache(2.0, 1.5)).fit(TRAIN, CLASSES).decision_function(ROWS)
    np.testing.assert_allclose(found, want, atol=1e-5)
    both = Views({"image": IMAGES, "text": TEXTS[LABELS]}, LABELS)
    head = ZeroShot(TipAdapter().fit(both, classes=CLASSES)).fit(both, CLASSES).head_
    mean = unit(unit(IMAGES) + unit(TEXTS[LABELS]))
    np.testing.assert_allclose(head.keys_, mean[np.argsort(LABELS, kind="stable")], atol=1e-6)


def test_a_few_samples_of_a_new_class_are_cached_too(tmp_path):
    support = Views({"image": ROWS[:3]}, [5, 5, 6])
    task = FewShot(TipAdapter().fit(TRAIN, classes=CLASSES), head="cache").fit(TRAIN, CLASSES)
    complaint(lambda: task.predict(ROWS), "call fit_few_shot")
    np.testing.assert_allclose(task.fit_few_shot(None).scores(task.encode(ROWS)),
                               scored(TipAdapter()), rtol=1e-5)
    want = scored(TipAdapter())
    for c, own in ((5, ROWS[:2]), (6, ROWS[2:3])):
        want[:, c] += 16 * np.exp(-5.5 * (1 - unit(ROWS) @ unit(own).T)).mean(axis=1)
    task.fit_few_shot(support)
    np.testing.assert_allclose(task.decision_function(ROWS), want, rtol=1e-4)
    again = FewShot.load(task.save(tmp_path / "task"))
    np.testing.assert_array_equal(again.decision_function(ROWS), task.decision_function(ROWS))


# -- the residual step -------------------------------------------------------------------------
def test_the_step_minimises_the_objective():
    X, A = (unit(x.astype(np.float64)) for x in (IMAGES, TEXTS[LABELS]))
    weight = 0.3 * len(X) / D                                   # unit rows: tr(X'X) = n

    def objective(w):
        W = w.reshape(D, D)
        value = ((X + X @ W - A)**2).sum() + weight * (W**2).sum()
        return value, 2 * (X.T @ (X + X @ W - A) + weight * W).ravel()

    best = minimize(objective, np.zeros(D * D), jac=True, tol=1e-12)
    model = ResidualAdapter(ridge=0.3).fit(TRAIN, classes=CLASSES)
    np.testing.assert_allclose(model.coef_, best.x.reshape(D, D), atol=1e-5)
    pairs = ResidualAdapter(ridge=0.3).fit(Views({"image": IMAGES, "text": TEXTS[LABELS]}))
    np.testing.assert_allclose(pairs.coef_, model.coef_, atol=1e-6)
    want = unit(unit(ROWS) @ (np.eye(D) + 0.5 * best.x.reshape(D, D)))
    half = ResidualAdapter(ridge=0.3, ratio=0.5).fit(TRAIN, classes=CLASSES)
    np.testing.assert_allclose(half.embed(ROWS, "image"), want, atol=1e-5)
    np.testing.assert_allclose(half.embed_classes(TEXTS), unit(TEXTS), atol=1e-6)


@pytest.mark.parametrize("still", [{"ridge": 1e12}, {"ratio": 0.0}])
def test_much_ridge_or_no_ratio_is_the_frozen_space(still):
    np.testing.assert_allclose(scored(ResidualAdapter(**still)), scored(FrozenDualEncoder()),
                               rtol=1e-5, atol=1e-5)


def test_a_path_is_the_fits():
    points = [{"ridge": 0.1}, {"ridge": 10.0, "ratio": 0.5}]
    for point, model in zip(points, ResidualAdapter().fit_path(TRAIN, points, classes=CLASSES),
                            strict=True):
        np.testing.assert_allclose(
            model.embed(ROWS, "image"),
            ResidualAdapter(**point).fit(TRAIN, classes=CLASSES).embed(ROWS, "image"), atol=1e-6)


def test_rows_of_zeros_are_refused():
    complaint(lambda: ResidualAdapter().fit(Views({"image": 0 * IMAGES}, LABELS), classes=CLASSES),
              "X: all rows of 'image' are zero")


# -- rows of a report --------------------------------------------------------------------------
def in_one_space(validation=True, seed=0):
    """A small benchmark whose class vectors are near the means of its classes."""
    bench = small.recognition(seed, validation=False)
    mean = np.zeros((12, 20))
    for split in bench.splits.values():
        for c in np.unique(split.truth):
            mean[c] = split["image"][split.truth == c].mean(axis=0)
    vectors = mean + 2 * np.random.default_rng(seed).normal(size=mean.shape)
    return replace(bench, classes=Classes(vectors, bench.classes.seen),
                   validation_split=(lambda: in_one_space(False, 100)) if validation else None)


def test_all_three_are_rows_that_are_tuned_and_calibrated_on_validation():
    bench, scores = in_one_space(), {}
    for make in (FrozenDualEncoder, TipAdapter, ResidualAdapter):
        fitted = fit_for(make(), bench)
        own = score_gzsl(fitted.model, bench, fitted.gamma).scores
        report = evaluate(make(), bench, pictures=False)
        assert report.scores["H"]["mean"] == pytest.approx(own["H"])
        scores[report.model] = {key: row["mean"] for key, row in report.scores.items()}
    assert set(scores) == {"dual_encoder", "tip_adapter", "residual_adapter"}
    # the cache speaks of seen classes alone
    assert scores["tip_adapter"]["T1"] == scores["dual_encoder"]["T1"] > 0.5
    assert scores["tip_adapter"]["S_raw"] > scores["dual_encoder"]["S_raw"]
