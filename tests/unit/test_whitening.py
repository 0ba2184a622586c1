"""Within-class whitening, by itself and in the models that have it."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from crossalign import metrics
from crossalign.models import FusionNetQSMA, RidgeMap
from crossalign.models.rows import unit_rows
from crossalign.models.store import load_model
from crossalign.models.whitening import whitening_of, within_class_covariance
from crossalign.types import Views

SMALL = {"network__latent": 8, "network__hidden": 12, "epochs": 2, "batch_size": 32,
         "device": "cpu"}


def pairs(classes=60, per_class=12, unseen=20, seed=0):
    """Two views of classes in four dimensions, and of a nuisance that both share in four more."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), per_class)
    z = np.hstack([rng.standard_normal((classes, 4))[labels],
                   3 * rng.standard_normal((len(labels), 4))])
    views = Views({"image": z @ rng.standard_normal((8, 10)),
                   "text": z @ rng.standard_normal((8, 8))}, labels)
    return views[labels < classes - unseen], views[labels >= classes - unseen]


def test_of_one_modality_it_is_the_covariance_of_discriminant_analysis():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((50, 4)) @ rng.standard_normal((4, 4)), rng.integers(0, 5, 50)
    expected = LinearDiscriminantAnalysis(store_covariance=True).fit(x, y).covariance_
    np.testing.assert_allclose(within_class_covariance({"a": x}, {"a": y}), expected, rtol=1e-6)


def test_of_several_it_is_its_definition():
    rng = np.random.default_rng(1)
    rows = {"a": rng.standard_normal((30, 3)), "b": rng.standard_normal((20, 3)) + 2}
    labels = {"a": rng.integers(0, 5, 30), "b": rng.integers(0, 4, 20)}     # "b" lacks a class
    expected = np.zeros((3, 3))
    for m, x in rows.items():
        for sample, label in zip(x, labels[m], strict=True):
            means = [rows[n][labels[n] == label].mean(axis=0) for n in rows
                     if (labels[n] == label).any()]
            rest = sample - np.mean(means, axis=0)
            expected += np.outer(rest, rest) / len(x) / 2
    np.testing.assert_allclose(within_class_covariance(rows, labels), expected, rtol=1e-9)


def test_whitened_rows_spread_alike_and_a_large_s_leaves_them():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((200, 5)) @ rng.standard_normal((5, 5)), np.arange(200) % 10
    within = within_class_covariance({"a": x}, {"a": y})
    after = within_class_covariance({"a": x @ whitening_of(within, 1e-9)}, {"a": y})
    np.testing.assert_allclose(after, np.trace(within) / 5 * np.eye(5), rtol=1e-5, atol=1e-5)
    turned = x @ whitening_of(within, 1e9) * np.sqrt(1e9)
    np.testing.assert_allclose(turned @ turned.T, x @ x.T, atol=1e-4)
    np.testing.assert_array_equal(whitening_of(np.zeros((3, 3)), 0.1), np.eye(3))


@pytest.mark.parametrize("model", [
    RidgeMap(), FusionNetQSMA(**SMALL)])
def test_classes_that_differ_little_are_found_in_spite_of_what_varies_in_all(model):
    train, rest = pairs()
    found = []
    for s in (None, 1e-3):
        fitted = model.set_params(whitening=s).fit(train)
        scores = fitted.embed(rest["image"], "image") @ fitted.embed(rest["text"], "text").T
        # a sample's own partner shares its nuisance, so it is no test of classes
        scores[np.arange(len(rest)), np.arange(len(rest))] = -2
        found.append(metrics.mean_average_precision(scores, rest.labels,
                                                                    rest.labels))
    assert found[1] > 2 * found[0]


def test_ridge_rows_are_whitened_by_what_training_rows_say():
    train, rest = pairs()
    plain, white = RidgeMap().fit(train), RidgeMap(whitening=0.5).fit(train)
    within = within_class_covariance({m: plain.project(train[m], m) for m in train.modalities},
                                     dict.fromkeys(train.modalities, train.labels))
    expected = unit_rows(plain.project(rest["image"], "image") @ whitening_of(within, 0.5))
    np.testing.assert_allclose(white.embed(rest["image"], "image"), expected, atol=1e-4)
    np.testing.assert_array_equal(white.translate(rest["image"], "image", "text"),
                                  plain.translate(rest["image"], "image", "text"))


def test_both_parts_of_the_space_are_whitened_without_another_fit(tmp_path):
    train, rest = pairs()
    points = [{"whitening": s, "linear__share": share} for s in (None, 1.0) for share in (0.7, 0.2)]
    plain, _, _, white = FusionNetQSMA(**SMALL).fit_path(train, points)
    assert white.network_ is plain.network_
    parts = []
    for name in ("linear", "codes"):
        rows = {m: white._part(name, train[m], m) for m in train.modalities}
        within = within_class_covariance(rows, dict.fromkeys(rows, train.labels))
        asked = white._part(name, rest["text"], "text")
        parts.append(unit_rows(asked @ whitening_of(within, 1.0)))
    expected = np.hstack([np.sqrt(0.2) * parts[0], np.sqrt(0.8) * parts[1]])
    np.testing.assert_allclose(white.embed(rest["text"], "text"), expected, atol=1e-5)
    again = load_model(white.save(tmp_path / "model"))
    np.testing.assert_array_equal(again.embed(rest["text"], "text"),
                                  white.embed(rest["text"], "text"))


def test_it_needs_labels():
    train, _ = pairs()
    bare = Views({m: train[m] for m in train.modalities})
    with pytest.raises(ValueError, match="labels"):
        RidgeMap(whitening=1.0).fit(bare)
    model = FusionNetQSMA(**SMALL, whitening=1.0).fit(bare)
    with pytest.raises(ValueError, match="whitening"):
        model.embed(train["image"], "image")
    assert "whitening" in FusionNetQSMA().idle(bare)
    assert "whitening" not in FusionNetQSMA().idle(train)


def test_samples_that_lack_a_view_do_not_count_for_it():
    train, _ = pairs()
    here = np.arange(len(train)) % 3 > 0
    partial = Views({m: train[m] for m in train.modalities}, train.labels, present={"text": here})
    model = FusionNetQSMA(**SMALL).fit(partial)
    rows = {"image": model.project(train["image"], "image"),
            "text": model.project(train["text"][here], "text")}
    expected = within_class_covariance(rows, {"image": train.labels, "text": train.labels[here]})
    np.testing.assert_allclose(model.within_["codes"], expected, rtol=1e-6)
