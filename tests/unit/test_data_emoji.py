"""Emoji: folders that are made of two archives, unsafe archives, and five tasks."""

from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
from complaints import complaint
from PIL import Image
from typer.testing import CliRunner

from crossalign import data
from crossalign.cli import app
from crossalign.data.formats import archives
from crossalign.data.layouts import source_of
from crossalign.data.sources.emoji.making import make_emoji
from crossalign.data.sources.emoji.source import read_emoji
from crossalign.encoders import CharNgrams
from crossalign.evaluation import evaluate
from crossalign.models import CCA

COLOURS = ("#ff0000", "#00ff00", "#0000ff", "#ffff00", "#00ffff", "#ff00ff", "#808080", "#804000",
           "#004080", "#408000", "#ff8000", "#0080ff")
SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8">{}</svg>'
CODES = [f"1F6{i:02X}" for i in range(12)]
GROUPS = {"groups": {"0": "faces", "1": "things", "2": "component", "9": "flags"},
          "subgroups": {str(k): f"kind-{k}" for k in range(6)}}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CROSSALIGN_CACHE", str(tmp_path / "cache"))


def packed(file, members):
    """An archive of npm; a member is its content, or what it is instead of a file."""
    with tarfile.open(file, "w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name if name.startswith(("/", "..")) else f"package/{name}")
            if isinstance(content, bytes):
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
            else:
                member.type, member.linkname = content
                archive.addfile(member)
    return file


def drawings():
    rect = '<rect x="{}" y="1" width="4" height="6" fill="{}"/>'
    return {f"{style}/svg/{code}{'-FE0F' * (i == 0)}.svg": SVG.format(rect.format(
        i % 4, COLOURS[i] if style == "color" else "black")).encode()
        for i, code in enumerate(CODES) for style in ("color", "black")}


def names():
    rows = [{"label": f"emoji {i}", "hexcode": code + "-FE0F" * (i == 0), "group": i // 6,
             "subgroup": i // 2, "tags": [f"word{i}", "all"]} for i, code in enumerate(CODES)]
    rows += [{"label": "flag: X", "hexcode": "1F1E6", "group": 9, "subgroup": 5},
             {"label": "sign", "hexcode": "1F1E7"},
             {"label": "undrawn", "hexcode": "1F700", "group": 0, "subgroup": 0}]
    german = [{"label": f"Zeichen {i}", "hexcode": row["hexcode"], "tags": []}
              for i, row in enumerate(rows)]
    return {f"{name}.json": json.dumps(value).encode() for name, value in (
        ("en/data", rows), ("de/data", german), ("meta/groups", GROUPS))}


@pytest.fixture
def packages(tmp_path):
    pytest.importorskip("resvg_py", reason="needs the extra 'emoji'")
    return (packed(tmp_path / "o.tgz", {**drawings(), "LICENSE.txt": b"CC-BY-SA"}),
            packed(tmp_path / "e.tgz", names()))


@pytest.fixture
def folder(tmp_path):
    """A folder as it is made, with a second painter."""
    rng = np.random.default_rng(0)
    lines = []
    for i, code in enumerate(CODES):
        lines.append({"id": code.lower(), "name": f"emoji {i:02}", "group": ["faces", "things"][
            i // 6], "subgroup": f"kind-{i // 2}", "keywords": [f"word{i}", "all"]})
        for painter in ("openmoji", "google", "sketch"):
            (tmp_path / "emoji" / painter).mkdir(parents=True, exist_ok=True)
            Image.fromarray((rng.integers(0, 80, (16, 16, 3)) + 14 * i).astype(np.uint8)).save(
                tmp_path / "emoji" / painter / f"{code.lower()}.png")
    (tmp_path / "emoji" / "concepts.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return tmp_path / "emoji"


# -- making --------------------------------------------------------------------------------------
def test_two_archives_make_a_folder_that_is_read(packages, tmp_path):
    out = tmp_path / "made"
    ran = CliRunner().invoke(app, ["data", "make-emoji", *map(str, packages), "--out", str(out)])
    assert ran.exit_code == 0, ran.output
    assert "12 emoji of 6 subgroups in 2 groups" in ran.stdout
    assert "left out: 2 flags and components, 1 undrawn; without a drawing: undrawn" in ran.stdout
    rows = [json.loads(line) for line in (out / "concepts.jsonl").read_text().splitlines()]
    assert rows[0] == {"id": "1f600", "name": "emoji 0", "group": "faces", "subgroup": "kind-0",
                       "keywords": ["word0", "all"], "names": {"en": "emoji 0", "de": "Zeichen 0"},
                       "keywords_by_language": {"de": []}}
    assert sorted(os.listdir(out)) == ["LICENSE-openmoji.txt", "concepts.jsonl", "openmoji",
                                       "sketch"]
    for i, code in enumerate(CODES):
        for painter, colour in (("openmoji", COLOURS[i]), ("sketch", "#000000")):
            with Image.open(out / painter / f"{code.lower()}.png") as picture:
                pixels = np.asarray(picture.convert("RGB"))
            assert pixels.shape == (64, 64, 3)
            assert "#" + bytes(pixels[32, 8 * (i % 4) + 16]).hex() == colour
            assert pixels[1, 1].tolist() == [255, 255, 255]
    assert data.load(out).task == "gzsl"
    complaint(lambda: make_emoji(*packages, out), "out: ", "exists")


@pytest.mark.parametrize(("change", "words"), [
    ({"color/svg/1F600.svg": (tarfile.SYMTYPE, "/etc/passwd")}, "is a link"),
    ({"color/svg/1F600.svg": (tarfile.LNKTYPE, "package/x")}, "is a link"),
    ({"color/svg/1F600.svg": (tarfile.FIFOTYPE, "")}, "is a device"),
    ({"/etc/out": b"x"}, "leads out"),
    ({"../out": b"x"}, "leads out"),
    ({"color/svg/1F601.svg": SVG.format('<image href="file:///etc/passwd"/>').encode()},
     "refers to something outside"),
    ({"color/svg/1F601.svg": b'<!DOCTYPE a [<!ENTITY b "c">]><svg>&b;</svg>'},
     "refers to something outside"),
    ({"color/svg/1F601.svg": SVG.format('<use xlink:href = "x.svg#a"/>').encode()},
     "refers to something outside"),
    ({"color/svg/1F601.svg": b"<svg"}, "cannot be drawn"),
    ({"color/svg/1F601.svg": b" " * (2**20 + 1)}, "larger than"),
])
def test_unsafe_archives_are_refused_and_nothing_is_left(packages, tmp_path, change, words):
    bad = packed(tmp_path / "bad.tgz", {**drawings(), **change})
    before = sorted(os.listdir(tmp_path))
    complaint(lambda: make_emoji(bad, packages[1], tmp_path / "made"), "openmoji: ", words)
    assert sorted(os.listdir(tmp_path)) == before


def test_bombs_and_other_archives_are_refused(packages, tmp_path, monkeypatch):
    made = tmp_path / "made"
    monkeypatch.setattr(archives, "LARGEST", 50_000)
    bomb = packed(tmp_path / "bomb.tgz", {"x": bytes(60_000), **drawings()})
    assert bomb.stat().st_size < 5_000
    complaint(lambda: make_emoji(bomb, packages[1], made), "unpacks to more than 50000 bytes")
    monkeypatch.undo()
    monkeypatch.setattr(archives, "LARGEST_MEMBER", 50_000)
    complaint(lambda: make_emoji(bomb, packages[1], made), "more bytes than are read")
    monkeypatch.undo()
    complaint(lambda: make_emoji(packages[0], packages[0], made), "emojibase: ", "version 17")
    complaint(lambda: make_emoji(packages[1], packages[1], made), "openmoji: ", "no drawings")
    cut = tmp_path / "cut.tgz"
    whole = packages[0].read_bytes()
    cut.write_bytes(whole[:len(whole) // 2])
    complaint(lambda: make_emoji(cut, packages[1], made), "openmoji: ", "cannot be read")
    cut.write_bytes(b"text")
    complaint(lambda: make_emoji(packages[0], cut, made), "cut.tgz")
    assert not made.exists()


# -- tasks ---------------------------------------------------------------------------------------
def test_recognition_has_names_and_keywords_as_side_information(folder):
    assert source_of(folder).name == "emoji"
    bench = data.load(folder)
    texts = [f"{name}: word{int(name[-2:])}, all" for name in bench.classes.names]
    np.testing.assert_allclose(bench.classes.embeddings, CharNgrams().encode(texts), atol=1e-6)
    assert (bench.task, bench.classes.unseen.sum(), bench.class_splits) == ("gzsl", 3, 10)
    train = bench["train"]
    assert train.meta["painter"].tolist() == [
        Path(file).parent.name for file in train.meta["file:image"]]
    assert len(bench["test_unseen"]) == 9
    assert len(bench["test_seen"]) == 9
    named = data.load(folder, "zsl", unseen=["emoji 01", "emoji 07"])
    assert set(named["test_unseen"].ids) == {
        f"{painter}/{code.lower()}.png" for painter in ("openmoji", "google", "sketch")
        for code in (CODES[1], CODES[7])}


@pytest.mark.parametrize("variant", ["", ":sketch"])
def test_whole_subgroups_are_unseen_in_retrieval(folder, variant):
    bench = data.load(f"{folder}{variant}", "retrieval")
    asks, gallery = ("sketch", "image") if variant else ("image", "text")
    for k in range(10):
        run = bench.run(k)
        unseen = {int(run.classes.names[c][-2:]) // 2 for c in np.flatnonzero(run.classes.unseen)}
        assert unseen.isdisjoint({int(run.classes.names[c][-2:]) // 2
                                  for c in np.flatnonzero(run.classes.seen)})
        assert (run["query"].modalities, run["gallery"].modalities) == ((asks,), (gallery,))
        assert set(run["query"].labels) == set(run["gallery"].labels) == set(
            np.flatnonzero(run.classes.unseen))
        assert len(run["gallery"]) == 2 * len(run["query"])
    if not variant:
        found = bench["gallery"]
        for c, text in zip(found.labels, found.meta["show:text"], strict=True):
            name = bench.classes.names[c]
            assert text in (name, f"word{int(name[-2:])}, all")
    inner = bench.validation()
    assert set(inner["query"].ids) <= set(bench["train"].meta[f"sample:{asks}"])
    assert evaluate(CCA(), bench, pictures=False, tune=False).scores["mAP"]["mean"] > 0


def test_a_painter_is_changed_for_another(folder):
    (folder / "google" / f"{CODES[3].lower()}.png").write_bytes(b"\x89PNG cut off")
    (folder / "openmoji" / f"{CODES[5].lower()}.png").unlink()
    bench = data.load(f"{folder}:openmoji-google")
    assert (bench.task, bench.modalities) == ("transfer", ("openmoji", "google"))
    every = {*bench["train"].ids, *bench["test"].ids}
    assert every == {f"openmoji/openmoji/{code.lower()}.png" for i, code in enumerate(CODES)
                     if i not in (3, 5)}
    for views in bench.splits.values():
        for one, other in zip(views.meta["file:openmoji"], views.meta["file:google"], strict=True):
            assert one.rpartition("/")[2] == other.rpartition("/")[2]
    noted = bench.protocol["noted"]
    assert noted["concepts_that_a_painter_lacks"]["first"] == ["emoji 05"]
    assert noted["not_read"]["count"] == 1
    assert bench.classes.names == ("faces", "things")


def test_what_does_not_fit_is_one_sentence(folder):
    for call, words in (
            (lambda: data.load(f"{folder}:sketch", "gzsl"), "task: "),
            (lambda: data.load(f"{folder}:google-me"), "names no two painters"),
            (lambda: data.load(f"{folder}:twitter-google"), "no pictures by 'twitter'"),
            (lambda: data.load(folder, "retrieval", unseen=["emoji 01"]), "unseen: "),
            (lambda: data.load(f"{folder}:smile"), "task: ")):
        complaint(call, words)
    file = folder / "concepts.jsonl"
    text = file.read_text()
    for damaged in (text + "\n{", text + "\n[]", text + '\n{"id": "a/b"}', "[" * 9999):
        file.write_text(damaged)
        complaint(lambda: read_emoji(folder), "is damaged")
    file.write_text(text + "\n" + text.splitlines()[0])
    complaint(lambda: read_emoji(folder), "stands twice")


# -- captions ------------------------------------------------------------------------------------
def test_captions_are_names_and_keywords_and_whole_subgroups_are_unseen(folder):
    bench = data.load(folder, "caption")
    assert (bench.task, bench["train"].modalities) == ("caption", ("image", "text"))
    group = {f"emoji {i:02}": f"kind-{i // 2}" for i in range(12)}
    of = {kind: {group[name] for name, seen in zip(bench.classes.names, bench.classes.seen,
                                                   strict=True) if seen == kind}
          for kind in (True, False)}
    assert of[True]
    assert of[False]
    assert not of[True] & of[False]
    for made in (bench, bench.validation(), bench.run(1)):
        for split, views in made.splits.items():
            names = [made.classes.names[c] for c in views.labels]
            assert made.said.of(views) == tuple((name, f"word{int(name[-2:])}, all")
                                                for name in names)
            assert ("text" in views) == (split == "train")
    inner = bench.validation()
    unseen = {group[inner.classes.names[c]] for c in inner["test_unseen"].labels}
    assert unseen <= of[True]
    assert not unseen & {group[inner.classes.names[c]] for c in inner["train"].labels}
    assert set(inner["test_unseen"].ids) <= set(bench["train"].ids)
    assert len({bench.run(k).protocol["split_id"] for k in range(bench.class_splits)}) == (
        bench.class_splits)


def test_captions_are_in_a_language_of_the_list(folder):
    lines = [json.loads(line) for line in (folder / "concepts.jsonl").read_text().splitlines()]
    for i, line in enumerate(lines[:-1]):
        line |= {"names": {"en": line["name"], "de": f"Zeichen {i}"},
                 "keywords_by_language": {"de": [f"Wort{i}"] * (i % 2)}}
    (folder / "concepts.jsonl").write_text("\n".join(map(json.dumps, lines)))
    bench = data.load(f"{folder}:de", "caption")
    said = {of for views in bench.splits.values() for of in bench.said.of(views)}
    assert said == {(f"Zeichen {i}", f"Wort{i}") if i % 2 else (f"Zeichen {i}",)
                    for i in range(11)}
    assert bench.protocol["noted"]["concepts_without_a_name_in_de"]["first"] == ["emoji 11"]
    for views in bench.splits.values():                   # a recogniser names them as captions do
        assert [bench.classes.names[c] for c in views.truth] == [
            of[0] for of in bench.said.of(views)]
    complaint(lambda: data.load(f"{folder}:xx", "caption"), "the variant 'xx'", "['en', 'de']")
    lines[0]["names"] = {"de": "Zeichen 1"}
    (folder / "concepts.jsonl").write_text("\n".join(map(json.dumps, lines)))
    complaint(lambda: data.load(f"{folder}:de", "caption"), "have one name in 'de', 'Zeichen 1'")
    assert data.load(folder, "caption").classes.names
    lines[0]["names"] = 3
    (folder / "concepts.jsonl").write_text("\n".join(map(json.dumps, lines)))
    complaint(lambda: data.load(folder, "caption"), "is damaged")
