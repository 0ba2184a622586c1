"""Recognition of pictures in class folders, whose classes are described by texts or attributes."""

from __future__ import annotations

import json
import pickle
from types import SimpleNamespace

import numpy as np
import pytest
from complaints import complaint
from PIL import Image
from sklearn.preprocessing import normalize
from typer.testing import CliRunner

from crossalign import data
from crossalign.cli import app
from crossalign.data.class_texts import read_class_texts
from crossalign.data.formats.pictures import read_pictures
from crossalign.data.splits import class_splits, hold_out
from crossalign.encoders import HOG, CharNgrams
from crossalign.evaluation import evaluate
from crossalign.models import ESZSL

NAMES = ("ant_eater", "bee", "cat", "dog", "eel", "fox", "gnu", "hen")
WORDS = ("ant eater", *NAMES[1:])
PICTURES = 5


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CROSSALIGN_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for c, name in enumerate(NAMES):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(PICTURES):
            pixels = rng.integers(0, 60, (20, 24, 3)) + 25 * c
            Image.fromarray(pixels.astype(np.uint8)).save(
                tmp_path / "photos" / name / f"{i}.png")
    return tmp_path / "photos"


def table(folder, text, name="classes.csv"):
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def rows(bench, name):
    return bench.classes.embeddings[bench.classes.names.index(name)]


def noted(bench):
    return {kind: (of["count"], of["first"]) for kind, of in bench.protocol.get(
        "noted", {}).items()}


# -- the benchmark -----------------------------------------------------------------------------
@pytest.mark.parametrize("task", ["gzsl", "zsl"])
def test_a_quarter_of_the_classes_is_unseen_over_ten_splits(folder, task):
    bench = data.load(folder, task)
    splits = class_splits(8, 6, 10)
    labels = np.repeat(np.arange(8), PICTURES)
    ids = np.array([f"{name}/{i}.png" for name in NAMES for i in range(PICTURES)])
    assert bench.class_splits == 10
    for k in range(10):
        run = pickle.loads(pickle.dumps(bench)).run(k)
        assert (run.task, run.modalities, run.classes.names) == (task, ("image",), NAMES)
        np.testing.assert_array_equal(run.classes.seen, splits[k])
        of_seen = np.flatnonzero(splits[k][labels])
        held = hold_out(labels[of_seen], 0.2) if task == "gzsl" else np.zeros(len(of_seen), bool)
        expected = {"train": of_seen[~held], "test_unseen": np.flatnonzero(~splits[k][labels])}
        if task == "gzsl":
            expected["test_seen"] = of_seen[held]
        assert set(run.splits) == set(expected)
        for split, chosen in expected.items():
            assert run[split].ids.tolist() == ids[chosen].tolist()
            np.testing.assert_array_equal(run[split].labels, labels[chosen])
        inner = run.validation()
        assert set(inner.classes.names) == set(np.array(NAMES)[splits[k]])
        assert set(inner["test_unseen"].ids) <= set(run["train"].ids)
    np.testing.assert_array_equal(bench["train"]["image"], HOG().encode(
        read_pictures([folder / i for i in bench["train"].ids], 64)))
    assert bench.protocol["leaks"]["single_class_split"] is False
    assert data.load(folder).task == "retrieval"


def test_a_class_is_described_by_its_name_and_its_text_file(folder):
    (folder / "cat.txt").write_text("it says miaow")
    (folder / "cow.txt").write_text("of no class")
    (folder / "cat" / "0.txt").write_text("one cat")
    bench = data.load(folder, "gzsl")
    texts = [f"{word}: it says miaow" if word == "cat" else word for word in WORDS]
    np.testing.assert_allclose(bench.classes.embeddings, CharNgrams().encode(texts), atol=1e-6)
    assert noted(bench) == {"captions_not_read_for_recognition": (1, ["cat/0.txt"]),
                            "descriptions_of_no_class": (1, ["cow.txt"])}
    assert bench.protocol["side_information"]["of"] == "the class's name and description"
    of_words = data.load(folder, "gzsl", tokens=True)
    assert of_words["train"]["image"].ndim == 3
    np.testing.assert_allclose(of_words.classes.embeddings, bench.classes.embeddings, atol=1e-5)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".json", ".txt"])
@pytest.mark.parametrize("given", [False, True])
def test_several_texts_of_a_class_are_one_unit_row(folder, tmp_path, suffix, given):
    """A file of the folder or of the option; a class without a picture is a candidate."""
    texts = {name: [f"the {name} runs", f"a small {name}"] for name in WORDS[::-1]}
    texts["unicorn"] = ["a horse with a horn"]
    sign = {".csv": ",", ".tsv": "\t", ".txt": ": "}
    content = json.dumps(texts) if suffix == ".json" else "".join(
        [f"class{sign[suffix]}text\n"] * (suffix != ".txt")
        + [f"{name}{sign[suffix]}{text}\n" for name, of in texts.items() for text in of])
    file = table(tmp_path if given else folder, content, f"classes{suffix}")
    bench = data.load(folder, **({"class_texts": file} if given else {"task": "gzsl"}))
    assert bench.classes.names == (*NAMES, "unicorn")
    for name, word in zip(NAMES, WORDS, strict=True):
        apart = normalize(CharNgrams().encode(texts[word]))
        np.testing.assert_allclose(rows(bench, name), normalize(apart.mean(axis=0)[None])[0],
                                   atol=1e-6)
    assert not bench.classes.seen[-1]
    assert bench.protocol["classes"] == {"seen": 6, "unseen": 3, "unseen_without_samples": 1}
    assert bench.protocol["side_information"]["texts"] == 17
    assert bench.protocol["side_information"]["file"] == file.name
    assert evaluate(ESZSL(), bench, 2, pictures=False).scores["T1"]["mean"] >= 0
    if not given:
        assert noted(data.load(folder)) == {"class_texts_not_read_for_retrieval": (1, [file.name])}


def test_attributes_take_the_place_of_texts(folder, tmp_path):
    """Found by name; a class of the table without a picture is a candidate."""
    values = np.random.default_rng(1).normal(size=(9, 3))
    names = [*NAMES[::-1], "yak"]
    file = table(tmp_path, "class,a,b,c\n" + "".join(
        f"{name},{','.join(map(repr, row.tolist()))}\n"
        for name, row in zip(names, values, strict=True)), "side.csv")
    bench = data.load(folder, "gzsl", attributes=file)
    assert bench.classes.names == (*NAMES, "yak")
    np.testing.assert_allclose(bench.classes.embeddings, values[[*range(7, -1, -1), 8]], rtol=1e-6)
    complaint(lambda: data.load(folder, attributes=file, class_texts=file), "class_texts: ",
              "leave the other out")
    complaint(lambda: data.load(folder, "gzsl", attributes=file, text_encoder=CharNgrams()),
              "text_encoder: given for 'photos'")


def test_unseen_classes_may_be_named(folder, tmp_path):
    names = table(tmp_path, "Ant eater\nfox\n", "unseen.txt")
    for task in (None, "gzsl", "retrieval"):
        bench = data.load(folder, task, unseen=names)
        assert np.array(NAMES)[~bench.classes.seen].tolist() == ["ant_eater", "fox"]
        assert bench.task == (task or "gzsl")
        assert bench.resplit is None
        assert bench.protocol["class_split"]["unseen"] == "unseen.txt"
        assert bench.protocol["leaks"]["single_class_split"] is True
    (folder / "classes.txt").write_text("\n".join((*WORDS, "yak", "zebu")))
    complaint(lambda: data.load(folder, "gzsl", unseen=["yak", "zebu"]), "unseen: ",
              "no unseen class with samples")
    complaint(lambda: data.load(folder, "gzsl", unseen=list(NAMES)), "no seen class with samples")
    complaint(lambda: data.load(folder, "retrieval", class_texts=names), "choose the task gzsl")


class Colours:
    """Mean colours of pictures; of a text the numbers of three letters. One space for both."""

    def __init__(self):
        self.pictures = SimpleNamespace(
            side=8, mode="RGB", tokens=False, facts={"encoder": "colours"},
            encode=lambda x: np.float32(x.mean(axis=(1, 2))))
        self.texts = SimpleNamespace(
            tokens=False, facts={"encoder": "letters of colours"},
            encode=lambda texts: np.float32([[t.count(c) + 1 for c in "rgb"] for t in texts]))


def test_a_network_of_both_is_given_for_both(folder):
    both = Colours()
    bench = data.load(folder, "gzsl", encoder=both, text_encoder=both)
    assert bench["train"].widths == {"image": 3}
    np.testing.assert_allclose(bench.classes.embeddings, normalize(both.texts.encode(WORDS)),
                               rtol=1e-6)
    assert bench.protocol["leaks"]["backbone_saw_unseen_classes"] is None
    assert bench.protocol["side_information"]["encoder"] == "letters of colours"
    both.texts.facts["rows"] = "raw"
    complaint(lambda: data.load(folder, "gzsl", text_encoder=both), "text_encoder: ",
              "without 'raw:'")


def test_what_is_thin_or_unreadable_is_counted_and_named(folder):
    for i in range(1, PICTURES):
        (folder / "bee" / f"{i}.png").unlink()
    (folder / "cat" / "0.png").write_bytes(b"\x89PNG cut off")
    table(folder, "class,text,colour\n" + "".join(
        f"{name},{'the same' if name in ('cat', 'dog') else name},red\n" for name in NAMES))
    bench = data.load(folder, "gzsl", unseen=["eel", "fox"])
    found = noted(bench)
    assert found.pop("not_read")[0] == 1
    assert found == {"columns_not_read": (1, ["colour"]),
                     "classes_of_one_text_row": (1, ["cat / dog"]),
                     "seen_classes_of_one_sample_not_tested": (1, ["bee"])}
    assert NAMES.index("bee") in bench["train"].labels
    ran = CliRunner().invoke(app, ["data", "validate", str(folder), "--task", "gzsl"])
    assert ran.exit_code == 0, ran.output
    assert "ok  classes of one text row: 1: cat / dog" in ran.output
    assert "ok  side information: 8 rows of width 128" in ran.output
    assert "ok  task: gzsl" in ran.output
    assert "as crossalign build reads it" not in ran.output
    ran = CliRunner().invoke(app, ["data", "validate", str(folder)])
    assert "ok  task: retrieval" in ran.output
    assert "\nas crossalign build reads it, for gzsl:\nok  readable: photos: gzsl" in ran.output
    for name in NAMES:
        for file in sorted((folder / name).iterdir())[1:]:
            file.unlink()
    (folder / "cat" / "0.png").write_bytes((folder / "dog" / "0.png").read_bytes())
    complaint(lambda: data.load(folder, "gzsl"), "classes: no seen class has two samples")
    assert len(data.load(folder, "zsl")["train"]) == 6


# -- files of texts ------------------------------------------------------------------------------
@pytest.mark.parametrize(("name", "content", "words"), [
    ("a.csv", "class,text\nbee,hums\n", "no text of 1 of the 2 classes, first 'cat'"),
    ("a.csv", "animal,says\nbee,hums\ncat,miaow\n", "call that of the class names 'class'"),
    ("a.csv", "class,says,wants\nbee,hums,honey\ncat,miaow,mice\n", "'text_2'"),
    ("a.csv", "class,text\nbee,hums\n,miaow\n", "row 3 of 'a.csv' has no class name"),
    ("a.txt", "\n \n", "is empty"),
    ("a.txt", "Cat: miaow\nCAT: hiss\nbee: hums", "'cat' may be 'Cat' or 'CAT'"),
    ("a.json", "[1, 2]", "no object of class names"),
    ("a.json", '{"bee": 3, "cat": "miaow"}', "the class 'bee'"),
    ("a.json", '{"bee": "a", "bee": "b", "cat": "c"}', "'bee' stands twice"),
    ("a.json", '{"bee": ', "truncated"),
    ("a.json", "[" * 100_000, "a.json"),
    ("a.pkl", "x", "is not one of"),
])
def test_malformed_files_are_one_sentence(tmp_path, name, content, words):
    file = table(tmp_path, content, name)
    complaint(lambda: read_class_texts(file, ["bee", "cat"]), "class_texts: ", words)


def test_a_name_without_a_text_is_its_text_and_two_files_are_refused(folder, tmp_path):
    file = table(tmp_path, "bee\nsea horse\tswims; slowly\n", "a.txt")
    found = read_class_texts(file, ["sea_horse", "bee"])
    assert found.texts == [("swims; slowly",), ("bee",)]
    (folder / "classes.txt").write_text("bee")
    (folder / "classes.json").write_text("{}")
    complaint(lambda: data.load(folder, "gzsl"), "'classes.json' and 'classes.txt'")
    complaint(lambda: read_class_texts(tmp_path, ["bee"]), "class_texts: ", "a folder")
