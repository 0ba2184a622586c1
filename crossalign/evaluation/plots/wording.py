"""How the pictures write names."""

from __future__ import annotations

FEW_CLASSES = 30
"""Up to here every class is named on its axis."""


def arrow(direction: str) -> str:
    """``image->text`` as ``image → text``."""
    return direction.replace("->", " → ")


def shorten(text: str, limit: int) -> str:
    """At most ``limit`` characters; most is kept of the end, as names often begin alike."""
    if len(text) <= limit:
        return text
    n = (limit - 1) // 4
    start = len(text) - (limit - 1 - n)
    head, tail = text[:n], text[start:]
    if " " in head:
        head = head[: head.rindex(" ")]
    if text[start - 1] != " " and " " in tail[: len(tail) // 2]:  # on from a whole word
        tail = tail[tail.index(" ") + 1:]
    return f"{head.rstrip()}…{tail.lstrip()}"
