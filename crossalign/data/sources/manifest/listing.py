"""Rows of a manifest: a table of text, lines of JSON, or Parquet."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from crossalign.data.class_folders import is_picture
from crossalign.data.named_files import FILE
from crossalign.data.noted import Noted
from crossalign.data.sources.manifest.coco import (
    SUFFIX,
    folder_of_pictures,
    is_coco,
    read_coco,
)
from crossalign.data.sources.manifest.columns import is_path, is_usual
from crossalign.reading import existing

Columns = dict[str, list[Any]]
"""Cells of each column, n of them; None where a row has none."""

COLUMNS = "columns"
"""Fact of a protocol: the column of each role."""
LINES = 5
"""Number of first lines of a text file by which it is recognised."""


def is_manifest(file: Path) -> bool:
    """Return True for a file of lines of JSON or Parquet, for captions of COCO, and for a table of
    text that names pictures and holds no features.
    """
    if is_coco(file):
        return True
    if file.suffix.lower() in (".jsonl", ".parquet"):
        return True
    if file.suffix.lower() not in (".csv", ".tsv"):
        return False
    from crossalign.data.formats.delimited import COLUMN, is_number

    header, *rows = _first_lines(file)
    if any(name.startswith(FILE) for name in header):
        return False
    asks = any(is_usual("question", name) for name in header)
    for row in rows:
        numbered = [COLUMN.match(name) for name, cell in zip(header, row, strict=False)
                    if is_number(cell) and not (asks and is_usual("answer", name))]
        stems = [match["modality"] for match in numbered if match is not None]
        if len(set(stems)) < len(stems):
            return False
    return any(is_path(name) for name in header) or any(
        is_picture(Path(cell)) for row in rows for cell in row)


def _first_lines(file: Path) -> list[list[str]]:
    """Return cells of the first lines of a text file; a header without cells for what is none."""
    from crossalign.data.formats.delimited import marked_encoding

    try:
        with file.open(encoding=marked_encoding(file), errors="replace", newline="") as stream:
            text = list(islice(stream, LINES))
        sign = next((sign for sign in "\t;|," if text and sign in text[0]), ",")
        return [*csv.reader(text, delimiter=sign)] or [[]]
    except (OSError, csv.Error):
        return [[]]


class Listing(NamedTuple):
    """Rows of a manifest.

    Attributes
    ----------
    columns : mapping of name to n cells
    folder : Path
        Folder that the names of pictures are relative to.
    noted : mapping of kind to names
    """

    columns: Columns
    folder: Path
    noted: Noted


def read_listing(file: Path) -> Listing:
    """Read a manifest, or the captions of COCO.

    Raises
    ------
    ValueError
        As `read_columns`, `read_coco` and `folder_of_pictures`.
    """
    if file.suffix.lower() != SUFFIX:
        return Listing(read_columns(file), file.parent, {})
    columns, noted = read_coco(existing(file))
    if not columns["path"]:
        raise ValueError(f"path: {str(file)!r} has no captions; give one with 'annotations'.")
    return Listing(columns, folder_of_pictures(file, columns["path"]), noted)


def read_columns(file: Path) -> Columns:
    """Read all columns of a manifest.

    Raises
    ------
    ValueError
        If the file cannot be read, or has no rows.
    ImportError
        For a Parquet file without pyarrow.
    """
    readers: dict[str, Callable[[Path], Columns]] = {".jsonl": _of_json, ".parquet": _of_parquet}
    columns = readers.get(file.suffix.lower(), _of_sheet)(existing(file))
    if not columns or not next(iter(columns.values())):
        raise ValueError(f"path: {str(file)!r} lists nothing; give a row for each picture.")
    return columns


def _of_sheet(file: Path) -> Columns:
    from crossalign.data.formats.delimited import read_sheet

    sheet = read_sheet(file)
    return {name or "index": sheet.texts(c).tolist() for c, name in enumerate(sheet.header)}


def _of_json(file: Path) -> Columns:
    rows: list[dict[str, Any]] = []
    try:
        with file.open(encoding="utf-8-sig") as stream:
            for number, line in enumerate(stream, start=1):
                if line.strip():
                    rows.append(json.loads(line))
                    if not isinstance(rows[-1], dict):
                        raise ValueError(f"path: line {number} of {str(file)!r} is no object; "
                                         "write {\"path\": ..., \"class\": ...} in each.")
    except (json.JSONDecodeError, RecursionError) as error:
        why = error.msg if isinstance(error, json.JSONDecodeError) else "too deeply nested"
        raise ValueError(f"path: line {number} of {str(file)!r} is no JSON ({why}); repair "
                         "it.") from None
    except UnicodeDecodeError:
        raise ValueError(f"path: {str(file)!r} cannot be read as UTF-8; save it again.") from None
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def _of_parquet(file: Path) -> Columns:
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError:
        raise ImportError("A .parquet file needs pyarrow: pip install 'crossalign[parquet]'.") \
            from None
    try:
        with ParquetFile(file) as stored:
            columns: Columns = stored.read().to_pydict()
    except (ArrowException, OSError) as error:
        raise ValueError(f"path: {str(file)!r} cannot be read as a .parquet file "
                         f"({str(error).splitlines()[0].rstrip('.')}); save it again.") from None
    return columns
