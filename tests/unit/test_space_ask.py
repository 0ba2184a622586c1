"""A space answers about pictures, from its folder alone, and what cannot be asked is a sentence."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from complaints import complaint
from PIL import Image, ImageDraw
from typer.testing import CliRunner

import crossalign as ca
from crossalign.cli import app, main
from crossalign.cli_pictures import question_about
from crossalign.data import encoding
from crossalign.data.catalog import load_whole, read_said
from crossalign.data_options import DataOptions
from crossalign.space import build_space
from crossalign.training import Callback

SHAPES = ("disc", "square")


def quietly(line):
    """Tell nobody."""


class Epochs(Callback):
    """Number of epochs of all trainings."""

    done = 0

    def on_epoch(self, state):
        self.done += 1


def questions_about(root, n=40, noise=1):
    """A folder as easy-VQA's: a disc or a square, and which it is; noise in shades of grey."""
    rng = np.random.default_rng([0, 1])  # seed 0 has the stream of the split: it held out the top
    for part, count in (("train", n), ("test", n // 2)):
        images = root / part / "images"
        images.mkdir(parents=True)
        asked = []
        for k in range(count):
            sheet = Image.new("L", (64, 64), 255)
            x, y = map(int, rng.integers(6, 20, 2))
            draw = ImageDraw.Draw(sheet)
            (draw.ellipse if k % 2 == 0 else draw.rectangle)((x, y, x + 38, y + 38), fill=0)
            grey = np.abs(np.asarray(sheet, np.int16) - rng.integers(0, noise, (64, 64)))
            Image.fromarray(grey.astype(np.uint8)).save(images / f"{k}.png")
            asked += [["which shape is it?", SHAPES[k % 2], k],
                      ["is it a disc?", ("yes", "no")[k % 2], k]]
        (root / part / "questions.json").write_text(json.dumps(asked))
    return root


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = questions_about(tmp_path_factory.mktemp("asked"))
    out = tmp_path_factory.mktemp("spaces") / "asked"
    epochs = Epochs()
    build_space(DataOptions(data=str(folder)), out, questions=True, log=quietly,
                callbacks=[epochs])
    assert epochs.done > 1                                       # who waits sees how far it is
    return folder, out


@pytest.fixture
def space(place):
    opened = ca.Space.open(place[1])
    yield opened
    opened.close()


def test_pictures_with_questions_alone_make_a_space_that_answers(place, space):
    files = sorted((place[0] / "test" / "images").iterdir())
    said = [space.ask(file, "which shape is it?").answers[0] for file in files]
    assert np.mean([SHAPES[int(file.stem) % 2] == answer
                    for file, answer in zip(files, said, strict=True)]) > 0.9
    assert (space.modalities, space.class_names, len(space)) == (["image"], [], 60)
    assert space.card["scores"]["accuracy"] > space.card["scores"]["accuracy_question_only"]
    assert not any("class" in hit.payload for hit in space.search(files[0], k=3))


def test_validation_answers_about_drawings_without_noise_too(space):
    assert float(re.findall(r"accuracy ([\d.]+) there", space.card["selection"])[0]) > 80


def test_few_questions_leave_the_shares_uncalibrated_and_that_is_said(place, space):
    file = place[0] / "test" / "images" / "0.png"
    assert space.ask(file, "is it a disc?").calibrated is False
    assert space.fitted.answerer.temperature is None
    told = CliRunner().invoke(app, ["ask", str(place[1]), str(file), "is it a disc?"])
    assert "these shares are not calibrated" in told.stderr
    assert "not calibrated" in space.card["selection"]


def test_enough_questions_calibrate_the_shares(tmp_path):
    folder, lines = questions_about(tmp_path / "many", n=200, noise=60), []
    built = build_space(DataOptions(data=str(folder)), tmp_path / "out", questions=True,
                        log=lines.append)
    heat = built.fitted.answerer.temperature
    assert heat >= 1
    assert any(line.startswith("learning answers from 400 questions, with dropout 0.")
               and line.endswith(f" and temperature {heat:.2f} of its answers") for line in lines)
    assert "ECE" in built.card["scores"]
    reply = built.ask(folder / "test" / "images" / "0.png", "is it a disc?")
    assert reply.calibrated
    assert sum(built.ask(folder / "test" / "images" / "0.png", "is it a disc?",
                         k=9).accuracies) == pytest.approx(1)
    built.close()


def test_the_command_answers_in_words_and_in_json(place, space):
    folder, out = place
    file = str(folder / "test" / "images" / "0.png")
    reply = space.ask([folder / "test" / "images" / "0.png"], "is it a disc?", k=2)
    told = CliRunner().invoke(app, ["ask", str(out), file, "is it a disc?", "--k", "2"])
    assert told.stdout == ", ".join(f"{answer} {100 * share:.0f} %" for answer, share in zip(
        reply.answers, reply.accuracies, strict=True)) + "\n"
    found = json.loads(CliRunner().invoke(
        app, ["ask", str(out), file, "is it a disc?", "--k", "2", "--json"]).stdout)
    assert found == {"question": "is it a disc?", "files": [file], **reply._asdict(),
                     "uncompared": space.uncompared}
    assert space.card["answers"].startswith("from ")


def test_the_map_of_an_answer_is_where_the_shape_is(place, space, tmp_path):
    folder, out = place
    file, target = folder / "test" / "images" / "0.png", tmp_path / "map.png"
    found = space.occlusion(file, "answer", "which shape is it?")
    reply = space.ask(file, "which shape is it?")
    assert (found.said, found.question) == (reply.answers[0], "which shape is it?")
    assert found.probability == pytest.approx(reply.accuracies[0], abs=1e-5)
    assert found.probability > 0.99                # and yet the map is not blank
    assert found.falls[0].max() > 1
    dark, shares = found.pictures[0].mean(axis=2) < 128, np.abs(found.falls[0])
    assert shares[dark].mean() > 1.2 * shares[~dark].mean()
    ran = CliRunner().invoke(app, ["ask", str(out), str(file), "which shape is it?", "--occlusion",
                                   str(target)])
    assert ran.exit_code == 0, ran.output
    with Image.open(target) as drawn:
        assert drawn.width > 600


@pytest.mark.parametrize(("files", "question", "words"), [
    (["0.png"], "", "question: got ''; ask in words"), (["0.png"], " ", "question: got ' '"),
    (["0.png"], "zebra, quagga?", "no question in training had any of its words"),
    (["0.png"], "is it a disc? " * 10_000, "100,000 characters at most"),
    (["0.png", "1.png"], "is it a disc?", "items: got 2, and questions in such words"),
    (["none.png"], "is it a disc?", "none.png'; give one picture or two, and behind them"),
    (["0.png"], None, "0.png' alone; give one picture or two, and behind them the question"),
    ([], "is it a disc?", "question: got 'is it a disc?' alone; give one picture or two"),
    (["0.png", "1.png"], None, "1.png', which is a file; give one picture or two, and behind"),
    (["0.png", "0.png", "1.png"], "is it a disc?", "got 4 arguments behind the space, the last"),
    ([""], "is it a disc?", "a clip; give images, not a folder, which is read as a clip")])
def test_the_command_refuses_in_a_sentence(place, monkeypatch, capsys, files, question, words):
    given = [str(place[0] / "test" / "images" / file) for file in files]
    monkeypatch.setattr(sys, "argv", ["crossalign", "ask", str(place[1]), *given,
                                      *([] if question is None else [question])])
    with pytest.raises(SystemExit) as left:
        main()
    said = capsys.readouterr()
    assert left.value.code == 2
    assert said.out == ""
    assert words in said.err
    assert len(said.err.splitlines()) == 1


def test_a_question_before_its_picture_is_a_sentence(place):
    folder, file = place[0] / "test" / "images", str(place[0] / "test" / "images" / "0.png")
    complaint(lambda: question_about(["is it a disc?", file]), f"question: got {file!r}, which is")
    complaint(lambda: question_about([file, "is it", "a disc?"]), "file: there is no 'is it'; give")
    assert question_about([file, str(folder), "x" * 5000]) == ([Path(file), folder], "x" * 5000)


@pytest.mark.parametrize(("content", "words"), [
    (b"", "its content is of no known kind"), (b"GIF89a" + bytes(7), "cannot be read")])
def test_a_picture_of_no_size_is_a_sentence(space, tmp_path, content, words):
    (tmp_path / "a.png").write_bytes(content)
    complaint(lambda: space.ask(tmp_path / "a.png", "is it a disc?"), "path: ", words)
    complaint(lambda: space.ask(np.zeros((0, 0), np.uint8), "is it a disc?"), "picture: pixels of")


def test_what_is_said_is_read_without_reading_pictures_again(place, monkeypatch):
    arguments = DataOptions(data=str(place[0])).read_raw_as()
    whole = load_whole(place[0], "vqa", **arguments)
    monkeypatch.setattr(encoding, "encoded_classes", lambda *_, **__: pytest.fail("it read"))
    assert read_said(place[0], "vqa", **arguments)(whole.samples) == whole.benchmark.said


def test_what_cannot_be_learned_is_refused_before_anything_is_read(place, tmp_path):
    def build(data, task=None, **asked):
        build_space(DataOptions(data=data, task=task), tmp_path / "space", log=quietly, **asked)

    complaint(lambda: build(str(place[0])), "has pictures with questions", "--questions")
    complaint(lambda: build("synthetic", questions=True), "questions: 'synthetic' has none")
    complaint(lambda: build("glyphs", "caption", captions=True), "task: got 'caption'")
    assert not (tmp_path / "space").exists()
