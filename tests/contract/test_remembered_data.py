"""A saved model evaluates without options, in another process, on what it was fitted on."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from crossalign import data
from crossalign.cli import app
from crossalign.data_options import DataOptions
from crossalign.tasks import Fitted

CASES = {
    "glyphs": ("eszsl", [], {}),
    "glyphs retrieval": ("cca", ["--task", "retrieval"], {"task": "retrieval"}),
    "glyphs:sketch": ("cca", [], {}),
    "glyphs:sketch tokens": ("cca", ["--tokens", "--pool", "mean"],
                             {"tokens": True, "pool": "mean"}),
    "synthetic": ("perfect_alignment", [], {}),
    "pairs.npz": ("cca", [], {}),
    "three.npz": ("cca", ["--modalities", "sound,image"],
                         {"modalities": ["sound", "image"]}),
    "pairs.npz transfer": ("perfect_alignment", ["--task", "transfer"], {"task": "transfer"}),
    "gzsl.npz": ("eszsl", [], {}),
    "gzsl.npz attributes": ("eszsl", ["--attributes", "side.npy"], {"attributes": "side.npy"}),
    "domains.npz:photo-sketch": ("ridge_map", [], {}),
    "drawn": ("ridge_map", ["--unseen", "unseen.txt"], {"unseen": "unseen.txt"}),
    "painted tokens": ("cca", ["--tokens", "--pool", "flat"], {"tokens": True, "pool": "flat"}),
}
"""Of each data set: the model, the options of ``fit``, and the same for `data.load`."""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a small data set of each layout."""
    folder = tmp_path_factory.mktemp("place")
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(8), 12)
    z = rng.normal(size=(8, 6))[labels] + 0.3 * rng.normal(size=(96, 6))
    views = {m: z @ rng.normal(size=(6, 7)) for m in ("image", "text", "sound")}
    np.savez(folder / "three.npz", **views, labels=labels)
    np.savez(folder / "pairs.npz", image=views["image"], text=views["text"], labels=labels)
    np.savez(folder / "gzsl.npz", image=z, labels=labels, class_embeddings=rng.normal(size=(8, 3)))
    np.save(folder / "side.npy", rng.normal(size=(8, 4)))
    np.savez(folder / "domains.npz", features=z, label=labels,
             domain=np.tile(["sketch", "photo", "cartoon"], 32))
    for side, suffix in (("drawn/sketch", 0), ("drawn/photo", 90), ("painted", 40)):
        for number, name in enumerate(("ant", "bee", "cat", "dog", "elk", "fox")):
            (folder / side / name).mkdir(parents=True)
            for i in range(6):
                ink = rng.integers(0, 120, (16, 16)) + suffix + 4 * number
                Image.fromarray(ink.astype(np.uint8)).save(folder / side / name / f"{i}.png")
    (folder / "unseen.txt").write_text("cat\nelk\n")
    return folder


@pytest.fixture(scope="module")
def fitted(place, tmp_path_factory):
    """What ``crossalign evaluate FOLDER --json`` prints of every fitted model, elsewhere."""
    out = tmp_path_factory.mktemp("fitted")
    patch = pytest.MonkeyPatch()
    patch.chdir(place)
    for number, (case, (model, options, _)) in enumerate(CASES.items()):
        ran = CliRunner().invoke(app, ["fit", model, "--data", case.split()[0], *options,
                                       "--no-tune", "--seed", "1", "--out", str(out / str(number))])
        assert ran.exit_code == 0, (case, ran.output, ran.exception)
    patch.undo()
    code = ("import sys; from typer.testing import CliRunner; from crossalign.cli import app\n"
            "for number in range(int(sys.argv[1])):\n"
            "    ran = CliRunner().invoke(app, ['evaluate', str(number), '--json'])\n"
            "    print(ran.stdout.strip() if not ran.exit_code else repr(ran.exception))\n")
    ran = subprocess.run([sys.executable, "-c", code, str(len(CASES))], cwd=out, check=True,
                         capture_output=True, text=True)
    return dict(zip(CASES, ran.stdout.splitlines(), strict=True))


@pytest.mark.parametrize("case", CASES)
def test_evaluates_without_options(place, fitted, case, monkeypatch):
    monkeypatch.chdir(place)
    found = json.loads(fitted[case])
    expected = data.load(case.split()[0], **CASES[case][2]).run(1)
    assert found["protocol"]["split_id"] == expected.protocol["split_id"]
    assert found["protocol"]["features"] == json.loads(json.dumps(expected.protocol["features"]))
    assert found["data"] == expected.name
    assert found["task"] == expected.task
    assert "model_of_another_split" not in found["protocol"]


def test_named_data_count_more_than_what_is_remembered(place, tmp_path, monkeypatch):
    monkeypatch.chdir(place)
    assert CliRunner().invoke(app, ["fit", "cca", "--data", "pairs.npz", "--no-tune", "--out",
                                    str(tmp_path / "cca")]).exit_code == 0
    np.savez(tmp_path / "other.npz", **np.load("pairs.npz"))
    ran = CliRunner().invoke(app, ["evaluate", str(tmp_path / "cca"), "--json", "--data",
                                   str(tmp_path / "other.npz")])
    assert json.loads(ran.stdout)["data"] == "other"


def test_few_shot_is_a_task_of_data_for_recognition(place, tmp_path, monkeypatch):
    monkeypatch.chdir(place)
    few = ["ridge_map", "--data", "gzsl.npz", "--task", "few_shot"]
    direct = CliRunner().invoke(app, ["run", *few, "--json"])
    assert direct.exit_code == 0, direct.exception
    ran = CliRunner().invoke(app, ["fit", *few, "--out", str(tmp_path / "few")])
    assert ran.exit_code == 0, ran.exception
    ran = CliRunner().invoke(app, ["evaluate", str(tmp_path / "few"), "--json"])
    assert ran.exit_code == 0, ran.exception
    found, expected = json.loads(ran.stdout), json.loads(direct.stdout)
    assert found["task"] == expected["task"] == "few_shot"
    assert found["scores"].keys() == expected["scores"].keys()
    for name, score in found["scores"].items():
        assert score["mean"] == pytest.approx(expected["scores"][name]["mean"])
    tuned = CliRunner().invoke(app, ["run", *few, "--tune", "alpha=[0.1, 1]"])
    assert "cannot be chosen, as few_shot" in str(tuned.exception)
    assert DataOptions(data="glyphs", task="few_shot").load().task == "gzsl"


def test_options_of_a_task_are_remembered(place, tmp_path, monkeypatch):
    monkeypatch.chdir(place)
    few = ["--data", "gzsl.npz", "--k", "1", "--k", "3", "--draws", "2"]
    for name, task, run, options in (
            ("few", "few_shot", ["few-shot", "ridge_map", *few], few),
            ("bits", "retrieval", ["run", "ridge_map", "--data", "pairs.npz", "--bits", "4"],
             ["--data", "pairs.npz", "--bits", "4"])):
        direct = CliRunner().invoke(app, [*run, "--json"])
        assert direct.exit_code == 0, direct.exception
        ran = CliRunner().invoke(app, ["fit", run[1], "--task", task, *options, "--out",
                                       str(tmp_path / name)])
        assert ran.exit_code == 0, ran.exception
        ran = CliRunner().invoke(app, ["evaluate", str(tmp_path / name), "--json"])
        assert ran.exit_code == 0, ran.exception
        found, expected = json.loads(ran.stdout), json.loads(direct.stdout)
        assert found["scores"].keys() == expected["scores"].keys()
    assert {score.split()[0] for score in json.loads(CliRunner().invoke(
        app, ["evaluate", str(tmp_path / "few"), "--json"]).stdout)["scores"]} == {
            "T1@1", "H@1", "T1@3", "H@3"}
    again = CliRunner().invoke(app, ["evaluate", str(tmp_path / "bits"), "--json", "--bits", "2"])
    assert json.loads(again.stdout)["protocol"]["codes"].startswith("2 bits")
    ran = CliRunner().invoke(app, ["fit", "cca", "--data", "pairs.npz", "--draws", "3", "--out",
                                   str(tmp_path / "none")])
    assert "draws: got 3 for retrieval" in str(ran.exception)
    assert not (tmp_path / "none").exists()


def test_a_folder_that_remembers_no_option_is_refused(place, tmp_path, monkeypatch):
    monkeypatch.chdir(place)
    CliRunner().invoke(app, ["fit", "cca", "--data", "pairs.npz", "--no-tune", "--out",
                             str(tmp_path / "cca")])
    fitted = Fitted.load(tmp_path / "cca")
    fitted.set_params(source={"data": "glyphs", "shell": "rm"}).save(tmp_path / "cca")
    ran = CliRunner().invoke(app, ["evaluate", str(tmp_path / "cca")])
    assert isinstance(ran.exception, ValueError)
    assert "'shell'" in str(ran.exception)


@pytest.mark.parametrize("network", ["someone/network", "raw:someone/network", "http://there/net"])
def test_a_network_that_is_not_here_is_not_fetched_unasked(place, network, tmp_path, monkeypatch):
    monkeypatch.chdir(place)
    CliRunner().invoke(app, ["fit", "cca", "--data", "pairs.npz", "--no-tune", "--out",
                             str(tmp_path / "cca")])
    fitted = Fitted.load(tmp_path / "cca")
    source = {"data": str(place / "painted"), "encoder": network}
    fitted.set_params(source=source).save(tmp_path / "cca")
    ran = CliRunner().invoke(app, ["evaluate", str(tmp_path / "cca")])
    assert isinstance(ran.exception, ValueError)
    assert "name it by --encoder" in str(ran.exception)


def test_a_path_behind_raw_is_remembered_absolute(place, monkeypatch):
    monkeypatch.chdir(place)
    kept = DataOptions(data="painted", encoder="raw:drawn").remembered()
    assert kept["encoder"] == f"raw:{place / 'drawn'}"


@pytest.mark.shared
@pytest.mark.parametrize("words", [["omniglot:alphabets"], ["omniglot", "--tokens", "--pool=mean"],
                                   ["CUB", "--attributes", "sent_splits.mat"]])
def test_real_data_are_remembered(shared, words, tmp_path, monkeypatch):
    monkeypatch.setenv("CROSSALIGN_DATA", str(shared))
    model = "eszsl" if "CUB" in words else "ridge_map"
    ran = CliRunner().invoke(app, ["fit", model, "--data", *words, "--no-tune", "--out",
                                   str(tmp_path / "fitted")])
    assert ran.exit_code == 0, ran.exception
    kept = Fitted.load(tmp_path / "fitted")
    ran = CliRunner().invoke(app, ["evaluate", str(tmp_path / "fitted"), "--json"])
    assert ran.exit_code == 0, ran.exception
    found = json.loads(ran.stdout)["protocol"]
    assert kept.source["data"] == words[0]                # found again under CROSSALIGN_DATA
    assert found["split_id"] == kept.protocol["split_id"]
    assert found["features"] == kept.protocol["features"]
    assert found["side_information"] == kept.protocol["side_information"]
