"""Multi-view files as the field saves them, whatever their words, version and orientation."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
from complaints import complaint
from matlab_files import cell, matrices, write_v73
from scipy.io import savemat

from crossalign import data
from crossalign.data.sources.pairs.source import load_pairs

BOTH = pytest.mark.parametrize("save", [savemat, write_v73])
LABELS = np.repeat(np.arange(1, 7), 10)
N = len(LABELS)


def views(*widths):
    """Views that say their own row in the first column, and else nothing."""
    rng = np.random.default_rng(0)
    made = [rng.normal(size=(N, width)) for width in widths]
    for view in made:
        view[:, 0] = np.arange(N)
    return made


def written(folder, save, **variables):
    save(folder / "many.mat", variables)
    return folder / "many.mat"


def assert_rows(bench, expected):
    for views_ in bench.splits.values():
        for name, view in expected.items():
            np.testing.assert_array_equal(views_[name], view.astype(np.float32)[views_.ids])
        np.testing.assert_array_equal(np.array(bench.classes.names)[views_.labels],
                                      LABELS[views_.ids].astype(str))


# -- words and orientations ----------------------------------------------------------------------
@BOTH
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(("name", "labels"), [
    ("X", "Y"), ("x", "gt"), ("feas", "truth"), ("data", "labels"), ("fea", "gnd"),
    ("whatever", "label")])
def test_cells_of_views_are_read_with_samples_along_either_axis(tmp_path, save, name, labels,
                                                                turned):
    made = views(4, 5, 6)
    cells = matrices(*(view.T if turned else view for view in made))
    file = written(tmp_path, save, **{name: cells, labels: LABELS[None] if turned
                                      else LABELS[:, None]})
    bench = load_pairs(file)
    assert bench.modalities == ("view1", "view2", "view3")
    assert_rows(bench, dict(zip(bench.modalities, made, strict=True)))
    assert load_pairs(file, modalities=["view3", "view1"]).modalities == ("view3", "view1")
    assert data.load(file, "transfer", modalities=["view2", "view3"]).modalities == (
        "view2", "view3")


@BOTH
def test_views_may_lie_differently_and_be_sparse(tmp_path, save):
    first, second, third = views(4, 5, 6)
    file = written(tmp_path, save, X=matrices(first.T, scipy.sparse.csc_matrix(second), third),
                   gt=LABELS[:, None])
    assert_rows(load_pairs(file), {"view1": first, "view2": second, "view3": third})


@pytest.mark.parametrize("turned", [False, True])
def test_a_square_view_lies_as_the_others_do(tmp_path, turned):
    narrow, square = views(4, N)
    made = [narrow.T, square.T] if turned else [narrow, square]
    assert_rows(load_pairs(written(tmp_path, savemat, X=matrices(*made), Y=LABELS[None])),
                {"view1": narrow, "view2": square})
    assert_rows(load_pairs(written(tmp_path, savemat, image=made[0], text=made[1],
                                   labels=LABELS[None])), {"image": narrow, "text": square})


@BOTH
def test_labels_that_stand_once_for_every_view_are_one(tmp_path, save):
    first, second = views(4, 5)
    file = written(tmp_path, save, data=matrices(first.T, second.T),
                   truelabel=matrices(LABELS[None], LABELS[:, None]))
    assert_rows(load_pairs(file), {"view1": first, "view2": second})


@BOTH
@pytest.mark.parametrize("turned", [False, True])
def test_labels_may_be_a_column_of_0_and_1_per_class(tmp_path, save, turned):
    first, second = views(4, 5)
    marks = np.eye(6)[LABELS - 1]
    file = written(tmp_path, save, X=matrices(first, second), Y=marks.T if turned else marks)
    bench = load_pairs(file)
    for part in bench.splits.values():
        np.testing.assert_array_equal(part.labels, LABELS[part.ids] - 1)


@BOTH
@pytest.mark.parametrize("as_char", [False, True])
def test_labels_may_be_texts(tmp_path, save, as_char):
    first, second = views(4, 5)
    words = [f"class {c}" for c in LABELS]
    file = written(tmp_path, save, image=first, text=second.T,
                   labels=np.array(words) if as_char else cell(words))
    bench = load_pairs(file)
    assert bench.classes.names == tuple(f"class {c}" for c in range(1, 7))
    for part in bench.splits.values():
        np.testing.assert_array_equal(part.labels, LABELS[part.ids] - 1)


def test_labels_may_be_texts_of_h5py(tmp_path):
    import h5py

    first, second = views(4, 5)
    with h5py.File(tmp_path / "p.mat", "w") as file:
        file["image"], file["text"], file["labels"] = first, second, [f"c{c}" for c in LABELS]
    assert load_pairs(tmp_path / "p.mat").classes.names == tuple(f"c{c}" for c in range(1, 7))


@BOTH
def test_separate_views_take_the_labels_of_the_field_too(tmp_path, save):
    first, second = views(4, 5)
    file = written(tmp_path, save, X1=first.T, X2=second, gt=LABELS[:, None])
    assert_rows(load_pairs(file), {"X1": first, "X2": second})


@BOTH
def test_y_is_a_view_where_labels_are_called_labels(tmp_path, save):
    first, second = views(4, 5)
    file = written(tmp_path, save, X=first, Y=second, labels=LABELS[:, None])
    assert_rows(load_pairs(file), {"X": first, "Y": second})


# -- what else stands in the file ------------------------------------------------------------------
@BOTH
def test_what_is_neither_view_nor_label_is_counted_and_named(tmp_path, save):
    first, second = views(4, 5)
    file = written(tmp_path, save, X=matrices(first, second), Y=LABELS[:, None],
                   nClass=np.array([[6.0]]), W=np.eye(N), names=cell(list("abcdef")),
                   meta={"made": 1.0}, age=np.arange(N)[:, None] + .5)
    bench = load_pairs(file)
    aside = "neither a view nor one value per sample"
    left = bench.protocol["noted"]["not_read"]
    assert left["count"] == 4
    assert set(left["first"]) == {f"nClass ({aside})", f"W ({aside})", f"names ({aside})",
                                  "meta (a struct)"}
    np.testing.assert_array_equal(bench["train"].meta["age"], bench["train"].ids + .5)
    assert "meta (a struct)" in dict(data.validate(file))["not read"]


@BOTH
@pytest.mark.parametrize(("changes", "words"), [
    ({"Y": None}, ["labels: missing"]), ({"Y": {"a": LABELS}}, ["Y: is a struct"]),
    ({"X": {"a": np.eye(3)}}, ["X: is a struct", "save its fields"]),
    ({"X": matrices(np.ones((N, 3)), np.ones((50, 3)))}, ["view2: shape (50, 3) for 60 labels"]),
    ({"X": matrices(np.ones((N, 3)))}, ["1 modality ['view1']"]),
    ({"gt": LABELS[::-1]}, ["'Y' and 'gt' may both be, and differ"]),
    ({"data": matrices(np.ones((N, 3)), np.ones((N, 3)))}, ["X: and data are both cell arrays"]),
])
def test_what_is_wrong_is_said_in_one_sentence(tmp_path, save, changes, words):
    variables = {"X": matrices(*views(4, 5)), "Y": LABELS[:, None], **changes}
    file = written(tmp_path, save, **{k: v for k, v in variables.items() if v is not None})
    complaint(lambda: load_pairs(file), *words)


def test_modalities_that_are_not_there_or_not_read_are_named(tmp_path):
    first, second = views(4, 5)
    file = written(tmp_path, savemat, image=first, text=second, sound={"a": first},
                   labels=LABELS[:, None], k=np.array([[3.0]]))
    assert data.load(file, modalities=["text", "image"]).modalities == ("text", "image")
    complaint(lambda: data.load(file), "k: shape (1, 1)", "modalities")
    complaint(lambda: data.load(file, modalities=["image", "sound"]), "sound: is a struct")
    complaint(lambda: data.load(file, modalities=["image", "smell"]), "'smell'", "'text'")
    complaint(lambda: data.load("glyphs", modalities=["image"]), "modalities: given for glyphs",
              "pairs", "crossalign data list")
