"""Labels: nothing is lost, merged or made up on the way in."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from complaints import complaint

from crossalign import models
from crossalign.labels import common_codes, label_array, named_rows, sample_labels
from crossalign.metrics import (
    class_accuracies,
    mean_average_precision,
    micro_accuracy,
    per_class_accuracy,
)
from crossalign.types import Benchmark, Classes, Views

BIG = 2**53


def named(labels):
    return named_rows(sample_labels(labels))


# -- as written --------------------------------------------------------------------------------
@pytest.mark.parametrize("words", [
    ["01", "1", "001"], ["1e3", "1000", "7"], ["1_0", "10"], ["1.0", "1", "2"], ["+5", "5", "05"],
    ["0x10", "16"], ["1E2", "100", "1e2"], [" a", "a"], ["TRUE", "true", "1"], ["-0", "0"],
    ["\u0661", "1"]])
def test_text_that_looks_like_a_number_stays_text(words):
    rows, names = named(np.repeat(words, 3))
    assert sorted(names) == sorted(words)
    assert [names[row] for row in rows] == np.repeat(words, 3).tolist()


def test_text_of_whole_numbers_is_sorted_by_number_and_other_text_as_text():
    assert named(["10", "9", "100"])[1] == ["9", "10", "100"]
    assert named(["10", "9", "x"])[1] == ["10", "9", "x"]
    assert named(["002", "10", "1"])[1] == ["1", "002", "10"]


@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
@pytest.mark.parametrize("start", [BIG, 2**62])
def test_integers_of_64_bits_do_not_merge(dtype, start):
    values = np.array([start + i for i in range(12)], dtype=dtype)
    rows, names = named(np.tile(values, 2))
    assert names == [str(start + i) for i in range(12)]
    np.testing.assert_array_equal(rows, np.tile(np.arange(12), 2))


def test_unsigned_labels_beyond_int64_keep_their_names():
    assert named(np.array([2**63 + 5, 2**63 + 4, 3], dtype=np.uint64))[1] == [
        "3", str(2**63 + 4), str(2**63 + 5)]
    assert named([2**63 + 5, 7])[1] == ["7", str(2**63 + 5)]
    complaint(lambda: label_array([2**64, 1]), "more than 64 bits", str(2**64))


def test_floats_are_integers_while_they_can_be():
    assert named(np.array([2.0, 1.0, 10.0]))[1] == ["1", "2", "10"]
    complaint(lambda: named(np.array([1.0, 2.5])), "row 1", "whole")
    complaint(lambda: named(np.array([1.0, 2.0**53 + 2])), "row 1", "2^53")
    complaint(lambda: named(np.array([1.0, np.inf])), "row 1")
    complaint(lambda: named(np.array([1, 2**24 + 2], dtype=np.float32)), "row 1", "2^24")
    assert named(np.array([3, 2], dtype=np.float16))[1] == ["2", "3"]


@pytest.mark.parametrize(("labels", "names"), [
    ([b"dog", b"cat"], ["cat", "dog"]), (np.array([b"dog", b"cat"]), ["cat", "dog"]),
    (pd.Series(["dog", "cat"]), ["cat", "dog"]),
    (pd.Series(["dog", "cat"], dtype="category"), ["cat", "dog"]),
    (pd.Series([3, 2], dtype="Int64"), ["2", "3"]), (np.array([True, False]), ["0", "1"]),
    (np.array(["caf\u00e9".encode(), b"ant"]), ["ant", "caf\u00e9"])])
def test_bytes_and_columns_of_frames_are_read(labels, names):
    assert named(labels)[1] == names


@pytest.mark.parametrize("labels", [[b"caf\xe9", b"ant"], np.array([b"caf\xe9", b"ant"])])
def test_bytes_that_are_no_text_are_refused_in_lists_and_arrays_alike(labels):
    complaint(lambda: sample_labels(labels), r"bytes that are not UTF-8, as b'caf\xe9'")


# -- missing -----------------------------------------------------------------------------------
@pytest.mark.parametrize("mark", ["", " ", "nan", "NaN", "NA", "N/A", "n/a", "null", "#N/A", "None",
                                  "<NA>"])
def test_an_empty_label_is_no_class(mark):
    complaint(lambda: sample_labels(["a", mark, "b", mark]), "rows 1, 3", "labels:")


@pytest.mark.parametrize("labels", [
    [0, None, 1], [0.0, np.nan, 1.0], ["a", None, "b"], ["a", float("nan"), "b"],
    pd.Series(["a", None, "b"]), pd.Series([1, None, 2]), pd.Series([1, pd.NA, 2], dtype="Int64"),
    pd.Series(["a", None, "b"], dtype="category")])
def test_a_missing_label_is_named_by_its_row(labels):
    complaint(lambda: sample_labels(labels), "row 1")


def test_text_and_numbers_do_not_mix():
    complaint(lambda: label_array(["1", 1]), "text and numbers")


@pytest.mark.parametrize("labels", [[3, -1, 2], ["3", "-1", "2"], [3.0, -1.0, 2.0]])
def test_minus_one_is_no_class_of_a_file(labels):
    complaint(lambda: sample_labels(labels), "row 1", "-1", "no class")


def test_negative_numbers_other_than_minus_one_are_names():
    assert named(np.array([-(2**60), -(2**60) - 1, 5]))[1] == [
        str(-(2**60) - 1), str(-(2**60)), "5"]


# -- several classes a sample ------------------------------------------------------------------
def test_one_hot_rows_are_classes_and_multi_hot_rows_stay():
    classes = np.array([2, 0, 1, 2])
    np.testing.assert_array_equal(sample_labels(np.eye(3)[classes]), classes)
    np.testing.assert_array_equal(Views({"a": np.eye(4)}, np.eye(3, dtype=int)[classes]).labels,
                                  classes)
    many = np.array([[1, 1, 0], [0, 0, 1]])
    assert sample_labels(many).tolist() == many.astype(bool).tolist()
    assert Views({"a": np.eye(2)}, many).labels.tolist() == many.astype(bool).tolist()
    complaint(lambda: sample_labels(np.array([[1, 1, 0], [0, 0, 0]])), "row 1", "no class")
    complaint(lambda: sample_labels(np.array([[1, 2], [0, 1]])), "0 and 1")


def test_a_column_of_labels_is_labels():
    assert sample_labels(np.array([[4], [2]])).tolist() == [4, 2]
    complaint(lambda: sample_labels(np.zeros((2, 2, 2))), "shape (2, 2, 2)")


# -- Views -------------------------------------------------------------------------------------
@pytest.mark.parametrize("words", [["cat", "dog"], np.array([b"cat", b"dog"]),
                                   pd.Series(["cat", "dog"]),
                                   pd.Series(["cat", "dog"], dtype="category")])
def test_views_say_how_words_become_labels(words):
    views = {"image": np.eye(2)}
    complaint(lambda: Views(views, words), "words, as 'cat'", "classes.rows(words)")
    classes = Classes(np.eye(3), np.ones(3, bool), ("dog", "cat", "cow"))
    assert Views(views, classes.rows(words)).labels.tolist() == [1, 0]
    complaint(lambda: classes.rows(["dog", "Cat"]), "'Cat'", "'dog', 'cat', 'cow'")


def test_labels_of_views_are_exact_or_refused():
    one = {"image": np.ones((1, 2))}
    assert Views(one, np.array([2**60 + 1], dtype=np.uint64)).labels[0] == 2**60 + 1
    complaint(lambda: Views(one, np.array([2**63 + 5], dtype=np.uint64)), "row 0", "2^63")
    complaint(lambda: Views(one, [2.0**60]), "row 0", "2^53")
    complaint(lambda: Views(one, [-2]), "row 0", "negative")
    assert Views(one, [-1]).labels[0] == -1


def test_a_benchmark_names_samples_of_no_class():
    views = Views({"image": np.random.default_rng(0).normal(size=(6, 2))}, [0, 0, 1, 1, 2, 2])
    parts = {"train": views[[0, 2]], "test_seen": views[[1, 3]], "test_unseen": views[[4, 5]]}
    parts["train"] = parts["train"].with_labels([0, -1])
    complaint(lambda: Benchmark("toy", "gzsl", parts, Classes(np.eye(3), [True, True, False])),
              "'train'", "-1", "row 1")


# -- models ------------------------------------------------------------------------------------
def samples(labels):
    rng = np.random.default_rng(0)
    return Views({"image": rng.normal(size=(len(labels), 5)),
                  "text": rng.normal(size=(len(labels), 4))}, labels)


LABELS = np.repeat([0, 1, 2], 4)
CLASSES = Classes(np.eye(4), np.array([True, True, True, False]))
EVERY = ["ACMR", "ASIF", "CADAVAE", "CCA", "Chance", "Committee", "CommonPCA", "ESZSL", "FGAN",
         "FusionNetQSMA", "GFZSL", "LCALE", "PerfectAlignment", "Procrustes", "RidgeMap"]


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("wrong", [-1, 3, 4])
def test_no_model_trains_on_no_class_an_unseen_class_or_one_beyond(name, wrong):
    labels = LABELS.copy()
    labels[5] = wrong
    word = {-1: "row 5", 3: "unseen class '3'", 4: "4 classes"}[wrong]
    model = getattr(models, name)
    views = samples(labels)
    good = samples(LABELS)
    if name in ("ACMR", "CADAVAE", "ESZSL", "GFZSL"):
        views, good = views.select("image"), good.select("image")
    if wrong == -1 and model.handles_unlabelled:           # samples may say that they have none
        aligned = [model().fit(some, classes=CLASSES).embed(good["image"], "image")
                   for some in (views, good.with_labels(None))]
        np.testing.assert_array_equal(*aligned)
    else:
        complaint(lambda: model().fit(views, classes=CLASSES), word)
    complaint(lambda: model().fit(good, labels, classes=CLASSES), word)
    complaint(lambda: model().fit(good.with_labels(None), labels, classes=CLASSES), word)


def test_y_is_heeded_as_the_labels_of_views_are():
    views, other = samples(LABELS).select("image"), np.roll(LABELS, 2)
    classes = Classes(np.eye(3)[:, :2] + .1, np.ones(3, bool))
    given, own = (models.RidgeMap().fit(views, other, classes=classes),
                  models.RidgeMap().fit(views.with_labels(other), classes=classes))
    np.testing.assert_array_equal(given.coef_, own.coef_)
    assert not np.array_equal(own.coef_, models.RidgeMap().fit(views, classes=classes).coef_)
    models.CCA().fit(views.with_labels(None), other, classes=classes)


# -- metrics -----------------------------------------------------------------------------------
def average_precision(scores, relevant):
    hits = np.flatnonzero(relevant[np.argsort(-scores, kind="stable")])
    return np.mean(np.arange(1, len(hits) + 1) / (hits + 1))


@pytest.mark.parametrize("kinds", [(np.int64, np.int64), (np.uint64, np.int64),
                                   (np.int64, np.uint64), (object, np.uint64)])
def test_retrieval_tells_large_integers_apart(kinds):
    rng = np.random.default_rng(0)
    scores, q, g = rng.normal(size=(30, 40)), np.arange(30) % 5, np.arange(40) * 7 % 5
    wanted = np.mean([average_precision(scores[i], g == q[i]) for i in range(30)])
    for offset in (BIG, 2**60):
        big = [np.array([int(x) + offset for x in labels], dtype=kind)
               for labels, kind in zip((q, g), kinds, strict=True)]
        assert mean_average_precision(scores, *big) == pytest.approx(wanted)


def test_accuracy_tells_large_integers_apart():
    truth = np.array([BIG, BIG + 1, BIG + 1, BIG], dtype=np.uint64)
    guess = np.array([BIG, BIG, BIG + 1, BIG + 1], dtype=np.int64)
    assert micro_accuracy(truth, guess) == .5
    assert per_class_accuracy(truth, guess) == .5
    assert class_accuracies(truth, guess.astype(object), [BIG, BIG + 1]).tolist() == [.5, .5]
    assert micro_accuracy([float(BIG)], [BIG + 1]) == 0
    with pytest.raises(ValueError, match="one type"):
        micro_accuracy(["1"], [1])
    with pytest.raises(ValueError, match="row 1"):
        micro_accuracy(["a", None], ["a", "b"])


def test_codes_are_equal_exactly_where_labels_are():
    rng = np.random.default_rng(1)
    pool = [0, 1, BIG, BIG + 1, 2**63 - 1]
    kinds = [np.int64, np.uint64, object]
    for _ in range(20):
        arrays = [np.array(rng.choice(len(pool), 6)) for _ in range(3)]
        given = [np.array([pool[i] for i in a], dtype=k)
                 for a, k in zip(arrays, kinds, strict=True)]
        codes = common_codes(*given)
        flat, plain = np.concatenate(codes), np.concatenate(arrays)
        np.testing.assert_array_equal(flat[:, None] == flat, plain[:, None] == plain)


def test_nothing_warns_on_ordinary_labels():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        samples(LABELS)
        named(["a", "b"])
