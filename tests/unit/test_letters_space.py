"""The built-in letters as raw pictures and names, and a space of them that nobody trained on é."""

from __future__ import annotations

import json
import re
import shutil
import sys
import unicodedata
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from complaints import complaint
from PIL import Image, ImageDraw
from typer.testing import CliRunner

import crossalign as ca
from crossalign import demo
from crossalign.cli import app, main
from crossalign.data.catalog import load_whole
from crossalign.data.registry import own_encoders
from crossalign.data.sources.glyphs.letters import attribute_words, attributes, decompose
from crossalign.data.sources.glyphs.names import LetterNames
from crossalign.data.sources.glyphs.samples import chosen_letters
from crossalign.encoders import HOG, Ink
from crossalign.encoders.ink import MARGIN, PEN, placed

UNSEEN = "éôũÄÈčńŚ"
STROKES = {                     # x to the right, y downwards, as a hand draws on a canvas
    "é": [[(10, 52), (48, 50), (44, 36), (30, 30), (14, 38), (10, 55), (18, 70), (32, 74),
           (46, 66)],
          [(28, 18), (40, 2)]],
    "Ä": [[(0, 80), (26, 14), (52, 80)], [(10, 56), (42, 56)], [(17, 0), (17, 1)],
          [(35, 0), (35, 1)]],
    "č": [[(44, 40), (30, 30), (14, 38), (8, 54), (16, 70), (30, 74), (44, 66)],
          [(14, 6), (26, 18), (38, 6)]]}


def drawn(letter: str, *, left: int = 120, top: int = 90, scale: float = 2.5,
          pen: int = 7) -> np.ndarray:
    """A drawing of some strokes on white, as the page's canvas gives it."""
    sheet = Image.new("L", (448, 448), 255)
    for stroke in STROKES[letter]:
        ImageDraw.Draw(sheet).line([(left + scale * x, top + scale * y) for x, y in stroke],
                                   fill=0, width=pen, joint="curve")
    return np.asarray(sheet)


# -- ink ----------------------------------------------------------------------------------------
def test_ink_does_not_depend_on_place_margin_or_which_is_dark():
    first = drawn("Ä")
    (row,) = Ink().encode([first])
    for other in (drawn("Ä", left=30, top=200), 255 - first, first[60:, 60:],
                  np.pad(first, 40, constant_values=255), first // 2 + 60):
        np.testing.assert_array_equal(Ink().encode([other])[0], row)
    larger = Ink().encode([drawn("Ä", scale=3.5, pen=10)])[0]
    assert row @ larger > 0.97 * np.linalg.norm(row) * np.linalg.norm(larger)


def test_ink_fills_the_picture_but_for_its_margin():
    ink = placed(drawn("é"), 64)
    rows, columns = np.flatnonzero(ink.max(axis=1) > 99), np.flatnonzero(ink.max(axis=0) > 99)
    assert abs(rows[0] - MARGIN) <= PEN // 2
    assert abs(64 - 1 - rows[-1] - MARGIN) <= PEN // 2
    assert abs((columns[0] + columns[-1]) / 2 - 31.5) <= 1
    np.testing.assert_allclose(Ink().encode([drawn("é")]), HOG().encode(255 - ink[None]))


def test_thin_strokes_are_thickened_and_thick_ones_stay():
    line = np.full((400, 400), 255, dtype=np.uint8)
    line[50:350, 199:201] = 0
    assert (placed(line, 64)[32] > 127).sum() in (PEN - 1, PEN)
    line[50:350, 150:250] = 0
    assert abs((placed(line, 64)[32] > 127).sum() - 100 * (64 - 2 * MARGIN) / 300) < 1


def test_small_dots_are_not_lost():
    sheet = Image.new("L", (448, 448), 255)
    pencil = ImageDraw.Draw(sheet)
    pencil.rectangle((200, 60, 208, 400), fill=0)
    pencil.rectangle((200, 20, 204, 24), fill=0)
    dots = placed(np.asarray(sheet), 64)[:MARGIN + PEN]
    assert dots.max() > 200


def test_blank_paper_is_zeros():
    for shade in (0, 128, 255):
        assert not Ink().encode([np.full((9, 30), shade, dtype=np.uint8)]).any()


# -- names --------------------------------------------------------------------------------------
def test_names_of_letters_are_their_attributes():
    letters = chosen_letters()
    expected, columns = attributes(letters)
    assert LetterNames().facts["columns"] == list(columns)
    for texts in ([x.name for x in letters], [x.name.lower() for x in letters],
                  [x.character for x in letters]):
        np.testing.assert_array_equal(LetterNames().encode(texts), expected)


@pytest.mark.parametrize(("text", "letter", "without"), [
    ("e with acute", "é", ("capital", "small", "script")),
    ("a capital E with dot below", "Ẹ", ("script",)),
    ("greek eta with tonos", "ή", ("capital", "small"))])
def test_some_words_of_a_name_have_their_columns(text, letter, without):
    (row,) = LetterNames().encode([text])
    found = {LetterNames().facts["columns"][j] for j in np.flatnonzero(row)}
    of = {word for word in attribute_words(decompose(letter)) if not word.startswith(without)}
    assert of <= found
    assert all(word.startswith("letter ") for word in found - of)       # of other scripts


def test_words_of_no_letter_are_refused():
    complaint(lambda: LetterNames().encode(["small e", "red shoe"]), "text: 'red shoe' has no word")


# -- raw letters --------------------------------------------------------------------------------
def test_raw_letters_are_split_as_the_benchmark_is():
    given = ca.load("glyphs")
    whole = load_whole("glyphs", **own_encoders("glyphs"))
    bench = whole.benchmark
    for one, other in ((given, bench), (given.validation(), bench.validation())):
        assert one.protocol["split_id"] == other.protocol["split_id"]
        assert one.classes.names == other.classes.names
        for split, views in one.splits.items():
            np.testing.assert_array_equal(views.labels, other[split].labels)
            assert other[split].modalities == ("image",)
    np.testing.assert_allclose(bench.classes.embeddings * 6**0.5, given.classes.embeddings,
                               atol=1e-6)
    assert bench.protocol["leaks"] == given.protocol["leaks"]
    assert whole.samples.views.modalities == ("image", "sketch")
    pixels = whole.samples.views.meta["show:sketch"][:5]
    np.testing.assert_array_equal(whole.samples.views["sketch"][:5], Ink().encode(list(pixels)))


def test_any_encoder_reads_raw_letters():
    bench = ca.load("glyphs", encoder=HOG())
    assert bench["train"]["image"].shape == (6228, 512)
    assert bench.protocol["features"]["encoder"] == "gradients"
    assert bench.protocol["side_information"]["encoder"] == "letter names"
    complaint(lambda: ca.load("glyphs", "retrieval", encoder=HOG()), "choose one of the tasks")


def test_unseen_letters_may_be_named():
    names = [unicodedata.name(x) for x in UNSEEN]
    bench = ca.load("glyphs", unseen=names)
    assert {n for n, seen in zip(bench.classes.names, bench.classes.seen, strict=True)
            if not seen} == set(names)
    assert bench.protocol["unseen"] == "listed classes"
    inner = bench.validation()
    assert not set(inner.classes.names) & set(names)
    assert not inner.classes.seen.all()
    marks = [n for n in bench.classes.names if n.endswith("WITH CIRCUMFLEX BELOW")]
    complaint(lambda: ca.load("glyphs", unseen=marks), "mark circumflex below")
    complaint(lambda: ca.load("glyphs", "retrieval", unseen=names), "unseen: ")


# -- the space ----------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def built(tmp_path_factory):
    place = tmp_path_factory.mktemp("letters")
    (place / "unseen.txt").write_text("\n".join(unicodedata.name(x) for x in UNSEEN))
    ran = CliRunner().invoke(app, ["build", "glyphs", "--out", str(place / "space"), "--models",
                                   "ridge_map", "--unseen", str(place / "unseen.txt")])
    assert ran.exit_code == 0, ran.output
    return place / "space", ran.output


@pytest.fixture(scope="module")
def space(built):
    opened = ca.Space.open(built[0])
    yield opened
    opened.close()


def test_one_command_builds_a_space_that_keeps_its_unseen_letters(built, space):
    assert f"crossalign serve {built[0]}" in built[1]
    assert {n for n, seen in zip(space.class_names, space.seen, strict=True) if not seen} == {
        unicodedata.name(x) for x in UNSEEN}
    card = json.loads((built[0] / "space.json").read_text())["card"]
    assert card["trained_on"] == "the training samples of the protocol"
    assert space.modalities == ["image", "sketch", "text"]
    samples = load_whole("glyphs", **own_encoders("glyphs")).samples
    assert len(space) == 2 * len(samples.views)


def test_words_find_a_letter_that_was_never_trained(built):
    for modality in ("image", "sketch"):
        ran = CliRunner().invoke(app, ["search", str(built[0]), "small e with acute", "--k", "3",
                                       "--modality", modality])
        assert ran.exit_code == 0, ran.output
        start = "sketch/" if modality == "sketch" else ""
        found = re.findall(rf" {start}é/\S+ +LATIN SMALL LETTER E WITH ACUTE", ran.output)
        assert len(found) == 3, ran.output


def test_words_of_something_else_are_refused(built, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["crossalign", "search", str(built[0]), "red shoe"])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2
    assert "has no word of the names of letters" in capsys.readouterr().err


@pytest.mark.parametrize("letter", STROKES)
def test_a_drawing_finds_and_is_a_letter_that_was_never_trained(space, letter):
    name = unicodedata.name(letter)
    for pen, scale in ((4, 2.0), (12, 3.0)):
        sheet = drawn(letter, pen=pen, scale=scale)
        assert name in space.recognise(sheet, k=5)[0].names
        unseen = [unicodedata.name(x) for x in UNSEEN]
        hits = space.search(sheet, k=10, where={"class": unseen})
        assert sum(hit.payload["class"] == name for hit in hits) >= 6


def test_items_show_their_pixels_and_find_themselves(space):
    samples = load_whole("glyphs", **own_encoders("glyphs")).samples
    for kind, prefix in (("image", ""), ("sketch", "sketch/")):
        pixels = samples.views.meta[f"show:{kind}"][1234]
        hit = space.search(pixels, k=1)[0]
        assert hit.id == f"{prefix}{samples.views.ids[1234]}"
        assert hit.score == pytest.approx(1, abs=1e-5)
        assert hit.payload["modality"] == kind
        assert hit.payload["thumb"].startswith("data:image/png;base64,")


def test_a_letter_becomes_a_class_by_its_name(built, tmp_path):
    shutil.copytree(built[0], tmp_path / "space")
    opened = ca.Space.open(tmp_path / "space")
    complaint(lambda: opened.add_class("hooked", "latin small letter e with hook above"),
              "text: its vector is that of the class")               # which is there
    opened.add_class("d with acute", "latin small letter d with acute")
    sheet = Path(tmp_path / "drawn.png")
    Image.fromarray(drawn("é")).save(sheet)
    assert len(opened.recognise(sheet, k=400)[0].names) == 376
    complaint(lambda: opened.add_class("shoe", "red shoe"), "text: ")
    opened.close()


# -- the demo -----------------------------------------------------------------------------------
def test_the_demo_ends_with_a_space_and_the_command_that_serves_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(demo, "load_suite", lambda name: SimpleNamespace(runs=[name]))
    monkeypatch.setattr(demo, "run_suite", lambda suite, out, **_: [])
    assert demo.run_demo(tmp_path / "my report", lambda line: None) == []
    place = tmp_path / "my report" / "letters"
    said = capsys.readouterr().out.splitlines()
    assert f"  crossalign serve '{place}'" in said
    words = next(line for line in said if "crossalign search" in line).split('"')[1]
    opened = ca.Space.open(place)
    hits = opened.search(words, k=5)
    opened.close()
    wanted = "LATIN SMALL LETTER E WITH TILDE"
    assert not opened.seen[opened.class_names.index(wanted)]
    assert any(hit.payload["class"] == wanted for hit in hits)
    for found in (find_spec, lambda name: None):
        monkeypatch.setattr(demo, "find_spec", found)
        ready = found("fastapi") is not None and found("uvicorn") is not None
        assert ("pip install 'crossalign[serve]'" in demo.served(place)) == (not ready)


def test_the_demo_leaves_a_folder_of_others_alone(tmp_path, monkeypatch):
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "mine.txt").write_text("mine")
    monkeypatch.setattr(demo, "run_suite", lambda *_, **__: pytest.fail("it ran"))
    complaint(lambda: demo.run_demo(tmp_path, lambda line: None), "mine.txt")


# -- emoji --------------------------------------------------------------------------------------
@pytest.mark.shared
def test_emoji_are_built_searched_and_recognised_from_their_folder(shared, tmp_path):
    space = str(tmp_path / "space")
    for words in (["build", str(shared / "emoji"), "--out", space, "--models", "ridge_map"],
                  ["search", space, "red heart", "--k", "5"],
                  ["recognise", space, str(shared / "emoji" / "sketch" / "1f431.png"), "--k", "1"]):
        ran = CliRunner().invoke(app, words)
        assert ran.exit_code == 0, ran.output
        said = {"build": "1636 classes", "search": "red heart", "recognise": "cat face"}[words[0]]
        assert said in ran.output
