"""Numbers, flags, frames and masks on the way in: kept, or refused in one sentence."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from complaints import complaint
from scipy import sparse

from crossalign.arrays import evenly, flags, float32
from crossalign.data.sources.pairs.source import load_pairs
from crossalign.models import RidgeMap
from crossalign.types import Classes, Views

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(6, 3))


# -- float32 -----------------------------------------------------------------------------------
@pytest.mark.parametrize("offset", [1e6, 1e9, -1e9, 1e11])
def test_an_offset_that_float32_cannot_hold_is_said(offset):
    rows = ROWS.copy()
    rows[:, 1] += offset
    with pytest.warns(UserWarning, match=r"data\['image'\]: .* 1 of 3 .* column 1 .*subtract"):
        Views({"image": rows})
    with pytest.warns(UserWarning, match="embeddings: .* column 1"):
        Classes(rows, np.ones(6, bool))


def test_offsets_of_tokens_and_of_whole_numbers_are_said():
    with pytest.warns(UserWarning, match="3 of 3 columns"):
        Views({"text": RNG.normal(size=(2, 4, 3)) + 1e9})
    with pytest.warns(UserWarning, match="column 0"):
        Views({"id": np.array([[2**40], [2**40 + 1]])})


@pytest.mark.parametrize("rows", [
    ROWS, ROWS * 1e9, ROWS + 100, np.full((5, 2), 1e12), np.zeros((4, 2)),
    np.full((6, 2), .1) * (1 + 1e-15 * ROWS[:, :2]), (ROWS + 1e9).astype(np.float32),
    np.arange(12).reshape(6, 2), np.array([[1e9, 1.], [0., 2.]])])
def test_nothing_is_said_where_nothing_is_lost(rows):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        got = Views({"image": rows})["image"]
    spread = rows.astype(float).std(axis=0)
    np.testing.assert_allclose(got.astype(float).std(axis=0), spread, rtol=1e-4, atol=1e-6)


def test_rows_that_are_asked_later_are_said_too():
    model = RidgeMap().fit(Views({"image": ROWS, "text": ROWS @ RNG.normal(size=(3, 2))}))
    with pytest.warns(UserWarning, match="'image'.*float32"):
        model.embed(ROWS + 1e9, "image")


def test_validation_of_a_map_on_disk_says_it(tmp_path, monkeypatch):
    from crossalign import data
    from crossalign.data.formats import npy as tables

    monkeypatch.setattr(tables, "MEMORY_MAP_BYTES", 100)
    np.savez(tmp_path / "a.npz", labels=np.arange(40) % 4, image=RNG.normal(size=(40, 3)) + 1e9,
             text=RNG.normal(size=(40, 3)).astype(np.float32))
    monkeypatch.setattr("crossalign.data.formats.npz.MEMORY_MAP_BYTES", 100)
    with pytest.warns(UserWarning, match="image: float32"):
        data.validate(tmp_path / "a.npz")


@pytest.mark.parametrize("make", [sparse.csr_matrix, sparse.coo_array, sparse.csc_array])
def test_sparse_rows_are_refused_by_name(make):
    complaint(lambda: Views({"text": make(np.eye(3))}), "data['text']", "sparse", "toarray()")
    model = RidgeMap().fit(Views({"image": ROWS, "text": ROWS[:, :2]}))
    complaint(lambda: model.embed(make(ROWS), "image"), "sparse")
    complaint(lambda: Classes(make(np.eye(3)), np.ones(3, bool)), "embeddings", "sparse")


def test_complex_numbers_are_refused():
    complaint(lambda: float32(np.ones((2, 2)) * 1j, "x"), "complex")


# -- flags -------------------------------------------------------------------------------------
@pytest.mark.parametrize("seen", [[0, 1, 2], [2, 0, 1], [0, 2, 2], [0.5, 1, 1], ["a", "b", "c"]])
def test_row_numbers_are_not_read_as_flags(seen):
    complaint(lambda: Classes(np.eye(3), seen), "seen", "np.isin")


def test_two_numbers_may_be_rows_or_flags_and_are_refused():
    complaint(lambda: Classes(np.eye(2), [0, 1]), "seen", "[0, 1]")
    complaint(lambda: Classes(np.eye(3), np.ones(3, bool)).take([0, 1], [1, 0]), "seen")


def test_flags_are_read():
    for seen in ([1, 1, 0], [True, True, False], np.array([1., 1., 0.]),
                 pd.Series([True, True, False]), np.array([True, True, False], dtype=object)):
        assert flags(seen, "seen").tolist() == [True, True, False]
    complaint(lambda: Views({"a": np.eye(3)}, present={"a": [0, 2, 2]}), "present['a']")


# -- frames ------------------------------------------------------------------------------------
def frame(order, names=("u", "v", "w")):
    return pd.DataFrame(ROWS[:3], index=list("abc"), columns=names).loc[list(order)]


def test_frames_whose_indexes_disagree_are_refused():
    complaint(lambda: Views({"image": frame("abc"), "text": frame("bac")}), "data['text']",
              "data['image']", "row 0", "'b' against 'a'")
    complaint(lambda: Views({"image": frame("abc")}, pd.Series([0, 1, 1], index=list("acb"))),
              "labels", "row 1")
    complaint(lambda: Views({"image": frame("abc")}, ids=pd.Series([1, 2, 3], index=list("cba"))),
              "ids")
    complaint(lambda: Views({"image": frame("abc")},
                            present={"image": pd.Series([True] * 3, index=list("cba"))}), "present")
    complaint(lambda: Views({"image": frame("abc")},
                            meta={"file": pd.Series(list("xyz"), index=list("cba"))}), "meta")
    complaint(lambda: Views({"image": pd.DataFrame(ROWS).sort_values(0)},
                            pd.Series(np.arange(6) % 2)), "labels")


def test_frames_that_agree_and_arrays_go_by_position():
    views = Views({"image": frame("bac"), "text": frame("bac"), "other": ROWS[:3]},
                  pd.Series([1, 0, 1], index=list("bac")))
    np.testing.assert_allclose(views["image"], ROWS[[1, 0, 2]], rtol=1e-6)
    assert views.labels.tolist() == [1, 0, 1]
    complaint(lambda: Views({"a": frame("abc"), "b": frame("ab")}), "different numbers")


def test_classes_keep_the_names_of_a_frame():
    classes = Classes(frame("cab"), np.array([True, False, True]))
    assert classes.names == ("c", "a", "b")
    assert classes.take([1]).names == ("a",)
    assert Classes(np.eye(2), pd.Series([True, False], index=["x", "y"])).names == ("x", "y")
    assert Classes(pd.DataFrame(np.eye(2)), [True, True]).names == ("0", "1")
    assert Classes(pd.DataFrame(np.eye(2)), [True, True], ("p", "q")).names == ("p", "q")
    assert Classes(frame("ab"), [True, True], ("a", "b")).names == ("a", "b")
    complaint(lambda: Classes(frame("ab"), [True, True], ("b", "a")), "names", "'b'", "'a'")
    complaint(lambda: Classes(frame("ab"), pd.Series([True, False], index=["b", "a"])), "seen")


# -- masks -------------------------------------------------------------------------------------
def tokens_file(folder, **more):
    tokens, real = RNG.normal(size=(40, 3, 2)), np.ones((40, 3), bool)
    real[::2, 2] = False
    tokens[~real] = np.nan
    np.savez(folder / "a.npz", labels=np.arange(40) % 4, image=tokens, **more,
             text=RNG.normal(size=(40, 2)), mask_image=real)
    return folder / "a.npz", tokens, real


def test_a_mask_in_a_file_is_the_mask_of_its_modality(tmp_path):
    path, tokens, real = tokens_file(tmp_path)
    train = load_pairs(path)["train"]
    assert train.modalities == ("image", "text")
    np.testing.assert_array_equal(train.masks["image"], real[train.ids])
    np.testing.assert_allclose(train["image"][real[train.ids]], tokens[train.ids][real[train.ids]],
                               rtol=1e-6)
    assert (train["image"][~real[train.ids]] == 0).all()
    assert load_pairs(tokens_file(tmp_path, third=np.ones((40, 2)))[0],
                      modalities=("third", "text"))["train"].masks == {}


def test_a_mask_that_does_not_fit_is_named(tmp_path):
    path, _, _ = tokens_file(tmp_path)
    stored = dict(np.load(path))
    np.savez(path, **{**stored, "mask_image": stored["mask_image"][:, :2]})
    complaint(lambda: load_pairs(path), "masks['image']")
    np.savez(path, **stored, mask_text=np.ones((40, 2), bool))
    complaint(lambda: load_pairs(path), "masks['text']")
    np.savez(path, **stored, mask_depth=np.ones((40, 2), bool))
    complaint(lambda: load_pairs(path), "mask_depth", "'depth'")


def test_row_numbers_are_spread_evenly_from_the_first_to_the_last():
    assert evenly(9, 3).tolist() == [0, 4, 8]
    assert evenly(3, 9).tolist() == [0, 1, 2]
    assert evenly(0, 5).tolist() == []
    for n, most in ((1000, 7), (50, 49)):
        steps = np.diff(evenly(n, most))
        assert len(steps) == most - 1
        assert steps.max() - steps.min() <= 1
        assert steps.sum() == n - 1
