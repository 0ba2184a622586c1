"""What MATLAB files hold, as SciPy and h5py write them: read alike, and the rest is named."""

from __future__ import annotations

import struct

import h5py
import numpy as np
import pytest
import scipy.sparse
from complaints import complaint
from matlab_files import cell, matrices, write_v73
from scipy.io import savemat

from crossalign.data.formats.matlab import not_read, read_mat, refuse_unread

BOTH = pytest.mark.parametrize("save", [savemat, write_v73])
NAMES = ["ox", "Häher", "dog 10", ""]


def read(path, save, **variables):
    save(path / "x.mat", variables)
    return read_mat(path / "x.mat")


# -- numbers -------------------------------------------------------------------------------------
@BOTH
def test_matrices_have_the_shape_that_matlab_shows(tmp_path, save):
    wide = np.arange(6.0).reshape(2, 3)
    cube = np.arange(24.0).reshape(2, 3, 4)
    found = read(tmp_path, save, wide=wide, cube=cube, none=np.zeros((0, 3)),
                 small=np.array([[3]], np.int8))
    np.testing.assert_array_equal(found["wide"], wide)
    np.testing.assert_array_equal(found["cube"], cube)
    assert found["none"].shape == (0, 3)
    np.testing.assert_array_equal(found["small"], [[3]])
    assert not_read(found) == {}


@BOTH
@pytest.mark.parametrize("shape", [(5, 7), (7, 5), (1, 9)])
def test_sparse_matrices_are_filled_up(tmp_path, save, shape):
    rng = np.random.default_rng(0)
    dense = rng.normal(size=shape) * (rng.random(shape) < .3)
    found = read(tmp_path, save, x=scipy.sparse.csc_matrix(dense))
    np.testing.assert_array_equal(found["x"], dense)


@BOTH
def test_a_sparse_matrix_of_zeros_is_a_matrix_of_zeros(tmp_path, save):
    np.testing.assert_array_equal(
        read(tmp_path, save, x=scipy.sparse.csc_matrix((3, 4)))["x"], np.zeros((3, 4)))


def test_a_sparse_matrix_with_rows_outside_is_a_damaged_file(tmp_path):
    write_v73(tmp_path / "x.mat", {"x": scipy.sparse.csc_matrix(np.eye(4))})
    with h5py.File(tmp_path / "x.mat", "r+") as file:
        file["x/ir"][2] = 77
    complaint(lambda: read_mat(tmp_path / "x.mat"), "x.mat", "corrupt")


def test_what_does_not_fit_into_memory_is_said_before_room_is_made(tmp_path):
    write_v73(tmp_path / "x.mat", {"x": scipy.sparse.csc_matrix(np.eye(4))})
    with h5py.File(tmp_path / "x.mat", "r+") as file:
        file["x"].attrs["MATLAB_sparse"] = np.uint64(10**14)
    complaint(lambda: read_mat(tmp_path / "x.mat"), "x.mat", "of memory")
    with h5py.File(tmp_path / "y.mat", "w") as file:
        file.create_dataset("y", (10**8, 10**7), "f8", chunks=(64, 64))
    complaint(lambda: read_mat(tmp_path / "y.mat"), "y.mat", "of memory")


@BOTH
def test_logical_matrices_are_zeros_and_ones(tmp_path, save):
    mask = np.array([[True, False, True]])
    np.testing.assert_array_equal(read(tmp_path, save, m=mask)["m"], mask)


def test_h5py_scalars_and_vectors_keep_their_shape(tmp_path):
    with h5py.File(tmp_path / "x.mat", "w") as file:
        file["scalar"], file["vector"], file["flags"] = 2.5, np.arange(4), np.array([True, False])
    found = read_mat(tmp_path / "x.mat")
    assert found["scalar"].shape == ()
    np.testing.assert_array_equal(found["vector"], np.arange(4))
    assert found["flags"].tolist() == [True, False]


# -- texts ---------------------------------------------------------------------------------------
@BOTH
@pytest.mark.parametrize("names", [NAMES, ["a"], ["日本", "x \U0001f426 y"]])
def test_cell_arrays_of_texts_are_texts(tmp_path, save, names):
    found = read(tmp_path, save, column=cell(names), row=cell(names).T)
    assert found["column"].tolist() == found["row"].tolist() == names


@BOTH
def test_cells_around_cells_are_opened(tmp_path, save):
    assert read(tmp_path, save, names=matrices(cell(["a", "b"])))["names"].tolist() == ["a", "b"]
    nested = read(tmp_path, save, names=matrices(matrices("a"), matrices("b")))
    assert nested["names"].tolist() == ["a", "b"]


@BOTH
@pytest.mark.parametrize("names", [["owl 0", "owl 10", "auk"], ["one"], ["ä", "bb", "\U0001f426"]],
                         ids=["three", "one", "wide"])
def test_a_char_matrix_is_one_text_per_row(tmp_path, save, names):
    assert read(tmp_path, save, names=np.array(names))["names"].tolist() == names


@pytest.mark.parametrize("dtype", [h5py.string_dtype(), h5py.string_dtype("utf-8", 12), "S12"])
def test_strings_as_h5py_writes_them_are_texts(tmp_path, dtype):
    names = ["bird 0", "auk", "owl 10"]
    with h5py.File(tmp_path / "x.mat", "w") as file:
        file.create_dataset("names", data=np.array([n.encode() for n in names], dtype))
        file.create_dataset("one", data="häher", dtype=h5py.string_dtype())
    found = read_mat(tmp_path / "x.mat")
    assert found["names"].tolist() == names
    assert found["one"].tolist() == ["häher"]


def test_strings_that_are_not_utf8_are_named(tmp_path):
    with h5py.File(tmp_path / "x.mat", "w") as file:
        file["names"] = np.array([b"h\xe4her", b"auk"])
    found = read_mat(tmp_path / "x.mat")
    assert not_read(found) == {"names": "text that is not UTF-8"}


def test_numbers_of_16_bits_are_text_only_where_they_are_said_to_be(tmp_path):
    """A cell of uint16 matrices is one of matrices."""
    views = matrices(np.arange(6, dtype=np.uint16).reshape(2, 3), np.ones((1, 4), np.uint16))
    found = read(tmp_path, write_v73, x=views)["x"]
    assert found.dtype == object
    np.testing.assert_array_equal(found[0], views[0])
    np.testing.assert_array_equal(found[1], views[1])


# -- cells of matrices ---------------------------------------------------------------------------
@BOTH
def test_cell_arrays_of_matrices_are_arrays(tmp_path, save):
    first, second = np.arange(6.0).reshape(2, 3), np.arange(6.0).reshape(2, 3) + 1
    thin = scipy.sparse.csc_matrix(np.eye(2))
    found = read(tmp_path, save, x=matrices(first, second, thin, np.zeros((0, 0))))["x"]
    assert found.shape == (4,)
    for got, wanted in zip(found, (first, second, np.eye(2), np.zeros((0, 0))), strict=True):
        np.testing.assert_array_equal(got, wanted)


# -- what is not read ----------------------------------------------------------------------------
@BOTH
@pytest.mark.parametrize(("value", "what"), [
    ({"a": np.eye(2)}, "a struct"), (matrices("x", np.eye(2)), "both texts and numbers"),
    (matrices(np.eye(2), {"a": 1.0}), "cell 2 is a struct"),
    (matrices({"a": 1.0}), "cell 1 is a struct"),
    (matrices(np.array(["ab", "cd"]), "x"), "cell 1 has 2 lines of text"),
    (matrices(matrices("a", "b"), matrices("c", "d")), "cell array"),
])
def test_what_cannot_be_read_is_named_and_the_rest_is_read(tmp_path, save, value, what):
    found = read(tmp_path, save, it=value, y=np.eye(2))
    assert set(found) == {"y"}
    assert what in not_read(found)["it"]
    complaint(lambda: refuse_unread(found, "y", "it"), "it: is", what, "not read", "save")
    refuse_unread(found, "y")


def opaque_v5(name, kind):
    """An object as MATLAB writes it into a file of version 5 (element 17)."""
    def element(tag, data):
        return struct.pack("<II", tag, len(data)) + data.ljust(-(-len(data) // 8) * 8, b"\0")

    flags = element(6, struct.pack("<II", 17, 0))
    words = [element(1, word) for word in (name, b"MCOS", kind)]
    inner = element(14, element(6, struct.pack("<II", 13, 0)) + element(5, struct.pack("<ii", 1, 1))
                    + element(1, b"") + element(6, struct.pack("<I", 7)))
    return element(14, b"".join([flags, *words, inner]))


def with_object(path, save, name, kind):
    """A file with ``att`` and one object."""
    save(path, {"att": np.eye(2)})
    if save is savemat:
        path.write_bytes(path.read_bytes() + opaque_v5(name.encode(), kind.encode()))
        return
    with h5py.File(path, "r+") as file:
        file[name] = np.array([[3707764736, 2, 1, 1, 1, 1]], np.uint32).T
        file[name].attrs["MATLAB_class"] = np.bytes_(kind)
        file[name].attrs["MATLAB_object_decode"] = np.int32(3)


@BOTH
@pytest.mark.parametrize(("kind", "words"), [
    ("string", ["a string array", "cell array of texts", "cellstr"]),
    ("table", ["an object of the class table"]), ("categorical", ["categorical"])])
def test_string_arrays_and_objects_say_what_to_save_instead(tmp_path, save, kind, words):
    with_object(tmp_path / "x.mat", save, "names", kind)
    for wanted in (None, ["att", "names"]):
        found = read_mat(tmp_path / "x.mat", wanted)
        assert set(found) == {"att"}
        complaint(lambda found=found: refuse_unread(found, "names"), "names: is", *words)
    assert not_read(read_mat(tmp_path / "x.mat", ["att"])) == {}


def test_nothing_is_read_from_another_file(tmp_path):
    (tmp_path / "secret.bin").write_bytes(np.arange(4.0).tobytes())
    with h5py.File(tmp_path / "other.mat", "w") as file:
        file["x"] = np.eye(2)
    with h5py.File(tmp_path / "x.mat", "w") as file:
        file["link"] = h5py.ExternalLink("other.mat", "/x")
        file.create_dataset("raw", (4,), "f8", external=[(str(tmp_path / "secret.bin"), 0, 32)])
        layout = h5py.VirtualLayout((2, 2), "f8")
        layout[:] = h5py.VirtualSource(str(tmp_path / "other.mat"), "x", (2, 2))
        file.create_virtual_dataset("view", layout)
    found = read_mat(tmp_path / "x.mat")
    assert not found
    assert set(not_read(found).values()) == {"a link to another file"}
