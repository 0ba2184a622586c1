"""Files that a user names: checks that they exist, are files and fit in memory; words for damage.

A pipe or a device in the place of a file is refused, since reading it may never end.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from crossalign.memory import available_memory, gigabytes

KINDS = ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"),
         (stat.S_ISCHR, "a device"), (stat.S_ISBLK, "a device"))


def expanded(path: str | Path, argument: str = "path") -> Path:
    """Return the path with ``~`` written out.

    Raises
    ------
    ValueError
        If it is no path, there is no such home, or the path is empty: the folder one is in is
        ``.``.
    """
    if not isinstance(path, str | os.PathLike) or "\0" in str(path):
        got = repr(path) if isinstance(path, str | int | None) else type(path).__name__
        raise ValueError(f"{argument}: got {got}; give the path of a folder or file, as "
                         "text without zero bytes.")
    if not str(path):
        raise ValueError(f"{argument}: the path is empty; name a folder or file, or built-in data "
                         "such as glyphs.")
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise ValueError(f"{argument}: {str(path)!r} begins at a home that there is not; write "
                         "the path out.") from None


def existing(path: str | Path, signature: bytes = b"", argument: str = "path") -> Path:
    """Return the file if it exists and starts as its kind does.

    Parameters
    ----------
    path : str or Path
        Path of the file.
    signature : bytes
        Bytes that files of the kind start with; default none.
    argument : str
        Name of the argument in the error; default ``"path"``.

    Raises
    ------
    ValueError
        If not.
    """
    file = Path(path)
    check_regular(file, argument)
    try:
        with file.open("rb") as stream:
            start = stream.read(len(signature))
    except OSError as error:
        raise ValueError(f"{argument}: {str(file)!r} cannot be opened ({error.strerror}); "
                         "check its permissions.") from error
    if start != signature:
        raise ValueError(unreadable(file))
    return file


def check_regular(file: Path, argument: str = "path") -> None:
    """Raise ValueError if there is no file, or a pipe, a folder or a device in its place."""
    try:
        mode = file.stat().st_mode
    except (OSError, ValueError):  # a name of zeros, or too long
        raise ValueError(f"{argument}: there is no file {str(file)!r}; check the name.") from None
    for is_kind, kind in KINDS:
        if is_kind(mode):
            raise ValueError(f"{argument}: {str(file)!r} is {kind}, not a file; give a file.")


class NoRoomError(ValueError):
    """Error raised when the content of a file does not fit in memory."""


def check_room(file: Path, size: int, fix: str, argument: str = "path") -> None:
    """Raise `NoRoomError` if the content of a file takes more bytes of memory than are free."""
    free = available_memory()
    if free is not None and size > free:
        raise NoRoomError(f"{argument}: {str(file)!r} takes {gigabytes(size)} of memory and "
                          f"{gigabytes(free)} are free; {fix}.")


def unreadable(file: Path, error: Exception | None = None, *, pickled: bool = False) -> str:
    """Write the error sentence for a damaged file, or one that would have to be unpickled."""
    if pickled or "allow_pickle" in str(error):
        return (f"path: {str(file)!r} holds pickled objects, which are never loaded because they "
                "can run code; save plain arrays of numbers or strings.")
    if isinstance(error, MemoryError):
        return f"path: {str(file)!r} takes more memory than is free; give a smaller file."
    return (f"path: {str(file)!r} ({file.stat().st_size} bytes) cannot be read as a "
            f"{file.suffix} file, so it is truncated, corrupt or not one; save it again.")
