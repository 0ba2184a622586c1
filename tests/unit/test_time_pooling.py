"""Clips as vectors by temporal attention that is trained on training rows."""

import pickle
from copy import copy
from dataclasses import replace

import numpy as np
import pytest
from complaints import complaint

from crossalign.data.clip_options import POOLS
from crossalign.data.supervision import Supervision, supervised
from crossalign.data.time_pooling import TimePool, pooled
from crossalign.evaluation import fit_for, score_fitted
from crossalign.labels import NO_CLASS
from crossalign.models import RidgeMap
from crossalign.preprocessing.frames import reordered, shuffled_frames, single_frames
from crossalign.preprocessing.pooling import POOLINGS, TIME, mean_token
from crossalign.tasks import Fitted
from crossalign.types import Benchmark, Classes, Views

FRAMES, WIDTH = 6, 4


def clips(n, seed):
    """Clips of two classes that hold the same frames: noise, and within it one before another."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    x = 0.1 * rng.normal(size=(n, FRAMES, WIDTH)).astype(np.float32)
    lengths = rng.integers(4, FRAMES + 1, size=n)
    for i, label in enumerate(labels):
        first, second = np.sort(rng.choice(lengths[i], 2, replace=False))
        x[i, first, label] += 3
        x[i, second, 1 - label] += 3
    mask = np.arange(FRAMES) < lengths[:, None]
    return Views({"clip": x}, labels, ids=np.arange(n) + 1000 * seed, masks={"clip": mask})


def bench(validation=True):
    classes = Classes(np.eye(3)[:2], np.array([True, True]), ("before", "after"))
    made = Benchmark("clips", "caption", {"train": clips(200, 0), "test_seen": clips(60, 1)},
                     classes, said=Said())
    return replace(made, validation_split=Inner()) if validation else made


class Inner:
    def __call__(self):
        return replace(bench(validation=False), splits={"train": clips(120, 2),
                                                        "test_seen": clips(30, 3)})


def Said():
    from crossalign.types import Captions
    ids = tuple(i + 1000 * seed for seed in range(4) for i in range(200))
    return Captions(ids, tuple(("a clip",) for _ in ids))


def nearest(train, test):
    """Accuracy of the nearest class mean."""
    means = np.stack([train["clip"][train.truth == c].mean(axis=0) for c in (0, 1)])
    distances = ((test["clip"][:, None] - means) ** 2).sum(axis=2)
    return (distances.argmin(axis=1) == test.truth).mean()


def test_order_is_learnt_where_the_mean_holds_none():
    whole = bench()
    ordered, forgotten = pooled(whole, "time"), pooled(whole, "mean")
    assert ordered["train"].kind("clip") == "vectors"
    assert not ordered["train"].masks
    assert ordered.protocol["tokens"] == "pooled: time"
    assert nearest(ordered["train"], ordered["test_seen"]) > 0.95
    assert nearest(forgotten["train"], forgotten["test_seen"]) < 0.7
    broken = pooled(reordered(whole, "clip", "shuffled"), "time")
    assert nearest(broken["train"], broken["test_seen"]) < 0.7
    inner = ordered.validation()
    assert nearest(inner["train"], inner["test_seen"]) > 0.9
    # validation learns from its own rows
    again = TimePool.fit(whole.validation()["train"], "clip", whole.classes)
    given = whole.validation()["test_seen"]
    np.testing.assert_allclose(again(given["clip"], given.masks["clip"]),
                               inner["test_seen"]["clip"], rtol=1e-4, atol=1e-5)
    pickle.loads(pickle.dumps(ordered)).validation()


def test_test_rows_teach_nothing():
    whole = bench(validation=False)
    other = replace(whole, splits={**whole.splits, "test_seen": clips(60, 3)})
    np.testing.assert_array_equal(pooled(whole, "time")["train"]["clip"],
                                  pooled(other, "time")["train"]["clip"])


def test_shuffling_changes_ordered_pooling_and_not_the_mean():
    train = clips(100, 0)
    x, mask = train["clip"], train.masks["clip"]
    pool = TimePool.fit(train, "clip", epochs=2)
    turned, same = shuffled_frames(x, mask, train.ids, seed=3)
    np.testing.assert_allclose(mean_token(turned, same), mean_token(x, mask), atol=1e-6)
    assert np.abs(pool(turned, same) - pool(x, mask)).max() > 0.01
    for i in range(len(x)):                      # the same frames, in another order
        np.testing.assert_array_equal(np.sort(turned[i][same[i]], axis=0),
                                      np.sort(x[i][mask[i]], axis=0))
    np.testing.assert_array_equal(same, mask)
    assert (turned != x).any(axis=(1, 2)).mean() > 0.8
    some = np.arange(100)[::-3]                  # a clip has its order wherever it stands
    again, _ = shuffled_frames(x[some], mask[some], train.ids[some], seed=3)
    np.testing.assert_array_equal(again, turned[some])
    other, _ = shuffled_frames(x, mask, train.ids, seed=4)
    assert (other != turned).any(axis=(1, 2)).mean() > 0.8


def test_a_clip_is_shuffled_alike_in_every_split():
    whole = bench(validation=False)
    some = np.arange(0, len(whole["test_seen"]), 2)[::-1]
    part = replace(whole, splits={**whole.splits, "test_seen": whole["test_seen"][some]})
    one, other = (reordered(of, "clip", "shuffled")["test_seen"]["clip"] for of in (whole, part))
    np.testing.assert_array_equal(one[some], other)


def test_the_names_of_poolings_are_those_there_are():
    assert (*POOLINGS, TIME) == POOLS


def test_single_frames_are_the_middle_ones():
    train = clips(20, 0)
    x, mask = train["clip"], train.masks["clip"]
    alone, there = single_frames(x, mask)
    assert alone.shape == (20, 1, WIDTH)
    assert there.all()
    for i in range(20):
        real = x[i][mask[i]]
        np.testing.assert_array_equal(alone[i, 0], real[(len(real) - 1) // 2])
    complaint(lambda: reordered(bench(), "clip", "backwards"), "order: got 'backwards'", "shuffled")
    complaint(lambda: reordered(bench(), "text", "single"), "modality: got 'text'", "['clip']")


def test_one_modality_loses_its_order_and_the_others_stay():
    whole, train = bench(validation=False), clips(20, 0)
    both = Views({"clip": train["clip"], "words": train["clip"]}, train.truth)
    made = reordered(replace(whole, splits={"train": both, "test_seen": clips(20, 1)}), "clip",
                     "shuffled")
    np.testing.assert_array_equal(made["train"]["words"], both["words"])
    assert (made["train"]["clip"] != both["clip"]).any()
    assert made.protocol["frames"] == "clip: shuffled"


def test_frames_of_tokens_are_averaged_within_a_frame():
    train = clips(40, 0)
    x, mask = train["clip"], train.masks["clip"]
    inner = np.stack([x, x, np.full_like(x, 9)], axis=2)                    # (n, f, 3, d)
    real = np.stack([mask, mask, np.zeros_like(mask)], axis=2)
    frames = Views({"clip": inner}, train.truth, masks={"clip": real})
    found = TimePool.fit(frames, "clip", epochs=1)(inner, real)
    np.testing.assert_allclose(found, TimePool.fit(train, "clip", epochs=1)(x, mask), atol=1e-3)


def test_without_labels_the_other_modality_teaches():
    train = clips(160, 0)
    other = np.eye(2, dtype=np.float32)[train.truth] + 0.01
    pairs = Views({"clip": train["clip"], "text": other}, masks=train.masks)
    pool, test = TimePool.fit(pairs, "clip"), clips(60, 1)
    as_vectors = [Views({"clip": pool(v["clip"], v.masks["clip"])}, v.truth) for v in (train, test)]
    assert nearest(*as_vectors) > 0.9
    complaint(lambda: TimePool.fit(train.with_labels(None), "clip"),
              "pool: 'time' learns from classes", "choose mean or flat")


def test_samples_without_a_class_among_others_teach_nothing():
    train, classes = clips(40, 0), bench().classes
    x, mask = train["clip"], train.masks["clip"]
    some = np.arange(40) < 24
    partly = train.with_labels(np.where(some, train.truth, NO_CLASS))
    pools = [TimePool.fit(views, "clip", classes, epochs=1) for views in (partly, train[some])]
    np.testing.assert_array_equal(*(pool(x, mask) for pool in pools))
    complaint(lambda: TimePool.fit(train.with_labels(np.full(40, NO_CLASS)), "clip", classes),
              "pool: 'time' learns from classes")


def test_what_is_refused():
    complaint(lambda: pooled(bench(), "max"), "pool: got 'max'", "'time'")
    vectors = pooled(bench(), "mean")
    complaint(lambda: pooled(vectors, "time"), "has no tokens to pool")
    from crossalign import data
    searched = data.load("glyphs", "retrieval")
    learnt = replace(searched, protocol={**searched.protocol, "tokens": "pooled: time"})
    complaint(lambda: supervised(learnt, Supervision(pairs=20)),
              "pool: 'time' was learnt from all training rows", "mean or flat")


def test_a_pool_is_kept_as_a_file(tmp_path):
    train = clips(40, 0)
    pool = TimePool.fit(train, "clip", dim=16, epochs=1)
    pool.save(tmp_path / "pool.safetensors")
    again = TimePool.load(tmp_path / "pool.safetensors")
    x, mask = train["clip"], train.masks["clip"]
    np.testing.assert_array_equal(again(x, mask), pool(x, mask))
    anything = np.where(mask[..., None], x, np.nan)
    np.testing.assert_array_equal(pool(anything, mask), pool(x, mask))
    assert again(x[:0]).shape == (0, 16)
    complaint(lambda: pool(x[..., :2]), "x: shape (40, 6, 2)", "(n, f, 4)")
    (tmp_path / "other").write_bytes(b"nothing")
    for name in ("other", "missing"):
        complaint(lambda name=name: TimePool.load(tmp_path / name), "holds no temporal attention",
                  "give one that save wrote")


# -- what a fitted model keeps ------------------------------------------------------------------
def recognised():
    """Clips of two seen classes, and one that is unseen."""
    classes = Classes(np.eye(3), np.array([True, True, False]), ("before", "after", "other"))
    other = clips(20, 2).with_labels(np.full(20, 2))
    return Benchmark("clips", "gzsl", {"train": clips(200, 0), "test_seen": clips(60, 1),
                                       "test_unseen": other}, classes,
                     validation_split=recognised)


@pytest.fixture(scope="module")
def fitted():
    made = pooled(recognised(), "time")
    return made, fit_for(RidgeMap(alpha=1.0), made, task="gzsl", tune=False)


def test_a_fitted_model_keeps_its_pool(fitted, tmp_path):
    made, one = fitted
    assert one.pools == made.pools
    again = Fitted.load(one.save(tmp_path / "fitted"))
    whole = recognised()
    later, of_vectors = whole["test_seen"], made["test_seen"]
    np.testing.assert_array_equal(again.pools["clip"](later["clip"], later.masks["clip"]),
                                  of_vectors["clip"])
    full = later.masks["clip"].all(axis=1)
    for of in (one, again):                        # frames are pooled, and vectors stay
        for X in (later, of_vectors):
            np.testing.assert_array_equal(of.predict(X), one.predict(of_vectors))
        np.testing.assert_allclose(of.decision_function(later["clip"][full]),
                                   of.decision_function(later[full]), rtol=1e-4, atol=1e-5)
    assert score_fitted(again, whole).scores == score_fitted(one, made).scores
    other = recognised()                           # whatever they learnt from is not asked
    other = replace(other, splits={**other.splits, "train": clips(30, 5)})
    np.testing.assert_array_equal(pooled(other, again.pools)["test_seen"]["clip"],
                                  of_vectors["clip"])
    assert pooled(other, again.pools).protocol["tokens"] == "pooled: time"


@pytest.mark.parametrize("how", ["mean", "flat"])
def test_a_pool_that_is_a_formula_is_kept_by_its_name(tmp_path, how):
    made = pooled(recognised(), how)
    one = fit_for(RidgeMap(alpha=1.0), made, task="gzsl", tune=False)
    again = Fitted.load(one.save(tmp_path / "fitted"))
    assert again.pools == {"clip": how}
    np.testing.assert_array_equal(again.predict(recognised()["test_seen"]),
                                  one.predict(made["test_seen"]))


def test_weights_of_another_network_are_refused(fitted, tmp_path):
    weights = fitted[0].pools["clip"].arrays()
    del weights["norm.bias"]
    with pytest.raises(RuntimeError, match=r"norm\.bias"):
        TimePool.from_arrays(weights)
    one = copy(fitted[1])
    one.pools = {"clip": TimePool.from_arrays(fitted[0].pools["clip"].arrays())}
    one.pools["clip"].arrays = lambda: weights
    complaint(lambda: Fitted.load(one.save(tmp_path / "fitted")), "is damaged or was edited")
