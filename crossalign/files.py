"""Files that are whole or absent: the one way in which the library writes.

A file is made beside its place under another name, brought to the disk and renamed. Whenever the
process dies, a reader meets the old content or the new one.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

DRAFT = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{8}\.part")
"""Name of a draft that a killed process may leave while it writes ``name``."""
ABANDONED = 3600.0
"""Seconds without a write after which a draft counts as abandoned."""


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield the path of a draft to write, which replaces ``path`` when the block ends well.

    Missing folders are made. A link stays, and the file it points to is replaced.

    Raises
    ------
    OSError
        If the file cannot be written; what was there stays.
    """
    target = Path(os.path.realpath(path))
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        sweep(target.parent, target.name, older=ABANDONED)
        yield draft
        with draft.open("rb+") as written:
            os.fsync(written.fileno())
        os.replace(draft, target)
        _settle(target.parent)
    except OSError as error:
        raise OSError(f"cannot write {str(path)!r} ({error.strerror or error}); choose a writable "
                      "folder with enough space.") from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


@contextmanager
def new_folder(path: str | os.PathLike[str], argument: str = "out") -> Iterator[Path]:
    """Yield a draft of a folder to fill, which becomes ``path`` when the block ends well.

    Raises
    ------
    ValueError
        If there is something at the path already, now or at the end.
    OSError
        If the folder cannot be written; nothing is left.
    """
    check_new(path, argument)
    target = Path(os.path.abspath(path))
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        draft.mkdir(parents=True)
        yield draft
        check_new(path, argument)
        os.rename(draft, target)
        _settle(target.parent)
    except OSError as error:
        raise OSError(f"cannot write {str(path)!r} ({error.strerror or error}); choose a new "
                      "folder in a writable one with enough space.") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def check_new(path: str | os.PathLike[str], argument: str = "out") -> None:
    """Raise ValueError if there is something at a path where a folder shall be made."""
    if os.path.lexists(path):
        raise ValueError(f"{argument}: {str(path)!r} exists, and nothing is overwritten; name a "
                         "new folder.")


def write_bytes(path: str | os.PathLike[str], content: bytes) -> Path:
    """Write a file atomically and return its path. Raises OSError like `replacing`."""
    with replacing(path) as draft:
        draft.write_bytes(content)
    return Path(path)


def write_text(path: str | os.PathLike[str], text: str) -> Path:
    """Write a text file atomically, in UTF-8, and return its path. Raises OSError like
    `replacing`.
    """
    return write_bytes(path, text.encode("utf-8", "backslashreplace"))


def draft_of(name: str) -> str | None:
    """Return the name of the file that a file of this name is a draft of; None if it is no
    draft.
    """
    draft = DRAFT.fullmatch(name)
    return None if draft is None else draft["name"]


def sweep(folder: str | os.PathLike[str], *names: str, older: float = 0.0) -> None:
    """Delete drafts of the named files that nobody has written to for ``older`` seconds."""
    with suppress(OSError):
        for file in Path(folder).iterdir():
            if draft_of(file.name) in names:
                with suppress(OSError):
                    if time.time() - file.stat().st_mtime >= older:
                        file.unlink()


def _settle(folder: Path) -> None:
    """Bring a rename to the disk, if the system lets a folder be opened for it."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
