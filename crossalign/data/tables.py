"""Plain files as a dict of arrays: .npy, a folder of them, .csv. Nothing is ever unpickled."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.data.array_headers import read_header
from crossalign.reading import existing, unreadable

Array = npt.NDArray[Any]

MEMORY_MAP_BYTES = 256 * 2**20
"""Arrays of .npy files, and of .npz files without compression, larger than this stay on disk."""

NPY_SIGNATURE = b"\x93NUMPY"
COLUMN = re.compile(r"(?P<modality>.+)_(?P<number>\d+)$")


def read_npy(path: str | Path) -> Array:
    """One .npy array; a large one is memory-mapped.

    Raises
    ------
    ValueError
        If there is no such file, it is damaged, or it holds pickled objects.
    """
    file = existing(path, NPY_SIGNATURE)
    size = file.stat().st_size
    with file.open("rb") as stream:
        read_header(stream, file, size)
    try:
        return np.asanyarray(np.load(file, mmap_mode="r" if size > MEMORY_MAP_BYTES else None,
                                     allow_pickle=False))
    except (ValueError, OSError, EOFError) as error:
        raise ValueError(unreadable(file, error)) from error


def read_npy_folder(path: str | Path) -> dict[str, Array]:
    """Every .npy file of a folder, by its name without the suffix.

    Raises
    ------
    ValueError
        If a file is damaged or holds pickled objects.
    """
    return {file.stem: read_npy(file) for file in sorted(Path(path).glob("*.npy"))}


def read_csv(path: str | Path) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a comma-separated file, as text.

    Raises
    ------
    ValueError
        If there is no such file, it is not UTF-8 text, it has no rows, a column name stands
        twice, or a line has another number of cells.
    """
    file = existing(path)
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            lines = [line for line in csv.reader(stream) if line]
    except (UnicodeDecodeError, csv.Error, OSError) as error:
        raise ValueError(unreadable(file, error)) from error
    if len(lines) < 2:
        raise ValueError(f"path: {str(file)!r} has {len(lines)} lines; give a header and rows.")
    header = [name.strip() for name in lines[0]]
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice and not all(is_number(name) for name in header):
        raise ValueError(f"path: column {twice[0]!r} stands twice in {str(file)!r}; "
                         "give every column its own name.")
    for number, line in enumerate(lines[1:], start=2):
        if len(line) != len(header):
            raise ValueError(f"path: row {number} of {str(file)!r} has {len(line)} cells for "
                             f"{len(header)} columns; repair it.")
    return header, lines[1:]


def read_csv_table(path: str | Path) -> dict[str, Array]:
    """Columns ``image_0, image_1, text_0, ...`` gathered into one (n, d) array per modality.

    Every other column is kept as (n,) text.

    Raises
    ------
    ValueError
        As `read_csv`, or if a numbered column is missing or holds text.
    """
    header, rows = read_csv(path)
    groups: dict[str, dict[int, int]] = {}
    table: dict[str, Array] = {}
    for position, name in enumerate(header):
        match = COLUMN.match(name)
        if match is None:
            table[name] = np.array([row[position].strip() for row in rows])
        else:
            groups.setdefault(match["modality"], {})[int(match["number"])] = position
    for modality, columns in groups.items():
        found = sorted(columns)
        gap = next((i for i in range(found[0], found[0] + len(found)) if i not in columns), None)
        if gap is not None or found[0] > 1:
            raise ValueError(f"path: {str(path)!r} lacks the column "
                             f"'{modality}_{0 if gap is None else gap}'; number the columns of a "
                             "modality without gaps, from 0.")
        table[modality] = numbers(rows, [columns[i] for i in found], header, Path(path))
    return table


def numbers(rows: list[list[str]], columns: list[int], header: list[str], file: Path) -> Array:
    """(n, len(columns)) float32 of those cells.

    Raises
    ------
    ValueError
        Naming the row, column and cell that is no number.
    """
    try:
        return np.array([[float(row[c]) for c in columns] for row in rows], dtype=np.float32)
    except ValueError:
        for number, row in enumerate(rows, start=2):
            for c in columns:
                if not is_number(row[c]):
                    raise ValueError(f"path: row {number} of {str(file)!r} holds {row[c]!r} in the "
                                     f"numeric column {header[c]!r}; put a number "
                                     "there.") from None
        raise


def is_number(text: str) -> bool:
    """True where ``text`` reads as a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True
