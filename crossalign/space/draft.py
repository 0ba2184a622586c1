"""A folder that takes its place once it is whole, and what one leaves that never was.

A draft lies beside the place, and so does what the place held while the draft is moved there, and
the lock of the one process that builds there.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from crossalign.pace import Log
from crossalign.space.folder import INDEX, RECORD


@contextmanager
def building(place: Path, log: Log) -> Iterator[None]:
    """Keep other processes from building in a folder, and clear away what a kill left beside it.

    Raises
    ------
    ValueError
        If another process builds there, or nothing can be written beside it.
    """
    made = [folder for folder in place.parents if not folder.exists()]
    try:
        with _held(place, "out"):
            tidy(place, log)
            yield
    finally:
        for folder in made:                                    # only those that are empty
            with suppress(OSError):
                folder.rmdir()


@contextmanager
def beside(place: Path) -> Iterator[Path]:
    """Give a folder beside another, which it replaces at the end of the context."""
    draft, old = _beside(place)
    try:
        yield draft
        if (place / RECORD).exists() or (place / INDEX).exists():
            os.replace(place, old)
        elif place.exists():
            place.rmdir()
        os.replace(draft, place)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def tidy(place: Path, log: Log) -> None:
    """Remove what was left beside a folder by work that was cut off, as by ``kill -9``.

    If it was cut off while it replaced the folder, the folder is brought back as it was.
    """
    draft, old = _beside(place)
    if old.exists() and not place.exists():
        os.replace(old, place)
        log(f"brought back {str(place)!r}, which was being replaced when that was cut off")
    for left in (draft, old):
        if left.exists():
            shutil.rmtree(left)
            log(f"removed {str(left)!r}, which was left unfinished when it was cut off")


def bring_back(place: Path) -> None:
    """Bring back a folder that was being replaced when that was cut off; nothing if it is there.

    Raises
    ------
    ValueError
        If it is being replaced now, or cannot be brought back.
    """
    _, old = _beside(place)
    if place.exists() or not old.exists():
        return
    with _held(place, "folder"):
        if old.exists() and not place.exists():
            try:
                os.replace(old, place)
            except OSError as error:
                raise ValueError(f"folder: {str(place)!r} was being replaced when that was cut "
                                 f"off ({error.strerror}); rename {str(old)!r} to it.") from None


@contextmanager
def _held(place: Path, argument: str) -> Iterator[None]:
    """Hold the lock of a folder, which lies beside it."""
    from filelock import FileLock, Timeout

    file = place.with_name(f".{place.name}.lock")
    lock = FileLock(file, timeout=0)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise ValueError(f"{argument}: {str(place)!r} is being built by another process; wait for "
                         "it, or give another folder.") from None
    except OSError as error:
        raise ValueError(f"{argument}: {error}") from None
    try:
        yield
    finally:
        with suppress(OSError):
            file.unlink()
        lock.release()


def _beside(place: Path) -> tuple[Path, Path]:
    """Return the folders of the draft, and of what it replaces."""
    return place.with_name(f".{place.name}.unfinished"), place.with_name(f".{place.name}.old")
