"""Pictures of class folders, and the files that are passed over.

A class is a folder that holds pictures. A file is a picture if its suffix is one of those of
`pictures.FORMATS`, in any case, or if its content is one. Hidden files and remains of operating
systems are passed over silently, text files are left for the texts of a folder, and everything else
is named.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path

from crossalign.data.class_texts import STEM
from crossalign.data.formats.clips import Film
from crossalign.data.formats.pictures import FORMATS, Drawing, opened
from crossalign.data.noted import NOT_READ, Noted
from crossalign.names import identifier, written

WITHOUT_SIGNATURE = ("TGA",)
"""Formats that are recognised by their suffix only."""

TEXT = ".txt"
SYSTEM = ("$recycle.bin", "__macosx", "@eadir", "desktop.ini", "ehthumbs.db", "lost+found",
          "system volume information", "thumbs.db")
"""Names, in lower case, of files and folders that operating systems and archives leave behind."""
TABLES = (".csv", ".tsv", ".json", ".jsonl", ".parquet")
"""Suffixes of tables that may say something of pictures."""
TABLES_NOT_READ = "tables_beside_the_class_folders_not_read_unless_given_as_the_data"
"""Kind of the notes on such tables."""


def class_files(folder: Path) -> tuple[dict[str, list[Path]], Noted]:
    """Return the pictures of every class, both sorted by name, and the files that are no pictures.

    Raises
    ------
    ValueError
        If two folders have one name, in two spellings.
    """
    return by_class(folder, is_picture, no_picture, "picture")


def by_class(folder: Path, is_named_so: Callable[[Path], bool],
             no_sample: Callable[[Path], str | None],
             noun: str) -> tuple[dict[str, list[Path]], Noted]:
    """Return the samples of every class folder, both sorted by name, and what is none.

    Parameters
    ----------
    folder : Path
        Folder of the class folders.
    is_named_so : callable
        Function that tells if a file beside the class folders is named as a sample is.
    no_sample : callable
        Function that says why something in a class folder is not read, None if it is a sample.
    noun : str
        Word for a sample.

    Raises
    ------
    ValueError
        If two folders have one name, in two spellings.
    """
    found: dict[str, list[Path]] = {}
    passed: list[str] = []
    for entry in entries(folder, passed):
        if not is_folder(entry):
            passed += [named(entry, "beside the class folders")] * is_named_so(entry)
            continue
        samples, before = [], len(passed)
        for inside in entries(entry, passed):
            reason = no_sample(inside)
            if reason is None:
                samples.append(inside)
            elif inside.suffix.lower() != TEXT:
                passed.append(named(inside, reason))
        name = written(entry.name)
        if samples and name in found:
            raise ValueError(f"path: two folders of {str(folder)!r} are called {name!r}, in two "
                             f"spellings; put their {noun}s into one, or rename one.")
        if samples:
            found[name] = samples
        elif len(passed) == before:
            passed.append(named(entry, f"a folder without a {noun}"))
    return found, {NOT_READ: passed} if passed else {}


def tables_beside(folder: Path, read: Sequence[object]) -> Noted:
    """Return the tables beside class folders, but for those of classes and those that are read."""
    known = {Path(str(file)).name for file in read if isinstance(file, str | Path)}
    found = [identifier(file.name) for file in entries(folder, [])
             if file.suffix.lower() in TABLES and file.name not in known
             and file.stem != STEM and not is_folder(file)]
    return {TABLES_NOT_READ: found} if found else {}


def pictures_in(folder: Path) -> tuple[list[Path], Noted]:
    """Return the pictures of a folder and of its class folders, sorted by name, and the files that
    are no pictures.

    Raises
    ------
    ValueError
        If there are none, or as `class_files`.
    """
    by_folder, noted = class_files(folder)
    beside = {file: no_picture(file) for file in entries(folder, []) if not is_folder(file)}
    found = [file for file, reason in beside.items() if reason is None]
    passed = [named(file, reason) for file, reason in beside.items()
              if reason is not None and file.suffix.lower() != TEXT]
    told = {named(file, "beside the class folders") for file in beside}
    passed += [name for name in noted.get(NOT_READ, []) if name not in told]
    found += [file for files in by_folder.values() for file in files]
    if not found:
        raise ValueError(f"files: the folder {str(folder)!r} holds no picture, nor do the folders "
                         "in it; give pictures, or a folder of them.")
    return found, {NOT_READ: passed} if passed else {}


def holds_classes(folder: Path) -> bool:
    """Return True if a folder has folders of pictures, without listing all of them."""
    for is_one in (is_picture, lambda file: no_picture(file) is None):
        for entry in entries(folder, []):
            if is_folder(entry) and any(is_one(file) for file in entries(entry, [])):
                return True
    return False


def is_picture(file: Path) -> bool:
    """Return True if a name is that of a picture."""
    return file.suffix.lower() in suffixes()


def no_picture(file: Path) -> str | None:
    """Return why a file is not read as a picture, or None if it is."""
    try:
        mode = file.stat().st_mode
    except OSError as error:
        return f"cannot be opened: {error.strerror}"
    if not stat.S_ISREG(mode):
        return "a folder in a class folder" if stat.S_ISDIR(mode) else "no file"
    return None if is_picture(file) else _content(file)


@cache
def suffixes() -> frozenset[str]:
    """Return the suffixes of `pictures.FORMATS`, in lower case."""
    from PIL import Image

    return frozenset(suffix for suffix, form in Image.registered_extensions().items()
                     if form in FORMATS)


def picture_id(file: Path | Drawing | Film) -> str:
    """Return a picture's name among all: its class folder's and its own."""
    if isinstance(file, Drawing | Film):
        return file.name
    return identifier(f"{file.parent.name}/{file.name}")


def _content(file: Path) -> str | None:
    """Return why the content of a file is not a picture's, or None if it is."""
    if file.suffix.lower() == TEXT:
        return "a text"
    try:
        with opened(file, [form for form in FORMATS if form not in WITHOUT_SIGNATURE]):
            return None
    except PermissionError as error:
        return f"cannot be opened: {error.strerror}"
    except Exception:  # what is no picture raises whatever its first bytes lead to
        return "no picture that is known here"


def entries(folder: Path, passed: list[str]) -> Iterator[Path]:
    """Yield the sorted entries of a folder that are not hidden; note in ``passed`` if it is
    closed.
    """
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        passed.append(named(folder, f"cannot be opened: {error.strerror}"))
        return
    yield from (entry for entry in entries
                if not entry.name.startswith(".") and entry.name.lower() not in SYSTEM)


def is_folder(path: Path) -> bool:
    """Return True for a folder that can be looked at."""
    try:
        return path.is_dir()
    except OSError:
        return False


def named(path: Path, reason: str) -> str:
    """Return the note on a file that is passed over."""
    return f"{picture_id(path)} ({reason})"
