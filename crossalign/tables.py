"""Scores, texts and tables for a terminal, a page, a picture or a paper.

How a score looks is said here and nowhere else: `percent`, `spread` and `points`. Tables of cells
that are texts already: `aligned` for a terminal, `markdown`, `latex` and `comma_separated`.
"""

from __future__ import annotations

import csv
import io
import textwrap
import unicodedata
from collections.abc import Sequence

WIDTH = 80
"""Number of columns assumed for a terminal that does not tell its own."""
TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Marks that turn the direction of what follows them, beyond the text that holds them."""


def percent(mean: float, sd: float = 0.0, n: int = 1) -> str:
    """Return ``57.7 ± 0.4`` for a fraction over n runs; one run has no spread, so only ``57.7``."""
    return f"{100 * mean:.1f} {spread(sd)}" if n > 1 else f"{100 * mean:.1f}"


def spread(sd: float) -> str:
    """Return ``± 0.4`` for the standard deviation of a fraction."""
    return f"± {100 * sd:.1f}"


def points(difference: float, low: float | None = None, high: float | None = None) -> str:
    """Return ``+1.2`` or, with the ends of an interval, ``+1.2 [+0.3, +2.0]`` for fractions."""
    if low is None or high is None:
        return f"{100 * difference:+.1f}"
    return f"{points(difference)} [{points(low)}, {points(high)}]"


def printable(text: object) -> str:
    """Return a text on one line that shows as it is and controls nothing.

    White space of any kind becomes a blank. Control characters, marks that turn the direction of
    writing, lone surrogates (bytes of a file name that are not UTF-8) and code points that are no
    characters become ``\ufffd``, so that a reader sees that something stood there.
    """
    return "".join(map(_shown, str(text)))


def _shown(character: str) -> str:
    if character.isspace():
        return " "
    hidden = (unicodedata.category(character) in ("Cc", "Cs") or character in TURNING
              or ord(character) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(character) <= 0xFDEF)
    return "\ufffd" if hidden else character


def columns(text: str) -> int:
    """Count the terminal columns of a text: two for wide letters, none for combining marks."""
    return sum(0 if unicodedata.combining(c) or unicodedata.category(c) in ("Mn", "Me", "Cf")
               else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def aligned(rows: Sequence[Sequence[str]], words: int = 1) -> list[str]:
    """Return a line per row, in columns: the first ``words`` cells to the left, the others to the
    right.

    All rows must have the same number of cells. Cells are written as `printable` makes them.
    """
    cells = [[printable(cell) for cell in row] for row in rows]
    wide = [max(map(columns, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(_padded(cell, w, left=i < words)
                      for i, (cell, w) in enumerate(zip(row, wide, strict=True))).rstrip()
            for row in cells]


def _padded(cell: str, width: int, left: bool) -> str:
    blanks = " " * (width - columns(cell))
    return cell + blanks if left else blanks + cell


def below(text: str) -> str:
    """Return a text for below a line of a table, indented and folded to ``WIDTH`` columns."""
    return textwrap.fill(text, WIDTH, initial_indent="    ", subsequent_indent="    ")


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; bars, line breaks and tags in its cells are text."""
    lines = [[_cell(text) for text in line] for line in (header, *rows)]
    lines.insert(1, ["---"] * len(header))
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(text: str) -> str:
    return printable(text).replace("|", "\\|").replace("<", "&lt;")


def latex(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a LaTeX ``tabular`` with rules of booktabs; LaTeX's special characters are text."""
    body = [" & ".join(_latex_cell(text) for text in line) + r" \\" for line in (header, *rows)]
    return "\n".join([rf"\begin{{tabular}}{{l{'r' * (len(header) - 1)}}}", r"\toprule", body[0],
                      r"\midrule", *body[1:], r"\bottomrule", r"\end{tabular}"])


LATEX = {"\\": r"\textbackslash{}", "±": r"$\pm$", "→": r"$\to$", "~": r"\textasciitilde{}",
         "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
         **{mark: f"\\{mark}" for mark in "&%$#_{}"}}
"""LaTeX for the characters that it would act on, or lacks in a plain setup."""


def _latex_cell(text: str) -> str:
    return "".join(LATEX.get(character, character) for character in printable(text))


def comma_separated(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of comma-separated values (RFC 4180), with cells in quotes if needed."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(
        [printable(cell) for cell in row] for row in (header, *rows))
    return text.getvalue()


def csv_cell(text: str) -> str:
    """Return a text as a cell of comma-separated values that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
