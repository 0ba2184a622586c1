"""A report as one page that needs nothing else: no network, no script, light and dark.

Pictures are inline SVG whose inks follow the page's colours; dense point clouds inside them are
PNG. Everything that comes from data is escaped. The parts: `words`, `tables`, `pictures`,
`svg` and `page.css`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from crossalign.evaluation.report import Report, percent, runs_of
from crossalign.files import write_text
from crossalign.pace import duration
from crossalign.pages.conclusion import conclusion
from crossalign.pages.pictures import gallery
from crossalign.pages.tables import (
    baseline_table,
    making_of,
    protocol_facts,
    score_cards,
    score_table,
)
from crossalign.pages.words import TASKS, headlines, shown, title_of


def write_page(reports: Report | Sequence[Report], path: str | os.PathLike[str]) -> Path:
    """Write one or several reports as one self-contained page, atomically; returns the path."""
    return write_text(path, render(reports))


def render(reports: Report | Sequence[Report]) -> str:
    """One self-contained page of one or several reports, with navigation between several.

    Raises
    ------
    ValueError
        If there is no report, or an artefact has the wrong shape for its picture.
    """
    several = [reports] if isinstance(reports, Report) else list(reports)
    if not several:
        raise ValueError("reports: none given; pass at least one Report.")
    single = len(several) == 1
    title = f"{several[0].model} on {several[0].data}" if single else "Zero-shot report"
    anchors = "" if single else "".join(
        f'<li><a href="#r{i}">{shown(title_of(r))}<span>{shown(r.model)}</span></a></li>'
        for i, r in enumerate(several))
    menu = "" if single else f'<nav aria-label="Reports"><ol>{anchors}</ol></nav>'
    overview = "" if single else _overview(several, title)
    body = "".join(_section(report, i) for i, report in enumerate(several))
    style = resources.files("crossalign.pages").joinpath("page.css").read_text("utf-8")
    return (f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">'
            f'<meta name="color-scheme" content="light dark"><title>{shown(title)} · crossalign'
            f'</title><link rel="icon" href="data:,"><style>\n{style}</style></head><body>'
            f'<header class="top"><p class="brand">{_LOGO}crossalign</p>{menu}</header>'
            f'<main>{overview}{body}</main><footer>Scores in percent; mean ± standard deviation '
            f'over runs. Written by crossalign {shown(several[0].versions.get("crossalign", ""))}.'
            f'</footer></body></html>\n')


def _section(report: Report, i: int) -> str:
    _, sentence = TASKS.get(report.task, ("", ""))
    concluded = " ".join(conclusion(report)).strip()
    facts = "".join(f"<li>{shown(text)}</li>" for text in (
        f"{report.model} on {report.data}", runs_of(report),
        duration(report.seconds), *([report.date] if report.date else [])))
    return (f'<section class="report" id="r{i}"><header><p class="kicker">{shown(report.task)}'
            f'</p><h1>{shown(title_of(report))}</h1>'
            f'<p class="conclusion">{shown(concluded)}</p><p class="lead">{shown(sentence)}</p>'
            f'<ul class="chips">{facts}</ul></header>{score_cards(report)}'
            f"{baseline_table(report)}{gallery(report, i)}{score_table(report)}"
            f"{protocol_facts(report)}{making_of(report)}</section>")


def _overview(reports: Sequence[Report], title: str) -> str:
    rows = []
    when = max(report.date for report in reports)
    made = f"{when}, " if when else ""
    data = ", ".join(dict.fromkeys(report.data for report in reports))
    for i, report in enumerate(reports):
        name = headlines(report)[0]
        score = report.scores[name]
        rows.append(
            f'<li><a href="#r{i}"><span>{shown(title_of(report))}</span>'
            f"<b>{percent(score['mean'], score['sd'], report.counted)}</b>"
            f"<small>{shown(name)}, {shown(report.model)} on {shown(report.data)}</small></a>"
            "</li>")
    return (f'<header class="whole"><h1>{shown(title)}</h1><p class="lead">'
            f'{shown(made)}{len(reports)} reports on {shown(data)}.</p></header>'
            f'<ul class="overview">{"".join(rows)}</ul>')


_LOGO = ('<svg viewBox="0 0 24 24" width="22" height="22" aria-hidden="true"><circle cx="9" '
         'cy="12" r="7" fill="none" stroke="var(--blue)" stroke-width="2.2"></circle>'
         '<circle cx="15" cy="12" r="7" fill="none" stroke="#e69f00" stroke-width="2.2"></circle>'
         "</svg>")
