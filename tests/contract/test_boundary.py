"""What no file, path or parameter may do: block, take what is not there, or end in a traceback."""

from __future__ import annotations

import os
import zipfile

import h5py
import hostile_files
import numpy as np
import pytest
import scipy.io
import scipy.sparse
from complaints import complaint

from crossalign import boundary, reading
from crossalign.cli import main
from crossalign.data import load
from crossalign.data.formats.matlab import read_mat
from crossalign.data.formats.npy import read_npy
from crossalign.data.formats.npz import read_npz
from crossalign.recipes import load_recipe
from crossalign.recipes.plain_yaml import read_yaml
from crossalign.types import Views

# -- arrays ------------------------------------------------------------------------------------
CLAIMS = {
    "a trillion numbers": (hostile_files.claim((10**6, 10**6)), "(1000000, 1000000)"),
    "one number more than is there": (hostile_files.claim((11,)), "holds 80"),
    "a negative size": (hostile_files.claim((-1, 4)), "(-1, 4)"),
    "a size beyond any integer": (hostile_files.claim((10**40,)), "holds 80"),
    "a trillion empty words": (hostile_files.claim((10**12,), "<U0", 0), "holds 0"),
    "records": (hostile_files.npy(np.zeros(36, [("a", int), ("b", int)])), "records"),
    "objects": (hostile_files.npy(np.array([{}, None], dtype=object)), "pickled objects"),
    "an unclosed header": (hostile_files.raw_header("{'descr': '<f8', "), "truncated, corrupt"),
    "a header of brackets": (hostile_files.raw_header("(" * 9000), "truncated, corrupt"),
    "a header that is no mapping": (hostile_files.raw_header("[1, 2]\n"), "truncated, corrupt"),
    "an unknown type": (hostile_files.raw_header(
        "{'descr': '<q9', 'fortran_order': False, 'shape': (1,)}\n"), "truncated, corrupt"),
    "no header": (b"\x93NUMPY", "truncated, corrupt"),
}


@pytest.mark.parametrize("case", CLAIMS)
def test_an_array_that_is_not_what_its_header_claims_is_refused(case, tmp_path):
    content, words = CLAIMS[case]
    (tmp_path / "image.npy").write_bytes(content)
    complaint(lambda: read_npy(tmp_path / "image.npy"), words)
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        archive = hostile_files.npz(tmp_path / "a.npz", method, image=content)
        complaint(lambda archive=archive: read_npz(archive), words)
        complaint(lambda archive=archive: load(archive), words)


def test_what_does_not_fit_in_memory_is_refused_before_it_is_read(tmp_path, monkeypatch):
    archive = hostile_files.npz(tmp_path / "a.npz", zipfile.ZIP_DEFLATED,
                                image=hostile_files.npy(np.zeros((36, 10_000))))
    assert archive.stat().st_size < 36 * 10_000
    monkeypatch.setattr(reading, "available_memory", lambda: 2_000_000)
    complaint(lambda: read_npz(archive), "0.00288 GB", "free")
    monkeypatch.setattr(reading, "available_memory", lambda: 4_000_000)
    assert read_npz(archive)["image"].shape == (36, 10_000)


def test_archives_that_are_encrypted_doubled_or_hold_other_things_are_refused(tmp_path):
    complaint(lambda: read_npz(hostile_files.encrypted(tmp_path / "a.npz")), "encrypted")
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
        archive.writestr("image.npy", hostile_files.npy(np.zeros(2)))
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("image.npy", hostile_files.npy(np.zeros(2)))
    complaint(lambda: read_npz(tmp_path / "b.npz"), "'image' twice")
    with zipfile.ZipFile(tmp_path / "c.npz", "w") as archive:
        archive.writestr("readme.txt", "hello")
    complaint(lambda: read_npz(tmp_path / "c.npz"), "readme.txt")


@pytest.mark.parametrize("place", ["p.npz", "p.npy", "p.csv", "p.mat", "res101.mat"])
def test_a_pipe_in_the_place_of_a_file_is_refused_and_not_waited_for(place, tmp_path):
    os.mkfifo(tmp_path / place)
    complaint(lambda: load(tmp_path / place), "is a pipe")


def test_devices_and_folders_in_the_place_of_files_are_refused(tmp_path):
    (tmp_path / "image.npy").symlink_to("/dev/zero")
    np.save(tmp_path / "labels.npy", np.zeros(4))
    complaint(lambda: load(tmp_path), "is a device")
    complaint(lambda: load("/dev/zero"), "is a device")
    (tmp_path / "sub.npz").mkdir()
    complaint(lambda: read_npz(tmp_path / "sub.npz"), "is a folder")


def test_the_home_of_nobody_is_refused():
    complaint(lambda: load("~nobody-of-that-name/x"), "data:", "home")
    complaint(lambda: load_recipe("~nobody-of-that-name/x.yaml"), "recipe:", "home")


def test_tables_without_labels_or_with_single_values_are_refused(tmp_path):
    for name, values in {"labels": np.zeros(0), "class_embeddings": np.array(1.0),
                         "ids": np.array(3), "class_names": np.array("a")}.items():
        np.savez(tmp_path / "a.npz", **{**hostile_files.pairs(), name: values})
        complaint(lambda: load(tmp_path / "a.npz"))


def test_samples_without_tokens_are_refused():
    complaint(lambda: Views({"image": np.zeros((4, 0, 5))}), "no tokens")


# -- recipes -----------------------------------------------------------------------------------
def doubling(levels: int) -> str:
    """Aliases that double a list at every level."""
    return "[&a0 [x, x]" + "".join(f", &a{i + 1} [*a{i}, *a{i}]" for i in range(levels)) + "]"


REFUSED_YAML = {
    "aliases that double": (doubling(40), "10000 values"),
    "an alias within itself": ("&a [*a]", "within what it repeats"),
    "a mapping within itself": ("&a {b: {c: *a}}", "within what it repeats"),
    "depth": ("[" * 200 + "]" * 200, "deeper than 30"),
    "many values": ("[" + "1," * 10_001 + "]", "10000 values"),
    "an empty integer": ("!!int ''", "a tag that does not fit"),
}


@pytest.mark.parametrize("case", REFUSED_YAML)
def test_yaml_is_bounded(case, tmp_path):
    text, words = REFUSED_YAML[case]
    (tmp_path / "mine.yaml").write_text(
        f"model: eszsl\ndata: CUB\nsource: me\nparams:\n  alpha: {text}\n")
    said = complaint(lambda: load_recipe(tmp_path / "mine.yaml"), "mine.yaml", words)
    assert len(said) < 400


def test_aliases_that_repeat_little_are_read():
    assert read_yaml("a: &x [1, 2]\nb: [*x, *x]") == {"a": [1, 2], "b": [[1, 2], [1, 2]]}
    assert read_yaml(doubling(5))[1] == [["x", "x"], ["x", "x"]]


def test_a_recipe_of_megabytes_is_refused_unread(tmp_path):
    (tmp_path / "mine.yaml").write_text("#" * 2_000_000)
    complaint(lambda: load_recipe(tmp_path / "mine.yaml"), "2000000 bytes")


# -- how a command ends ------------------------------------------------------------------------
def ending(error, monkeypatch, capsys) -> tuple[int, str]:
    def command():
        raise error

    monkeypatch.delenv(boundary.DEBUG_VARIABLE, raising=False)
    with pytest.raises(SystemExit) as stopped:
        boundary.run_command(command)
    return stopped.value.code, capsys.readouterr().err


@pytest.mark.parametrize("error", [
    ValueError("x: got 1; give 2."), UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid"),
    FileNotFoundError(2, "No such file", "a"), OSError(28, "No space left on device", "a"),
    ImportError("faiss: not installed."), MemoryError(),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.")])
def test_bad_input_ends_in_one_sentence_and_code_2(error, monkeypatch, capsys):
    code, said = ending(error, monkeypatch, capsys)
    assert code == 2
    assert said.startswith("crossalign: ")
    assert said.count("\n") == 1


@pytest.mark.parametrize("error", [TypeError("no"), KeyError("a"), IndexError(), RuntimeError("x"),
                                   AssertionError(), AttributeError("b"), RecursionError("deep")])
def test_a_bug_ends_in_code_70_and_its_traceback_is_kept(error, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code, said = ending(error, monkeypatch, capsys)
    (kept,) = tmp_path.iterdir()
    assert code == 70
    assert "bug" in said
    assert str(kept) in said
    assert "Traceback" not in said
    assert "Traceback" in kept.read_text()
    assert type(error).__name__ in kept.read_text()


def test_a_bug_without_a_place_for_its_traceback_says_how_to_see_it(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "not there"))
    code, said = ending(TypeError("no"), monkeypatch, capsys)
    assert code == 70
    assert boundary.DEBUG_VARIABLE in said


def test_ctrl_c_keeps_its_meaning(monkeypatch, capsys):
    assert ending(KeyboardInterrupt(), monkeypatch, capsys) == (130, "crossalign: interrupted.\n")


@pytest.mark.parametrize("arguments", [["doctor"], ["data", "list"], ["models"]])
def test_ctrl_c_in_any_command_is_said_once(arguments, monkeypatch, capsys):
    def stop():
        raise KeyboardInterrupt

    for place in ("doctor.examine", "data.catalog.listing", "models.catalog.models_table"):
        monkeypatch.setattr(f"crossalign.{place}", stop)
    monkeypatch.setattr("sys.argv", ["crossalign", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130
    assert capsys.readouterr().err == "crossalign: interrupted.\n"


def test_debugging_shows_every_traceback(monkeypatch):
    monkeypatch.setenv(boundary.DEBUG_VARIABLE, "1")
    with pytest.raises(ValueError, match="mine"):
        boundary.run_command(lambda: int("mine"))


def test_a_closed_standard_error_changes_nothing_on_standard_output(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr", None)
    boundary.tell("progress")
    assert capsys.readouterr().out == ""


def test_an_unknown_modality_is_a_key_and_a_value_that_is_wrong():
    views = Views({"image": np.zeros((2, 3))})
    complaint(lambda: views["text"], "'text'", "['image']")
    with pytest.raises(KeyError):
        views["text"]


def test_memory_is_measured():
    free = reading.available_memory()
    assert free is None or 0 <= free < 10**15


# -- MATLAB ------------------------------------------------------------------------------------
def test_matrices_that_cannot_fit_in_memory_are_refused_unread(tmp_path):
    with h5py.File(tmp_path / "claims.mat", "w") as stored:  # nothing of it is on the disk
        stored.create_dataset("image", (10**6, 10**7), "f8", chunks=(100, 100))
    complaint(lambda: read_mat(tmp_path / "claims.mat"), "8e+04 GB", "free")
    with h5py.File(tmp_path / "sparse.mat", "w") as stored:
        group = stored.create_group("image")
        group.attrs["MATLAB_sparse"] = 10**9
        group["jc"] = np.zeros(10**4, np.int64)
    complaint(lambda: read_mat(tmp_path / "sparse.mat"), "free")
    scipy.io.savemat(tmp_path / "v5.mat", {"image": scipy.sparse.csc_matrix((10**7, 10**6))})
    complaint(lambda: read_mat(tmp_path / "v5.mat"), "8e+04 GB", "free")
    assert list(read_mat(tmp_path / "v5.mat", ["labels"])) == []


def test_a_cell_that_repeats_one_large_matrix_is_refused_unread(tmp_path, monkeypatch):
    with h5py.File(tmp_path / "a.mat", "w") as stored:
        large = stored.create_dataset("#refs#/a", data=np.zeros((100, 1000)))
        cell = stored.create_dataset("image", (1, 50), h5py.ref_dtype)
        cell[...] = np.array([large.ref] * 50, dtype=h5py.ref_dtype).reshape(1, 50)
    assert len(read_mat(tmp_path / "a.mat")["image"]) == 50
    monkeypatch.setattr(reading, "available_memory", lambda: 10_000_000)
    complaint(lambda: read_mat(tmp_path / "a.mat"), "0.04 GB", "free")


def test_cells_that_hold_each_other_come_to_an_end(tmp_path):
    with h5py.File(tmp_path / "a.mat", "w") as stored:
        inner = stored.create_dataset("#refs#/0", data=np.zeros(3))
        for level in range(1, 30):
            cell = stored.create_dataset(f"#refs#/{level}", (1, 10), h5py.ref_dtype)
            cell[...] = np.array([inner.ref] * 10, dtype=h5py.ref_dtype).reshape(1, 10)
            inner = cell
        outer = stored.create_dataset("image", (1, 2), h5py.ref_dtype)
        outer[...] = np.array([inner.ref] * 2, dtype=h5py.ref_dtype).reshape(1, 2)
    assert "cell arrays" in read_mat(tmp_path / "a.mat").unread["image"].what


def test_a_file_that_begins_as_version_4_and_claims_everything_is_refused(tmp_path):
    (tmp_path / "a.mat").write_bytes(b"\0" * 4 + b"\xff\xff\xff\x7f" * 4 + b"\0" * 200)
    complaint(lambda: read_mat(tmp_path / "a.mat"), "path:")
