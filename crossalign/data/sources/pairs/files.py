"""Files of a table of aligned arrays: one file, or a folder of them."""

from __future__ import annotations

from pathlib import Path

from crossalign.data.table import Table

SUFFIXES: tuple[str, ...] = (".npz", ".npy", ".mat", ".csv", ".tsv")


def read_pairs(path: Path) -> tuple[Table, list[Path], bool]:
    """Read the table, the files that hold it, and whether its labels count from 1.

    Raises
    ------
    ValueError
        If there is no such file, or it is damaged.
    """
    from crossalign.data.formats.delimited import read_csv_table
    from crossalign.data.formats.mat_table import table_of_mat
    from crossalign.data.formats.matlab import read_mat
    from crossalign.data.formats.npy import read_npy_folder
    from crossalign.data.formats.npz import read_npz

    kind = path.suffix.lower()
    if kind == ".npy":
        path = path.parent
    if path.is_dir():
        files = sorted(path.glob("*.npy"))
        if not files:
            raise ValueError(f"path: the folder {str(path)!r} holds no .npy files; give "
                             "labels.npy and one .npy per modality.")
        return read_npy_folder(path), files, False
    if kind == ".npz":
        return read_npz(path), [path], False
    if kind in (".csv", ".tsv"):
        return read_csv_table(path), [path], False
    if kind == ".mat":
        return table_of_mat(read_mat(path)), [path], True
    raise ValueError(f"path: {str(path)!r} is not a folder or one of {list(SUFFIXES)}; convert it.")
