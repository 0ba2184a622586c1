"""Wording: names as the pictures write them."""

from __future__ import annotations

from crossalign.tables import printable

FEW_CLASSES = 30
"""Largest number of classes that are each named on an axis."""
LONGEST = 2000
"""Number of characters of a text that are read; no picture has room for more."""


def arrow(direction: str) -> str:
    """Write ``image->text`` as ``image → text``."""
    return direction.replace("->", " → ")


def drawable(text: object) -> str:
    """Write a text, its lines kept, so that matplotlib draws it letter by letter.

    Dollars would begin a formula, an underscore at the start would hide an entry from a legend, and
    characters that are not `printable` have no glyph. Everything that comes from data passes
    through here last, after it was shortened and broken into lines.
    """
    lines = "\n".join(printable(line) for line in str(text).split("\n")).replace("$", r"\$")
    return f" {lines}" if lines.startswith("_") else lines


def shorten(text: object, limit: int) -> str:
    """Cut a text to at most ``limit`` characters of one line; more is kept of its end, because
    names begin alike.
    """
    whole = str(text)
    if len(whole) > 2 * LONGEST:
        whole = whole[:LONGEST] + whole[-LONGEST:]
    line = printable(whole)
    if len(line) <= limit:
        return line
    n = (limit - 1) // 4
    start = len(line) - (limit - 1 - n)
    head, tail = line[:n], line[start:]
    if " " in head:
        head = head[: head.rindex(" ")]
    if line[start - 1] != " " and " " in tail[: len(tail) // 2]:  # on from a whole word
        tail = tail[tail.index(" ") + 1:]
    return f"{head.rstrip()}…{tail.lstrip()}"
