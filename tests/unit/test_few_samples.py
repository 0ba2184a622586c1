"""One or two samples per class, and heads that choose among seen or among unseen classes only."""

from __future__ import annotations

import inspect
import warnings
from functools import partial

import numpy as np
import pytest
from complaints import complaint

from crossalign import models
from crossalign.models import FGAN, GFZSL, LCALE, RidgeMap
from crossalign.models.base import Model
from crossalign.models.fgan.pseudo_labels import pseudo_labels
from crossalign.models.reference.class_mean_oracle import ClassMeanOracle
from crossalign.models.roles import Aligner, ZeroShotClassifier
from crossalign.tasks import Transfer, ZeroShot
from crossalign.types import Classes, Views

N_CLASSES, N_SEEN = 20, 14
CENTRES = np.random.default_rng(0).normal(size=(N_CLASSES, 4))
CLASSES = Classes(np.random.default_rng(1).normal(size=(N_CLASSES, 6)),
                  np.arange(N_CLASSES) < N_SEEN)
SHORT = {"epochs": 1, "samples": 4, "n_components": 3}
ALL = [model for name in models.__all__ if inspect.isclass(model := getattr(models, name))
       and issubclass(model, Model)]


def few(per, n_classes=N_SEEN, modalities=("image", "text"), seed=2):
    """So many samples of each of the first classes; both views are linear in what they show."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(n_classes), per)
    shown = CENTRES[labels] + .1 * rng.normal(size=(len(labels), 4))
    maps = np.random.default_rng(3).normal(size=(2, 4, 12))
    views = {"image": shown @ maps[0], "text": shown @ maps[1]}
    return Views({m: views[m] for m in modalities}, labels)


@pytest.mark.parametrize("per", [1, 2])
@pytest.mark.parametrize("model", ALL, ids=lambda model: model.__name__)
def test_every_model_is_fitted_on_few_samples_per_class(model, per):
    estimator = model()
    estimator.set_params(**{name: value for name, value in SHORT.items()
                            if name in estimator.get_params()})
    train = few(per)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        estimator.fit(train, classes=CLASSES)
    test = few(2, N_CLASSES, seed=4)
    if isinstance(estimator, Aligner):
        for modality in set(test.modalities) & set(estimator.widths_):
            rows = estimator.embed(test[modality], modality)
            assert np.isfinite(rows).all()
            assert np.ptp(rows, axis=0).max() > 0
    if isinstance(estimator, ZeroShotClassifier):
        scores = estimator.decision_function(test)
        assert not np.isnan(scores).any()
        assert len(np.unique(scores.argmax(axis=1))) > 1


@pytest.mark.parametrize("scaling", ["none", "l2"])
def test_gfzsl_on_one_sample_per_class_names_the_class_of_the_nearest_sample(scaling):
    train, test = few(1, modalities=("image",)), few(3, modalities=("image",), seed=5)
    model = GFZSL(scaling=scaling).fit(train, classes=CLASSES)
    a, b = (views["image"] if scaling == "none" else
            views["image"] / np.linalg.norm(views["image"], axis=1, keepdims=True)
            for views in (test, train))
    nearest = ((a[:, None] - b) ** 2).sum(axis=2).argmin(axis=1)
    np.testing.assert_array_equal(model.decision_function(test)[:, :N_SEEN].argmax(axis=1), nearest)


def test_gfzsl_scores_of_one_sample_per_class_do_not_depend_on_the_unit():
    train, test = (few(per, modalities=("image",)) for per in (1, 3))
    scores = [GFZSL(scaling="none").fit(Views({"image": unit * train["image"]}, train.labels),
                                        classes=CLASSES).decision_function(unit * test["image"])
              for unit in (1.0, 1000.0)]
    differences = [s - s[:, :1] for s in scores]
    np.testing.assert_allclose(differences[0], differences[1], rtol=1e-3, atol=1e-3)


def test_gfzsl_refuses_samples_that_are_all_the_same():
    same = Views({"image": np.full((28, 5), .3)}, np.repeat(np.arange(N_SEEN), 2))
    complaint(lambda: GFZSL().fit(same, classes=CLASSES), "X: samples do not differ")


@pytest.mark.parametrize("per", [1, 2])
def test_beliefs_in_classes_of_few_samples_are_distributions(per):
    train = few(per)
    found, _ = pseudo_labels(train, train.labels, "soft", "seen", None, 0)
    assert found.shape == (N_SEEN * per, N_SEEN)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)
    assert (found >= 0).all()


def test_fgan_learns_from_one_sample_per_class():
    tokens = few(1)
    tokens = Views({m: tokens[m].reshape(-1, 4, 3) for m in tokens.modalities}, tokens.labels)
    model = FGAN(epochs=2, dim=16, samples=4).fit(tokens)
    assert np.isfinite(model.embed(tokens["image"], "image")).all()
    assert np.isfinite(model.history_["fgla"]).all()


@pytest.mark.parametrize("head", ["lda", "qda"])
def test_transfer_from_one_labelled_sample_per_class(head):
    train, test = few(1), few(5, seed=6)
    moved = Transfer(models.PerfectAlignment(n_components=4), head=head)
    moved.fit(few(4, seed=7).with_labels(None), train, "image", "text", N_SEEN)
    assert np.mean(moved.predict(test["text"]) == test.labels) > .9


def test_a_class_of_one_sample_has_the_usual_spread_in_quadratic_discriminants():
    """Not a needle that no other sample reaches."""
    train = few(6)
    alone = train.take(np.r_[0, 6:len(train)])
    moved = Transfer(models.PerfectAlignment(n_components=4), head="qda")
    moved.fit(train.with_labels(None), alone, "image", "text", N_SEEN)
    test = few(20, seed=8)
    first = test[test.labels == 0]
    assert np.mean(moved.predict(first["text"]) == 0) > .5


# -- seen classes only, unseen classes only ------------------------------------------------------
@pytest.mark.parametrize("model", [RidgeMap(), GFZSL(), LCALE(epochs=1, head="prototype")],
                         ids=lambda model: type(model).__name__)
@pytest.mark.parametrize("chosen", [np.arange(N_SEEN, N_CLASSES), np.arange(N_SEEN)],
                         ids=["unseen", "seen"])
@pytest.mark.parametrize("gamma", [0.0, 0.7])
def test_heads_choose_among_unseen_or_among_seen_classes_only(model, chosen, gamma):
    train, test = few(6, modalities=("image",)), few(3, N_CLASSES, ("image",), seed=9)
    fitted = model.fit(train, classes=CLASSES)
    some = CLASSES.take(chosen)
    head = ZeroShot(fitted, gamma=gamma).fit(train, some)
    scores = head.decision_function(test)
    assert scores.shape == (len(test), len(some))
    np.testing.assert_array_equal(head.predict(test), scores.argmax(axis=1))
    if not isinstance(model, GFZSL) or some.unseen.all():  # which knows the means of seen classes
        whole = ZeroShot(fitted).fit(train, CLASSES).decision_function(test)
        np.testing.assert_allclose(scores, whole[:, chosen], rtol=1e-4, atol=1e-4)


def test_a_softmax_of_unseen_classes_learns_from_their_descriptions_alone():
    train, test = few(6, modalities=("image",)), few(3, N_CLASSES, ("image",), seed=9)
    fitted = models.CADAVAE(epochs=2, head__epochs=2).fit(train, classes=CLASSES)
    some = CLASSES.take(np.arange(N_SEEN, N_CLASSES))
    scores = ZeroShot(fitted, head="softmax").fit(train, some).decision_function(test)
    np.testing.assert_allclose(np.exp(scores).sum(axis=1), 1, rtol=1e-5)
    assert scores.shape == (len(test), N_CLASSES - N_SEEN)


def test_infinite_gamma_chooses_among_unseen_classes():
    train, test = few(6, modalities=("image",)), few(3, N_CLASSES, ("image",), seed=9)
    fitted = RidgeMap().fit(train, classes=CLASSES)
    every = ZeroShot(fitted, gamma=np.inf).fit(train, CLASSES)
    unseen = ZeroShot(fitted).fit(train, CLASSES.take(np.arange(N_SEEN, N_CLASSES)))
    np.testing.assert_array_equal(every.predict(test), N_SEEN + unseen.predict(test))


@pytest.mark.parametrize("head", ["gaussian", "fused"])
def test_heads_that_read_training_samples_need_the_classes_of_these(head):
    train = few(3, modalities=("image",))
    fitted = models.ACMR(epochs=1).fit(train, classes=CLASSES)
    task = ZeroShot(fitted, head=head)
    for some in (np.arange(N_SEEN, N_CLASSES), np.arange(2)):
        complaint(lambda some=some: task.fit(train, CLASSES.take(some)), f"{head!r}", "gamma=inf")


def test_oracles_of_few_samples_are_their_means():
    train = few(2, modalities=("image",))
    model = ClassMeanOracle(scaling="none").fit(train, classes=CLASSES)
    np.testing.assert_allclose(model.means_[:N_SEEN],
                               train["image"].reshape(N_SEEN, 2, -1).mean(axis=1), rtol=1e-5)


def test_oracles_score_the_classes_that_are_asked_for(tmp_path):
    train = few(2, modalities=("image",))
    model = ClassMeanOracle().fit(train, classes=CLASSES)
    every = model.decision_function(train)
    for oracle in (model, ClassMeanOracle.load(model.save(tmp_path / "oracle"))):
        for some in (np.arange(N_CLASSES)[::-1], np.array([2, 0]), np.array([1])):
            scores = oracle.decision_function(train, CLASSES.take(some))
            np.testing.assert_array_equal(scores, every[:, some])
        others = Classes(np.eye(N_CLASSES), np.ones(N_CLASSES, bool),
                         tuple(f"other {c}" for c in range(N_CLASSES)))
        complaint(partial(oracle.decision_function, train, others), "'other 0'")
    del model.names_
    assert (model.decision_function(train, CLASSES) == every).all()
    complaint(lambda: model.decision_function(train, CLASSES.take([0])), "classes: 1 for the")
