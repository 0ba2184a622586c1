"""A folder of class folders of pictures: texts from names and files, pairs, tokens on disk."""

from __future__ import annotations

import json
from functools import partialmethod

import numpy as np
import pytest
from complaints import complaint
from PIL import Image

from crossalign import data
from crossalign.data.catalog import read_said
from crossalign.data.class_folders import is_picture
from crossalign.data.formats.npz import read_npz
from crossalign.data.formats.pictures import read_pictures
from crossalign.data.layouts import source_of
from crossalign.data.sources.picture_folder.source import load_picture_folder
from crossalign.data.sources.picture_folder.texts import texts_of
from crossalign.data.splits import class_splits, hold_out
from crossalign.encoders import HOG, CharNgrams
from crossalign.encoders.char_ngrams import word_vector
from crossalign.evaluation import evaluate
from crossalign.models import FGAN
from crossalign.types import Views

NAMES = ("001.Sooty_Albatross", "cup", "grand_piano", "sea horse", "yin_yang")
PICTURES = 5


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CROSSALIGN_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for c, name in enumerate(NAMES):
        (tmp_path / "animals" / name).mkdir(parents=True)
        for i in range(PICTURES):
            pixels = rng.integers(0, 60, (30, 40, 3)) + 40 * c
            Image.fromarray(pixels.astype(np.uint8)).save(
                tmp_path / "animals" / name / f"image_{i}.jpg")
    (tmp_path / "animals" / "empty").mkdir()
    (tmp_path / "animals" / ".hidden").mkdir()
    return tmp_path / "animals"


class Cells:
    """Four cells of a small picture, each its mean colour and more, or their mean."""

    side, mode = 8, "RGB"

    def __init__(self, tokens=True):
        self.tokens, self.facts = tokens, {"encoder": "cells", "tokens": tokens}

    def encode(self, pictures):
        cells = pictures.reshape(-1, 2, 4, 2, 4, 3).mean(axis=(2, 4)).reshape(-1, 4, 3) / 255
        cells = np.concatenate([cells, cells**2, np.ones_like(cells)], axis=2, dtype=np.float32)
        return cells if self.tokens else cells.mean(axis=1)


# -- texts -------------------------------------------------------------------------------------
def test_texts_are_names_then_descriptions_or_captions(folder):
    files = [folder / name / f"image_{i}.jpg" for name in NAMES for i in range(2)]
    texts, alone = texts_of(files)
    assert texts[::2] == [("001.Sooty Albatross",), ("cup",), ("grand piano",), ("sea horse",),
                          ("yin yang",)]
    assert alone == {}
    (folder / "cup.txt").write_text("A vessel; 3 handles,\nholding_tea!")
    (folder / "cup" / "image_1.txt").write_text("Blue cup, no. 7\n\n  NOT a mug \n")
    (folder / "cup" / "image_9.TXT").write_text("of no picture")
    texts, alone = texts_of(files)
    assert texts[2:4] == [("cup: A vessel; 3 handles,\nholding_tea!",),
                          ("Blue cup, no. 7", "NOT a mug")]
    assert alone == {"captions_of_no_picture": ["cup/image_9.TXT"]}
    for content, words in ((b" \n", "is empty"), (b"\xff\x00", "as UTF-8 text"),
                           (b"word " * 2**18, "more than the")):
        (folder / "cup.txt").write_bytes(content)
        complaint(lambda: texts_of(files), "cup.txt", words)


def test_rows_of_texts_are_words_or_their_sum():
    tokens = CharNgrams(tokens=True).encode(["sea horse", "cup", "sea horse"])
    assert tokens.shape == (3, 2, 128)
    np.testing.assert_allclose(tokens[0], [word_vector("sea"), word_vector("horse")], atol=1e-6)
    np.testing.assert_array_equal(tokens[2], tokens[0])
    np.testing.assert_array_equal(tokens[1, 1], 0)
    vectors = CharNgrams().encode(["sea horse", "cup"])
    total = word_vector("sea") + word_vector("horse")
    np.testing.assert_allclose(vectors[0], total / np.linalg.norm(total), atol=1e-6)
    np.testing.assert_allclose(vectors[1], word_vector("cup"), atol=1e-6)


# -- the benchmark -----------------------------------------------------------------------------
def test_pictures_and_texts_are_pairs_over_ten_halves(folder):
    assert source_of(folder).name == "pictures"
    bench = data.load(folder)
    splits = class_splits(5, runs=10)
    test = hold_out(np.repeat(np.arange(5), PICTURES), 0.25)
    for k in range(10):
        run = bench.run(k)
        assert run.modalities == ("image", "text")
        assert run.classes.names == NAMES
        np.testing.assert_array_equal(run.classes.seen, splits[k])
        ids = [f"{name}/image_{i}.jpg" for name in NAMES for i in range(PICTURES)]
        of_seen = np.repeat(splits[k], PICTURES)
        for split, rows in (("train", ~test & of_seen), ("query", test & ~of_seen),
                            ("gallery", ~test & ~of_seen)):
            assert run[split].ids.tolist() == np.array(ids)[rows].tolist()
    files = [folder / i for i in bench["gallery"].ids]
    np.testing.assert_array_equal(bench["gallery"]["image"],
                                  HOG().encode(read_pictures(files, 64)))
    np.testing.assert_array_equal(bench["gallery"]["text"], CharNgrams().encode(
        bench["gallery"].meta["show:text"].tolist()))
    record = json.loads(json.dumps(dict(bench.protocol)))
    assert record["leaks"]["text_features_fit_on_unseen"] is False
    assert record["leaks"]["duplicate_gallery_rows"] is True        # a class has one text
    assert record["leaks"]["query_in_gallery"] is False
    assert record["features"]["widths"] == {"image": 512, "text": 128}


def test_an_encoder_decides_on_tokens_or_vectors(folder):
    for tokens, shape in ((True, (4, 9)), (False, (9,))):
        bench = data.load(folder, encoder=Cells(tokens))
        train = bench["train"]
        assert train["image"].shape == (len(train), *shape)
        assert train["text"].ndim == train["image"].ndim
        assert train.on_disk("image") is tokens
        want = Cells(tokens).encode(read_pictures([folder / i for i in train.ids], 8, "RGB"))
        np.testing.assert_array_equal(train["image"], want)
        assert bench.protocol["leaks"]["backbone_saw_unseen_classes"] is None
        assert bench.protocol["features"]["encoder"] == "cells"
    assert data.load(folder, tokens=True, encoder=Cells()).protocol["leaks"][
        "query_in_gallery"] is False
    complaint(lambda: data.load(folder, tokens=True, encoder=Cells(False)), "encoder: ",
              "tokens=True")
    complaint(lambda: data.load(folder, modalities=["image"]), "modalities: given for")


def test_equal_pictures_are_told_though_tokens_are_on_disk(folder):
    bench = data.load(folder, encoder=Cells())
    ids = bench["gallery"].ids
    (folder / ids[0]).write_bytes((folder / bench["query"].ids[0]).read_bytes())
    leaks = data.load(folder, encoder=Cells()).protocol["leaks"]
    assert leaks["query_in_gallery"] is True
    for name in NAMES:
        for i in range(PICTURES):
            (folder / name / f"image_{i}.txt").write_text(f"the {name} with number {i}")
    leaks = data.load(folder, encoder=Cells()).protocol["leaks"]
    assert (leaks["query_in_gallery"], leaks["duplicate_gallery_rows"]) == (True, False)
    (folder / ids[1]).write_bytes((folder / ids[0]).read_bytes())
    leaks = data.load(folder, encoder=Cells()).protocol["leaks"]
    assert leaks["duplicate_gallery_rows"] is True


def test_a_model_of_tokens_reads_them_block_by_block(folder, monkeypatch):
    """FGAN on the memory map is FGAN on the same rows in memory, and reads none of them whole."""
    bench = data.load(folder, tokens=True, encoder=Cells())
    memory = load_picture_folder(folder, encoder=Cells(), cache=False)
    model = FGAN(dim=8, heads=2, samples=4, epochs=1, batch_size=6)
    in_memory = evaluate(model, memory, tune=False, pictures=False)
    read, seen = Views.read, []

    def recorded(views, modality, rows=None):
        found = read(views, modality, rows)
        if modality == "image":
            seen.append(len(found))
        return found

    monkeypatch.setattr(Views, "read", recorded)
    monkeypatch.setattr(Views, "blocks", partialmethod(Views.blocks, numbers=4 * 4 * 9))
    on_disk = evaluate(model, bench, tune=False, pictures=False)
    assert max(seen) == 6                                     # a batch; evaluation reads 4 at once
    assert sum(seen) > 2 * len(bench["train"])
    for name, score in in_memory.scores.items():
        assert on_disk.scores[name]["mean"] == pytest.approx(score["mean"], abs=1e-3)


def test_malformed_folders_are_named(folder, tmp_path):
    whole = {file: file.read_bytes() for file in (folder / "cup").iterdir()}
    for file in whole:
        file.write_bytes(b"\xff\xd8 cut off")
    noted = data.load(folder).protocol["noted"]
    assert noted["classes_without_a_readable_picture"]["first"] == ["cup (5 files)"]
    assert noted["not_read"]["count"] == 6                        # and one that was there before
    for file, content in whole.items():
        file.write_bytes(content)
    (folder / "lone").mkdir()
    (folder / "cup" / "image_2.jpg").rename(folder / "lone" / "image_2.jpg")
    alone = data.load(folder)
    assert alone.classes.names.index("lone") not in alone["query"].labels
    assert "1 classes of one sample have none" in alone.protocol["test_part"]
    (tmp_path / "none").mkdir()
    complaint(lambda: load_picture_folder(tmp_path / "none"), "holds no folder of pictures")
    complaint(lambda: data.load(tmp_path / "none"), "is empty")
    complaint(lambda: data.load(folder, "transfer"), "task: got 'transfer'")


# -- tokens in files of arrays -----------------------------------------------------------------
def test_large_members_of_npz_files_are_mapped(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    arrays = {"image": rng.standard_normal((30, 4, 3)).astype(np.float16),
              "text": np.asfortranarray(rng.standard_normal((30, 5))), "labels": np.arange(30) % 5}
    np.savez(tmp_path / "plain.npz", **arrays)
    np.savez_compressed(tmp_path / "small.npz", **arrays)
    monkeypatch.setattr("crossalign.data.formats.npz.MEMORY_MAP_BYTES", 400)
    plain, small = read_npz(tmp_path / "plain.npz"), read_npz(tmp_path / "small.npz")
    assert [isinstance(v, np.memmap) for v in plain.values()] == [True, True, False]
    assert not any(isinstance(v, np.memmap) for v in small.values())
    for name, values in arrays.items():
        assert plain[name].dtype == values.dtype
        np.testing.assert_array_equal(plain[name], values)
        np.testing.assert_array_equal(small[name], values)
    bench = data.load(tmp_path / "plain.npz")
    assert bench["gallery"].on_disk("image")
    whole = (tmp_path / "plain.npz").read_bytes()
    (tmp_path / "plain.npz").write_bytes(whole[:len(whole) // 2])
    complaint(lambda: read_npz(tmp_path / "plain.npz"), "truncated")


# -- captions ------------------------------------------------------------------------------------
def test_captions_are_those_of_the_picture_else_all_texts_of_its_class(folder):
    (folder / "cup" / "image_2.txt").write_text("a white cup\na cup of tea\n")
    (folder / "classes.json").write_text(json.dumps({
        name: [f"a photo of {name}", f"one {name}"] for name in NAMES}))
    bench = data.load(folder, "caption")
    assert set(bench.splits) == {"train", "test_seen", "test_unseen"}
    for made in (bench, bench.validation(), bench.run(1)):
        for split, views in made.splits.items():
            assert views.modalities == (("image", "text") if split == "train" else ("image",))
            for name, c, of in zip(views.ids, views.labels, made.said.of(views), strict=True):
                own = made.classes.names[c]
                assert name.startswith(own)
                assert of == (("a white cup", "a cup of tea") if name == "cup/image_2.jpg" else (
                    f"a photo of {own}", f"one {own}"))
    assert bench.classes.texts[1] == ("a photo of cup", "one cup")
    recognised = data.load(folder, "gzsl")
    assert bench.protocol["split_id"] == recognised.protocol["split_id"]
    chosen = data.load(folder, "caption", unseen=["cup", "yin_yang"])
    assert set(chosen.said.of(chosen["test_unseen"])) == {
        ("a white cup", "a cup of tea"), ("a photo of cup", "one cup"),
        ("a photo of yin_yang", "one yin_yang")}


def test_captions_of_folders_are_names_where_nothing_else_is_said(folder):
    bench = data.load(folder, "caption")
    told = {of for views in bench.splits.values() for of in bench.said.of(views)}
    assert told == {(name.replace("_", " "),) for name in NAMES}
    kind, said = "pictures_without_captions_of_their_own_called_as_their_class", []
    assert bench.protocol["noted"][kind]["count"] == len(NAMES) * PICTURES
    read_said(folder, "caption", log=said.append)
    assert [line.startswith("note: pictures without captions of their own") for line in said] == [
        True]
    for file in folder.rglob("image_*.jpg"):                # words of a class are captions, too
        file.with_suffix(".txt").write_text(file.parent.name.replace("_", " "))
    assert kind not in data.load(folder, "caption").protocol.get("noted", {})
    complaint(lambda: data.load(folder, "caption", attributes="x.npy"), "attributes: got 'x.npy'")


def test_tables_that_nothing_reads_are_noted_and_marks_of_missing_texts_refused(folder):
    for name in ("captions.csv", "captions.json", "classes.csv", "att.csv"):
        (folder / name).write_text("class,text\n" if name == "classes.csv" else "x")
    pictures = [file for file in sorted(folder.rglob("*")) if is_picture(file)]
    names = list(dict.fromkeys(file.parent.name for file in pictures))
    numbers = "".join(f"{name},{k},{k % 2}\n" for k, name in enumerate(names))
    (folder / "att.csv").write_text("class,a,b\n" + numbers)
    found = data.load(folder, "gzsl", attributes=folder / "att.csv").protocol["noted"]
    assert found["tables_beside_the_class_folders_not_read_unless_given_as_the_data"] == {
        "count": 2, "first": ["captions.csv", "captions.json"]}
    texts = [f"{name},{'NA' if k == 1 else name}" for k, name in enumerate(names)]
    (folder / "classes.csv").write_text("\n".join(["class,text", *texts]))
    complaint(lambda: data.load(folder, "gzsl"), f"class_texts: 'NA' as a text of {names[1]!r}")
    pictures[0].with_suffix(".txt").write_text("nan\n")
    complaint(lambda: data.load(folder), "holds 'nan', the mark of a missing text")
