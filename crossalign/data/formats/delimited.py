"""Tables as text, as spreadsheets and programs write them, one row a line.

Cells stand between commas, semicolons, tabs or bars, which a first line ``sep=;`` may name; with
any but the comma, numbers may have a decimal comma. The text is UTF-8, or UTF-16 and UTF-32 with
their mark; anything else is taken for Windows-1252 (Latin-1), with a warning.
"""

from __future__ import annotations

import csv
import io
import re
import warnings
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE, BOM_UTF32_LE
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossalign.reading import existing, unreadable

Array = npt.NDArray[Any]

DELIMITERS = "\t;|,"
"""Possible delimiters of cells; the comma is last, because it also stands in text and in
numbers.
"""
MARKS = {BOM_UTF8: "utf-8", BOM_UTF32_LE: "utf-32", BOM_UTF32_BE: "utf-32",
         BOM_UTF16_LE: "utf-16", BOM_UTF16_BE: "utf-16"}
COLUMN = re.compile(r"(?P<modality>.+)_(?P<number>\d+)$")
NAMELESS = re.compile(r"(Unnamed: \d+)?$")
"""Name of a column that a program wrote without a name, or read and wrote again."""


@dataclass(frozen=True)
class Sheet:
    """Table of text: header and rows.

    Attributes
    ----------
    file : Path
    header : names of the d columns; the first may be empty
    rows : n lists of d cells
    comma : bool
        Whether numbers may have a decimal comma.
    """

    file: Path
    header: list[str]
    rows: list[list[str]]
    comma: bool

    def texts(self, column: int) -> Array:
        """Return the ``(n,)`` cells of a column, without white space around them."""
        return np.array([row[column].strip() for row in self.rows])

    def numbers(self, columns: Sequence[int]) -> Array:
        """Return those columns as ``(n, len(columns))`` float64.

        Raises
        ------
        ValueError
            Naming the row, column and cell that is no number.
        """
        commas = self.comma and not any("." in row[c] for row in self.rows for c in columns)
        try:
            return np.array([[_float(row[c], commas) for c in columns] for row in self.rows])
        except ValueError:
            row, c = next((number, c) for number, row in enumerate(self.rows, start=2)
                          for c in columns if not is_number(row[c], commas))
            cell = self.rows[row - 2][c]
            raise ValueError(f"path: row {row} of {str(self.file)!r} holds {cell!r} in the "
                             f"numeric column {self.header[c]!r}; put a number there.") from None


def read_sheet(path: str | Path) -> Sheet:
    """Read a text file of cells, without empty columns and without a nameless column of row
    numbers.

    Raises
    ------
    ValueError
        If there is no such file, it is no text, it has no rows, a column name stands twice, or a
        line has another number of cells.
    """
    file = existing(path)
    try:
        text, delimiter = _dialect(_text(file))
        lines = _cells(text, delimiter)
    except (UnicodeError, csv.Error, OSError) as error:
        raise ValueError(unreadable(file, error)) from error
    if len(lines) < 2:
        raise ValueError(f"path: {str(file)!r} has {len(lines)} lines; give a header and rows.")
    header = [name.strip() for name in lines[0]]
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice and not all(is_number(name, delimiter != ",") for name in header):
        raise ValueError(f"path: column {twice[0]!r} stands twice in {str(file)!r}; "
                         "give every column its own name.")
    for number, line in enumerate(lines[1:], start=2):
        if len(line) != len(header):
            raise ValueError(f"path: row {number} of {str(file)!r} has {len(line)} cells for "
                             f"{len(header)} columns; repair it.")
    return _named(Sheet(file, header, lines[1:], delimiter != ","))


def read_csv_table(path: str | Path) -> dict[str, Array]:
    """Gather columns ``image_0, image_1, text_0, ...`` into one (n, d) array per modality.

    Every other column is kept as ``(n,)`` text. So are numbered columns without a number in any
    cell (``caption_1``), and a single column that is numbered beyond 1 (``year_2020``).

    Raises
    ------
    ValueError
        As `read_sheet`, or if a numbered column is missing or holds text.
    """
    sheet = read_sheet(path)
    groups: dict[str, dict[int, int]] = {}
    table: dict[str, Array] = {}
    for position, name in enumerate(sheet.header):
        match = COLUMN.match(name)
        if match is None:
            table[name or "index"] = sheet.texts(position)
        else:
            groups.setdefault(match["modality"], {})[int(match["number"])] = position
    for modality, columns in list(groups.items()):
        if not _is_modality(sheet, modality, columns):
            table |= {sheet.header[c]: sheet.texts(c) for c in columns.values()}
            del groups[modality]
    widths = [len(columns) for columns in groups.values()]
    order = [columns[i] for columns in groups.values() for i in sorted(columns)]
    parts = np.split(sheet.numbers(order), np.cumsum(widths)[:-1], axis=1) if order else []
    return table | dict(zip(groups, parts, strict=True))


def is_number(text: str, comma: bool = False) -> bool:
    """Return True if ``text`` reads as a number, with a decimal comma if asked."""
    try:
        _float(text, comma)
    except ValueError:
        return False
    return True


def _float(text: str, comma: bool) -> float:
    if "_" in text:  # Python's own 1_000
        raise ValueError(text)
    return float(text.replace(",", ".") if comma else text)


def _is_modality(sheet: Sheet, modality: str, columns: dict[int, int]) -> bool:
    """Return True if numbered columns are features; raise ValueError if it cannot be told."""
    numbers = sorted(columns)
    if not any(is_number(row[c], sheet.comma) for row in sheet.rows for c in columns.values()):
        return False
    if len(numbers) == 1 and numbers[0] > 1:
        return False
    gap = next((i for i in range(numbers[0], numbers[0] + len(numbers)) if i not in columns), None)
    if gap is not None or numbers[0] > 1:
        raise ValueError(f"path: {str(sheet.file)!r} lacks the column "
                         f"'{modality}_{0 if gap is None else gap}'; number the columns of a "
                         "modality without gaps, from 0, and give columns that are none names "
                         "without numbers.")
    return True


def marked_encoding(file: Path) -> str:
    """Return the encoding that the mark of a file of text tells, else UTF-8."""
    with file.open("rb") as stream:
        start = stream.read(len(BOM_UTF32_LE))
    named = next((name for mark, name in MARKS.items() if start.startswith(mark)), "utf-8")
    return "utf-8-sig" if named == "utf-8" else named


def _text(file: Path) -> str:
    raw = file.read_bytes()
    for mark, encoding in MARKS.items():
        if raw.startswith(mark):
            return raw.decode(encoding).removeprefix("\ufeff")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        encoding = "cp1252" if not set(raw) & set(b"\x81\x8d\x8f\x90\x9d") else "latin-1"
        text = raw.decode(encoding)
        line = text[:error.start].count("\n") + 1
        warnings.warn(f"path: {str(file)!r} is not UTF-8 in line {line}, so it was read as "
                      f"{encoding} (Latin-1); save it as UTF-8 if its names look wrong.",
                      stacklevel=5)
    if "\0" in text:
        raise UnicodeError("zero bytes")
    return text


def _dialect(text: str) -> tuple[str, str]:
    """Return the text without a line ``sep=``, and the delimiter of its cells."""
    first, _, rest = text.partition("\n")
    named = re.fullmatch(r'"?sep=(.)"?\s*', first, re.IGNORECASE)
    if named:
        return rest, named[1]
    widest = {}
    for delimiter in DELIMITERS:
        with suppress(csv.Error):  # a line without this delimiter may be too long for a cell
            widths = [len(line) for line in _cells(text, delimiter, limit=50)]
            if len(set(widths)) == 1 and widths[0] > 1:
                return text, delimiter
            widest[delimiter] = max(widths[:1], default=0)
    return text, max(reversed(widest), key=widest.__getitem__, default=",")


def _cells(text: str, delimiter: str, limit: int | None = None) -> list[list[str]]:
    """Split a text into lines of cells, without empty lines, ``limit`` lines at most."""
    lines: list[list[str]] = []
    for line in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
        if len(lines) == limit:
            break
        if line:
            lines.append(line)
    return lines


def _named(sheet: Sheet) -> Sheet:
    """Keep the columns that have a name, and a nameless first one that is more than row numbers."""
    columns = []
    for c, name in enumerate(sheet.header):
        if NAMELESS.match(name):
            cells = sheet.texts(c).tolist()
            counts = [[str(i + first) for i in range(len(cells))] for first in (0, 1)]
            if cells in counts or not any(cells):
                continue
            if c > 0:
                raise ValueError(f"path: column {c + 1} of {str(sheet.file)!r} has no name; give "
                                 "it one or remove it.")
        columns.append(c)
    if not columns:
        raise ValueError(f"path: no column of {str(sheet.file)!r} has a name; give a header.")
    header = ["" if NAMELESS.match(sheet.header[c]) else sheet.header[c] for c in columns]
    return Sheet(sheet.file, header, [[row[c] for c in columns] for row in sheet.rows], sheet.comma)
