"""Regions of a page: what lies between the comments ``NAME:start`` and ``NAME:end`` is written by a
command.
"""

from __future__ import annotations

START, END = "<!-- {}:start -->\n", "<!-- {}:end -->"


def with_region(page: str, name: str, body: str) -> str:
    """Return a page whose region ``name`` holds a body, on lines of its own.

    Raises
    ------
    ValueError
        If the page does not have that region once.
    """
    start, end = START.format(name), END.format(name)
    before, opened, rest = page.partition(start)
    _, closed, after = rest.partition(end)
    if not opened or not closed or start in rest:
        raise ValueError(f"page: it has no region {name!r}, or several; put one {start.strip()} "
                         f"and one {end} on lines of their own.")
    return f"{before}{start}{body.rstrip()}\n{end}{after}"
