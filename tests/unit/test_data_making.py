"""Folders in the layout of xlsa17, written from any benchmark and read by the usual code."""

from __future__ import annotations

import os

import numpy as np
import pytest
from complaints import complaint
from scipy.io import loadmat
from typer.testing import CliRunner

from crossalign import data
from crossalign.cli import app
from crossalign.data.making import make_xlsa17
from crossalign.evaluation import evaluate
from crossalign.models import ESZSL

NAMES = np.array(["ant", "bee", "cat", "dog", "eel", "fox", "gnu", "hen"])
LABELS = np.random.default_rng(1).permutation(np.repeat(np.arange(8), 6))


@pytest.fixture
def table(tmp_path):
    """Rows in no order of classes; one class more has a vector and no sample."""
    rng = np.random.default_rng(0)
    embeddings = rng.normal(size=(9, 4)).astype(np.float32)
    features = embeddings[LABELS] @ rng.normal(size=(4, 5)) + 0.1 * rng.normal(size=(48, 5))
    np.savez(tmp_path / "a.npz", features=features.astype(np.float32), labels=LABELS,
             class_embeddings=embeddings, class_names=[*NAMES, "yak"])
    return tmp_path / "a.npz"


@pytest.mark.parametrize("ids", [None, "words"])
def test_others_code_finds_the_same_samples_in_the_same_parts(table, tmp_path, ids):
    if ids is not None:
        stored = dict(np.load(table))
        np.savez(table, **stored, ids=[f"s{i:02}" for i in range(48)][::-1])
    bench = data.load(table, "gzsl")
    made = make_xlsa17(bench, tmp_path / "out")
    res, att = loadmat(tmp_path / "out" / "res101.mat"), loadmat(tmp_path / "out/att_splits.mat")
    feature, label = res["features"].T, res["labels"].astype(int).squeeze() - 1
    files = [str(cell[0][0]) for cell in res["image_files"]]
    names = [str(cell[0][0]) for cell in att["allclasses_names"]]
    assert names == list(bench.classes.names)
    np.testing.assert_array_equal(att["att"].T, bench.classes.embeddings)
    for split, key in (("train", "trainval_loc"), ("test_seen", "test_seen_loc"),
                       ("test_unseen", "test_unseen_loc")):
        loc = att[key].squeeze() - 1
        views = bench[split]
        found = {files[i]: (label[i], *feature[i]) for i in loc}
        assert found == {str(i): (c, *x) for i, c, x in zip(
            views.ids, views.labels, views["features"], strict=True)}
    inner, trainval = bench.validation(), att["trainval_loc"].squeeze() - 1
    assert {files[i] for i in att["val_loc"].squeeze() - 1} == set(map(
        str, inner["test_unseen"].ids))
    assert {files[i] for i in trainval} == {files[i] for key in ("train_loc", "val_loc")
                                            for i in att[key].squeeze() - 1}
    assert made.same_id is (ids is None)
    assert sorted(os.listdir(tmp_path / "out")) == ["att_splits.mat", "res101.mat"]


def test_what_is_read_again_has_the_same_split_validation_and_scores(table, tmp_path):
    ran = CliRunner().invoke(app, ["data", "make", str(table), "--out", str(tmp_path / "out")])
    assert ran.exit_code == 0, ran.output
    assert "48 samples of width 5, 9 classes described by 4 numbers each, the same split id" in \
        ran.stdout
    bench, again = data.load(table, "gzsl"), data.load(tmp_path / "out")
    assert again.protocol["split_id"] == bench.protocol["split_id"]
    assert again.validation().protocol["split_id"] == bench.validation().protocol["split_id"]
    np.testing.assert_array_equal(again["train"]["image"], bench["train"]["features"])
    assert again.protocol["classes"] == bench.protocol["classes"]
    scores = [evaluate(ESZSL(), of, pictures=False).scores for of in (bench, again)]
    assert scores[0] == scores[1]


def test_zsl_has_no_seen_test(tmp_path):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "a.npz", x=rng.normal(size=(48, 5)), labels=LABELS,
             class_embeddings=rng.normal(size=(8, 4)), class_names=NAMES,
             split=np.where(LABELS < 6, "train", "test_unseen"))
    make_xlsa17(data.load(tmp_path / "a.npz", "zsl"), tmp_path / "out")
    assert data.load(tmp_path / "out").task == "zsl"


def test_nothing_is_overwritten_or_left(table, tmp_path, monkeypatch):
    bench = data.load(table, "gzsl")
    (tmp_path / "there").mkdir()
    complaint(lambda: make_xlsa17(bench, tmp_path / "there"), "out: ", "exists")
    complaint(lambda: make_xlsa17(data.load("synthetic"), tmp_path / "out"), "task: ")
    complaint(lambda: make_xlsa17(data.load("glyphs", tokens=True), tmp_path / "out"),
              "modalities: ", "pool tokens")
    monkeypatch.setattr("crossalign.data.making.LARGEST", 100)
    complaint(lambda: make_xlsa17(bench, tmp_path / "out"), "features: takes 960 bytes")
    monkeypatch.undo()

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("scipy.io.savemat", full)
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(OSError, match="No space left"):
        make_xlsa17(bench, tmp_path / "out")
    assert sorted(os.listdir(tmp_path)) == before
