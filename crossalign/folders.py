"""Saved folders: the text of a record, checksums of what lies beside it, and words for damage."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crossalign.reading import check_regular, check_room

LARGEST_RECORD = 2**26
"""Largest size of a record in bytes."""


def as_text(record: Mapping[str, Any]) -> str:
    """Return the text of a record."""
    return json.dumps(record, indent=2) + "\n"


def digest(content: str | bytes) -> str:
    """Return the SHA-256 of bytes, or of a text in UTF-8, in hexadecimal digits."""
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()


def record_text(file: Path) -> str:
    """Read the text of a record.

    Raises
    ------
    ValueError
        If there is no file, or it is larger than a record is.
    """
    check_regular(file, "folder")
    if (size := file.stat().st_size) > LARGEST_RECORD:
        raise ValueError(f"{file.name} has {size} bytes of {LARGEST_RECORD} at most")
    return file.read_text("utf-8")


def read_record(file: Path) -> Any:
    """Read a record.

    Raises
    ------
    ValueError
        As `record_text`; also if it is no JSON, or nests too deep.
    """
    try:
        return json.loads(record_text(file))
    except RecursionError:
        raise ValueError(f"{file.name} nests too deep") from None


def content_of(file: Path) -> bytes:
    """Read a file of arrays.

    Raises
    ------
    ValueError
        If there is no file, or it takes more memory than is free.
    """
    check_regular(file, "folder")
    check_room(file, file.stat().st_size, "free some", "folder")
    return file.read_bytes()


def why(error: Exception) -> str:
    """Return an error's message in one line within brackets."""
    if isinstance(error, KeyError) and not isinstance(error, ValueError):
        return f"it holds no {error}"
    text = " ".join(str(error).split()).rstrip(".").replace(". ", "; ")
    return text[:300] or type(error).__name__
