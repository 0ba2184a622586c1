"""Class folders as people have them: other suffixes, broken and hidden files, any script."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
from complaints import complaint
from PIL import Image

import crossalign as ca
from crossalign import data
from crossalign.data.class_folders import class_files
from crossalign.data.layouts import source_of
from crossalign.data.sources.picture_folder.source import load_picture_folder
from crossalign.data.sources.picture_folder.texts import names_as_words
from crossalign.data.text_rows import text_views
from crossalign.encoders import CharNgrams
from crossalign.encoders.char_ngrams import word_vector
from crossalign.words import words_of

NAMES = ("ant", "bee", "cat", "dog")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CROSSALIGN_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path):
    return folder_of(tmp_path / "set", NAMES)


def folder_of(place, names):
    rng = np.random.default_rng(0)
    for name in names:
        (place / name).mkdir(parents=True)
        for i in range(4):
            Image.fromarray(rng.integers(0, 255, (12, 12), dtype=np.uint8)).save(
                place / name / f"{i}.png")
    return place


def everything(bench):
    """Ids of all samples; in one split the test samples of its seen classes have no part."""
    runs = [bench.run(k) for k in range(10)]
    return sorted({str(i) for run in runs for views in run.splits.values() for i in views.ids})


# -- which files are pictures ------------------------------------------------------------------
@pytest.mark.parametrize(("suffix", "kind"), [
    ("tif", "TIFF"), ("TIFF", "TIFF"), ("jfif", "JPEG"), ("JPE", "JPEG"), ("WebP", "WEBP"),
    ("bmp", "BMP"), ("ppm", "PPM"), ("jp2", "JPEG2000"), ("avif", "AVIF"), ("GIF", "GIF")])
def test_pictures_of_every_suffix_are_read(folder, suffix, kind):
    whole = everything(data.load(folder))
    for file in list((folder / "cat").iterdir()):
        with Image.open(file) as image:
            image.save(file.with_suffix(f".{suffix}"), kind)
        file.unlink()
    bench = data.load(folder)
    assert everything(bench) == [i.replace("png", suffix) if "cat" in i else i for i in whole]
    assert "noted" not in bench.protocol


def test_a_picture_is_known_by_its_content_too(folder):
    whole = everything(data.load(folder))
    os.rename(folder / "cat/1.png", folder / "cat/1")
    os.rename(folder / "cat/2.png", folder / "cat/2.png_large")
    os.rename(folder / "dog/2.png", folder / "dog/2.jpg")
    assert len(everything(data.load(folder))) == len(whole)
    for file in list((folder / "ant").iterdir()):
        file.rename(file.with_suffix(""))
    assert source_of(folder).name == "pictures"


def test_what_is_no_picture_is_counted_and_named(folder):
    (folder / "cat/notes.xml").write_text("<xml/>")
    (folder / "cat/scan.pdf").write_bytes(b"%PDF-1.7")
    (folder / "cat/more").mkdir()
    os.mkfifo(folder / "dog/pipe.png")
    (folder / "dog/gone.png").symlink_to(folder / "nowhere.png")
    (folder / "cover.png").write_bytes((folder / "cat/0.png").read_bytes())
    (folder / "docs").mkdir()
    (folder / "docs/readme.md").write_text("words")
    said = []
    bench = data.load(folder, log=said.append)
    assert len(everything(bench)) == 16
    record = json.loads(json.dumps(dict(bench.protocol)))["noted"]["not_read"]
    assert record["count"] == 7
    assert record["first"] == ["cat/more (a folder in a class folder)",
                               "cat/notes.xml (no picture that is known here)",
                               "cat/scan.pdf (no picture that is known here)"]
    line = next(line for line in said if line.startswith("note: not read, 7: cat/more"))
    assert line.endswith("and so on")
    checks = {check.name: check.detail for check in data.validate(folder)}
    assert checks["not read"].startswith("7: cat/more")
    named = class_files(folder)[1]["not_read"]
    assert "dog/pipe.png (no file)" in named
    assert "dog/gone.png (cannot be opened: No such file or directory)" in named
    assert "set/cover.png (beside the class folders)" in named
    assert "docs/readme.md (no picture that is known here)" in named


def test_texts_and_folders_that_no_class_has_are_named(folder):
    (folder / "empty").mkdir()
    (folder / "cats.txt").write_text("a misspelt name")
    (folder / "README.TXT").write_text("whose pictures they are")
    (folder / "cat.txt").write_text("it meows")
    noted = data.load(folder).protocol["noted"]
    assert noted["not_read"] == {"count": 1, "first": ["set/empty (a folder without a picture)"]}
    assert noted["descriptions_of_no_class"] == {"count": 2, "first": ["README.TXT", "cats.txt"]}
    checks = dict(data.validate(folder))
    assert checks["descriptions of no class"] == "2: README.TXT, cats.txt"


def test_hidden_files_and_those_of_systems_are_passed_over(folder):
    for name in (".DS_Store", "._0.png", "Thumbs.db", "desktop.ini"):
        (folder / "cat" / name).write_bytes(b"\0\0\0")
    (folder / "__MACOSX").mkdir()
    (folder / "__MACOSX" / "._x.png").write_bytes(b"\0")
    (folder / ".git").mkdir()
    bench = data.load(folder)
    assert len(everything(bench)) == 16
    assert "noted" not in bench.protocol


def test_closed_files_and_folders_are_named(folder, monkeypatch):
    from pathlib import Path

    listing, opening = Path.iterdir, Path.open

    def iterdir(path):
        if path.name == "dog":
            raise PermissionError(13, "Permission denied")
        return listing(path)

    def opened(path, *words, **options):
        if path.name == "1.png" and path.parent.name == "cat":
            raise PermissionError(13, "Permission denied")
        return opening(path, *words, **options)

    folder_of(folder, ["emu", "fox"])
    monkeypatch.setattr(Path, "iterdir", iterdir)
    monkeypatch.setattr(Path, "open", opened)
    bench = load_picture_folder(folder)
    assert bench.classes.names == ("ant", "bee", "cat", "emu", "fox")
    assert bench.protocol["noted"]["not_read"] == {"count": 2, "first": [
        "set/dog (cannot be opened: Permission denied)",
        "cat/1.png (cannot be opened: Permission denied)"]}


def test_one_broken_picture_of_many_does_not_end_the_run(folder):
    whole = data.load(folder)
    (folder / "cat/2.png").write_bytes((folder / "cat/2.png").read_bytes()[:60])
    bench = data.load(folder)
    assert everything(bench) == [i for i in everything(whole) if i != "cat/2.png"]
    report = ca.evaluate(ca.models.RidgeMap(), bench, tune=False, pictures=False)
    assert report.protocol["noted"]["not_read"]["count"] == 1
    for i in range(4):
        (folder / f"cat/{i}.png").write_bytes(b"broken")
    said = []
    bench = data.load(folder, log=said.append)
    assert bench.protocol["noted"]["classes_without_a_readable_picture"] == {
        "count": 1, "first": ["cat (4 files)"]}
    assert "note: classes without a readable picture, 1: cat (4 files)" in said
    assert everything(bench) == [i for i in everything(whole) if not i.startswith("cat/")]
    assert bench.classes.names == whole.classes.names             # it stays a class
    for name in NAMES:
        for i in range(4):
            (folder / name / f"{i}.png").write_bytes(b"broken")
    complaint(lambda: data.load(folder), "none of 16 pictures can be read")


def test_classes_whose_names_read_alike_are_named(folder):
    (folder / "Cat").mkdir()
    for i in range(4):
        (folder / "Cat" / f"{i}.png").write_bytes((folder / f"dog/{i}.png").read_bytes())
    bench = data.load(folder, "gzsl")
    assert bench.protocol["noted"]["classes_of_names_alike"] == {
        "count": 1, "first": ["Cat and cat"]}
    assert any(check.name == "classes of names alike" and "Cat and cat" in check.detail
               for check in data.validate(folder, "gzsl"))


# -- texts -------------------------------------------------------------------------------------
@pytest.mark.parametrize(("text", "words"), [
    ("Boeing 747-400", ["boeing", "747", "400"]), ("C++ / C#", ["c", "++", "c"]),
    ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]), ("مُحَمَّد", ["مُحَمَّد"]), ("שָׁלוֹם עולם", ["שָׁלוֹם", "עולם"]),
    ("ภาษาไทย ๑๒", ["ภาษาไทย", "๑๒"]), ("cafe\u0301 au_lait", ["café", "au", "lait"]),
    ("👩\u200d🚀 in space", ["👩\u200d🚀", "in", "space"]), ("?!", ["?!"]),
    ("\u0645\u06cc\u200c\u062e", ["\u0645\u06cc\u200c\u062e"]),
    ("漢字、かな", ["漢字", "かな"])])
def test_words_of_every_script_are_whole(text, words):
    import unicodedata

    assert words_of(text) == [unicodedata.normalize("NFC", word) for word in words]


def test_class_names_become_texts_as_a_person_writes_them():
    assert names_as_words(["grand_piano", "T-shirt", "Boeing 707", "7_Up"]) == [
        "grand piano", "T-shirt", "Boeing 707", "7 Up"]
    assert names_as_words(["001.Black_footed_Albatross", "002.Crow"]) == [
        "Black footed Albatross", "Crow"]
    assert names_as_words(["001.ant", "bee"]) == ["001.ant", "bee"]
    assert names_as_words(["1.ant", "2.ant"]) == ["1.ant", "2.ant"]
    assert names_as_words(["1.", "2."]) == ["1.", "2."]
    assert names_as_words(["sea_horse", "sea horse", "_"]) == ["sea_horse", "sea horse", "_"]


@pytest.mark.parametrize("names", [
    ("Boeing 707", "Boeing 727", "Boeing 737", "Boeing 747"), ("A1", "A2", "A 1", "a"),
    ("दिन", "दन", "दान", "दीन"), ("C", "C++", "C+", "C+++"), ("😀", "😁", "😂", "🤣")])
def test_classes_that_differ_have_texts_and_rows_that_differ(tmp_path, names):
    bench = data.load(folder_of(tmp_path / "x", names))
    rows = {}
    for views in bench.splits.values():
        for label, text, row in zip(views.truth, views.meta["show:text"], views["text"],
                                    strict=True):
            rows[bench.classes.names[label]] = (str(text), row.tobytes())
    assert {name: text for name, (text, _) in rows.items()} == {name: name for name in names}
    assert len({row for _, row in rows.values()}) == 4
    assert "noted" not in bench.protocol


def test_texts_that_an_encoder_does_not_tell_apart_are_named(tmp_path):
    bench = data.load(folder_of(tmp_path / "x", ["C", "C#", "dog", "T-shirt", "t shirt"]))
    assert bench.protocol["noted"]["texts_of_one_row"] == {
        "count": 2, "first": ["C / C#", "T-shirt / t shirt"]}


def test_what_is_no_text_file_is_refused_and_never_waited_for(folder):
    os.mkfifo(folder / "cat" / "0.txt")
    complaint(lambda: data.load(folder), "cat/0.txt", "a pipe")
    (folder / "cat" / "0.txt").unlink()
    (folder / "cat" / "0.txt").mkdir()
    complaint(lambda: data.load(folder), "cat/0.txt", "a folder")


class Spy:
    """Stands for a pretrained network: what it is given, and a row that tells texts apart."""

    facts = {"encoder": "spy"}                                 # noqa: RUF012

    def __init__(self, tokens=False, rows="vectors"):
        self.tokens, self.seen, self.facts = tokens, [], {"encoder": "spy", "rows": rows}

    def encode(self, texts):
        self.seen += texts
        if not self.tokens:
            return np.array([[len(text), ord(text[0])] for text in texts], np.float32)
        rows = np.zeros((len(texts), max(len(t.split()) for t in texts), 2), np.float32)
        for row, text in zip(rows, texts, strict=True):
            row[:len(text.split())] = [[len(word), 1] for word in text.split()]
        return rows

    def words(self, texts):
        return [text.split() for text in texts]


def test_an_encoder_gets_the_text_as_it_was_written(folder):
    (folder / "cat" / "0.txt").write_text("Two jets, NOT 3 gliders — at gate 66 (cafe\u0301).\r\n",
                                          encoding="utf-8")
    (folder / "cat" / "1.TXT").write_bytes("Älter & größer".encode("utf-16"))
    (folder / "dog.txt").write_bytes(b"\xef\xbb\xbfA good boy; 4 legs.")
    spy = Spy()
    data.load(folder, text_encoder=spy)
    assert sorted(spy.seen) == sorted([
        "ant", "bee", "cat", "dog: A good boy; 4 legs.",
        "Two jets, NOT 3 gliders — at gate 66 (café).", "Älter & größer"])


def test_several_captions_of_a_picture_are_several_texts(folder):
    captions = ["an ant on a leaf", "a tiny insect", "the red ant"]
    (folder / "ant" / "0.txt").write_text("\n".join(captions))
    spy = Spy()
    bench = data.load(folder, text_encoder=spy)
    assert set(captions) < set(spy.seen)
    part = next(v for v in bench.splits.values() if "ant/0.png" in v.ids)
    at = part.ids.tolist().index("ant/0.png")
    np.testing.assert_allclose(part["text"][at], Spy().encode(captions).mean(axis=0))
    assert part.meta["show:text"][at] == "an ant on a leaf / a tiny insect / the red ant"
    assert len(everything(bench)) == 16
    assert bench.protocol["features"]["text"]["captions"] == {"several": 1, "most": 3}


def test_tokens_of_several_captions_stand_one_after_another():
    texts = [("one two", "three"), ("four",), ("three",)]
    views, _ = text_views(texts, Spy(tokens=True))
    np.testing.assert_array_equal(views["text"][..., 0], [[3, 3, 5], [4, 0, 0], [5, 0, 0]])
    assert views.meta["words:text"].tolist() == ["one two three", "four", "three"]
    views, _ = text_views(texts, spy := Spy(tokens=True, rows="raw"))
    assert spy.seen == ["one two\nthree", "four", "three"]    # a network reads one text at a time
    assert views["text"].shape == (3, 3, 2)


def test_vectors_of_letters_are_of_all_words_and_tokens_of_the_first_ones():
    long = " ".join(f"word{i}" for i in range(100))
    total = sum(word_vector(f"word{i}") for i in range(100))
    np.testing.assert_allclose(CharNgrams().encode([long])[0], total / np.linalg.norm(total),
                               atol=1e-6)
    with pytest.warns(UserWarning, match="1 of 2 are longer than the 64 words"):
        assert CharNgrams(tokens=True).encode([long, "short"]).shape == (2, 64, 128)
    assert len(CharNgrams(tokens=True).words([long])[0]) == 64


# -- files that a table names ------------------------------------------------------------------
def table(place, files, **more):
    rng = np.random.default_rng(0)
    place.mkdir(exist_ok=True)
    np.savez(place / "x.npz", image=rng.standard_normal((40, 3)), text=rng.standard_normal((40, 3)),
             labels=np.arange(40) % 5, **{"file:image": np.array((files * 40)[:40])}, **more)
    return place / "x.npz"


def test_files_named_by_a_table_are_read_below_its_folder_only(tmp_path):
    place, secret = tmp_path / "set", tmp_path / "secret.png"
    Image.new("L", (9, 9), 50).save(secret)
    (place / "in").mkdir(parents=True)
    Image.new("L", (9, 9), 90).save(place / "in/a.png")
    (place / "link.png").symlink_to(secret)
    (place / "loop").symlink_to(place / "loop")
    bench = ca.load(table(place, ["in/a.png", str(place / "in/a.png"), "in/../in/a.png"]))
    assert set(bench["train"].meta["file:image"]) == {str((place / "in/a.png").resolve())}
    for name in (str(secret), "../secret.png", "link.png", "/etc/passwd", "in/../../secret.png"):
        complaint(lambda name=name: ca.load(table(place, ["in/a.png", name])), "file:image: row 1",
                  f"{name!r}", "not below the folder")


def test_files_of_domains_are_read_below_the_folder_only(tmp_path):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "d.npz", features=rng.standard_normal((40, 3)), label=np.arange(40) % 5,
             domain=np.where(np.arange(40) < 20, "sketch", "photo"),
             **{"file:photo": np.array(["/etc/hostname"] * 40)})
    complaint(lambda: ca.load(tmp_path / "d.npz"), "file:photo: row 0", "'/etc/hostname'")
