"""MATLAB files of version 7.3 as MATLAB lays them out, written with h5py alone."""

import h5py
import numpy as np


def cell(texts):
    """A column cell array of texts."""
    return matrices(*texts)[:, None]


def matrices(*items):
    """A cell array of anything, ``(n,)``."""
    array = np.empty(len(items), dtype=object)
    for i, item in enumerate(items):
        array[i] = item
    return array


def write_v73(path, variables):
    """A file as MATLAB lays it out: transposed, cells as references, text as uint16."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, value in variables.items():
            put(file, name, value)
    with open(path, "r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file, written by a test".ljust(512))


def put(file, name, value):
    """One variable: a dict is a struct, a str a line of text, an array of objects a cell array."""
    if isinstance(value, dict):
        group = file.create_group(name)
        group.attrs["MATLAB_class"] = np.bytes_("struct")
        for field, inner in value.items():
            put(file, f"{name}/{field}", inner)
        return
    if hasattr(value, "tocsc"):
        put_sparse(file, name, value.tocsc())
        return
    value = np.asarray(value)
    kind = {"f": "double", "b": "logical", "U": "char", "O": "cell"}.get(value.dtype.kind,
                                                                        value.dtype.name)
    if kind == "cell":
        references = np.empty(value.shape, dtype=h5py.ref_dtype)
        for at, item in np.ndenumerate(value):
            inner = f"#refs#/{name}-{'-'.join(map(str, at))}"
            put(file, inner, item)
            references[at] = file[inner].ref
        stored = references.T
    elif value.size == 0:
        stored = np.array(np.atleast_2d(value).shape, dtype=np.uint64)
    elif kind == "char":
        lines = np.atleast_1d(value)
        width = max(len(line.encode("utf-16-le")) // 2 for line in lines)
        stored = np.array([np.frombuffer(line.ljust(width).encode("utf-16-le"), np.uint16)[:width]
                           for line in lines]).T
    else:
        stored = (value.astype(np.uint8) if kind == "logical" else value).T
    file[name] = stored
    file[name].attrs["MATLAB_class"] = np.bytes_(kind)
    if value.size == 0:
        file[name].attrs["MATLAB_empty"] = np.uint8(1)


def put_sparse(file, name, matrix):
    """A sparse matrix: the values, the row of each, and where each column starts."""
    group = file.create_group(name)
    group.attrs["MATLAB_class"] = np.bytes_("double")
    group.attrs["MATLAB_sparse"] = np.uint64(matrix.shape[0])
    group["jc"] = matrix.indptr.astype(np.uint64)
    if matrix.nnz:
        group["data"], group["ir"] = matrix.data, matrix.indices.astype(np.uint64)
