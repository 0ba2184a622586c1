"""Which files of class folders are pictures, and what is passed over.

A class is a folder that holds pictures. A file is a picture where its suffix is one of those of
`pictures.FORMATS`, in any case, or where its content is. Hidden files and what systems leave behind
are passed over without a word, text files are for `folder_texts`, and everything else is named.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from crossalign.data.formats.pictures import FORMATS, opened
from crossalign.data.noted import NOT_READ, Noted
from crossalign.names import identifier, written

WITHOUT_SIGNATURE = ("TGA",)
"""Formats that are told by their suffix only."""

TEXT = ".txt"
SYSTEM = ("$recycle.bin", "__macosx", "@eadir", "desktop.ini", "ehthumbs.db", "lost+found",
          "system volume information", "thumbs.db")
"""Names, in lower case, of what operating systems and archives leave in folders."""


def class_files(folder: Path) -> tuple[dict[str, list[Path]], Noted]:
    """The pictures of every class, classes and pictures sorted by name, and what is no picture.

    Raises
    ------
    ValueError
        If two folders have one name, in two spellings.
    """
    found: dict[str, list[Path]] = {}
    passed: list[str] = []
    for entry in _entries(folder, passed):
        if not _is_folder(entry):
            passed += [_named(entry, "beside the class folders")] * is_picture(entry)
            continue
        files, named = [], len(passed)
        for file in _entries(entry, passed):
            reason = no_picture(file)
            if reason is None:
                files.append(file)
            elif file.suffix.lower() != TEXT:
                passed.append(_named(file, reason))
        name = written(entry.name)
        if files and name in found:
            raise ValueError(f"path: two folders of {str(folder)!r} are called {name!r}, in two "
                             "spellings; put their pictures into one, or rename one.")
        if files:
            found[name] = files
        elif len(passed) == named:
            passed.append(_named(entry, "a folder without a picture"))
    return found, {NOT_READ: passed} if passed else {}


def holds_classes(folder: Path) -> bool:
    """Whether a folder has folders of pictures, found out without listing all of them."""
    for told in (is_picture, lambda file: no_picture(file) is None):
        for entry in _entries(folder, []):
            if _is_folder(entry) and any(told(file) for file in _entries(entry, [])):
                return True
    return False


def is_picture(file: Path) -> bool:
    """Whether a name is that of a picture."""
    return file.suffix.lower() in suffixes()


def no_picture(file: Path) -> str | None:
    """Why a file is not read as a picture, or None if it is."""
    try:
        mode = file.stat().st_mode
    except OSError as error:
        return f"cannot be opened: {error.strerror}"
    if not stat.S_ISREG(mode):
        return "a folder in a class folder" if stat.S_ISDIR(mode) else "no file"
    return None if is_picture(file) else _content(file)


@cache
def suffixes() -> frozenset[str]:
    """Of `pictures.FORMATS`, in lower case."""
    from PIL import Image

    return frozenset(suffix for suffix, form in Image.registered_extensions().items()
                     if form in FORMATS)


def picture_id(file: Path) -> str:
    """A picture's name among all: its class folder's and its own."""
    return identifier(f"{file.parent.name}/{file.name}")


def _content(file: Path) -> str | None:
    """Why the content of a file is not a picture's, or None if it is."""
    if file.suffix.lower() == TEXT:
        return "a text"
    try:
        with opened(file, [form for form in FORMATS if form not in WITHOUT_SIGNATURE]):
            return None
    except PermissionError as error:
        return f"cannot be opened: {error.strerror}"
    except Exception:  # what is no picture raises whatever its first bytes lead to
        return "no picture that is known here"


def _entries(folder: Path, passed: list[str]) -> Iterator[Path]:
    """What lies in a folder, sorted, less what is hidden; ``passed`` is told if it is closed."""
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        passed.append(_named(folder, f"cannot be opened: {error.strerror}"))
        return
    yield from (entry for entry in entries
                if not entry.name.startswith(".") and entry.name.lower() not in SYSTEM)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def _named(path: Path, reason: str) -> str:
    return f"{picture_id(path)} ({reason})"
