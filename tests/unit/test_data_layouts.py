"""Paths one level too deep or too high, and what is there instead."""

from __future__ import annotations

import numpy as np
import pytest
from complaints import complaint
from PIL import Image

from crossalign import data
from crossalign.data.layouts import check_outside, locate, source_of


def pictures(folder, *classes):
    for name in classes:
        (folder / name).mkdir(parents=True)
        Image.new("L", (4, 4)).save(folder / name / "1.png")
    return folder


def xlsa17(folder):
    folder.mkdir(parents=True)
    for name in ("res101.mat", "att_splits.mat"):
        (folder / name).touch()
    return folder


def test_a_folder_above_data_sets_names_them(tmp_path):
    xlsa17(tmp_path / "all" / "CUB")
    complaint(lambda: source_of(tmp_path / "all"), "one level too high",
              repr(str(tmp_path / "all" / "CUB")))
    for name in ("AWA1", "SUN", "APY"):
        xlsa17(tmp_path / "all" / name)
    text = complaint(lambda: source_of(tmp_path / "all"), "APY", "AWA1", "or one of 1 more")
    assert "SUN" not in text


def test_a_folder_above_class_folders_names_the_part(tmp_path):
    pictures(tmp_path / "nested" / "train", "ant", "bee")
    complaint(lambda: data.load(tmp_path / "nested"), "one level too high",
              str(tmp_path / "nested" / "train"))


@pytest.mark.parametrize("name", ["many.mat", "toy.npz", "toy.csv"])
def test_a_folder_of_one_file_names_the_file(tmp_path, name):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / name).touch()
    complaint(lambda: source_of(tmp_path / "set"), "one level too high", f"set/{name}")


def test_a_class_of_pictures_names_the_folder_of_classes(tmp_path):
    folder = pictures(tmp_path / "birds", "auk", "owl")
    complaint(lambda: source_of(folder / "auk"), "too deep", repr(str(folder)))
    both = tmp_path / "both"
    pictures(both / "sketch", "ant", "bee")
    pictures(both / "photo", "ant", "bee")
    assert source_of(both).name == "sketches"
    complaint(lambda: source_of(both / "photo" / "ant"), "too deep", f"{str(both)!r} above it")


def test_what_lies_within_a_data_set_names_the_data_set(tmp_path):
    folder = xlsa17(tmp_path / "CUB")
    (folder / "images" / "ant").mkdir(parents=True)
    (folder / "README.txt").touch()
    for inner in ("images", "images/ant", "README.txt"):
        complaint(lambda inner=inner: source_of(folder / inner), "too deep", repr(str(folder)))
    complaint(lambda: locate(folder / "CUB"), "there is no", repr(str(folder)))


def test_an_empty_folder_beside_pictures_is_no_part_of_them(tmp_path):
    pictures(tmp_path, "auk", "owl")
    (tmp_path / "empty").mkdir()
    complaint(lambda: source_of(tmp_path / "empty"), "is empty", "a folder for each class")


def test_home_folders_are_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    np.savez(tmp_path / "toy.npz", image=np.ones((8, 2)), text=np.ones((8, 2)), labels=[0, 1] * 4)
    assert locate("~/toy.npz").path == tmp_path / "toy.npz"
    assert data.load("~/toy.npz", "transfer").modalities == ("image", "text")


def test_every_path_may_begin_at_home(tmp_path, monkeypatch):
    from crossalign.cli import main
    from crossalign.data import load_pairs
    from crossalign.models import CCA

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "toy.npz", image=rng.normal(size=(40, 3)), text=rng.normal(size=(40, 2)),
             labels=np.arange(40) % 4)
    assert load_pairs("~/toy.npz").name == "toy"
    CCA().fit(load_pairs("~/toy.npz")["train"]).save("~/saved")
    assert (tmp_path / "saved" / "model.json").is_file()
    assert isinstance(CCA.load("~/saved"), CCA)
    monkeypatch.setattr("sys.argv", ["crossalign", "fit", "cca", "--data=~/toy.npz",
                                     "--out=~/fitted", "--no-tune"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert not stopped.value.code
    assert (tmp_path / "fitted" / "task.json").is_file()
    assert not (tmp_path / "~").exists()


def test_a_home_that_there_is_not_is_named():
    complaint(lambda: locate("~nobody-of-this-name/toy.npz"), "~nobody-of-this-name",
              "a home that there is not")


def test_a_folder_without_data_is_a_short_sentence_with_the_fix(tmp_path):
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / ".DS_Store").touch()
    text = complaint(lambda: source_of(tmp_path / "bare"), "is empty", "a folder for each class")
    (tmp_path / "bare" / "notes.doc").touch()
    other = complaint(lambda: source_of(tmp_path / "bare"), "holds nothing that is read here")
    assert max(len(text), len(other)) - len(str(tmp_path)) < 200


def test_a_benchmark_is_not_written_into_its_own_data(tmp_path):
    source = pictures(tmp_path / "mine", "ant", "bee")
    for out in (source, source / "ant" / "x"):
        complaint(lambda out=out: check_outside(out, source), "out", "lies in", "beside it")
    complaint(lambda: check_outside(tmp_path, source), "holds the folder of the data")
    check_outside(tmp_path / "mine two", source)
    check_outside(tmp_path / "x", "glyphs")
    (tmp_path / "link").symlink_to(source)
    complaint(lambda: check_outside(tmp_path / "link" / "x", source), "lies in")
