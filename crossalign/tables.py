"""Tables as lines of text."""

from __future__ import annotations

from collections.abc import Sequence


def aligned(rows: Sequence[Sequence[str]], words: int = 1) -> list[str]:
    """A line per row, in columns: the first ``words`` of them to the left, the others to the right.

    Every row has as many cells.
    """
    wide = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(f"{cell:<{w}}" if i < words else f"{cell:>{w}}"
                      for i, (cell, w) in enumerate(zip(row, wide, strict=True))).rstrip()
            for row in rows]
