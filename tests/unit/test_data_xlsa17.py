"""Folders of the proposed split: small generated ones, every way to break them, and real CUB."""

from __future__ import annotations

import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from complaints import complaint
from matlab_files import cell, matrices, write_v73
from scipy.io import savemat

from crossalign import data
from crossalign.data.formats.matlab import read_mat
from crossalign.data.leaks import leak_record
from crossalign.data.sources.xlsa17.source import LISTS, load_xlsa17
from crossalign.evaluation import evaluate
from crossalign.models import GFZSL, RidgeMap

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
CUB = SHARED / "CUB"
needs_cub = pytest.mark.skipif(not CUB.is_dir(), reason="the shared CUB folder is absent")

NAMES = ["ant", "bee", "cat", "dog", "eel", "fox"]  # four seen (two of them val), two unseen


def make_parts():
    """Six classes of ten samples, shuffled; features say their own row and class."""
    rng = np.random.default_rng(3)
    labels = rng.permutation(np.repeat(np.arange(6), 10))
    features = rng.normal(size=(60, 7)).astype(np.float32)
    features[:, 0], features[:, 1] = np.arange(60), labels
    of = [np.flatnonzero(labels == c) for c in range(6)]
    trainval = np.concatenate([rows[:8] for rows in of[:4]])
    # As in the public files, the tuning lists together cover the seen test rows.
    parts = {"trainval_loc": trainval, "test_seen_loc": np.concatenate([r[8:] for r in of[:4]]),
             "test_unseen_loc": np.concatenate(of[4:]),
             "train_loc": np.concatenate(of[:2]), "val_loc": np.concatenate(of[2:4])}
    att = np.arange(30, dtype=float).reshape(5, 6) + 1
    splits = {name: (rows + 1)[:, None] for name, rows in parts.items()}
    splits |= {"att": att, "allclasses_names": cell(NAMES)}
    return {"features": features.T, "labels": labels[:, None] + 1}, splits


def write(folder, features, splits, save=savemat):
    folder.mkdir(exist_ok=True)
    save(folder / "res101.mat", features)
    save(folder / "att_splits.mat", splits)
    return folder


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path / "toy", *make_parts())


# -- reading -----------------------------------------------------------------------------------
@pytest.mark.parametrize("save", [savemat, write_v73])
def test_rows_labels_and_classes_agree_with_the_file(tmp_path, save):
    features, splits = make_parts()
    bench = load_xlsa17(write(tmp_path / "toy", features, splits, save))
    assert bench.name == "toy"
    assert bench.task == "gzsl"
    assert bench.modalities == ("image",)
    assert bench.classes.names == tuple(NAMES)
    np.testing.assert_array_equal(bench.classes.seen, [1, 1, 1, 1, 0, 0])
    np.testing.assert_array_equal(bench.classes.embeddings, splits["att"].T)
    for split, name in {"train": "trainval_loc", "test_seen": "test_seen_loc",
                        "test_unseen": "test_unseen_loc"}.items():
        rows = np.sort(splits[name].ravel()) - 1
        views = bench[split]
        np.testing.assert_array_equal(views.ids, rows)
        np.testing.assert_array_equal(views["image"][:, 0], rows)
        np.testing.assert_array_equal(views["image"][:, 1], views.labels)
        np.testing.assert_array_equal(views["image"], features["features"].T[rows])


def test_both_matlab_versions_read_alike(tmp_path):
    features, splits = make_parts()
    for name, save in (("v5", savemat), ("v73", write_v73)):
        save(tmp_path / f"{name}.mat", {**features, **splits})
    old, new = read_mat(tmp_path / "v5.mat"), read_mat(tmp_path / "v73.mat")
    assert set(old) == set(new) == {*features, *splits}
    for name in old:
        np.testing.assert_array_equal(old[name], new[name])
    assert list(new["allclasses_names"]) == NAMES
    assert set(read_mat(tmp_path / "v73.mat", ["att"])) == {"att"}
    assert set(read_mat(tmp_path / "v5.mat", ["att"])) == {"att"}


def test_features_may_be_transposed(folder):
    straight = load_xlsa17(folder)
    features, splits = make_parts()
    write(folder, {**features, "features": features["features"].T}, splits)
    turned = load_xlsa17(folder)
    np.testing.assert_array_equal(straight["train"]["image"], turned["train"]["image"])
    assert straight.protocol["split_id"] == turned.protocol["split_id"]


def test_protocol_tells_the_inputs(folder):
    protocol = load_xlsa17(folder).protocol
    assert protocol["features"]["file"] == "res101.mat"
    assert protocol["features"]["width"] == 7
    assert protocol["normalisation"] == "none (model's own)"
    assert protocol["side_information"] == {"file": "att_splits.mat", "width": 5,
                                            "l2_normalised_rows": False, "mapped": "by name"}
    assert protocol["classes"] == {"seen": 4, "unseen": 2}
    assert protocol["samples"] == {"train": 32, "test_seen": 8, "test_unseen": 20}
    assert "4 and 4 test rows" in protocol["validation"]
    assert protocol["leaks"]["validation_holds_test_rows"] is False
    assert protocol["leaks"]["single_class_split"] is True
    assert protocol["leaks"]["epoch_selected_on_test"] is None
    assert len(protocol["leaks"]) == 20
    features, splits = make_parts()
    splits["att"] = splits["att"] / np.linalg.norm(splits["att"], axis=0)
    write(folder, features, splits)
    assert load_xlsa17(folder).protocol["side_information"]["l2_normalised_rows"] is True
    complaint(lambda: leak_record(ouch=True), "'ouch'")


# -- validation --------------------------------------------------------------------------------
def test_validation_stays_within_the_training_rows(folder):
    bench = load_xlsa17(folder)
    val = bench.validation()
    assert val.classes.names == ("ant", "bee", "cat", "dog")
    np.testing.assert_array_equal(val.classes.seen, [1, 1, 0, 0])
    np.testing.assert_array_equal(val.classes.embeddings, bench.classes.embeddings[:4])
    assert {s: len(v) for s, v in val.splits.items()} == {"train": 12, "test_seen": 4,
                                                          "test_unseen": 16}
    assert val.validation() is None
    rows = np.concatenate([v.ids for v in val.splits.values()])
    assert set(rows) == set(bench["train"].ids)
    for views in val.splits.values():
        names = np.array(val.classes.names)[views.labels]
        np.testing.assert_array_equal(names, np.array(NAMES)[views["image"][:, 1].astype(int)])
    again = load_xlsa17(folder).validation()
    assert again.protocol["split_id"] == val.protocol["split_id"]
    other = load_xlsa17(folder, seed=1)
    assert other.validation().protocol["split_id"] != val.protocol["split_id"]
    assert other.protocol["split_id"] == bench.protocol["split_id"]


def test_validation_classes_are_drawn_where_the_file_has_no_tuning_lists(folder):
    features, splits = make_parts()
    del splits["train_loc"], splits["val_loc"]
    bench = load_xlsa17(write(folder, features, splits))
    val = bench.validation()
    assert len(val.classes) == 4
    assert int(val.classes.unseen.sum()) == 1  # a third of the classes is unseen in the test
    assert set(np.concatenate([v.ids for v in val.splits.values()])) == set(bench["train"].ids)
    names = np.array(val.classes.names)[val["test_unseen"].labels]
    np.testing.assert_array_equal(
        names, np.array(NAMES)[val["test_unseen"]["image"][:, 1].astype(int)])


# -- side information --------------------------------------------------------------------------
def test_side_information_is_matched_by_name(folder):
    order = [3, 0, 5, 1, 4, 2]
    wide = np.arange(54, dtype=float).reshape(6, 9)
    savemat(folder / "sent_splits.mat", {"att": wide[order].T,
                                         "allclasses_names": cell([NAMES[i] for i in order])})
    bench = load_xlsa17(folder, attributes="sent_splits.mat")
    np.testing.assert_array_equal(bench.classes.embeddings, wide)
    assert bench.protocol["side_information"]["mapped"] == "by name"
    assert bench.protocol["leaks"]["unusual_side_information"] is True
    lines = ["class,x,y"] + [f"{NAMES[i]},{i},{i + .5}" for i in order]
    (folder / "names.csv").write_text("\n".join(lines))
    rows = load_xlsa17(folder, attributes="names.csv").classes.embeddings
    np.testing.assert_array_equal(rows, [[i, i + .5] for i in range(6)])


def test_side_information_without_names_is_taken_in_order(folder, tmp_path):
    wide = np.arange(12, dtype=np.float32).reshape(6, 2)
    np.save(tmp_path / "wide.npy", wide)
    np.savetxt(tmp_path / "wide.csv", wide, delimiter=",")
    savemat(tmp_path / "wide.mat", {"att": wide.T})
    for suffix in ("npy", "csv", "mat"):
        bench = load_xlsa17(folder, attributes=tmp_path / f"wide.{suffix}")
        np.testing.assert_array_equal(bench.classes.embeddings, wide)
        assert bench.protocol["side_information"]["mapped"] == "by order"


def test_side_information_that_does_not_fit(folder):
    def tried(name):
        return lambda: load_xlsa17(folder, attributes=name)

    complaint(tried("none.mat"), "'none.mat'", "att_splits.mat")
    savemat(folder / "short.mat", {"att": np.ones((4, 5)), "allclasses_names": cell(NAMES[:5])})
    complaint(tried("short.mat"), "'fox'", "1 of the 6 classes")
    savemat(folder / "empty.mat", {"other": np.ones((4, 6))})
    complaint(tried("empty.mat"), "no matrix 'att'")
    np.save(folder / "five.npy", np.ones((5, 3)))
    complaint(tried("five.npy"), "5 rows for 6 classes")
    np.save(folder / "nan.npy", np.full((6, 3), np.nan))
    complaint(tried("nan.npy"), "NaN")
    np.save(folder / "flat.npy", np.ones(6))
    complaint(tried("flat.npy"), "shape (6,)")
    (folder / "text.csv").write_text("class,x\n" + "\n".join(f"{n},much" for n in NAMES))
    complaint(tried("text.csv"), "'much'", "row 2", "'x'")
    (folder / "notes.txt").write_text("no table")
    complaint(tried("notes.txt"), ".npy")
    savemat(folder / "twice.mat", {"att": np.ones((4, 6)),
                                   "allclasses_names": cell([*NAMES[:5], "ant"])})
    complaint(tried("twice.mat"), "'ant' stands twice")


# -- malformed folders -------------------------------------------------------------------------
def changed(change):
    features, splits = make_parts()
    change(features, splits)
    return features, splits


def drop(part, name):
    return lambda f, s: (f if part == "features" else s).pop(name)


def put(part, name, value):
    def change(features, splits):
        target = features if part == "features" else splits
        target[name] = value(target[name])
    return change


def spoil(features, splits):
    features["features"] = features["features"].copy()
    features["features"][2, 4] = np.nan


def share(features, splits):
    splits["test_seen_loc"] = np.vstack([splits["test_seen_loc"], splits["trainval_loc"][:3]])


def train_on_unseen(features, splits):
    moved = splits["test_unseen_loc"]
    splits["trainval_loc"] = np.vstack([splits["trainval_loc"], moved[:1]])
    splits["test_unseen_loc"] = moved[1:]


def seen_without_training(features, splits):
    splits["trainval_loc"] = splits["trainval_loc"][8:]


def both_sides(features, splits):
    splits["val_loc"] = np.vstack([splits["val_loc"], splits["trainval_loc"][:1]])


@pytest.mark.parametrize(("change", "words"), [
    (drop("features", "features"), ["features: missing from res101.mat"]),
    (drop("features", "labels"), ["labels: missing from res101.mat"]),
    (drop("splits", "trainval_loc"), ["trainval_loc: missing"]),
    (drop("splits", "att"), ["'att'"]),
    (put("features", "features", lambda x: x[:, :50]), ["(7, 50)", "60 labels"]),
    (spoil, ["sample 5", "NaN"]),
    (put("features", "labels", lambda x: x + 1), ["2..7", "6 classes"]),
    (put("features", "labels", lambda x: x - 1), ["0..5", "from 1", "0-based"]),
    (put("features", "labels", lambda x: x + .5), ["labels: holds fractions"]),
    (put("splits", "att", lambda x: x[:, :5]), ["(5, 5)", "6 classes"]),
    (put("splits", "trainval_loc", lambda x: x - 1), ["trainval_loc: goes from 0", "0-based"]),
    (put("splits", "test_seen_loc", lambda x: x - x.min()), ["test_seen_loc", "0-based"]),
    (put("splits", "val_loc", lambda x: x - x.min()), ["val_loc", "0-based", "add 1"]),
    (put("splits", "trainval_loc", lambda x: np.ones((40, 1), bool)),
     ["trainval_loc: a logical mask of 40 entries", "60 samples"]),
    (put("splits", "test_unseen_loc", lambda x: x[:0]), ["test_unseen_loc: empty"]),
    (put("splits", "att", lambda x: cell(NAMES)), ["'att'", "<U"]),
    (put("splits", "att", lambda x: {"a": x}), ["att: is a struct, which is not read"]),
    (put("features", "features", lambda x: {"a": x}), ["features: is a struct"]),
    (put("features", "features", lambda x: matrices(x, x)), ["a cell array of matrices"]),
    (put("splits", "allclasses_names", lambda x: np.arange(6)), ["allclasses_names: holds int"]),
    (put("splits", "test_unseen_loc", lambda x: x + 100), ["samples 1 to 60"]),
    (put("splits", "test_seen_loc", lambda x: np.vstack([x, x[:1]])), ["twice"]),
    (put("splits", "allclasses_names", lambda x: cell([*NAMES[:5], "ant"])),
     ["'ant' stands twice"]),
    (share, ["3 rows also stand in test_seen_loc"]),
    (train_on_unseen, ["test_unseen_loc", "unseen classes may not be trained on"]),
    (seen_without_training, ["test_seen_loc", "'ant'"]),
    (both_sides, ["val_loc", "train_loc"]),
])
def test_malformed_folders_fail_in_one_sentence(tmp_path, change, words):
    folder = write(tmp_path / "toy", *changed(change))
    complaint(lambda: load_xlsa17(folder), *words)


@pytest.mark.parametrize(("att", "words"), [
    (np.ones(6), ["att: shape (6,)", "(a, C)"]), (np.array(3.0), ["att: shape ()", "(a, C)"]),
    (np.ones((5, 6)), ["att: shape (6, 5)", "allclasses_names"]),  # (C, a) as MATLAB sees it
])
def test_side_information_without_names_that_is_no_matrix_of_classes(folder, att, words):
    import h5py

    splits = make_parts()[1]
    with h5py.File(folder / "att_splits.mat", "w") as file:
        for name in LISTS.values():
            file[name] = splits[name].ravel()
        file["att"] = att
    complaint(lambda: load_xlsa17(folder), *words)


# -- lists of rows -----------------------------------------------------------------------------
def mask(rows):
    marked = np.zeros((60, 1), bool)
    marked[rows.ravel() - 1] = True
    return marked


@pytest.mark.parametrize("save", [savemat, write_v73])
def test_logical_masks_are_read_as_the_rows_that_they_mark(folder, tmp_path, save):
    features, splits = make_parts()
    marked = {name: mask(rows) if name.endswith("_loc") else rows
              for name, rows in splits.items()}
    bench = load_xlsa17(write(tmp_path / "marked", features, marked, save))
    listed = load_xlsa17(folder)
    assert bench.protocol["split_id"] == listed.protocol["split_id"]
    assert bench.validation().protocol["split_id"] == listed.validation().protocol["split_id"]


def test_lists_of_one_row_are_no_masks(folder):
    features, splits = make_parts()
    first = int(splits["test_unseen_loc"][0, 0])
    order = [first - 1, *(r for r in range(60) if r != first - 1)]  # that sample comes first
    at = np.argsort(order) + 1
    moved = {name: at[rows - 1] if name.endswith("_loc") else rows for name, rows in splits.items()}
    moved["test_unseen_loc"] = np.array([[1]])
    write(folder, {"features": features["features"][:, order],
                   "labels": features["labels"][order]}, moved)
    np.testing.assert_array_equal(load_xlsa17(folder)["test_unseen"]["image"][:, 0], [first - 1])


# -- classes without samples, parts that are not tested ------------------------------------------
def described(features, splits, more):
    """The folder's variables with further classes that have a description and no sample."""
    names = [*NAMES[:2], *(f"gnu {i}" for i in range(more)), *NAMES[2:]]
    kept = np.flatnonzero([not name.startswith("gnu") for name in names])
    att = np.random.default_rng(5).normal(size=(5, len(names)))
    return ({**features, "labels": kept[features["labels"] - 1] + 1},
            {**splits, "att": att, "allclasses_names": cell(names)}, kept)


@pytest.mark.parametrize("save", [savemat, write_v73])
def test_a_class_with_a_description_and_no_sample_is_an_unseen_candidate(tmp_path, save):
    features, splits, kept = described(*make_parts(), 3)
    bench = load_xlsa17(write(tmp_path / "wide", features, splits, save))
    assert len(bench.classes) == 9
    np.testing.assert_array_equal(np.flatnonzero(bench.classes.seen), kept[:4])
    np.testing.assert_array_equal(np.unique(bench["test_unseen"].labels), kept[4:])
    assert bench.protocol["classes"] == {"seen": 4, "unseen": 5, "unseen_without_samples": 3}
    assert bench.validation().protocol["classes"] == {"seen": 2, "unseen": 2}
    checks = dict(data.validate(tmp_path / "wide"))
    assert checks["classes"] == "4 seen, 5 unseen, 3 of them candidates without a sample, disjoint"


def test_candidates_without_samples_change_no_drawn_validation(tmp_path):
    features, splits = make_parts()
    del splits["train_loc"], splits["val_loc"]
    plain = load_xlsa17(write(tmp_path / "plain", features, splits)).validation()
    features, splits, _ = described(features, splits, 40)
    wide = load_xlsa17(write(tmp_path / "wide", features, splits)).validation()
    assert wide.protocol["split_id"] == plain.protocol["split_id"]


def test_candidates_without_samples_compete_and_count_in_no_mean(tmp_path):
    """U and T1 are means over the two classes with test rows, among all five candidates."""
    features, splits, kept = described(*make_parts(), 3)
    folder = write(tmp_path / "wide", features, splits)
    bench = load_xlsa17(folder)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = evaluate(GFZSL(), bench, tune=False)
    model = GFZSL().fit(bench["train"], classes=bench.classes)
    test = bench["test_unseen"]
    scores = model.decision_function(test)
    for name, columns in (("U_raw", np.arange(9)), ("T1", np.flatnonzero(bench.classes.unseen))):
        best = columns[scores[:, columns].argmax(axis=1)]
        accuracy = [np.mean(best[test.labels == c] == c) for c in kept[4:]]
        assert report.scores[name]["mean"] == pytest.approx(np.mean(accuracy))
    assert report.protocol["classes"]["unseen_without_samples"] == 3
    assert {"T1", "U", "S", "H"} <= set(report.scores)


@pytest.mark.parametrize("rows", [None, np.zeros((0, 1))])
def test_a_folder_that_tests_no_seen_class_serves_zsl(tmp_path, rows):
    features, splits = make_parts()
    del splits["test_seen_loc"]
    if rows is not None:
        splits["test_seen_loc"] = rows
    folder = write(tmp_path / "zsl", features, splits)
    for bench in (data.load(folder), data.load(folder, "zsl")):
        assert bench.task == "zsl"
        assert set(bench.splits) == {"train", "test_unseen"}
        val = bench.validation()
        assert val.task == "zsl"
        held = np.concatenate([v.ids for v in val.splits.values()])
        np.testing.assert_array_equal(np.sort(held), np.sort(bench["train"].ids))
    complaint(lambda: data.load(folder, "gzsl"), "test_seen_loc", "choose the task zsl")
    report = evaluate(GFZSL(), bench, tune={"ridge": [.1, .5]})
    assert "2 settings" in report.selection
    assert report.task == "zsl"
    assert set(report.scores) == {"T1"}
    whole = load_xlsa17(write(tmp_path / "gzsl", *make_parts()))
    same = evaluate(GFZSL(), whole, tune=False, pictures=False).scores
    assert evaluate(GFZSL(), bench, tune=False, pictures=False).scores == {"T1": same["T1"]}
    assert "classes" in dict(data.validate(folder))


def test_one_sample_per_class_leaves_no_validation_and_says_so(tmp_path):
    features, splits = make_parts()
    labels = features["labels"].ravel()
    first = [int(np.flatnonzero(labels == c)[0]) + 1 for c in range(1, 5)]
    del splits["train_loc"], splits["val_loc"]
    splits["trainval_loc"] = np.array(first)[:, None]
    splits["test_seen_loc"] = np.setdiff1d(splits["test_seen_loc"], first)[:, None]
    folder = write(tmp_path / "few", features, splits)
    bench = load_xlsa17(folder)
    assert bench.validation() is None
    with pytest.warns(UserWarning, match="nothing was calibrated: no class has two"):
        report = evaluate(RidgeMap(), bench, pictures=False)
    assert "no class has two training samples" in report.selection
    assert "no class has two" in dict(data.validate(folder))["validation"]
    del splits["test_seen_loc"]
    assert load_xlsa17(write(tmp_path / "few", features, splits)).validation() is not None


def test_what_was_not_read_is_counted_and_named(folder):
    features, splits = make_parts()
    write(folder, features, {**splits, "meta": {"made": 1}, "more": matrices([[1.0]], {"a": 1})})
    assert load_xlsa17(folder).protocol["noted"]["not_read"] == {
        "count": 2, "first": ["meta (a struct)", "more (a cell array whose cell 2 is a struct)"]}
    line = "2: meta (a struct), more (a cell array whose cell 2 is a struct)"
    assert dict(data.validate(folder))["not read"] == line
    said = []
    data.load(folder, log=said.append)
    assert said == [f"note: not read, {line}"]


def test_damaged_and_missing_files(folder, tmp_path):
    whole = (folder / "res101.mat").read_bytes()
    for size in (0, 50, 130, 700, len(whole) // 2, len(whole) - 40):
        (folder / "res101.mat").write_bytes(whole[:size])
        complaint(lambda: load_xlsa17(folder), "res101.mat")
    for text in (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", b"\0" * 300):
        (folder / "res101.mat").write_bytes(text)
        complaint(lambda: load_xlsa17(folder), "res101.mat", "again")
    write_v73(folder / "res101.mat", make_parts()[0])
    whole = (folder / "res101.mat").read_bytes()
    for size in (520, 1000, len(whole) // 2):
        (folder / "res101.mat").write_bytes(whole[:size])
        complaint(lambda: load_xlsa17(folder), "res101.mat", "truncated")
    (folder / "res101.mat").unlink()
    complaint(lambda: load_xlsa17(folder), "res101.mat: missing", "Xian et al.", "d x n")
    (folder / "att_splits.mat").unlink()
    complaint(lambda: load_xlsa17(folder), "att_splits.mat: missing")
    complaint(lambda: read_mat(tmp_path / "nowhere.mat"), "nowhere.mat")


# -- the front door ----------------------------------------------------------------------------
def test_load_recognises_the_folder_and_its_task(folder, monkeypatch):
    whole = data.load(folder)
    assert whole.task == "gzsl"
    complaint(lambda: data.load(str(folder), "zsl"), "task: got 'zsl'", "reports T1; use gzsl")
    assert data.load(str(folder), "gzsl").protocol == whole.protocol
    assert data.load(folder / "res101.mat").protocol == whole.protocol
    complaint(lambda: data.load(folder, "retrieval"), "'retrieval'", "gzsl")
    monkeypatch.setenv("CROSSALIGN_DATA", str(folder.parent))
    assert data.load("toy").protocol == whole.protocol
    assert [entry.name for entry in data.available()] == [
        "glyphs", "moving_glyphs", "synthetic", "toy"]
    np.save(folder / "wide.npy", np.ones((6, 3)))
    assert data.load("toy", attributes="wide.npy").classes.embeddings.shape == (6, 3)


def test_validate_lists_what_it_counted(folder):
    checks = dict(data.validate(folder))
    assert checks["split train"].startswith("32 samples, 4 classes")
    assert checks["validation within training rows"] == "32 samples"
    assert checks["classes"] == "4 seen, 2 unseen, disjoint"


# -- real data ---------------------------------------------------------------------------------
@pytest.mark.shared
@needs_cub
def test_cub_has_the_published_counts():
    start = time.perf_counter()
    bench = load_xlsa17(CUB)
    seconds = time.perf_counter() - start
    assert seconds < 5  # about half a second on an idle machine
    assert [len(bench[s]) for s in ("train", "test_seen", "test_unseen")] == [7057, 1764, 2967]
    assert (int(bench.classes.seen.sum()), int(bench.classes.unseen.sum())) == (150, 50)
    assert bench["train"].widths == {"image": 1000}
    assert bench.protocol["side_information"]["l2_normalised_rows"] is True
    val = bench.validation()
    assert len(val["test_unseen"]) == 2355
    assert len(val["train"]) + len(val["test_seen"]) == 4702
    assert (int(val.classes.seen.sum()), int(val.classes.unseen.sum())) == (100, 50)
    assert len(np.intersect1d(np.concatenate([v.ids for v in val.splits.values()]),
                              np.concatenate([bench[s].ids for s in ("test_seen",
                                                                    "test_unseen")]))) == 0
    assert "1173 and 591 test rows" in bench.protocol["validation"]
    sentences = load_xlsa17(CUB, attributes="sent_splits.mat")
    assert sentences.classes.embeddings.shape == (200, 1024)
    assert sentences.protocol["side_information"]["l2_normalised_rows"] is False
    assert sentences.protocol["split_id"] == bench.protocol["split_id"]
