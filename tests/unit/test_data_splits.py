"""Splits: the leak of the public lists, validation without it, fixed class splits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from crossalign.data.formats.matlab import read_mat
from crossalign.data.splits import (
    assert_disjoint,
    class_splits,
    gzsl_validation,
    hold_out,
    leak,
    random_keys,
    sempcyc_sketchy_unseen,
    validation_rows,
)
from crossalign.data.splits.sketchy_classes import SKETCHY_CLASSES

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


def test_keys_are_the_same_on_every_numpy():
    # PCG64 seeded by SeedSequence: both streams are fixed by NEP 19, so these are constants.
    assert random_keys(3, 0).tolist() == [11749869230777074271, 4976686463289251617,
                                          755828109848996024]
    assert random_keys(0, 0).shape == (0,)
    np.testing.assert_array_equal(random_keys(9, 1, 2)[:4], random_keys(4, 1, 2))


# -- rows --------------------------------------------------------------------------------------
@pytest.mark.parametrize("fraction", [.2, .25, .5])
def test_hold_out_takes_its_share_of_every_class(fraction):
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(5), [1, 2, 10, 20, 41])
    rng.shuffle(labels)
    held = hold_out(labels, fraction, seed=4)
    for c, size in enumerate([1, 2, 10, 20, 41]):
        expected = 0 if size == 1 else max(1, round(fraction * size))
        assert held[labels == c].sum() == expected
    np.testing.assert_array_equal(held, hold_out(labels, fraction, seed=4))
    assert (held != hold_out(labels, fraction, seed=5)).any()


@pytest.mark.parametrize("fraction", [0, 1, -.1, 2])
def test_hold_out_refuses_a_fraction_that_leaves_a_side_empty(fraction):
    with pytest.raises(ValueError, match="strictly between"):
        hold_out([0, 0, 1, 1], fraction)


def test_validation_rows_avoid_the_test_that_the_lists_contain():
    labels = np.repeat(np.arange(6), 10)
    of = labels.argsort(kind="stable").reshape(6, 10)
    trainval, test = of[:4, :7].ravel(), of[:4, 7:].ravel()
    rows = validation_rows(trainval, of[:3].ravel(), of[3].ravel(), labels, fraction=.3)
    np.testing.assert_array_equal(rows["test_unseen"], of[3, :7])
    assert [np.sum(labels[rows["test_seen"]] == c) for c in range(3)] == [2, 2, 2]
    together = np.concatenate(list(rows.values()))
    assert sorted(together) == sorted(trainval)
    assert not np.isin(together, test).any()
    assert_disjoint(**rows)


def test_validation_rows_that_cannot_be_made():
    labels = np.repeat(np.arange(3), 4)
    with pytest.raises(ValueError, match="train_loc: shares no row"):
        validation_rows(np.arange(4, 8), np.arange(4), np.arange(4, 8), labels)
    with pytest.raises(ValueError, match="val_loc: 1 classes, for example 1"):
        validation_rows(np.arange(12), np.arange(6), np.arange(6, 8), labels)


def test_validation_classes_drawn_from_the_seen():
    labels = np.repeat([3, 5, 7, 9, 11, 13, 15, 17], 10)
    rows = gzsl_validation(labels, seed=2)
    assert len(np.unique(labels[rows["test_unseen"]])) == 2
    assert not np.intersect1d(labels[rows["train"]], labels[rows["test_unseen"]]).size
    np.testing.assert_array_equal(np.unique(labels[rows["train"]]),
                                  np.unique(labels[rows["test_seen"]]))
    assert [len(rows[s]) for s in ("train", "test_seen", "test_unseen")] == [48, 12, 20]
    subset = gzsl_validation(labels, [3, 5, 7], n_unseen=1)
    assert set(labels[np.concatenate(list(subset.values()))]) == {3, 5, 7}
    with pytest.raises(ValueError, match="class 4 has no training row"):
        gzsl_validation(labels, [3, 4])
    with pytest.raises(ValueError, match="n_unseen: got 8 of 8"):
        gzsl_validation(labels, n_unseen=8)


def test_overlaps_and_leaks_are_named_with_their_counts():
    assert_disjoint(train=[0, 1], query=[2], gallery=[3, 4])
    with pytest.raises(ValueError, match=r"query: 2 rows also stand in gallery, .* row 3"):
        assert_disjoint(train=[0, 1], query=[2, 3, 4], gallery=[3, 4])
    assert leak([0, 1, 2], [3, 4], [2, 3, 9]) == {"train_loc": 1, "val_loc": 1, "union": 2,
                                                  "test": 3}
    assert leak([0, 1], [3, 4], [5, 6])["union"] == 0


# -- classes -----------------------------------------------------------------------------------
def test_class_splits_are_halves_and_do_not_move():
    seen = class_splits(10)
    assert seen.shape == (10, 10)
    assert (seen.sum(axis=1) == 5).all()
    assert len({tuple(row) for row in seen.tolist()}) == 10
    np.testing.assert_array_equal(class_splits(10, runs=3), seen[:3])
    assert (class_splits(10, seed=1) != seen).any()
    assert class_splits(5, runs=2).sum(axis=1).tolist() == [3, 3]
    assert class_splits(20, n_seen=15, runs=2).sum(axis=1).tolist() == [15, 15]
    # The shipped list: unseen classes of the ten splits of ten classes.
    unseen = ["".join(str(c) for c in np.flatnonzero(~row)) for row in seen]
    assert unseen == UNSEEN_OF_TEN
    with pytest.raises(ValueError, match="n_seen: got 10 of 10"):
        class_splits(10, 10)


UNSEEN_OF_TEN = ["04579", "02368", "12578", "01257", "04678", "12579", "23456", "12459", "01678",
                 "01349"]


def test_sempcyc_classes_from_seed_zero():
    assert len(SKETCHY_CLASSES) == len(set(SKETCHY_CLASSES)) == 125
    assert list(SKETCHY_CLASSES) == sorted(SKETCHY_CLASSES)
    assert " ".join(sempcyc_sketchy_unseen()) == (
        "bear bell cannon door eyeglasses geyser guitar hamburger jack-o-lantern lobster "
        "motorcycle mushroom pear racket rhinoceros saw saxophone spoon squirrel tank teapot tiger "
        "trumpet violin wheelchair")


# -- real split files --------------------------------------------------------------------------
def real_lists(name):
    file = SHARED / ("CUB" if name == "CUB" else f"splits/{name}") / "att_splits.mat"
    if not file.is_file():
        pytest.skip(f"the shared split file of {name} is absent")
    stored = read_mat(file)
    return {key: value.ravel().astype(np.int64) - 1 for key, value in stored.items()
            if key.endswith("_loc")}, stored["att"].shape


@pytest.mark.shared
@pytest.mark.parametrize(("name", "sizes", "att"), [
    ("CUB", (7057, 1764, 2967), (312, 200)), ("SUN", (10320, 2580, 1440), (102, 717)),
    ("AWA1", (19832, 4958, 5685), (85, 50)), ("AWA2", (23527, 5882, 7913), (85, 50)),
])
def test_published_counts_of_the_proposed_split(name, sizes, att):
    lists, shape = real_lists(name)
    parts = {k: lists[k] for k in ("trainval_loc", "test_seen_loc", "test_unseen_loc")}
    assert tuple(len(rows) for rows in parts.values()) == sizes
    assert shape == att
    assert_disjoint(**parts)
    together = np.sort(np.concatenate(list(parts.values())))
    np.testing.assert_array_equal(together, np.arange(len(together)))


@pytest.mark.shared
def test_raw_cub_lists_hold_every_seen_test_row():
    lists, _ = real_lists("CUB")
    assert leak(lists["train_loc"], lists["val_loc"], lists["test_seen_loc"]) == {
        "train_loc": 1173, "val_loc": 591, "union": 1764, "test": 1764}
    assert leak(lists["train_loc"], lists["val_loc"], lists["test_unseen_loc"])["union"] == 0


@pytest.mark.shared
def test_the_stored_awa1_lists_are_already_cut_to_trainval():
    lists, _ = real_lists("AWA1")
    assert leak(lists["train_loc"], lists["val_loc"], lists["test_seen_loc"])["union"] == 0
    assert len(np.intersect1d(lists["val_loc"], lists["trainval_loc"])) == 6372
    assert len(np.intersect1d(lists["train_loc"], lists["trainval_loc"])) == 13460
