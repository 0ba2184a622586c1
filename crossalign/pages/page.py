"""A report as one page that needs nothing else: no network, no script, light and dark.

`page.html.j2` is the page and ``page.css`` its style. Pictures are inline SVG whose inks follow the
page's colours; dense point clouds inside them are PNG. Every value is written as `printable` makes
it and escaped.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from crossalign.evaluation.plain_values import jsonable
from crossalign.evaluation.report import Report, runs_of
from crossalign.files import write_text
from crossalign.pace import duration
from crossalign.pages.conclusion import conclusion
from crossalign.pages.contents import baselines, file_name, plain, protocol_of
from crossalign.pages.pictures import gallery_of
from crossalign.pages.plots.wording import arrow
from crossalign.pages.words import (
    headlines,
    meaning,
    sentence_of,
    share_of_most,
    short_name,
    title_of,
)
from crossalign.tables import percent, printable, spread


def write_page(reports: Report | Sequence[Report], path: str | os.PathLike[str]) -> Path:
    """Write one or several reports as one self-contained page, atomically; return the path."""
    return write_text(path, render(reports))


def render(reports: Report | Sequence[Report]) -> str:
    """Return one self-contained page of one or several reports, with navigation between several.

    Raises
    ------
    ValueError
        If there is no report, or a figure has the wrong shape for its picture.
    """
    several = [reports] if isinstance(reports, Report) else list(reports)
    if not several:
        raise ValueError("reports: none given; pass at least one Report.")
    single = len(several) == 1
    title = f"{several[0].model} on {several[0].data}" if single else "Zero-shot report"
    made = max(report.date for report in several)
    return page_template().render(reports=several, title=title, made=f"{made}, " if made else "",
                                  style=Markup(_file("page.css")))


FILTERS: dict[str, Callable[..., Any]] = {
    "arrow": arrow, "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "baselines": baselines, "conclusion": conclusion, "duration": duration,
    "file_name": file_name, "gallery_of": gallery_of, "headlines": headlines,
    "jsonable": jsonable, "listed": lambda value: isinstance(value, list), "meaning": meaning,
    "percent": percent, "plain": plain, "protocol_of": protocol_of, "runs_of": runs_of,
    "sentence_of": sentence_of,
    "share": lambda value, *of: f"{100 * share_of_most(value, *of):.2f}%",
    "short_name": short_name, "spaced": lambda name: str(name).replace("_", " "),
    "spread": spread, "title_of": title_of}
"""Functions that the template calls."""


@cache
def page_template() -> Template:
    """Return the template, read once; a name that it does not know is an error."""
    page = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True,
                       undefined=StrictUndefined, finalize=_shown)
    page.filters |= FILTERS
    return page.from_string(_file("page.html.j2"))


def _shown(value: Any) -> Any:
    return value if isinstance(value, Markup) else printable(value)


def _file(name: str) -> str:
    return resources.files("crossalign.pages").joinpath(name).read_text("utf-8")
