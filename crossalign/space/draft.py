"""A folder that takes its place once it is whole, and what one leaves that never was.

A draft lies beside the place, and so does what the place held while the draft is moved there.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from crossalign.space.folder import INDEX, RECORD


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


def tidy(place: Path, log: Callable[[str], None]) -> None:
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


def _beside(place: Path) -> tuple[Path, Path]:
    """Return the folders of the draft, and of what it replaces."""
    return place.with_name(f".{place.name}.unfinished"), place.with_name(f".{place.name}.old")
