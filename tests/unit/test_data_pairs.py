"""Pairs: every file format, every way to break it, the retrieval protocol, real Wikipedia."""

from __future__ import annotations

import re
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from complaints import complaint
from scipy.io import savemat

from crossalign import data
from crossalign.data.formats import npy as tables
from crossalign.data.sources.pairs.source import load_pairs
from crossalign.evaluation import evaluate
from crossalign.labels import label_array
from crossalign.models import RidgeMap

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
WIKIPEDIA = SHARED / "wikipedia"
needs_wikipedia = pytest.mark.skipif(not WIKIPEDIA.is_dir(),
                                     reason="the shared wikipedia folder is absent")
NAMES = np.array(["ant", "bee", "cat", "dog", "eel"])


def make_table(official=True):
    """Five classes of twelve pairs; image column 0 is the row, text column 0 the class."""
    rng = np.random.default_rng(5)
    labels = rng.permutation(np.repeat(np.arange(5), 12))
    image, text = rng.normal(size=(60, 3)), rng.normal(size=(60, 2))
    image[:, 0], text[:, 0] = np.arange(60), labels
    table = {"image": image.astype(np.float32), "text": text.astype(np.float32), "labels": labels}
    if official:
        table["train"] = rng.permutation(60) >= 20
    return table


def write_csv(path, table, extra=()):
    header = ["image_0", "image_1", "image_2", "text_0", "text_1", "label", *dict(extra)]
    columns = [*table["image"].T, *table["text"].T, table["labels"], *dict(extra).values()]
    lines = [",".join(header)]
    lines += [",".join(str(cell) for cell in row) for row in zip(*columns, strict=True)]
    path.write_text("\n".join(lines) + "\n")
    return path


# -- formats -----------------------------------------------------------------------------------
def write_as(kind, folder, table):
    if kind == "npz":
        np.savez(folder / "toy.npz", **table, class_names=NAMES)
        return folder / "toy.npz"
    if kind == "npy":
        (folder / "toy").mkdir()
        for name, values in {**table, "class_names": NAMES}.items():
            np.save(folder / "toy" / f"{name}.npy", values)
        return folder / "toy"
    if kind == "mat":
        names = np.empty((5, 1), dtype=object)
        names[:, 0] = NAMES
        turned = {"image": table["image"], "text": table["text"].T, "labels": table["labels"] + 1,
                  "train": table["train"], "class_names": names}
        savemat(folder / "toy.mat", turned)
        return folder / "toy.mat"
    part = np.where(table["train"], "train", "test")
    return write_csv(folder / "toy.csv", table,
                     {"split": part, "class": NAMES[table["labels"]]})


@pytest.mark.parametrize("kind", ["npz", "npy", "mat", "csv"])
def test_every_format_gives_the_same_benchmark(tmp_path, kind):
    table = make_table()
    bench = load_pairs(write_as(kind, tmp_path, table))
    assert (bench.name, bench.task, bench.modalities) == ("toy", "retrieval", ("image", "text"))
    assert bench.classes.names == tuple(NAMES)
    assert bench.classes.embeddings.shape == (5, 0)
    assert bench.protocol["test_part"] == "official"
    np.savez(tmp_path / "reference.npz", **table)
    reference = load_pairs(tmp_path / "reference.npz")
    assert bench.protocol["split_id"] == reference.protocol["split_id"]
    for split, views in bench.splits.items():
        np.testing.assert_array_equal(views["image"][:, 0], views.ids)
        np.testing.assert_array_equal(views["text"][:, 0], views.labels)
        for modality in ("image", "text"):
            np.testing.assert_allclose(views[modality], reference[split][modality], rtol=1e-6)


def test_the_front_door_takes_pairs(tmp_path, monkeypatch):
    path = write_as("npy", tmp_path, make_table())
    whole = data.load(path)
    assert data.load(path / "labels.npy").protocol == whole.protocol
    monkeypatch.setenv("CROSSALIGN_DATA", str(tmp_path))
    assert data.load("toy").protocol == whole.protocol
    assert data.load("toy", "transfer").task == "transfer"
    complaint(lambda: data.load("toy", "gzsl"), "class_embeddings: missing")
    complaint(lambda: data.load("toy", attributes="x.mat"), "attributes: there is no file")
    checks = dict(data.validate("toy"))
    assert checks["class splits"].startswith("10 loaded")
    assert checks["split gallery"].endswith("widths image 3, text 2, finite")
    assert re.search(r"; features: files .*image\.npy.*, widths \(image 3, text 2\), sha256 ",
                     checks["readable"])
    assert not any(mark in line for line in checks.values() for mark in "{}[]")
    assert dict(data.validate(path))["classes"] == "3 seen, 2 unseen, disjoint"


def test_large_arrays_stay_on_disk(tmp_path, monkeypatch):
    path = write_as("npy", tmp_path, make_table())
    in_memory = load_pairs(path)
    monkeypatch.setattr(tables, "MEMORY_MAP_BYTES", 700)  # image and text, not labels
    mapped = load_pairs(path)
    assert isinstance(tables.read_npy(path / "image.npy"), np.memmap)
    assert mapped.protocol["split_id"] == in_memory.protocol["split_id"]
    assert mapped.protocol["leaks"]["query_in_gallery"] is None
    np.testing.assert_array_equal(mapped["gallery"]["image"], in_memory["gallery"]["image"])
    spoiled = np.load(path / "image.npy")
    spoiled[7, 1] = np.inf
    np.save(path / "image.npy", spoiled)
    complaint(lambda: data.validate(path), "NaN or infinity")


def test_side_information_order_and_what_rides_along(tmp_path):
    table = make_table()
    embeddings = np.arange(20, dtype=np.float32).reshape(5, 4)
    np.savez(tmp_path / "toy.npz", **table, class_embeddings=embeddings, third=table["image"],
             caption=np.array([f"c{i}" for i in range(60)]), ids=np.arange(60) + 100)
    bench = load_pairs(tmp_path / "toy.npz", modalities=["text", "image"])
    assert bench.modalities == ("text", "image")
    np.testing.assert_array_equal(bench.classes.embeddings, embeddings)
    np.testing.assert_array_equal(bench["train"].ids, bench["train"]["image"][:, 0] + 100)
    assert bench["train"].meta["caption"][0] == f"c{bench['train'].ids[0] - 100}"
    assert bench.protocol["side_information"] == {"width": 4}
    assert load_pairs(tmp_path / "toy.npz").modalities == ("image", "text", "third")


def test_labels_may_be_words_or_any_numbers(tmp_path):
    table = make_table()
    words = load_pairs(write_csv(tmp_path / "words.csv", {**table, "labels": NAMES[
        table["labels"]]}))
    assert words.classes.names == tuple(NAMES)
    np.savez(tmp_path / "odd.npz", **{**table, "labels": table["labels"] * 10 + 5})
    odd = load_pairs(tmp_path / "odd.npz")
    assert odd.classes.names == ("5", "15", "25", "35", "45")
    np.testing.assert_array_equal(odd["query"].labels, odd["query"]["text"][:, 0])


# -- retrieval ---------------------------------------------------------------------------------
@pytest.mark.parametrize("official", [True, False])
def test_retrieval_protocol_on_every_run(tmp_path, official):
    table = make_table(official)
    np.savez(tmp_path / "toy.npz", **table)
    bench = load_pairs(tmp_path / "toy.npz")
    masks = set()
    for k in range(10):
        run = bench.run(k)
        seen = run.classes.seen
        masks.add(tuple(seen))
        assert seen.sum() == 3
        tests = run["query"].ids
        if official:
            assert table["train"][run["train"].ids].all()
            assert table["train"][run["gallery"].ids].all()
            assert not table["train"][tests].any()
        else:
            assert len(tests) == 2 * 3  # a quarter of twelve, two unseen classes
        rows = np.concatenate([run[s].ids for s in ("train", "gallery")])
        assert len(np.unique(rows)) == len(rows)
        unseen = ~seen[table["labels"]]
        both = np.union1d(tests, run["gallery"].ids)
        np.testing.assert_array_equal(both, np.flatnonzero(unseen))
        assert run.protocol["class_split"]["k"] == k
        assert run.protocol["leaks"]["duplicate_gallery_rows"] is False
        assert run.protocol["leaks"]["query_in_gallery"] is False
    assert len(masks) > 3
    assert bench.protocol == bench.run(0).protocol
    complaint(lambda: bench.run(10), "k: got 10", "0 to 9")
    assert bench.with_name("x").run(3).name == "x"


def test_retrieval_validation_lives_inside_the_seen_classes(tmp_path):
    table = make_table()
    np.savez(tmp_path / "toy.npz", **table, class_names=NAMES)
    for k in range(10):
        bench = load_pairs(tmp_path / "toy.npz").run(k)
        val = bench.validation()
        assert set(val.classes.names) == set(NAMES[bench.classes.seen])
        assert (int(val.classes.seen.sum()), int(val.classes.unseen.sum())) == (1, 2)
        rows = np.concatenate([val[s].ids for s in ("train", "query", "gallery")])
        assert sorted(rows) == sorted(bench["train"].ids)
        apart = np.concatenate([val["query"].labels, val["gallery"].labels])
        for c in np.unique(apart):
            assert np.sum(val["query"].labels == c) == max(1, round(np.sum(apart == c) / 4))
        for views in val.splits.values():
            names = np.array(val.classes.names)[views.labels]
            np.testing.assert_array_equal(names, NAMES[views["text"][:, 0].astype(int)])


def test_equal_rows_are_told(tmp_path):
    table = make_table()
    unseen = ~load_like(tmp_path, table).classes.seen[table["labels"]]
    gallery = np.flatnonzero(table["train"] & unseen)
    query = np.flatnonzero(~table["train"] & unseen)
    for rows, name in (((gallery[0], gallery[1]), "duplicate_gallery_rows"),
                       ((gallery[0], query[0]), "query_in_gallery")):
        doubled = {k: v.copy() for k, v in table.items()}
        for modality in ("image", "text"):
            doubled[modality][rows[0]] = doubled[modality][rows[1]]
        assert load_like(tmp_path, doubled).protocol["leaks"][name] is True
        assert load_like(tmp_path, table).protocol["leaks"][name] is False


def load_like(folder, table):
    np.savez(folder / "like.npz", **table)
    return load_pairs(folder / "like.npz")


def make_few(per):
    """Classes of so many samples each; views say the row and the class."""
    labels = np.repeat(np.arange(len(per)), per)
    image, text = np.arange(len(labels))[:, None] + np.zeros(3), labels[:, None] + np.zeros(2)
    return {"image": image, "text": text, "labels": labels}


def test_two_samples_per_class_leave_no_validation_and_say_so(tmp_path):
    np.savez(tmp_path / "two.npz", **make_few([2] * 12))
    bench = load_pairs(tmp_path / "two.npz")
    assert {split: len(views) for split, views in bench.splits.items()} == {
        "train": 6, "query": 6, "gallery": 6}
    assert bench.validation() is None
    why = "no class that would play unseen in validation has two training samples"
    assert why in bench.protocol["no_validation"]
    report = evaluate(RidgeMap(), bench, seeds=2, pictures=False)
    assert why in report.selection
    assert why in dict(data.validate(tmp_path / "two.npz"))["validation"]
    moved = load_pairs(tmp_path / "two.npz", "transfer")
    assert moved.validation() is None
    assert "no class has two training samples" in moved.protocol["no_validation"]


def test_a_class_of_one_sample_trains_or_is_found_and_never_asks(tmp_path):
    np.savez(tmp_path / "few.npz", **make_few([1, 4, 4, 1, 4, 4, 4, 4]))
    for k in range(10):
        bench = load_pairs(tmp_path / "few.npz").run(k)
        assert not np.isin(bench["query"].labels, [0, 3]).any()
        either = np.concatenate([bench["train"].labels, bench["gallery"].labels])
        assert np.isin([0, 3], either).all()
        assert np.isin(np.unique(bench["query"].labels), bench["gallery"].labels).all()
    assert "2 classes of one sample have none" in bench.protocol["test_part"]
    np.savez(tmp_path / "few.npz", **make_few([1] * 11 + [2]))
    complaint(lambda: load_pairs(tmp_path / "few.npz"), "no unseen class of the class split",
              "two samples or more")


@pytest.mark.parametrize("n_classes", [3, 4])
def test_few_classes_cannot_be_ranked_honestly(tmp_path, n_classes):
    table = make_table(official=False)
    kept = table["labels"] < n_classes
    np.savez(tmp_path / "few.npz", **{name: values[kept] for name, values in table.items()})
    if n_classes == 4:
        bench = load_pairs(tmp_path / "few.npz")
        assert bench.validation() is None
        assert bench.protocol["no_validation"].startswith("2 seen classes leave no two")
        return
    complaint(lambda: load_pairs(tmp_path / "few.npz"), "3 classes", "needs four")
    assert load_pairs(tmp_path / "few.npz", "transfer").classes.seen.all()


# -- transfer ----------------------------------------------------------------------------------
def test_transfer_out_of_pairs(tmp_path):
    table = make_table()
    np.savez(tmp_path / "toy.npz", **table)
    bench = load_pairs(tmp_path / "toy.npz", "transfer")
    assert bench["pairs"].labels is None
    assert bench.classes.seen.all()
    np.testing.assert_array_equal(bench["pairs"].ids, np.flatnonzero(table["train"]))
    np.testing.assert_array_equal(bench["train"].labels, table["labels"][table["train"]])
    np.testing.assert_array_equal(bench["test"].ids, np.flatnonzero(~table["train"]))
    assert (bench.protocol["source"], bench.protocol["target"]) == ("image", "text")
    val = bench.validation()
    assert set(np.concatenate([val["train"].ids, val["test"].ids])) == set(bench["train"].ids)
    assert not np.intersect1d(val["pairs"].ids, val["test"].ids).size
    complaint(lambda: load_pairs(tmp_path / "toy.npz", "sketch"), "task: got 'sketch'", "'gzsl'")


# -- malformed input ---------------------------------------------------------------------------
def spoiled(**changes):
    table = make_table()
    for name, change in changes.items():
        if change is None:
            del table[name]
        else:
            table[name] = change(table[name]) if callable(change) else change
    return table


def with_nan(image):
    image = image.copy()
    image[3, 1] = np.nan
    return image


@pytest.mark.parametrize(("table", "words"), [
    (spoiled(labels=None), ["labels: missing"]),
    (spoiled(text=None), ["1 modality ['image']", "'class_embeddings' or a file of attributes"]),
    (spoiled(att=np.ones((5, 2))), ["att: shape (5, 2)", "call a vector per class"]),
    (spoiled(image=with_nan), ["'image'", "row 3", "NaN"]),
    (spoiled(image=lambda x: x[:50]), ["image: shape (50, 3) for 60 labels"]),
    (spoiled(image=lambda x: x.astype(str)), ["image: holds <U32"]),
    (spoiled(labels=lambda x: x + .5), ["labels: dtype float64"]),
    (spoiled(class_names=NAMES[:4]), ["labels: 0..4 for 4 classes"]),
    (spoiled(class_names=np.append(NAMES, "fox")), ["'fox' has no training sample"]),
    (spoiled(class_names=np.array([*NAMES[:4], "ant"])), ["'ant' stands twice"]),
    (spoiled(class_embeddings=np.ones((4, 3))), ["labels: 0..4 for 4 classes"]),
    (spoiled(class_names=NAMES, class_embeddings=np.ones((4, 3))),
     ["class_embeddings: shape (4, 3)"]),
    (spoiled(train=lambda x: x[:10]), ["train: 10 entries for 60 labels"]),
    (spoiled(train=np.ones(60, bool)), ["no test part"]),
    (spoiled(split=np.array(["train", "dev"] * 30)), ["split: 'dev'"]),
    (spoiled(labels=lambda x: x * 0), ["1 class"]),
    (spoiled(labels=lambda x: np.arange(60), train=None), ["60 classes has one sample"]),
    (spoiled(**{"class": NAMES}), ["class: shape (5,) for 60 labels"]),
    (spoiled(ids=np.zeros(60, int)), ["ids: 0 stands there 60 times"]),
])
def test_malformed_arrays_fail_in_one_sentence(tmp_path, table, words):
    np.savez(tmp_path / "bad.npz", **table)
    complaint(lambda: load_pairs(tmp_path / "bad.npz"), *words)


@pytest.mark.parametrize("values", [[0, 1], [1, 0], [True, False], ["0", "1"], [0., 1.]])
def test_a_split_of_zero_and_one_is_not_guessed(tmp_path, values):
    table = spoiled(train=None, split=np.array(values * 30))
    np.savez(tmp_path / "bad.npz", **table)
    complaint(lambda: load_pairs(tmp_path / "bad.npz"), "split:", "row 0", "'train'")
    table = spoiled(train=np.array(values * 30))
    np.savez(tmp_path / "good.npz", **table)
    is_train = np.array(values * 30).astype(float) > 0
    assert is_train[load_pairs(tmp_path / "good.npz")["train"].ids].all()


@pytest.mark.parametrize("words", [[b"train", b"test"], ["Train ", "TEST"]])
def test_parts_are_words_or_bytes(tmp_path, words):
    table = spoiled(train=None, split=np.array(words * 30))
    np.savez(tmp_path / "a.npz", **table)
    assert (load_pairs(tmp_path / "a.npz")["train"].ids % 2 == 0).all()


def test_word_labels_are_rows_of_class_names_by_name(tmp_path):
    table = make_table()
    order = np.array([3, 1, 0, 4, 2])
    for words in (NAMES, np.char.encode(NAMES), np.array(["01", "1", "10", "2", "x"])):
        np.savez(tmp_path / "a.npz", **{**table, "labels": words[table["labels"]]},
                 class_names=words[order], class_embeddings=np.eye(5)[order])
        bench = load_pairs(tmp_path / "a.npz")
        names = np.array([str(n) for n in label_array(words)])
        assert bench.classes.names == tuple(names[order])
        for views in bench.splits.values():
            np.testing.assert_array_equal(views["text"][:, 0],
                                          bench.classes.embeddings[views.labels].argmax(axis=1))
    np.savez(tmp_path / "b.npz", **{**table, "labels": NAMES[table["labels"]]},
             class_names=np.array([*NAMES[:4], "fox"]))
    complaint(lambda: load_pairs(tmp_path / "b.npz"), "'eel'", "class names")
    np.savez(tmp_path / "c.npz", **{**table, "labels": table["labels"].astype(str)},
             class_names=NAMES)
    assert load_pairs(tmp_path / "c.npz").classes.names == tuple(NAMES)


def test_labels_that_are_missing_or_wide_in_a_file(tmp_path):
    table = make_table()
    np.savez(tmp_path / "wide.npz", **{**table, "labels": table["labels"] + 2**60})
    assert load_pairs(tmp_path / "wide.npz").classes.names == tuple(
        str(2**60 + c) for c in range(5))
    labels = table["labels"].copy()
    labels[[4, 7]] = -1
    for known in ({}, {"class_names": NAMES}):
        np.savez(tmp_path / "none.npz", **{**table, "labels": labels}, **known)
        complaint(lambda: load_pairs(tmp_path / "none.npz"), "-1", "rows 4, 7")


def test_pickled_objects_are_refused(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (exec, (f"open({str(tmp_path / 'ran')!r}, 'w')",))

    table = make_table()
    np.savez(tmp_path / "bad.npz", **table, extra=np.array([Bomb()] * 60, dtype=object))
    complaint(lambda: load_pairs(tmp_path / "bad.npz"), "pickled objects")
    folder = write_as("npy", tmp_path, table)
    np.save(folder / "extra.npy", np.array([Bomb()] * 60, dtype=object))
    complaint(lambda: load_pairs(folder), "extra.npy", "pickled objects")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("kind", ["npz", "npy", "mat"])
def test_damaged_files(tmp_path, kind):
    path = write_as(kind, tmp_path, make_table())
    file = path / "image.npy" if kind == "npy" else path
    whole = file.read_bytes()
    for size in (0, 30, len(whole) // 2):
        file.write_bytes(whole[:size])
        complaint(lambda: load_pairs(path), file.name, "truncated")
    file.write_bytes(b"<!doctype html><title>Sign in</title>" * 20)
    complaint(lambda: load_pairs(path), file.name, "corrupt")


def test_malformed_csv(tmp_path):
    file = tmp_path / "bad.csv"

    def tried(text):
        file.write_text(text)
        return lambda: load_pairs(file)

    table = make_table()
    good = write_csv(file, table).read_text()
    lines = good.splitlines()
    broken = lines.copy()
    broken[4] = "much," + broken[4].partition(",")[2]
    complaint(tried("\n".join(broken)), "row 5", "'much'", "'image_0'")
    complaint(tried(good.replace("text_1", "text_3")), "'text_1'")
    complaint(tried(good.replace("image_0", "image_2")), "'image_2' stands twice")
    complaint(tried("\n".join([*lines[:9], lines[9] + ",1"])), "row 10", "7 cells for 6")
    complaint(tried(lines[0]), "1 lines")
    complaint(tried(""), "0 lines")
    file.write_bytes(b"\xff\xfe\x00image_0")
    complaint(lambda: load_pairs(file), "bad.csv")
    names = NAMES[table["labels"]].copy()
    names[0] = "gnu"
    complaint(lambda: load_pairs(write_csv(file, table, {"class": names})), "'gnu'")


def test_nothing_there(tmp_path):
    (tmp_path / "empty").mkdir()
    complaint(lambda: load_pairs(tmp_path / "empty"), "labels.npy")
    complaint(lambda: data.load(tmp_path / "empty"), "is empty")
    for name in ("none.npz", "none.csv", "none.mat"):
        complaint(lambda name=name: load_pairs(tmp_path / name), name)
    complaint(lambda: data.load("no-such-thing"), "CROSSALIGN_DATA", "crossalign data list")
    complaint(lambda: data.load(""), "glyphs")
    (tmp_path / "notes.txt").write_text("no table")
    complaint(lambda: data.load(tmp_path / "notes.txt"), "'.txt'")
    complaint(lambda: load_pairs(tmp_path / "notes.txt"), ".csv")


# -- names that the library knows --------------------------------------------------------------
def test_names_reach_their_makers(monkeypatch):
    asked = []
    maker = types.ModuleType("maker")
    maker.load_glyphs = lambda task, *, variant, tokens, seed, unseen: (
        asked.append((task, variant, tokens, seed))
        or types.SimpleNamespace(protocol={}, task=task))
    monkeypatch.setitem(sys.modules, "crossalign.data.sources.glyphs.source", maker)
    data.load("glyphs")
    data.load("glyphs", "gzsl", seed=3)
    data.load("glyphs:sketch")
    data.load("glyphs:sketch", "retrieval")
    data.load("glyphs", "retrieval")
    data.load("glyphs", "retrieval", tokens=True)
    data.load("glyphs:sketch", "retrieval", tokens=True)
    assert asked == [("gzsl", "", False, 0), ("gzsl", "", False, 3),
                     ("retrieval", "sketch", False, 0), ("retrieval", "sketch", False, 0),
                     ("retrieval", "", False, 0), ("retrieval", "", True, 0),
                     ("retrieval", "sketch", True, 0)]
    assert data.load("synthetic").task == "transfer"
    complaint(lambda: data.load("synthetic", tokens=True), "tokens: ", "leave it out")
    complaint(lambda: data.load("glyphs:outline"), "no variant 'outline'", "glyphs:sketch")
    complaint(lambda: data.load("synthetic:left"), "no variant 'left'", "leave out")
    complaint(lambda: data.load("glyphs:"), "'glyphs' has no variant ''", "glyphs:sketch")
    complaint(lambda: data.load("synthetic:"), "'synthetic' has no variant ''", "leave out")
    complaint(lambda: data.load("glyphs", "sketch"), "task: got 'sketch'", "retrieval")
    complaint(lambda: data.load("synthetic", "gzsl"), "'gzsl'", "transfer")
    complaint(lambda: data.load("glyphs", "zsl"), "task: got 'zsl'", "reports T1; use gzsl")
    complaint(lambda: data.load("glyphs:sketch", "zsl"), "does not serve it", "['retrieval']")
    complaint(lambda: data.load("glyphs:sketch", "gzsl"), "'gzsl'", "sketch")
    complaint(lambda: data.load("glyphs", attributes="x.npy"), "attributes")
    assert [entry.name for entry in data.available()][:2] == ["glyphs", "moving_glyphs"]


# -- Wikipedia ---------------------------------------------------------------------------------
def test_categories_may_have_names_of_several_words(tmp_path):
    write_wikipedia(tmp_path, 60, 30, n_classes=10)
    names = ["potted plant", "dining table ", *"bcdefgh", "sea, and sky"]
    (tmp_path / "categories.list").write_text("\n".join(names) + "\n\n")
    assert data.load(tmp_path, "retrieval").classes.names == tuple(name.strip() for name in names)
    (tmp_path / "categories.list").write_bytes(b"caf\xe9\n" * 10)
    complaint(lambda: data.load(tmp_path, "retrieval"), "categories.list: not text")


def write_wikipedia(folder, train=8, test=4, n_classes=2):
    rng = np.random.default_rng(0)
    savemat(folder / "raw_features.mat", {
        "I_tr": rng.random((train, 3)), "T_tr": rng.random((train, 2)),
        "I_te": rng.random((test, 3)), "T_te": rng.random((test, 2))})
    for name, n in (("trainset", train), ("testset", test)):
        lines = [f"{name}-t{i}\t{name}-i{i}\t{i % n_classes + 11 - n_classes}"
                 for i in range(n)]
        (folder / f"{name}_txt_img_cat.list").write_text("\n".join(lines) + "\n")
    (folder / "categories.list").write_text("\n".join("abcdefghij"))


def test_wikipedia_folders_that_are_broken(tmp_path):
    write_wikipedia(tmp_path)
    complaint(lambda: data.load(tmp_path, "retrieval"), "'a' has no training sample")
    file = tmp_path / "testset_txt_img_cat.list"
    whole = file.read_text()
    file.write_text(whole + "x\ty\t3\n")
    complaint(lambda: data.load(tmp_path, "retrieval"), "I_te: 4 rows", "5 lines")
    file.write_text(whole.replace("\t9", "\tart"))
    complaint(lambda: data.load(tmp_path, "retrieval"), "line 1", "category")
    file.unlink()
    complaint(lambda: data.load(tmp_path, "retrieval"), "testset_txt_img_cat.list: missing")
    savemat(tmp_path / "raw_features.mat", {"I_tr": np.ones((8, 3)), "T_tr": np.ones((8, 2))})
    complaint(lambda: data.load(tmp_path, "retrieval"), "I_te: missing")


def chance(n_gallery, n_relevant):
    """Expected AP@all of a random order, in closed form."""
    m, r = n_gallery, n_relevant
    harmonic = np.sum(1 / np.arange(1, m + 1))
    return ((r - 1) / (m - 1) * (m - harmonic) + harmonic) / m


@pytest.mark.shared
@needs_wikipedia
def test_wikipedia_has_the_published_counts_and_chance():
    bench = data.load(WIKIPEDIA, "retrieval")
    assert chance(400, 40) == pytest.approx(.1126, abs=5e-5)
    assert bench.modalities == ("image", "text")
    assert bench["train"].widths == {"image": 128, "text": 10}
    assert bench.classes.names == ("art", "biology", "geography", "history", "literature", "media",
                                   "music", "royalty", "sport", "warfare")
    values = []
    for k in range(10):
        run = bench.run(k)
        assert run.classes.seen.sum() == 5
        assert len(run["train"]) + len(run["gallery"]) == 2173
        assert run["train"].ids.max() < 2173 <= run["query"].ids.min()
        sizes = np.bincount(run["gallery"].labels, minlength=10)
        values.append(np.mean([chance(len(run["gallery"]), sizes[c]) for c in
                               run["query"].labels]))
        assert (int(run.validation().classes.seen.sum()),
                int(run.validation().classes.unseen.sum())) == (3, 2)
    assert np.mean(values) == pytest.approx(.216, abs=.006)
    transfer = data.load(WIKIPEDIA, "transfer")
    assert [len(transfer[s]) for s in ("pairs", "train", "test")] == [2173, 2173, 693]
    first = bench["query"]
    assert first.meta["text_file"][0].count("-") == 1


def test_an_array_named_twice_is_no_pair(tmp_path):
    rng = np.random.default_rng(0)
    file = tmp_path / "p.npz"
    np.savez(file, image=rng.standard_normal((30, 5)), text=rng.standard_normal((30, 4)),
             labels=np.repeat(np.arange(6), 5))
    complaint(lambda: load_pairs(file, modalities=["text", "text"]),
              "modalities: 'text' stands twice; name each array once")
