"""A space says what pictures show, from its folder alone."""

import contextlib
import json
from pathlib import Path

import numpy as np
import pytest
from complaints import complaint
from shapes import picture_folder
from typer.testing import CliRunner

import crossalign as ca
from crossalign.cli import app
from crossalign.data_options import DataOptions
from crossalign.index import ExactIndex
from crossalign.space import build_space
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


def test_the_command_says_the_same_and_json_names_files(place, space):
    folder, out = place
    files = sorted(folder.rglob("*.png"))[:2]
    said = space.caption(files)
    words = ["caption", str(out), *map(str, files)]
    told = CliRunner().invoke(app, words)
    assert told.stdout.splitlines() == [f"{f}: {t}" for f, t in zip(files, said, strict=True)]
    found = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    assert found == {"captions": [{"file": str(f), "caption": t}
                                  for f, t in zip(files, said, strict=True)]}


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


def test_what_cannot_be_said_is_refused_in_a_sentence(place, space, tmp_path):
    complaint(lambda: space.caption(["a text"]), "items: captions are of pictures")
    space.fitted.captioner = None
    complaint(lambda: space.caption([next(place[0].rglob("*.png"))]), "captions:", "--captions")
    complaint(lambda: build_space(DataOptions(data="synthetic"), tmp_path / "space", captions=True,
                                  log=lambda line: None), "captions: 'synthetic' has none")
    assert not (tmp_path / "space").exists()


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
