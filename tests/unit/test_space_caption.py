"""A space says what pictures show, from its folder alone."""

import contextlib
import json
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from complaints import complaint
from shapes import picture, picture_folder
from typer.testing import CliRunner

import crossalign as ca
from crossalign.cli import app, main
from crossalign.data_options import DataOptions
from crossalign.evaluation.protocols import caption
from crossalign.index import ExactIndex
from crossalign.space import build_space, captions
from crossalign.space.named_classes import named_classes
from crossalign.space.raw_data import read_raw
from crossalign.tasks.caption_names import HITS
from crossalign.training import Callback


class Epochs(Callback):
    """Number of epochs of all trainings."""

    done = 0

    def on_epoch(self, state):
        self.done += 1


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = picture_folder(tmp_path_factory.mktemp("shapes"))
    out = tmp_path_factory.mktemp("spaces") / "shapes"
    epochs = Epochs()
    build_space(DataOptions(data=str(folder)), out, models=["ridge_map"], captions=True,
                log=lambda line: None, callbacks=[epochs])
    assert epochs.done > 1
    return folder, out


@pytest.fixture
def space(place):
    opened = ca.Space.open(place[1])
    yield opened
    opened.close()


def test_captions_are_those_of_the_captioner_with_the_recogniser_of_the_space(place, space):
    files = sorted(place[0].rglob("*.png"))[::7]
    said = space.caption(files)
    assert said == space.fitted.captioner.caption(space.readers.of_pictures(files))
    right = [text == file.parent.name for text, file in zip(said, files, strict=True)]
    assert np.mean(right) > 0.7                                            # of eight shapes
    assert space.caption(files[0]) == said[:1]


def test_captions_that_cannot_be_learned_are_told_before_a_picture_is_encoded(tmp_path):
    (tmp_path / "shapes").mkdir()
    folder, said = picture_folder(tmp_path / "shapes"), []
    for file in folder.rglob("*.png"):
        file.with_suffix(".txt").write_text(f"a {file.parent.name}")
    (folder / "ring" / "03.txt").write_text(" \n")
    complaint(lambda: build_space(DataOptions(data=str(folder)), tmp_path / "space",
                                  captions=True, log=said.append), "03.txt' is empty")
    assert said == []
    assert not (tmp_path / "space").exists()


@pytest.mark.parametrize("fewest", [20, 1000])
def test_its_captioner_has_the_settings_that_enough_validation_pictures_choose(
        place, tmp_path, monkeypatch, fewest):
    monkeypatch.setattr(caption, "FEWEST", fewest)
    tried, own_trial = [], caption.Captioning.trial

    def trial(task, fitted, validation):
        tried.append((validation, own_trial(task, fitted, validation)))
        return tried[-1][1]

    monkeypatch.setattr(caption.Captioning, "trial", trial)
    monkeypatch.setattr(captions, "OneCaptioner", partial(captions.OneCaptioner, epochs=8))
    options = DataOptions(data=str(place[0]))
    space = build_space(options, tmp_path / "space", models=["ridge_map"], captions=True,
                        log=lambda line: None)
    own = space.fitted.captioner
    space.close()
    chosen = {"guidance": 0, "repeats": 0, "unseen": "name", "misled": 0, "hits": HITS}
    assert len(tried) == (fewest == 20)
    for validation, outcome in tried:
        bench = read_raw(options, ["caption"], lambda line: None)[0].validation()
        assert validation["test_unseen"].ids.tolist() == bench["test_unseen"].ids.tolist()
        assert all(validation.said.of(validation["test_unseen"]))
        chosen = outcome.details["chosen"]
        assert list(chosen["hits"]) != list(HITS)
    for name in ("guidance", "repeats", "unseen", "misled"):
        assert getattr(own, name) == chosen[name]
    np.testing.assert_allclose(own.hits, chosen["hits"])


def test_the_command_says_the_same_and_json_names_files(place, space):
    folder, out = place
    files = sorted(folder.rglob("*.png"))[:2]
    said = space.caption(files)
    words = ["caption", str(out), *map(str, files)]
    told = CliRunner().invoke(app, words)
    assert told.stdout.splitlines() == [f"{f}: {t}" for f, t in zip(files, said, strict=True)]
    assert f"note: {space.uncompared}" in told.stderr
    found = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    assert found == {"captions": [
        {"file": str(f), "caption": t, "none": False, "instead": None, "unlike": None}
        for f, t in zip(files, said, strict=True)], "uncompared": space.uncompared}
    assert space.card["captions"].startswith("what 96 samples show, with ")


def test_a_caption_that_recognition_contradicts_says_so(place, space, monkeypatch):
    folder, out = place
    files = [folder / "disc" / "00.png", folder / "ring" / "00.png", folder / "post" / "00.png"]
    names = [answer.names[0] for answer in space.recognise(files, 1)]
    assert names == ["disc", "ring", "post"]
    said = [f"a {names[0]} in ink", f"not a {names[0]}", "something else"]
    monkeypatch.setattr(type(space), "caption_rows", lambda self, rows: said)
    found = space.captioned(files)
    assert [one.instead for one in found] == [None, "ring", None]
    assert [one.none for one in found] == [one.none for one in space.recognise(files)]
    told = CliRunner().invoke(app, ["caption", str(out), *map(str, files)]).stdout.splitlines()
    assert told[1] == f"{files[1]}: {said[1]} (but recognised as ring)"
    threshold = space.recognition._judge()
    monkeypatch.setattr(type(threshold), "score_samples", lambda self, rows: np.zeros(len(rows)))
    monkeypatch.setattr(type(threshold), "threshold_", 0.5, raising=False)
    told = CliRunner().invoke(app, ["caption", str(out), *map(str, files)]).stdout.splitlines()
    assert told == [f"{file}: none of the classes; nearest {text}"
                    for file, text in zip(files, said, strict=True)]


@pytest.mark.parametrize(("names", "caption", "said"), [
    (["bear", "black_bear", "cat"], "a black bear", [1]),
    (["bear", "black bear", "cat"], "a bear and a cat", [0, 2]),
    (["001.disc_form", "002.square_form"], "one disc form", [0]),
    (["\u732b", "\u72ac"], "\u9ed2\u3044\u72ac\u304c\u3044\u308b", [1]),
    (["cat", "dog"], "a catalogue of Dogs", []), (["Cat"], "the CAT!", [0])])
def test_names_of_classes_are_found_in_a_caption_word_by_word(names, caption, said):
    assert named_classes([caption, ""], names) == [set(said), set()]


def test_every_picture_of_the_index_has_its_caption_also_one_that_is_added(place, space):
    about = space.index.payload(space.index.stored()["ids"])
    shown = [one for one in about if one["modality"] == "image"]
    assert len(shown) == 96
    files = [place[0] / one["file"] for one in shown[::9]]
    assert [one["said"] for one in shown[::9]] == space.caption(files)
    assert not any("said" in one for one in about if one["modality"] != "image")
    opened = ca.Space(space.fitted, space.readers, ExactIndex(), space.card, space.texts)
    opened.add(files[:2], ["a", "b"])
    assert [one["said"] for one in opened.index.payload(["a", "b"])] == space.caption(files[:2])
    complaint(lambda: opened.add(files[:1], payload=[{"said": "x"}]), "payload: 'said' is what")
    assert space.captions
    assert space.asked_about == []


@pytest.mark.parametrize("listed", [False, True])
def test_captions_that_are_learned_are_not_called_unread(tmp_path, listed):
    folder = picture_folder(tmp_path, 3)
    files = sorted(folder.rglob("*.png"))
    data = tmp_path / "pictures.csv" if listed else folder
    if listed:
        data.write_text("path,class,text\n" + "".join(
            f"{file.relative_to(folder)},{file.parent.name},a {file.parent.name}\n"
            for file in files))
    else:
        for file in files:
            file.with_suffix(".txt").write_text(f"a {file.parent.name}")
    for learned in (False, True):
        lines = []
        bench = read_raw(DataOptions(data=str(data), task="gzsl"), ["caption"] * learned,
                         lines.append)[0]
        told = any("captions not read" in line for line in lines)
        assert told == (not learned) == ("noted" in bench.protocol)


def test_what_cannot_be_said_is_refused_in_a_sentence(place, space, tmp_path):
    complaint(lambda: space.caption(["a text"]), "items: got 'a text', a text; give images")
    space.fitted.captioner = None
    complaint(lambda: space.caption([next(place[0].rglob("*.png"))]), "captions:", "--captions")
    complaint(lambda: build_space(DataOptions(data="synthetic"), tmp_path / "space", captions=True,
                                  log=lambda line: None), "captions: 'synthetic' has none")
    assert not (tmp_path / "space").exists()


def test_captions_are_as_likely_as_a_loop_over_their_words_says(place, space):
    rows = space.readers.of_pictures(sorted(place[0].rglob("*.png"))[::31])
    captioner, text = space.captioner, "disc ring"
    found = captioner.log_likelihoods(rows, text)
    words = [*captioner._vocabulary.numbers(text), captioner._end]
    for row, value in zip(rows, found, strict=True):
        speaker, expected = captioner.speaker(row[None], cached=False), 0.0
        scores = speaker.first()
        for word in words:
            expected += float(scores[0, word])
            scores = speaker.next(torch.tensor([word]))
        assert value == pytest.approx(expected, abs=1e-3)
    said = captioner.caption(rows)
    likely = [captioner.log_likelihoods(rows[i:i + 1], text)[0] for i, text in enumerate(said)]
    assert all(a > b for a, b in zip(likely, found, strict=True))


def cornered(shape):
    """A shape of the folder in the upper left corner of a large white picture."""
    from PIL import Image

    sheet = Image.new("RGB", (160, 120), "white")
    sheet.paste(picture(shape, 3).convert("RGB"), (0, 0))
    return sheet


@pytest.mark.parametrize("of", ["class", "caption"])
def test_a_map_falls_on_the_thing_and_not_on_the_paper(space, of):
    sheet, ticks = cornered("disc"), []
    found = space.occlusion(sheet, of, tick=lambda: ticks.append(1))
    said = space.recognise(sheet, 1)[0].names[0] if of == "class" else space.caption(sheet)[0]
    assert found.said == said
    assert len(ticks) == 3                                                 # blocks of 144 squares
    (picture_,), (fall,) = found.pictures, found.falls
    assert fall.shape == picture_.shape[:2] == (120, 160)
    assert np.isfinite(fall).all()
    dark = (picture_.mean(axis=2) < 128)
    shares = np.abs(fall) / np.abs(fall).sum()
    assert shares[dark].sum() > 3 * dark.mean()
    assert np.abs(fall[:, 110:]).max() < 0.1 * np.abs(fall).max()
    expected = (space.recognise(sheet, 1)[0].probabilities[0] if of == "class" else np.exp(
        space.captioner.log_likelihoods(space.readers.of_pictures([sheet]), said)[0]))
    assert found.probability == pytest.approx(expected, abs=1e-4)


def test_what_has_no_map_is_a_sentence_and_leaves_no_file(place, space, tmp_path, monkeypatch,
                                                          capsys):
    complaint(lambda: space.occlusion("a disc"), "items: got 'a disc', a text; give images")
    complaint(lambda: space.occlusion([cornered("disc")] * 2), "items: got 2 pictures")
    complaint(lambda: space.occlusion(np.full((6, 30), 255, np.uint8)), "30 x 6 pixels, too small")
    complaint(lambda: space.occlusion(cornered("disc"), "colour"), "of: got 'colour'")
    complaint(lambda: space.occlusion(cornered("disc"), question="why?"), "question: got 'why?'")
    complaint(lambda: space.occlusion(cornered("disc"), "answer"), "question: got None")
    complaint(lambda: space.occlusion(cornered("disc"), "answer", "why?"), "taught no answers")
    file, target = next(place[0].rglob("*.png")), tmp_path / "map.png"
    (tmp_path / "clip.mp4").write_bytes(bytes(64))
    for words, told in (([file, "--occlusion", file], "is there already"),
                        ([file, "--occlusion", tmp_path / "map.jpg"], "as map.png"),
                        ([file, file, "--occlusion", target], "a map is of one picture"),
                        ([file.parent, "--occlusion", target], "--occlusion: got the folder"),
                        ([tmp_path / "clip.mp4", "--occlusion", target], "items: ")):
        for command in ("caption", "recognise"):
            monkeypatch.setattr(sys, "argv", ["crossalign", command, str(place[1]),
                                              *map(str, words)])
            with pytest.raises(SystemExit) as left:
                main()
            said = capsys.readouterr()
            assert left.value.code == 2
            assert told in said.err
            assert len(said.err.splitlines()) == 1
    assert not target.exists()


def test_the_command_draws_the_map_into_a_file(place, tmp_path):
    from PIL import Image

    file = next(place[0].rglob("*.png"))
    for command in ("caption", "recognise"):
        target = tmp_path / f"{command}.png"
        ran = CliRunner().invoke(app, [command, str(place[1]), str(file), "--occlusion",
                                       str(target)])
        assert ran.exit_code == 0, ran.output
        assert str(target) in ran.stderr
        with Image.open(target) as drawn:
            assert drawn.width > 600


def test_a_language_model_says_captions_of_a_space(place, tmp_path):
    pytest.importorskip("transformers", reason="needs the extra 'language'")
    from small_language import taught

    folder = place[0]
    names = sorted(part.name for part in folder.iterdir() if part.is_dir())
    model = Path(taught(tmp_path / "model", "llama", [f" {name}" for name in names], steps=100))
    words = ["build", str(folder), "--models", "ridge_map", "--out", str(tmp_path / "space"),
             "--captions", "--language-model", str(model), "--lora", "16"]
    told = CliRunner().invoke(app, words)
    assert told.exit_code == 0, told.output
    files = sorted(folder.rglob("*.png"))[::7]
    with contextlib.closing(ca.Space.open(tmp_path / "space")) as space:
        assert space.fitted.captioner.lora == 16
        said = space.caption(files)
    right = [text == file.parent.name for text, file in zip(said, files, strict=True)]
    assert np.mean(right) > 0.7
    model.rename(tmp_path / "gone")
    with contextlib.closing(ca.Space.open(tmp_path / "space")) as space:
        assert space.captions
        assert len(space.recognise(files[:2])) == 2
        complaint(lambda: space.caption(files[0]), "language_model:", "is not on this machine")
    complaint(lambda: build_space(DataOptions(data=str(folder)), tmp_path / "other", captions=True,
                                  language_model=str(model), log=lambda line: None),
              "language_model:", "there is no such folder")
    complaint(lambda: build_space(DataOptions(data=str(folder)), tmp_path / "other",
                                  language_model="gpt2", log=lambda line: None),
              "language_model: 'gpt2' says captions", "--captions")
    complaint(lambda: build_space(DataOptions(data=str(folder)), tmp_path / "other", captions=True,
                                  lora=4, log=lambda line: None), "lora: got 4 and no language")
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("columns", ["caption", "caption,caption_2"])
def test_captions_of_pictures_without_classes_are_learned_too(tmp_path, columns):
    folder = picture_folder(tmp_path, 6)
    rows = [f"{file.relative_to(folder)}" + "".join(
        f",a {file.parent.name} {int(file.stem)}{name[7:]}" for name in columns.split(","))
        for file in sorted(folder.rglob("*.png"))]
    (folder / "list.csv").write_text("\n".join([f"path,{columns}", *rows]))
    lines = []
    with contextlib.closing(build_space(
            DataOptions(data=str(folder / "list.csv")), tmp_path / "space",
            models=["ridge_map"], captions=True, log=lines.append)) as space:
        assert any("learning to say what 24 samples show" in line for line in lines), lines
        (said,) = space.caption([picture("square", 60)])
        assert said.startswith("a ")
