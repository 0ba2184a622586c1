"""Folders of sketches and photos: which they are, who is unseen, what is drawn and read."""

from __future__ import annotations

import json
import os
import sys

import numpy as np
import pytest
from complaints import complaint
from PIL import Image

import crossalign as ca
from crossalign import data
from crossalign.cli import main
from crossalign.data.class_folders import class_files
from crossalign.data.formats.pictures import read_pictures
from crossalign.data.layouts import source_of
from crossalign.data.picture_rows import content_digests, picture_rows
from crossalign.data.sources.sketches.folders import sides_of
from crossalign.data.sources.sketches.source import load_sketches
from crossalign.data.splits import sempcyc_sketchy_unseen
from crossalign.data.splits.sketchy_classes import SKETCHY_CLASSES
from crossalign.data.splits.unseen import (
    SKETCHY21_YELAMARTHI,
    SKETCHY25_SAKE,
    TUBERLIN30_SAKE,
    sempcyc_tuberlin_unseen,
    unseen_mask,
)
from crossalign.encoders import HOG, CharNgrams
from crossalign.encoders.gradients import oriented_gradients
from crossalign.types import Views

NAMES = ("ant", "cup", "hot-air_balloon", "saw", "tree", "wine bottle")
COUNTS = {"sketch": (3, 4, 2, 5, 3, 3), "photo": (4, 2, 6, 3, 4, 5)}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CROSSALIGN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def drawing(c, i, side="sketch"):
    """Bars that lean by the class, in a picture that is wider than high."""
    y, x = np.mgrid[:40, :60]
    angle = np.pi * c / len(NAMES) + 0.05 * i
    bars = np.sin((x * np.cos(angle) + y * np.sin(angle)) / 2) > 0.3
    grey = np.where(bars, 20 * (i % 3), 255).astype(np.uint8)
    return grey if side == "sketch" else np.stack([grey, np.full_like(grey, 90), 255 - grey], 2)


def unpacked(folder, sketches="sketch", photos="photo", names=NAMES):
    for side, place, suffix in (("sketch", sketches, "png"), ("photo", photos, "jpg")):
        for c, name in enumerate(names):
            (folder / place / name).mkdir(parents=True)
            for i in range(COUNTS[side][c % 6]):
                Image.fromarray(drawing(c, i, side)).save(folder / place / name / f"{i}.{suffix}")
    (folder / "README.txt").write_text("as unpacked")
    (folder / sketches / "class_labels.txt").write_text("ant")
    return folder


@pytest.fixture
def folder(tmp_path):
    return unpacked(tmp_path / "set")


# -- which folders -----------------------------------------------------------------------------
@pytest.mark.parametrize(("sketches", "photos"), [
    ("sketch", "photo"), ("sketch/tx_000000000000", "EXTEND_image_sketchy"),
    ("sketch/tx_000000000000", "extended_photo"), ("sketch/tx_000000000000",
                                                   "photo/tx_000000000000"),
    ("256x256/sketch/tx_000000000000_ready", "EXTEND_image_sketchy_ready"),
    ("Sketchy/sketch/tx_000000000000", "EXTEND_image_sketchy"),
    ("png_ready", "ImageResized_ready"), ("sketches", "images"), ("png", "ImageResized")])
def test_both_sides_are_found_where_the_sets_are_unpacked(tmp_path, sketches, photos):
    folder = unpacked(tmp_path / "set", sketches, photos, NAMES[:2])
    assert sides_of(folder) == {"sketch": folder / sketches, "photo": folder / photos}
    assert source_of(folder).name == "sketches"


def test_the_larger_photo_set_is_preferred_and_one_side_is_not_enough(tmp_path):
    folder = unpacked(tmp_path / "set", "sketch/tx_000000000000", "photo/tx_000000000000")
    unpacked(tmp_path / "more", "x", "EXTEND_image_sketchy")
    (tmp_path / "more" / "EXTEND_image_sketchy").rename(folder / "EXTEND_image_sketchy")
    assert sides_of(folder)["photo"] == folder / "EXTEND_image_sketchy"
    assert sides_of(tmp_path / "more") is None
    complaint(lambda: load_sketches(tmp_path / "more"), "beside such of photos")


# -- who is unseen -----------------------------------------------------------------------------
def test_published_lists_are_those_of_the_papers():
    assert len(SKETCHY25_SAKE) == len(set(SKETCHY25_SAKE)) == 25
    assert len(SKETCHY21_YELAMARTHI) == len(set(SKETCHY21_YELAMARTHI)) == 21
    assert len(TUBERLIN30_SAKE) == len(set(TUBERLIN30_SAKE)) == 30
    assert {*SKETCHY25_SAKE, *SKETCHY21_YELAMARTHI} < set(SKETCHY_CLASSES)
    assert set(SKETCHY25_SAKE) & set(sempcyc_sketchy_unseen()) == {
        "bell", "squirrel", "tank", "wheelchair"}          # 4 of 25 are in both


def test_masks_of_published_splits():
    for split, unseen in (("sketchy25-sempcyc", sempcyc_sketchy_unseen()),
                          ("sketchy25-sake", SKETCHY25_SAKE),
                          ("sketchy21-yelamarthi", SKETCHY21_YELAMARTHI)):
        mask, called = unseen_mask(split, SKETCHY_CLASSES)
        assert called == split
        assert set(np.array(SKETCHY_CLASSES)[mask]) == set(unseen)
    names = sorted({*(f"class {i:03}" for i in range(220)), *TUBERLIN30_SAKE})
    mask, _ = unseen_mask("tuberlin30-sake", names)
    assert set(np.array(names)[mask]) == set(TUBERLIN30_SAKE)


def test_the_drawn_tuberlin_split_is_that_of_the_authors_steps():
    """Their script seeds the global generator and draws from the sorted names of photos."""
    names = [f"class {i:03}" for i in range(250)]
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(0)  # noqa: NPY002
    seen = np.random.choice(np.unique(names), int(0.88 * 250), replace=False)  # noqa: NPY002
    np.random.set_state(state)  # noqa: NPY002
    assert set(sempcyc_tuberlin_unseen(names[::-1])) == set(names) - set(seen)
    mask, _ = unseen_mask("tuberlin30-sempcyc", names)
    assert mask.sum() == 30
    complaint(lambda: unseen_mask("tuberlin30-sempcyc", names[1:]), "250", "there are 249")


def test_a_list_may_be_a_file_or_names(tmp_path):
    (tmp_path / "unseen.txt").write_text("Hot air balloon\n\nwine-bottle 1\ntree\n")
    want = [name in ("hot-air_balloon", "tree", "wine bottle") for name in NAMES]
    for unseen, called in ((tmp_path / "unseen.txt", "unseen.txt"),
                           (str(tmp_path / "unseen.txt"), "unseen.txt"),
                           (["tree", "wine bottle", "hot_air_balloon"], "listed classes")):
        mask, name = unseen_mask(unseen, NAMES)
        np.testing.assert_array_equal(mask, want)
        assert name == called
    route = ["route 66", "route 61"]
    (tmp_path / "numbers.txt").write_text("route 66\nant 3\n")
    np.testing.assert_array_equal(unseen_mask(tmp_path / "numbers.txt", [*NAMES, *route])[0],
                                  [True, *[False] * 5, True, False])


@pytest.mark.parametrize(("content", "words"), [
    (b"ant\nbee\n", ["1 classes that are not here", "'bee'"]),
    (b"ant\n", ["makes 1 of 6"]), ("\n".join(NAMES).encode(), ["makes 6 of 6"]),
    (b"", ["makes 0 of 6"]), (b"\xff\xfe\x00", ["cannot be read as text"])])
def test_a_bad_list_is_named(tmp_path, content, words):
    (tmp_path / "unseen.txt").write_bytes(content)
    complaint(lambda: unseen_mask(tmp_path / "unseen.txt", NAMES), "unseen: ", "unseen.txt", *words)


def test_an_unknown_split_says_which_are_known():
    complaint(lambda: unseen_mask("sketchy25-shen", NAMES), "unseen: 'sketchy25-shen'",
              "sketchy21-yelamarthi", "a text file with one class name a line")
    complaint(lambda: unseen_mask("sketchy25-sake", NAMES), "22 classes that are not here")


# -- the benchmark -----------------------------------------------------------------------------
def rows_of(folder, side, ids):
    """Features straight from the files that ids name."""
    files = [folder / side / i.removeprefix(f"{side}/") for i in ids]
    grey = np.stack([np.asarray(Image.open(f).convert("L").resize((64, 64), 3)) for f in files])
    return oriented_gradients(1 - grey.astype(np.float32) / 255)


def test_every_unseen_sketch_asks_and_every_unseen_photo_is_found(folder):
    bench = data.load(folder)
    masks = set()
    for k in range(10):
        run = bench.run(k)
        seen = run.classes.seen
        masks.add(tuple(seen))
        assert run.classes.names == tuple(sorted(NAMES))
        assert seen.sum() == 3
        for split, side in (("query", "sketch"), ("gallery", "photo")):
            views = run[split]
            assert views.modalities == (side,)
            counts = np.bincount(views.truth, minlength=6)
            np.testing.assert_array_equal(counts, np.where(seen, 0, COUNTS[side]))
            assert [i.split("/")[:2] for i in views.ids] == [
                [side, NAMES[label]] for label in views.truth]
        assert run.protocol["class_split"] == {"k": k, "of": 10, "seed": 0}
    assert len(masks) > 5
    np.testing.assert_allclose(bench["query"]["sketch"], rows_of(
        folder, "sketch", bench["query"].ids), atol=1e-6)
    np.testing.assert_allclose(bench["gallery"]["photo"], rows_of(
        folder, "photo", bench["gallery"].ids), atol=1e-6)
    complaint(lambda: bench.run(10), "k: got 10", "0 to 9")


def test_training_pairs_share_a_class_and_use_every_sample(folder):
    run = data.load(folder).run(2)
    train, seen = run["train"], np.flatnonzero(run.classes.seen)
    assert train.modalities == ("sketch", "photo")
    for side in train.modalities:
        ids = train.meta[f"sample:{side}"]
        assert [i.split("/")[1] for i in ids] == [NAMES[label] for label in train.truth]
        np.testing.assert_allclose(train[side], rows_of(folder, side, ids), atol=1e-6)
        assert len(set(ids)) == sum(COUNTS[side][c] for c in seen)
    assert len(train) == sum(max(COUNTS[s][c] for s in COUNTS) for c in seen)
    assert len(set(train.ids)) == len(train)
    either = np.concatenate([train.meta["sample:sketch"], train.meta["sample:photo"]])
    assert set(train.ids) <= set(either)


def test_a_list_of_unseen_classes_is_one_split_with_validation_inside(folder):
    bench = data.load(folder, unseen=["cup", "tree"])
    assert set(np.array(bench.classes.names)[bench.classes.unseen]) == {"cup", "tree"}
    assert bench.resplit is None
    record = json.loads(json.dumps(dict(bench.protocol)))
    assert record["class_split"] == {"k": 0, "of": 1, "unseen": "listed classes"}
    assert record["leaks"]["single_class_split"] is True
    assert record["leaks"]["backbone_saw_unseen_classes"] is False
    assert record["samples_by_domain"] == {"sketch": {"train": 13, "test": 7},
                                           "photo": {"train": 18, "test": 6}}
    val = bench.validation()
    assert set(val.classes.names) == set(NAMES) - {"cup", "tree"}
    assert val.classes.unseen.sum() == 2
    drawn = [bench["train"].meta[f"sample:{side}"] for side in COUNTS]
    for split in ("query", "gallery"):
        assert set(val[split].ids) <= set(np.concatenate(drawn))
    assert not set(val["train"].ids) & {*val["query"].ids, *val["gallery"].ids}
    assert data.load(folder, unseen=["ant", "tree"]).protocol["split_id"] != record["split_id"]


def test_equal_files_are_told(folder):
    leaks = data.load(folder, unseen=["cup", "tree"]).protocol["leaks"]
    assert (leaks["duplicate_gallery_rows"], leaks["query_in_gallery"]) == (False, False)
    (folder / "photo/tree/9.jpg").write_bytes((folder / "photo/tree/0.jpg").read_bytes())
    leaks = data.load(folder, unseen=["cup", "tree"]).protocol["leaks"]
    assert (leaks["duplicate_gallery_rows"], leaks["query_in_gallery"]) == (True, False)
    (folder / "photo/cup/9.png").write_bytes((folder / "sketch/cup/0.png").read_bytes())
    leaks = data.load(folder, unseen=["cup", "tree"]).protocol["leaks"]
    assert leaks["query_in_gallery"] is True


def test_tokens_stay_on_disk(folder, cache):
    bench = data.load(folder, tokens=True, unseen=["cup", "tree"])
    for views in bench.splits.values():
        for side in views.modalities:
            assert views.on_disk(side)
            assert views[side].shape == (len(views), 64, 34)
    want = HOG(tokens=True).encode(read_pictures(
        [folder / i for i in bench["query"].ids], 64))
    np.testing.assert_array_equal(bench["query"]["sketch"], want)
    assert [f.suffix for f in cache.iterdir()].count(".npy") == 2
    memory = load_sketches(folder, tokens=True, unseen=["cup", "tree"], cache=False)
    assert not memory["query"].on_disk("sketch")
    assert memory.protocol == bench.protocol
    assert ca.load(str(folder), tokens=True, unseen=["cup", "tree"]).protocol == bench.protocol


def test_side_information_is_matched_by_name(folder, tmp_path):
    lines = ["class,a,b", *(f"{name},{c},{-c}" for c, name in enumerate(NAMES))]
    (tmp_path / "side.csv").write_text("\n".join([lines[0], *lines[:0:-1]]))
    bench = data.load(folder, attributes=tmp_path / "side.csv")
    np.testing.assert_array_equal(bench.classes.embeddings[:, 0], np.arange(6))
    assert bench.protocol["side_information"] == {"file": "side.csv", "width": 2,
                                                  "matched": "by name"}


def test_the_command_line_runs_and_validates(folder, tmp_path, monkeypatch, capsys):
    (tmp_path / "unseen.txt").write_text("cup\ntree\n")
    for words in (["run", "ridge_map", "--data", str(folder), "--unseen",
                   str(tmp_path / "unseen.txt"), "--bits", "16", "--json", "--no-tune"],
                  ["data", "validate", str(folder), "--unseen", str(tmp_path / "unseen.txt")]):
        monkeypatch.setattr(sys, "argv", ["crossalign", *words])
        with pytest.raises(SystemExit) as stopped:
            main()
        assert not stopped.value.code
        out = capsys.readouterr().out
        if words[0] == "run":
            scores = json.loads(out)["scores"]
            assert scores["mAP"] == scores["mAP[sketch->photo]"]
            assert "mAP_16bit[sketch->photo]" in scores
            assert "mAP[photo->sketch]" not in scores
        else:
            assert "split query: 7 samples, 2 classes" in out


def test_pictures_of_one_direction_show_both_sides(folder):
    bench = data.load(folder, unseen=["cup", "tree"])
    found = ca.evaluate(ca.models.RidgeMap(), bench, tune=False).artefacts
    assert list(found["pr"]) == list(found["hits"]) == ["sketch->photo"]
    shown = {side: len(rows) for side, rows in found["latent"]["after"].items()}
    assert shown == {"sketch": 7, "photo": 6}


# -- malformed folders -------------------------------------------------------------------------
def spoil(name, content):
    def change(folder):
        (folder / name).write_bytes(content(folder / name) if callable(content) else content)
    return change


@pytest.mark.parametrize(("name", "content"), [
    ("photo/cup/1.jpg", lambda f: f.read_bytes()[:200]), ("sketch/saw/0.png", b"not a picture"),
    ("sketch/saw/0.png", b""), ("sketch/saw/0.png", lambda f: f.read_bytes()[:-30])])
def test_a_broken_picture_is_left_out_and_named(folder, name, content):
    whole = data.load(folder, unseen=["cup", "saw"])
    spoil(name, content)(folder)
    said = []
    for _ in range(2):                                        # encoded, then out of the cache
        bench = data.load(folder, unseen=["cup", "saw"], log=said.append)
        side = name.partition("/")[0]
        split, other = ("query", "gallery") if side == "sketch" else ("gallery", "query")
        there = whole[split].ids != name
        assert bench[split].ids.tolist() == whole[split].ids[there].tolist()
        np.testing.assert_array_equal(bench[split][side], whole[split][side][there])
        np.testing.assert_array_equal(bench[other].ids, whole[other].ids)
        record = bench.protocol["noted"]["not_read"]
        assert record["count"] == 1
        assert record["first"][0].startswith(name.partition("/")[2] + " (")
    assert sum("not read, 1: " in line for line in said) == 2


def test_a_class_of_one_side_is_named(folder):
    (folder / "photo/tree").rename(folder / "photo/bush")
    complaint(lambda: data.load(folder), "sketch: has no pictures of the class 'bush'", "one of 2")
    (folder / "photo/bush").rename(folder / "photo/tree")
    for file in (folder / "photo/cup").iterdir():
        file.write_bytes(b"broken")
    complaint(lambda: data.load(folder), "none of the 2 pictures of the class 'cup'", "cup/0.jpg")


def test_few_classes_and_unknown_tasks(tmp_path):
    three = unpacked(tmp_path / "three", names=NAMES[:3])
    complaint(lambda: data.load(three), "3 classes; retrieval needs four")
    complaint(lambda: data.load(three, "transfer"), "task: got 'transfer'")
    complaint(lambda: data.load("synthetic", unseen="x"), "unseen: given for synthetic",
              "sketches", "crossalign data list")
    complaint(lambda: data.load("synthetic", encoder=HOG()), "encoder: given for synthetic")


def test_encoders_that_do_not_fit_are_refused_before_a_picture_is_read(folder, monkeypatch):
    monkeypatch.setattr("crossalign.data.picture_rows.read_picture", None)
    complaint(lambda: load_sketches(folder, tokens=True, encoder=HOG()), "tokens=True")
    complaint(lambda: load_sketches(folder, text_encoder=CharNgrams()), "have no texts", "leave it")


# -- files to rows -----------------------------------------------------------------------------
def test_pictures_are_upright_on_white_and_square(tmp_path):
    quarter = np.full((20, 10), 255, np.uint8)
    quarter[:10] = 0                                         # dark upper half
    plain = Image.fromarray(quarter)
    plain.save(tmp_path / "plain.png")
    exif = plain.getexif()
    exif[0x0112] = 3                                         # stored upside down
    plain.rotate(180).save(tmp_path / "turned.png", exif=exif)
    Image.merge("LA", (Image.new("L", (10, 20)), Image.fromarray(255 - quarter))).save(
        tmp_path / "clear.png")                              # black ink, clear paper
    files = [tmp_path / f"{name}.png" for name in ("plain", "turned", "clear")]
    found = read_pictures(files, 8)
    assert found.shape == (3, 8, 8)
    for picture in found:
        np.testing.assert_array_equal(picture, found[0])
    assert found[0, :3].max() < 30
    assert found[0, 5:].min() > 225
    assert read_pictures(files[:1], 6, "RGB").shape == (1, 6, 6, 3)


def photos(folder):
    return [f for listed in class_files(folder / "photo")[0].values() for f in listed]


def test_digests_follow_contents(folder):
    files = photos(folder)
    first, closed = content_digests(files)
    assert len(set(first.tolist())) == len(files)
    assert closed == {}
    stat = files[1].stat()
    os.utime(files[0], (1, 1))
    np.testing.assert_array_equal(content_digests(files)[0], first)
    files[1].write_bytes(files[0].read_bytes()[:-1] + b"!")
    os.utime(files[1], ns=(stat.st_atime_ns, stat.st_mtime_ns))
    changed, closed = content_digests([*files, folder / "photo/gone.jpg"])
    assert changed[1] not in first
    np.testing.assert_array_equal(changed[:1], first[:1])
    np.testing.assert_array_equal(changed[2:-1], first[2:])
    assert closed == {len(files): "cannot be opened: No such file or directory"}


class Counting:
    """Mean brightness, and how many pictures it was asked for."""

    side, mode, tokens, asked = 4, "RGB", False, 0

    def __init__(self, name="counting"):
        self.facts = {"encoder": name}

    def encode(self, images):
        self.asked += len(images)
        return images.mean(axis=(1, 2)).astype(np.float32)


def test_rows_are_encoded_once(folder, monkeypatch):
    monkeypatch.setattr("crossalign.encoders.steps.BLOCK", 5)
    monkeypatch.setattr("time.monotonic", iter(range(1000)).__next__)    # a second each time
    files = photos(folder)
    digests, _ = content_digests(files)
    encoder, said = Counting(), []
    rows = picture_rows(files, digests, encoder, log=said.append).rows
    assert encoder.asked == len(files) == 24
    assert said[0] == "encoded 5 of 24 pictures, 5 a second, 4 s left"
    assert [line.split(",")[0] for line in said] == [
        f"encoded {n} of 24 pictures" for n in (5, 10, 15, 20)]
    np.testing.assert_allclose(rows, read_pictures(files, 4, "RGB").mean(axis=(1, 2)), rtol=1e-6)
    np.testing.assert_array_equal(picture_rows(files, digests, encoder).rows, rows)
    assert encoder.asked == 24
    picture_rows(files, digests, Counting("other"))
    other = Counting("other")
    picture_rows(files, digests[::-1], other)
    assert other.asked == 24                                  # other facts, other contents


def test_views_lie_beside_each_other():
    a = Views({"sketch": np.ones((3, 2))}, [0, 1, 2], meta={"x": np.arange(3)})
    b = Views({"photo": np.zeros((3, 5))}, [5, 5, 5], present={"photo": [1, 0, 1]})
    both = a.beside(b)
    assert both.modalities == ("sketch", "photo")
    np.testing.assert_array_equal(both.truth, [0, 1, 2])
    assert both.having("photo").ids.tolist() == [0, 2]
    assert a.modalities == ("sketch",)
    complaint(lambda: a.beside(b[:2]), "2 samples for 3")
    complaint(lambda: a.beside(a), "['sketch', 'x'] in both")
