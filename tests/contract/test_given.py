"""Whoever has arrays, data frames and labels of any kind need not learn Views or Classes first."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from complaints import complaint
from small_models import SMALL, toy_for

from crossalign import models
from crossalign.models import CCA, ESZSL, GFZSL
from crossalign.models.catalog import serves
from crossalign.models.roles import Aligner, ZeroShotClassifier
from crossalign.tasks import Retriever, Transfer, ZeroShot
from crossalign.tasks.adaptation import Adaptation
from crossalign.types import Classes, Views

NAMES = ["wren", "owl", "jay", "emu", "kiwi", "rhea"]
LARGE = [2**62 + c for c in (5, 1, 4, 2, 0, 3)]
RECOGNISERS = [name for name in models.__all__ if serves(getattr(models, name), "gzsl")]


def made(name):
    return getattr(models, name)(**SMALL.get(name, {}))


@pytest.mark.parametrize("labels", [NAMES, LARGE], ids=["text", "large integers"])
@pytest.mark.parametrize("form", ["frames", "arrays"])
@pytest.mark.parametrize("name", models.__all__)
def test_a_model_is_the_same_of_what_users_have(name, form, labels):
    """Side information in another order too: it is known by its labels."""
    views, classes = toy_for(name)
    expected = made(name).fit(views, classes=classes)
    as_frame = pd.DataFrame if form == "frames" else np.asarray
    data = {m: as_frame(views[m].astype(np.float64)) for m in views.modalities}
    y = np.array(labels, dtype=object)[views.truth]
    side = pd.DataFrame(classes.embeddings, index=labels)
    given = side if form == "frames" else dict(zip(labels, classes.embeddings, strict=True))
    found = made(name).fit(data, pd.Series(y) if form == "frames" else list(y), classes=given)
    if isinstance(expected, Aligner) and not isinstance(expected, ZeroShotClassifier):
        for m in views.modalities:
            if m in expected.widths_:
                np.testing.assert_array_equal(found.embed(data[m], m), expected.embed(views[m], m))
    if isinstance(expected, ZeroShotClassifier):
        rows = data[views.modalities[0]]
        np.testing.assert_array_equal(found.decision_function(data),
                                      expected.decision_function(views))
        best = np.array(labels, dtype=object)[expected.predict(views)]
        assert found.predict(rows).tolist() == found.predict(data).tolist() == best.tolist()


@pytest.mark.parametrize("name", ["ESZSL", "GFZSL"])
def test_recognition_of_one_array_gives_the_labels_back(name, tmp_path):
    views, classes = toy_for(name)
    frame = pd.DataFrame(views["image"], columns=[f"c{i}" for i in range(9)])
    y = [NAMES[label] for label in views.truth]
    side = pd.DataFrame(classes.embeddings, index=NAMES).sample(frac=1, random_state=1)
    model = made(name).fit(frame, y, classes=side)
    plain = made(name).fit(views.select("image"), classes=classes)
    assert model.predict(frame).tolist() == [NAMES[c] for c in plain.predict(views)]
    assert model.score(frame, y) == plain.score(views) > 0.8
    assert model.feature_names_in_.tolist() == list(frame.columns)
    assert set(model.classes_) == set(NAMES)
    again = type(model).load(model.save(tmp_path / "model"))
    assert again.predict(frame).tolist() == model.predict(frame).tolist()
    unseen = np.flatnonzero(side.index.isin(NAMES[4:]))
    new = model.decision_function(frame, classes=Classes(side.to_numpy()[unseen], [False] * 2))
    np.testing.assert_allclose(new, model.decision_function(frame)[:, unseen], atol=1e-6)


@pytest.mark.parametrize("name", RECOGNISERS)
def test_a_recogniser_knows_the_columns_it_was_fitted_on(name):
    views, classes = toy_for(name)
    y = [NAMES[label] for label in views.truth]
    side = dict(zip(NAMES, classes.embeddings, strict=True))
    model = made(name).fit(views["image"], y, classes=side)
    assert model.n_features_in_ == 9
    assert not hasattr(model, "feature_names_in_")
    frame = pd.DataFrame(views["image"], columns=[f"c{i}" for i in range(9)])
    model = made(name).fit(frame, y, classes=side)
    assert model.n_features_in_ == 9
    assert model.feature_names_in_.tolist() == list(frame.columns)


def test_words_find_their_class_by_its_name():
    views, classes = toy_for("ESZSL")
    named = Classes(classes.embeddings, classes.seen, tuple(NAMES))
    words = np.array(NAMES)[views.truth]
    model = ESZSL().fit(views.with_labels(None), words, classes=named)
    np.testing.assert_array_equal(model.coef_, ESZSL().fit(views, classes=named).coef_)
    assert set(model.predict(views)) <= set(NAMES)


@pytest.mark.parametrize("labels", [
    np.float32([2, 0, 1, 5, 4, 3]), np.float16([2, 0, 1, 5, 4, 3]), np.int8([-3, 7, 1, 5, 4, 3]),
    np.array(LARGE).astype(np.uint64), np.array(["2021-03-01", "1999-12-31T23:59:59", "2000-01-01",
                                                "2020-02-29", "2020-01-01", "1960-01-01"],
                                               "datetime64[s]")], ids=lambda of: str(of.dtype))
@pytest.mark.parametrize("side", [True, False], ids=["described", "alone"])
def test_labels_come_back_in_their_type_also_from_a_folder(labels, side, tmp_path):
    views, classes = toy_for("ESZSL")
    x, y = views["image"], labels[views.truth]
    model = ESZSL().fit(x, y, classes=dict(
        zip(labels, classes.embeddings, strict=True)) if side else None)
    plain = ESZSL().fit(x, y.astype(str), classes=dict(
        zip(labels.astype(str), classes.embeddings, strict=True)) if side else None)
    for fitted in (model, ESZSL.load(model.save(tmp_path / "model"))):
        assert fitted.classes_.dtype == fitted.predict(x).dtype == labels.dtype
        assert set(fitted.classes_.tolist()) == set((labels if side else np.unique(y)).tolist())
        assert fitted.predict(x).astype(str).tolist() == plain.predict(x).tolist()
        assert fitted.score(x, y) == plain.score(x, y.astype(str)) > 0.8


def test_dates_of_data_frames_are_labels():
    views, classes = toy_for("ESZSL")
    days = pd.date_range("2020-01-30", periods=6)
    frame, y = pd.DataFrame(views["image"]), pd.Series(days[views.truth])
    model = ESZSL().fit(frame, y, classes=pd.DataFrame(classes.embeddings, index=days))
    plain = ESZSL().fit(views["image"], views.truth, classes=dict(enumerate(classes.embeddings)))
    assert (model.predict(frame) == days[plain.predict(views["image"])].to_numpy()).all()
    assert model.score(frame, y) == plain.score(views["image"], views.truth)
    complaint(lambda: ESZSL().fit(frame, list(y)), "labels: Timestamp; give text or numbers")


def test_a_class_beyond_the_type_of_the_labels_keeps_its_own():
    views, classes = toy_for("ESZSL")
    y = views.truth.astype(np.int8)
    keys = [0, 1, 2, 3, 400, 500]
    model = ESZSL().fit(views["image"], y, classes=dict(zip(keys, classes.embeddings, strict=True)))
    assert model.classes_.tolist() == keys


def test_spans_of_time_are_no_labels():
    y = np.array([1, 2, 1, 2], "timedelta64[s]")
    for labels in (y, list(y)):
        complaint(lambda labels=labels: ESZSL().fit(np.eye(4), labels), "timedelta64", "give text")


def test_search_takes_frames():
    views, _ = toy_for("CCA")
    data = {m: pd.DataFrame(views[m]) for m in views.modalities}
    model = CCA().fit(data)
    expected = Retriever(model).add(views, "text").search(views, "image", 3).indices
    found = Retriever(model).add(data["text"], "text").search(data["image"], "image", 3).indices
    np.testing.assert_array_equal(found, expected)


def test_a_model_fitted_again_on_views_forgets_the_columns_of_a_frame():
    views, classes = toy_for("ESZSL")
    model = ESZSL().fit(pd.DataFrame(views["image"]).add_prefix("c"), views.truth)
    model.fit(views, classes=classes)
    assert not hasattr(model, "feature_names_in_")
    assert model.decision_function(views["image"]).shape == (len(views), len(classes))


def test_what_cannot_be_matched_is_named():
    x = np.random.default_rng(0).normal(size=(6, 3))
    y, side = ["a", "a", "b", "b", "c", "c"], {"a": [1, 0], "b": [0, 1]}
    complaint(lambda: GFZSL().fit(x, y, classes=side), "labels: 1 are not among", "'c'")
    twice = pd.DataFrame([[1, 0], [0, 1]], index=["a", "a"])
    complaint(lambda: GFZSL().fit(x, y, classes=twice), "classes: 'a' stands there twice")
    complaint(lambda: GFZSL().fit(x, y, classes=[[1, 0]]), "classes: got list", "a data frame")
    complaint(lambda: GFZSL().fit(pd.DataFrame(x), pd.Series(y, index=range(1, 7))),
              "y: its index disagrees")
    complaint(lambda: CCA().fit(Views({"a": x}), y), "side information")


def test_labels_and_frames_of_different_indexes_are_refused():
    views, _ = toy_for("GFZSL")
    frame, side = pd.DataFrame(views["image"]).add_prefix("c"), dict(enumerate(np.eye(6)))
    other = pd.Series(views.truth).iloc[::-1]
    complaint(lambda: GFZSL().fit({"image": frame}, other, classes=side),
              "y: its index disagrees with that of X['image']")
    complaint(lambda: CCA().fit({"image": frame, "text": frame}, other), "y: its index disagrees")
    model = GFZSL().fit({"image": frame}, other.sort_index(), classes=side)
    for given in (frame, {"image": frame}):
        complaint(lambda given=given: model.score(given, other), "y: its index disagrees")
    assert model.score({"image": frame}, other.sort_index()) == model.score(views)


def test_masked_numbers_are_refused_unless_none_is():
    views, classes = toy_for("ESZSL")
    clear = np.ma.masked_array(views["image"])
    masked = np.ma.masked_array(views["image"], mask=np.eye(*clear.shape, dtype=bool))
    model = ESZSL().fit(clear, views.truth, classes=classes)
    assert (model.predict(clear) == model.predict(views["image"])).all()
    for call in (lambda: ESZSL().fit(masked, views.truth, classes=classes),
                 lambda: model.predict(masked), lambda: model.predict({"image": masked})):
        complaint(call, f"a masked array with {masked.mask.sum()} masked numbers")


@pytest.mark.parametrize(("spoil", "words"), [
    (lambda x: np.where(np.arange(len(x))[:, None] == 3, np.nan, x), "row 3 holds NaN or infinity"),
    (lambda x: pd.DataFrame(x).replace(x[2, 0], np.inf), "row 2 holds NaN or infinity"),
    (lambda x: pd.DataFrame(x).astype("Float64").replace(x[2, 0], pd.NA), "row 2 holds NaN"),
    (lambda x: scipy.sparse.csr_array(x), "a sparse matrix of shape"),
    (lambda x: x[:, 0], "Reshape your data"), (lambda x: x + 1j, "give real numbers"),
    (lambda x: x.astype(str).astype(object) + "a", "not an array of numbers"),
    (lambda x: [[1, 2], [3]], "rows of several lengths"), (lambda x: x[:, :0], "0 feature"),
    (lambda x: "abc", "got 'abc'")])
def test_one_array_that_cannot_be_read_is_one_sentence(spoil, words):
    views, _ = toy_for("ESZSL")
    x, y = views["image"], views.truth
    model, spoilt = ESZSL().fit(x, y), spoil(x)
    for name, call in (("X", lambda: ESZSL().fit(spoilt, y)), ("x", lambda: model.predict(spoilt))):
        with pytest.raises(ValueError, match=words) as error:
            call()
        said = str(error.value)
        assert said.startswith(f"{name}: ")
        assert "\n" not in said
        assert said.count(". ") == 0


def test_labels_of_one_array_are_as_many_as_its_samples():
    views, _ = toy_for("ESZSL")
    complaint(lambda: ESZSL().fit(views["image"], views.truth[:5]), "y: 5 labels for")


def test_columns_of_frames_keep_the_names_and_order_of_training(tmp_path):
    views, _ = toy_for("GFZSL")
    frame = pd.DataFrame(views["image"]).add_prefix("c")
    turned, side = frame[frame.columns[::-1]], dict(enumerate(np.eye(6)))
    for given in ({"image": frame}, Views({"image": frame}), frame):
        model = GFZSL().fit(given, views.truth, classes=side)
        model = GFZSL.load(model.save(tmp_path / "model"))
        name = model.modality_
        expected = model.predict({name: views["image"]})
        for right in ({name: frame}, Views({name: frame})[:]):
            assert (model.predict(right) == expected).all()
        complaint(lambda model=model, name=name: model.predict({name: turned}),
                  f"column 0 of {name!r} is 'c8', and 'c0' in training")
    model = GFZSL().fit({"image": frame}, views.truth, classes=side)
    complaint(lambda: model.predict(turned), "column 0 of 'image' is 'c8'")
    aligner = CCA().fit({"image": frame, "text": frame})
    for call in (lambda: aligner.embed(turned, "image"), lambda: aligner.embed(
            Views({"image": turned})[3:], "image"), lambda: Retriever(aligner).add(turned, "text")):
        complaint(call, "is 'c8', and 'c0' in training")
    complaint(lambda: Views({0: frame}), "the modality name 0 is of type int", "'0'")


@pytest.mark.parametrize(("label", "other", "words"), [
    ("", "c", "an empty cell"), ("NA", "c", "an empty cell, or a mark"),
    ("nan", "c", "a mark of a missing"), (-1, 7, "labels: -1, which is no class, in rows 0, 1"),
    (b"a", b"c", "bytes, as b'a'; give text")])
def test_a_mark_of_no_class_is_none_with_side_information_too(label, other, words):
    x, y = np.random.default_rng(0).normal(size=(4, 3)), [label, label, other, other]
    for side in ({label: [1, 0], other: [0, 1]}, {other: [1, 0]}):
        complaint(lambda side=side: GFZSL().fit(x, y, classes=side), words)


@pytest.mark.parametrize("forms", [("cafe\u0301", "caf\u00e9"), ("caf\u00e9", "cafe\u0301"),
                                   (True, True), (np.True_, 1)])
def test_labels_come_back_as_they_were_given(forms):
    x = np.concatenate([np.random.default_rng(0).normal(3 * c, 0.1, (5, 3)) for c in range(2)])
    other = "ant" if isinstance(forms[0], str) else False
    y = np.array([other] * 5 + [forms[0]] * 5)
    model = GFZSL().fit(x, y, classes={other: [1, 0], forms[1]: [0, 1]})
    assert model.predict(x).dtype.kind == y.dtype.kind
    assert (model.predict(x) == y).all()
    assert model.score(x, y) == model.score(x, [other] * 5 + [forms[1]] * 5) == 1


def test_side_information_that_does_not_fit_names_the_class():
    x, y = np.random.default_rng(0).normal(size=(6, 3)), ["a", "b", "c"] * 2
    for bad, words in (([1], "'b' has a vector of shape (1,)"), (None, "'b' has no vector")):
        side = {"a": [1, 0], "b": bad, "c": [0, 1]}
        complaint(lambda side=side: GFZSL().fit(x, y, classes=side), words, "one width, here 2")
    levels = pd.DataFrame(np.eye(3), index=pd.MultiIndex.from_product([["z"], ["a", "b", "c"]]))
    complaint(lambda: GFZSL().fit(x, y, classes=levels), "classes: an index of 2 levels")


@pytest.mark.parametrize("names", [("owl", "owl"), ("caf\u00e9", "cafe\u0301")])
def test_a_name_of_two_classes_is_refused(names):
    complaint(lambda: Classes(np.eye(2), [True, True], names), f"{names[0]!r} is the name of two")
    views, _ = toy_for("CCA")
    task = ZeroShot(CCA().fit(views), "prototype")
    task.classes_, task.head_ = Classes(np.eye(1, 2), [True], names[:1]), "prototype"
    complaint(lambda: task.add_classes(Classes(np.eye(1, 2), [False], names[1:])),
              f"{names[0]!r} is the name of two")


def test_tasks_between_domains_keep_the_columns_of_training(tmp_path):
    views, _ = toy_for("GFZSL")
    frame = pd.DataFrame(views["image"]).add_prefix("c")
    turned = frame[frame.columns[::-1]]
    known, pairs = Views({"image": frame}, views.truth), {"image": frame, "text": views["text"]}
    adapted = Adaptation(epochs=1, latent=4, hidden=4, device="cpu").fit(known, frame)
    n = int(views.truth.max()) + 1
    carried = Transfer().fit(pairs, known, "image", "text", n)
    for task, calls in ((adapted, ("predict", "predict_proba", "predict_source")),
                        (carried, ("predict_source",))):
        again = type(task).load(task.save(tmp_path / type(task).__name__))
        for one, name in ((one, name) for one in (task, again) for name in calls):
            call, by_position = getattr(one, name), getattr(one, name)(frame.to_numpy())
            assert (call(frame) == by_position).all()
            assert (call(Views({"image": frame})) == by_position).all()
            for given in (turned, Views({"image": turned})):
                complaint(lambda call=call, given=given: call(given),
                          "is 'c8', and 'c0' in training")
    complaint(lambda: Adaptation().fit(known, turned), "is 'c8', and 'c0' in training")
    other = {**pairs, "image": turned}
    complaint(lambda: Transfer().fit(other, known, "image", "text", n), "is 'c8', and 'c0' in")
    fitted = CCA().fit(pairs)
    complaint(lambda: Transfer(fitted).fit(None, Views({"image": turned}, views.truth), "image",
                                           "text", n), "is 'c8', and 'c0' in training")
