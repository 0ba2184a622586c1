"""Rooms whose files are their registry: a file that says ``__all__ = ["ESZSL"]`` holds ESZSL."""

from __future__ import annotations

import re
from pathlib import Path

DECLARED = re.compile(r'^__all__ = \["(\w+)"\]$', re.MULTILINE)


def declared(room: Path) -> dict[str, str]:
    """Return the module of every class that a file of a room declares, read off the files."""
    found = {}
    for file in sorted(room.rglob("*.py")):
        name = DECLARED.search(file.read_text(encoding="utf-8"))
        if name:
            found[name[1]] = ".".join(file.relative_to(room).with_suffix("").parts)
    return found
