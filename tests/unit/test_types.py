import tracemalloc

import numpy as np
import pytest
from complaints import complaint
from sklearn.base import BaseEstimator
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score

from crossalign.models.closed_form.gfzsl import GFZSL
from crossalign.types import Benchmark, Classes, Views, split_id


def views(n=12, d=3, labels=True):
    rng = np.random.default_rng(0)
    return Views({"image": rng.standard_normal((n, d)), "text": rng.standard_normal((n, 2))},
                 np.arange(n) % 3 if labels else None,
                 meta={"caption": [f"s{i}" for i in range(n)]})


def test_rows_are_selected_alike_everywhere():
    v = views()
    mask = np.isin(np.arange(12), range(2, 7))
    for key in (slice(2, 7), [2, 3, 4, 5, 6], mask, [-10, -9, 4, 5, 6]):
        part = v[key]
        np.testing.assert_array_equal(part["image"], v["image"][2:7])
        np.testing.assert_array_equal(part.labels, [2, 0, 1, 2, 0])
        np.testing.assert_array_equal(part.ids, np.arange(2, 7))
        assert list(part.meta["caption"]) == ["s2", "s3", "s4", "s5", "s6"]
    with pytest.raises(IndexError, match="out of range"):
        v[[12]]


def test_memory_map_stays_on_disk(tmp_path):
    path = tmp_path / "x.npy"
    rows = np.random.default_rng(0).standard_normal((50, 4)).astype(np.float32)
    np.save(path, rows)
    v = Views({"image": np.load(path, mmap_mode="r")})
    part = v[np.arange(40, 50)][[0, 2]]
    assert isinstance(part._data["image"], np.memmap)          # nothing was read
    np.testing.assert_array_equal(part["image"], rows[[40, 42]])
    np.testing.assert_array_equal(part.read("image", [1]), rows[[42]])


def test_nothing_is_copied_where_no_sample_changes():
    rows = np.zeros((1 << 14, 64), np.float32)                  # 4 MiB
    v = Views({"image": rows, "text": rows + 1}, np.zeros(len(rows), int))
    other = Views({"sketch": rows + 2}).select("sketch")
    tracemalloc.start()
    same = [v.with_labels(None), v.with_labels(v.labels), v.select("image"), v.beside(other),
            v[:], v.having("text"), v.take(np.arange(len(v))), v[np.ones(len(v), bool)]]
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < rows.nbytes / 2
    assert all(np.shares_memory(part["image"], rows) for part in same)
    assert v.labels is not None
    assert v.modalities == ("image", "text")                    # its own mappings are untouched
    assert not np.shares_memory(v[np.arange(len(v))[::-1]]["image"], rows)


@pytest.mark.parametrize(("values", "kind", "width"), [
    (np.ones((3, 5)), "vectors", 5), (np.ones((3, 4, 5)), "tokens", 5),
    (np.ones((3, 2, 4, 5)), "frames", 5), (np.ones((3, 4, 4), np.uint8), "images", 1),
    (np.ones((3, 4, 4, 3), np.uint8), "images", 3),
    (np.ones((3, 4, 4, 1), np.uint8), "images", 1), (np.ones((3, 2, 4, 5), np.uint8), "frames", 5),
    (np.ones((3, 3, 8, 4)), "frames", 4), (np.ones((3, 4), np.uint8), "vectors", 4),
    (np.ones((3, 4), np.int64), "vectors", 4)])
def test_the_kind_is_told_by_type_and_axes(values, kind, width, tmp_path):
    np.save(tmp_path / "x.npy", values)
    for given in (values, np.load(tmp_path / "x.npy", mmap_mode="r")):
        v = Views({"a": given})
        assert (v.kind("a"), v.kinds, v.widths["a"]) == (kind, {"a": kind}, width)
        assert v[[0]].kind("a") == v.select("a").kind("a") == kind


@pytest.mark.parametrize(("shape", "fix", "right"), [
    ((5, 6, 7, 4), lambda x: x[..., :3], (5, 6, 7, 3)),
    ((5, 3, 6, 7), lambda x: x.transpose(0, 2, 3, 1), (5, 6, 7, 3)),
    ((5, 1, 6, 7), lambda x: x.transpose(0, 2, 3, 1), (5, 6, 7, 1))])
def test_other_pictures_are_no_frames_unless_that_is_said(shape, fix, right):
    x = np.random.default_rng(0).integers(256, size=shape, dtype=np.uint8)
    complaint(lambda: Views({"a": x}), f"data['a']: uint8 of shape {shape}", "kinds")
    complaint(lambda: Views({"a": x}, kinds={"a": "images"}), "give images")
    assert Views({"a": x}, kinds={"a": "frames"}).kind("a") == "frames"
    fixed = Views({"a": fix(x)})
    assert (fixed.kind("a"), fixed["a"].shape) == ("images", right)


@pytest.mark.parametrize(("ids", "first"), [
    ([3, 1, 2, 1, 3], "3"), (list("cabab"), "'a'"), (np.array([0.5, 1, 1, 2, 2]), "1.0"),
    (np.array(["a", 7, 7, "b", "a"], dtype=object), "'a'")])
def test_an_identifier_that_stands_twice_is_named(ids, first):
    complaint(lambda: Views({"a": np.zeros((5, 2))}, ids=ids), f"ids: {first} stands there 2 times")
    own = Views({"a": np.zeros((5, 2))}, ids=list("abcde"))
    assert own.take([0, 0, 3]).ids.tolist() == ["a", "a", "d"]


@pytest.mark.parametrize(("values", "kind"), [
    (np.full((3, 4), 0.5, np.float16), None), (np.full((3, 4, 2), 0.5, np.float32), None),
    (np.arange(48, dtype=np.uint8).reshape(3, 4, 4), None),
    (np.arange(12, dtype=np.int32).reshape(3, 4), "ids"),
    (np.arange(12, dtype=np.uint16).reshape(3, 4), "ids")])
def test_values_are_kept_as_they_are(values, kind):
    v = Views({"a": values}, kinds={} if kind is None else {"a": kind})
    assert v["a"].dtype == values.dtype
    assert np.shares_memory(v["a"], values)
    part = Views({"a": values}, present={"a": [True, False, True]}, kinds=v.kinds)
    assert part["a"].dtype == values.dtype
    assert (part["a"][1] == 0).all()


def test_a_kind_that_is_told_holds_against_the_type():
    v = Views({"a": np.ones((2, 3, 4), np.uint8), "b": [[1, 2], [3, 0]]},
              kinds={"a": "tokens", "b": "ids"}, masks={"b": [[1, 1], [1, 0]]})
    assert v.kinds == {"a": "tokens", "b": "ids"}
    assert v["a"].dtype == np.float32
    assert v["b"].dtype == np.int64
    assert v.beside(Views({"c": np.ones((2, 1))})).kinds == {**v.kinds, "c": "vectors"}


def test_a_model_names_the_kind_that_it_does_not_read():
    values = {"tokens": np.ones((4, 2, 3)), "frames": np.ones((4, 2, 2, 3)),
              "images": np.ones((4, 3, 3), np.uint8), "ids": np.ones((4, 2), int)}
    for kind, x in values.items():
        with pytest.raises(ValueError, match=f"'a' holds .*{kind} .*reads vectors"):
            GFZSL().fit(Views({"a": x}, [0, 0, 1, 1], kinds={"a": kind}),
                        classes=Classes(np.eye(3), [1, 1, 0]))


def test_missing_rows_and_token_masks():
    tokens = np.ones((4, 5, 2))
    tokens[3] = np.nan
    v = Views({"image": np.zeros((4, 3)), "text": tokens}, present={"text": [1, 1, 1, 0]},
              masks={"text": np.arange(5)[None, :] < np.array([[5], [2], [3], [0]])})
    assert (v["text"][3] == 0).all()
    assert v[[1]].masks["text"].sum() == 2
    assert not v[[3]].present["text"][0]
    assert v.select("image").modalities == ("image",)
    assert v.select("image").masks == {}


@pytest.mark.parametrize(("make", "match"), [
    (lambda: Views({}), "no modality"),
    (lambda: Views({"a": np.zeros((3, 2)), "b": np.zeros((4, 2))}), "different numbers"),
    (lambda: Views({"a": np.zeros(3)}), "shape"),
    (lambda: Views({"a": np.zeros((3, 0))}), "no columns"),
    (lambda: Views({"a": np.zeros((3, 2))}, kinds={"a": "video"}), "kinds: got 'video'"),
    (lambda: Views({"a": np.zeros((3, 2))}, kinds={"b": "tokens"}), "which data lacks"),
    (lambda: Views({"a": np.zeros((3, 2))}, kinds={"a": "tokens"}), r"give tokens \(n, t, d\)"),
    (lambda: Views({"a": np.zeros((3, 2))}, kinds={"a": "ids"}), "of integers"),
    (lambda: Views({"a": np.zeros((3, 2, 2))}, kinds={"a": "images"}), "of uint8"),
    (lambda: Views({"a": [[1, -2]]}, kinds={"a": "ids"}), "negative token ids in row 0"),
    (lambda: Views({"a": np.zeros((3, 2, 2), np.uint8)}, masks={"a": np.ones((3, 2))}),
     "does not fit"),
    (lambda: Views({"a": [["x", "y"]]}), "encode raw items"),
    (lambda: Views({"a": [[np.nan, 1]]}), "row 0 holds NaN"),
    (lambda: Views({"a": np.zeros((3, 2))}, [0, 1]), "labels: 2 rows"),
    (lambda: Views({"a": np.zeros((3, 2))}, [0.5, 1, 2]), "integers"),
    (lambda: Views({"a": np.zeros((3, 2))}, present={"b": [1, 1, 1]}), "lacks"),
    (lambda: Views({"a": np.zeros((3, 2))}, masks={"a": np.ones((3, 2))}), "does not fit"),
    (lambda: Views({"a": np.zeros((3, 2))})["b"], "not among"),
    (lambda: Classes(np.zeros((2, 3)), [True]), "one of each"),
    (lambda: Classes([[np.inf]], [True]), "holds NaN or infinity in float32"),
])
def test_bad_input_is_named(make, match):
    with pytest.raises((ValueError, KeyError), match=match):
        make()


def bench(**changes):
    v = views()
    seen, unseen = v[v.labels < 2], v[v.labels == 2]
    splits = {"train": seen[:4], "test_seen": seen[4:], "test_unseen": unseen} | changes
    return Benchmark("toy", "gzsl", splits, Classes(np.eye(3), [True, True, False]))


def test_leaks_are_refused():
    v = views()
    assert len(bench()["train"]) == 4
    with pytest.raises(ValueError, match="unseen class"):
        bench(train=v[[2]])
    with pytest.raises(ValueError, match="seen class"):
        bench(test_unseen=v[[0]])
    with pytest.raises(ValueError, match="stand in both"):
        bench(test_seen=v[[0]])
    with pytest.raises(ValueError, match="no sample"):
        bench(train=v[[]])
    with pytest.raises(ValueError, match="outside the 3 classes"):
        bench(train=v[[0]].with_labels([7]))


def test_split_id_ignores_order_and_sees_content():
    assert split_id({"train": [3, 1, 2]}) == split_id({"train": [1, 2, 3]})
    assert split_id({"train": [1, 2]}) != split_id({"train": [1, 3]})
    assert split_id({"train": [1, 2]}) != split_id({"test": [1, 2]})


class NearestMean(BaseEstimator):
    """Scores views by the nearest class mean of one modality."""

    def __init__(self, modality="image"):
        self.modality = modality

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.means_ = np.stack([X[self.modality][y == c].mean(axis=0) for c in self.classes_])
        return self

    def score(self, X, y):
        distance = ((X[self.modality][:, None] - self.means_) ** 2).sum(axis=2)
        return float((self.classes_[distance.argmin(axis=1)] == y).mean())


def test_grid_search_over_views():
    rng = np.random.default_rng(0)
    y = np.arange(60) % 3
    v = Views({"image": rng.standard_normal((60, 2)),
               "text": np.eye(3)[y] + 0.1 * rng.standard_normal((60, 3))}, y)
    search = GridSearchCV(NearestMean(), {"modality": ["image", "text"]}, cv=KFold(3)).fit(v, y)
    assert search.best_params_ == {"modality": "text"}
    assert search.best_score_ == 1.0


def test_cross_validation_of_a_model_over_views():
    rng = np.random.default_rng(0)
    y = np.arange(60) % 3
    v = Views({"image": np.eye(3)[y] + 0.1 * rng.standard_normal((60, 3))}, y)

    def accuracy(model, X, y):
        return float((model.predict(X) == y).mean())

    scores = cross_val_score(GFZSL(scaling="none"), v, y, cv=KFold(3), scoring=accuracy,
                             params={"classes": Classes(np.eye(3), [True] * 3)})
    assert scores.min() == 1.0


def test_which_samples_have_a_modality_is_told_of_every_modality():
    views = Views({"a": np.ones((3, 2)), "b": np.ones((3, 2))}, present={"b": [True, False, True]})
    assert views.has("a").tolist() == [True] * 3
    assert views.has("b").tolist() == [True, False, True]
    assert views[1:].has("b").tolist() == [False, True]
    assert len(views.having("b")) == views.has("b").sum()


def test_a_sample_that_is_there_has_a_real_token_and_every_sample_an_identifier():
    tokens, mask = np.ones((3, 2, 4)), [[True, False], [False, False], [False, False]]
    with pytest.raises(ValueError, match=r"masks\['image'\]: no real token in rows 1, 2 .*present"):
        Views({"image": tokens}, masks={"image": mask})
    there = Views({"image": tokens}, masks={"image": mask}, present={"image": [True, False, False]})
    assert there.has("image").tolist() == [True, False, False]
    assert len(Views({"image": tokens[:0]}, masks={"image": np.ones((0, 2), bool)})) == 0
    for ids in ([0.0, np.nan, 2.0], np.array(["a", None, "b"], dtype=object)):
        with pytest.raises(ValueError, match="ids: missing in row 1"):
            Views({"image": tokens}, ids=ids)
