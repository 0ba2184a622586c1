"""A space that was built answers over HTTP as it does in Python, from the command too."""

from __future__ import annotations

import http.client
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from serving import running
from shapes import SHAPES, picture, picture_folder

import crossalign as ca
from crossalign.cli import main
from crossalign.data_options import DataOptions
from crossalign.space import build_space
from crossalign.space.originals import original

NAMES = tuple(SHAPES)


def content(n, number):
    """A picture of the n-th shape, as a file's bytes."""
    stream = io.BytesIO()
    picture(NAMES[n], number).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    root, out = tmp_path_factory.mktemp("shapes"), tmp_path_factory.mktemp("spaces") / "shapes"
    picture_folder(root)
    build_space(DataOptions(data=str(root), task="gzsl"), out, models=["ridge_map"],
                log=lambda line: None)
    return out


def test_it_answers_as_in_python(place):
    space = ca.Space.open(place)
    try:
        with running(space) as server:
            told = server.ask("GET", "/space")[2]
            assert (told["items"], told["classes"]) == (len(space), len(NAMES))
            sent = content(2, 5)
            hits = server.ask("POST", "/search?k=5", sent, "image/png")[2]["hits"]
            with Image.open(io.BytesIO(sent)) as image:
                image.load()
            assert all(hit["thumb"] == f"/thumb/{hit['id'].replace('/', '%2F')}"
                       and "thumb" not in hit["payload"] and 0 < hit["chance"] <= 1 for hit in hits)
            assert server.ask("GET", hits[0]["thumb"])[1]["Content-Type"] == "image/jpeg"
            assert [hit["id"] for hit in hits] == [hit.id for hit in space.search(image, 5)]
            answer = server.ask("POST", "/recognise?k=3", sent, "image/png")[2]
            (expected,) = space.recognise(image, 3)
            assert [one["name"] for one in answer["classes"]] == expected.names
            assert [one["probability"] for one in answer["classes"]] == pytest.approx(
                expected.probabilities)
            assert server.ask("POST", "/recognise", {"text": "disc"})[0] == 400
            texts = "text" in told["modalities"]
            assert server.ask("POST", "/search", {"text": "disc", "k": 3})[0] == (
                200 if texts else 400)
            assert server.ask("GET", f"/thumb/{hits[0]['id']}")[1]["Content-Type"] == "image/jpeg"
            status, _, refused = server.ask("POST", "/search?where=%7B%22kolor%22:%22red%22%7D",
                                            sent, "image/png")
            assert (status, "'class', 'file'" in refused["error"]) == (400, True)
            assert len(server.ask("GET", "/map")[2]["points"]) == len(space)
            assert server.ask("POST", "/items?id=mine&thumb=true", sent, "image/png")[0] == 201
            assert server.ask("POST", "/classes", {"name": "star", "text": "many rays"})[0] == (
                201 if texts else 400)
    finally:
        space.close()
    again = ca.Space.open(place)                              # what was added is in the folder
    assert again.index.payload(["mine"])[0]["modality"] == "image"
    assert ("star" in again.class_names) is texts
    again.close()


def test_a_class_that_another_process_added_is_there_for_the_next(place, tmp_path):
    shutil.copytree(place, tmp_path / "space")
    space = ca.Space.open(tmp_path / "space")
    with running(space) as server:
        other = ca.Space.open(tmp_path / "space")
        other.add_class("moon")
        other.close()
        code, _, told = server.ask("POST", "/classes", {"name": "comet", "text": "a tail"})
        assert code == 201, told
        names = [one["name"] for one in server.ask("GET", "/classes")[2]["classes"]]
        assert names[-2:] == ["moon", "comet"]


def test_no_request_names_a_file_that_is_read(place, tmp_path):
    shutil.copytree(place, tmp_path / "space")
    space = ca.Space.open(tmp_path / "space")
    picture("ring", 1).save(tmp_path / "secret.png")
    with running(space) as server:
        vector = space.embed("ring")[0].tolist()
        for key in ("file", "modality", "mapped_from"):
            code, _, told = server.ask("POST", "/items", {"modality": "image", "items": [
                {"vector": vector, "id": "x", "payload": {key: str(tmp_path / "secret.png")}}]})
            assert code == 400
            assert f"payload: {key!r} is what the space says" in told["error"], told


def test_files_are_read_again_wherever_the_command_runs(place, tmp_path, monkeypatch):
    shutil.copytree(place, tmp_path / "space")
    space = ca.Space.open(tmp_path / "space")
    picture("ring", 1).save(tmp_path / "ring.png")
    monkeypatch.chdir(tmp_path)
    (name,) = space.add([Path("ring.png")])
    about = space.index.payload([name])[0]
    assert (name, about["file"]) == (str(tmp_path / "ring.png"),) * 2
    assert original("/elsewhere", name, about) == tmp_path / "ring.png"
    space.add(space.embed("ring"), ["row"], modality="text")      # a vector of a text has no text
    assert "text" not in space.index.payload(["row"])[0]
    space.close()


def test_the_command_serves_until_it_is_interrupted(place):
    process = subprocess.Popen([sys.executable, "-m", "crossalign", "serve", str(place), "--port",
                                "0"], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                               env={**os.environ, "CROSSALIGN_TOKEN": "a-token-of-some-length"})
    try:
        address = process.stderr.readline()
        assert address.startswith("http://127.0.0.1:")
        connection = http.client.HTTPConnection(address.split("/")[2], timeout=20)
        connection.request("GET", "/classes")
        assert connection.getresponse().status == 401
        connection.close()
        connection.request("GET", "/classes", headers={
            "Authorization": "Bearer a-token-of-some-length"})
        assert len(json.loads(connection.getresponse().read())["classes"]) >= len(NAMES)
        connection.close()
    finally:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert (out, err) == ("", "crossalign: interrupted.\n")
    ca.Space.open(place).close()                              # nobody holds it any longer


def test_wrong_words_end_with_one_sentence(place, monkeypatch, capsys):
    for words, said in ((["--host", "0.0.0.0"], "--token"), (["--token", "short"], "16")):
        monkeypatch.setattr(sys, "argv", ["crossalign", "serve", str(place), *words])
        with pytest.raises(SystemExit) as stopped:
            main()
        assert stopped.value.code == 2
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1
