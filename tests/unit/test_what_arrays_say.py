"""Arrays, row numbers and settings that would be read as something else are refused."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import torch

from crossalign import Classes, Views, evaluate, load, models
from crossalign.evaluation.protocols import with_options
from crossalign.index import ExactIndex, FaissIndex
from crossalign.index.hamming import HammingIndex
from crossalign.reading import expanded
from crossalign.tasks import ZeroShot
from crossalign.types import Benchmark

RNG = np.random.default_rng(0)
LABELS = np.repeat(np.arange(4), 10)
ROWS = RNG.standard_normal((40, 5)).astype(np.float32)
CLASSES = Classes(RNG.standard_normal((6, 3)), [1, 1, 1, 1, 0, 0], tuple("abcdef"))


def bench() -> Benchmark:
    test = Views({"image": ROWS[:4]}, [4, 4, 5, 5], ids=np.arange(100, 104))
    return Benchmark("b", "zsl", {"train": Views({"image": ROWS}, LABELS), "test_unseen": test},
                     CLASSES)


# -- values that are no numbers ------------------------------------------------------------------
@pytest.mark.parametrize("rows", [
    np.arange(8).reshape(4, 2).astype("M8[s]"), np.arange(8).reshape(4, 2).astype("m8[D]"),
    np.ones((4, 2), complex), np.zeros((4, 2), [("a", float)])])
def test_dates_spans_and_records_are_no_features(rows):
    with pytest.raises(ValueError, match="not an array of numbers"):
        Views({"image": rows})


def test_masked_numbers_are_not_read_as_what_lies_below_the_mask():
    rows = np.ma.masked_array(ROWS, ROWS > 1)
    model = models.CCA().fit(Views({"image": ROWS, "text": ROWS[:, :3]}))
    with pytest.raises(ValueError, match=f"{int((ROWS > 1).sum())} masked numbers"):
        Views({"image": rows})
    with pytest.raises(ValueError, match="masked numbers"):
        model.embed(rows, "image")
    with pytest.raises(ValueError, match="masked numbers"):
        Classes(np.ma.masked_array(np.ones((2, 2)), np.eye(2)), [True, False])


def test_a_mask_that_hides_nothing_is_no_matter():
    views = Views({"image": np.ma.masked_array(ROWS)}, np.ma.masked_array(LABELS))
    np.testing.assert_array_equal(views["image"], ROWS)
    np.testing.assert_array_equal(views.labels, LABELS)


def test_masked_labels_are_missing():
    with pytest.raises(ValueError, match="masked labels in rows 30, 31"):
        Views({"image": ROWS}, np.ma.masked_array(LABELS, LABELS == 3))


def test_tensors_that_record_gradients_are_refused_in_a_sentence():
    with pytest.raises(ValueError, match="detach"):
        Views({"image": torch.ones(4, 2, requires_grad=True)})
    np.testing.assert_array_equal(Views({"image": torch.ones(4, 2)})["image"], np.ones((4, 2)))


def test_numbers_beyond_float32_are_refused_without_a_warning_of_another_library():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match="row 1 holds NaN or infinity in float32"):
            Views({"image": [[1.0, 2.0], [1e300, 2.0]]})
        Views({"image": [[1.0, 2.0], [1e300, 2.0]]}, present={"image": [True, False]})


def test_presence_is_one_bool_per_sample():
    with pytest.raises(ValueError, match=r"present\['image'\]: shape \(40, 2\)"):
        Views({"image": ROWS}, present={"image": np.ones((40, 2), bool)})


# -- which rows ----------------------------------------------------------------------------------
def test_a_mask_chooses_the_rows_where_it_is_true():
    assert CLASSES.take(CLASSES.unseen).names == ("e", "f")
    views = Views({"image": ROWS}, LABELS)
    np.testing.assert_array_equal(views.take(LABELS == 2)["image"], ROWS[LABELS == 2])
    np.testing.assert_array_equal(views[LABELS == 2].ids, np.flatnonzero(LABELS == 2))


@pytest.mark.parametrize("rows", [[0.5, 1.7], [[0, 1], [2, 3]], None, ["0"], [40], [-41],
                                  [True, False]])
def test_rows_that_are_none_are_refused(rows):
    views = Views({"image": ROWS}, LABELS)
    for call in (lambda: views.take(rows), lambda: CLASSES.take(rows)):
        with pytest.raises(IndexError):
            call()


def test_rows_from_the_end_none_and_a_single_one():
    views = Views({"image": ROWS}, LABELS)
    assert views[-1].ids.tolist() == [39]
    assert len(views[[]]) == len(CLASSES.take([])) == 0
    assert CLASSES.take(-1).names == ("f",)


# -- labels of arrays ----------------------------------------------------------------------------
@pytest.mark.parametrize("model", [models.ESZSL()])
@pytest.mark.parametrize(("labels", "match"), [
    (LABELS + 2, "unseen class 'e'"),
    (LABELS + 6, "outside the 6 classes"), (LABELS - 1, "-1, which is no class"),
    (LABELS + 0.5, "fractions")])
def test_labels_beside_an_array_are_checked_as_those_of_views(model, labels, match):
    with pytest.raises(ValueError, match=match):
        model.fit(ROWS, labels, classes=CLASSES)
    with pytest.raises(ValueError, match=match):
        model.fit(Views({"image": ROWS}, labels), classes=CLASSES)


def test_an_array_and_views_of_it_give_the_same_scores():
    array = models.ESZSL().fit(ROWS, LABELS, classes=CLASSES)
    views = models.ESZSL().fit(Views({"image": ROWS}, LABELS), classes=CLASSES)
    np.testing.assert_array_equal(array.decision_function(ROWS), views.decision_function(ROWS))


@pytest.mark.parametrize("model", [models.ESZSL(), models.GFZSL()])
def test_classes_of_another_width_are_refused_by_the_width_of_training(model):
    fitted = model.fit(Views({"image": ROWS}, LABELS), classes=CLASSES)
    with pytest.raises(ValueError, match=r"classes: embeddings of shape \(2, 7\); give \(C, 3\)"):
        fitted.decision_function(ROWS, classes=Classes(np.ones((2, 7)), [False, False]))


def test_classes_that_are_added_are_as_wide_as_the_others():
    fitted = models.RidgeMap().fit(Views({"image": ROWS}, LABELS), classes=CLASSES)
    task = ZeroShot(fitted).fit(Views({"image": ROWS}, LABELS), CLASSES)
    with pytest.raises(ValueError, match="the width of training"):
        task.add_classes(Classes(np.ones((2, 7)), [False, False]))


# -- settings ------------------------------------------------------------------------------------
@pytest.mark.parametrize("k", [2.5, True, 0, -1, "3", None])
@pytest.mark.parametrize("index", [ExactIndex(16), FaissIndex(16), HammingIndex(16)])
def test_neighbours_are_counted_in_whole_numbers(index, k):
    index.add(np.ones((4, 16), np.float32) if index.__class__ is not HammingIndex
              else np.ones((4, 2), np.uint8))
    queries = (np.ones((1, 16), np.float32) if index.__class__ is not HammingIndex
               else np.ones((1, 2), np.uint8))
    with pytest.raises(ValueError, match="k: got"):
        index.search(queries, k)


@pytest.mark.parametrize(("seeds", "match"), [
    (1.5, "whole numbers"), ([0.5], "whole numbers"), ("ab", "whole numbers"), ([], "at least one"),
    ([0, 0], "stands twice"), (None, "whole numbers")])
def test_runs_are_counted_once_and_in_whole_numbers(seeds, match):
    with pytest.raises(ValueError, match=f"seeds: got .*{match}"):
        evaluate(models.ESZSL(), bench(), seeds, pictures=False)


def test_runs_may_be_counted_by_numpy():
    report = evaluate(models.ESZSL(), bench(), np.int64(2), pictures=False)
    assert list(report.seeds) == [0, 1]


@pytest.mark.parametrize(("tune", "match"), [
    ({"alhpa": [1]}, "'alhpa' is no parameter of eszsl"), ({"scaling": "l2"}, "list of values"),
    ({"alpha": []}, "list of values"), ({"alpha": 3}, "list of values")])
def test_what_is_tuned_is_a_parameter_with_values(tune, match):
    with pytest.raises(ValueError, match=match):
        evaluate(models.ESZSL(), bench(), tune=tune, pictures=False)


@pytest.mark.parametrize("model", ["eszsl", models.ESZSL, None])
def test_a_model_is_an_estimator(model):
    with pytest.raises(ValueError, match="give an estimator"):
        evaluate(model, bench(), pictures=False)


def test_the_best_epoch_on_test_is_of_gzsl_alone():
    with pytest.raises(ValueError, match="best_epoch: got True for zsl; it is an option of gzsl"):
        with_options("zsl", best_epoch=True)


def test_an_empty_path_is_not_the_folder_one_is_in():
    for call in (lambda: models.CCA().save(""), lambda: expanded(""), lambda: load("")):
        with pytest.raises(ValueError, match="the path is empty"):
            call()
    assert expanded(".") == Path(".")


def test_a_mask_that_overlaps_a_list_is_called_one(tmp_path):
    labels, att = np.repeat(np.arange(1, 5), 6), RNG.standard_normal((3, 4))
    scipy.io.savemat(tmp_path / "res101.mat", {"features": att[:, labels - 1], "labels": labels})
    scipy.io.savemat(tmp_path / "att_splits.mat", {
        "att": att, "trainval_loc": np.arange(24) < 12, "test_seen_loc": np.arange(12, 15),
        "test_unseen_loc": np.arange(15, 25)})
    with pytest.raises(ValueError, match=r"trainval_loc \(a logical mask\): 1 rows also stand in "
                                         "test_seen_loc"):
        load(tmp_path)


# -- what float32 cannot hold --------------------------------------------------------------------
def test_what_float32_cannot_hold_stands_in_the_report():
    fine, far = bench(), ROWS.astype(np.float64).copy()
    far[:, 2] = 1e9 + far[:, 2]
    with pytest.warns(UserWarning, match="data.'image'.: float32 cannot hold"):
        train = Views({"image": far}, LABELS)
    with pytest.warns(UserWarning, match="embeddings: float32 cannot hold"):
        classes = Classes(1e9 + RNG.standard_normal((6, 3)), CLASSES.seen)
    worse = Benchmark("b", "zsl", {**fine.splits, "train": train[5:]}, classes)
    noted = evaluate(models.ESZSL(), worse, tune=False).protocol["noted"]
    (kind, told), = noted.items()
    assert kind == "differences_lost_in_float32"
    assert told["count"] == 2
    assert told["first"][0].startswith("data['image'] (1 of 5 columns; column 2 lies between ")
    assert told["first"][1].startswith("embeddings (3 of 3 columns; ")
    assert "noted" not in evaluate(models.ESZSL(), fine, tune=False).protocol


def test_what_float32_cannot_hold_of_files_stands_in_the_protocol(tmp_path):
    far = RNG.standard_normal((60, 5))
    far[:, 1] += 1e9
    np.savez(tmp_path / "p.npz", image=far, text=far[:, 2:], labels=np.repeat(np.arange(6), 10))
    with pytest.warns(UserWarning, match="float32 cannot hold"):
        there = load(tmp_path / "p.npz")
    told = there.protocol["noted"]["differences_lost_in_float32"]
    assert told["count"] == 1
    assert "image" in told["first"][0]
    report = evaluate(models.CCA(n_components=2), there, 2, tune=False)
    assert report.protocol["noted"]["differences_lost_in_float32"] == told
