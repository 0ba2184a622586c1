"""Numbers and facts of one report as HTML: cards, tables, checklist and download."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from crossalign.data.leaks import LEAKS
from crossalign.evaluation.plain_values import flatten, jsonable
from crossalign.evaluation.report import Report, percent
from crossalign.pages.plots.wording import arrow
from crossalign.pages.words import NOT_RANKED, headlines, meaning, short_name, shown

NO_METRIC = ("model", "counted", "difference")
"""Keys of a row of the baselines that are no score."""
FEW = 8
"""Rows of a table that are shown without a click."""


def score_cards(report: Report) -> str:
    """Headline metrics as cards, each with its runs on a track."""
    cards = []
    for i, name in enumerate(headlines(report)):
        score = report.scores[name]
        n = report.counted
        spread = f"<small>± {100 * score['sd']:.1f}</small>" if n > 1 else ""
        ticks = "".join(f'<i style="left:{100 * r:.2f}%"></i>' for r in score["runs"])
        cards.append(
            f'<div class="card{" first" if i == 0 else ""}"><dt>{shown(short_name(name))}</dt>'
            f"<dd><b>{100 * score['mean']:.1f}</b>{spread}"
            f'<span class="track" aria-hidden="true"><span style="width:'
            f"{100 * score['mean']:.2f}%\"></span>{ticks if n > 1 else ''}</span>"
            f"<span>{shown(meaning(name))}</span></dd></div>")
    return f'<dl class="cards">{"".join(cards)}</dl>'


def baseline_table(report: Report) -> str:
    """The table against the baselines, best value of a column in bold."""
    rows: Sequence[Mapping[str, Any]] = report.artefacts.get("rows") or []
    if not rows:
        return ""
    found = dict.fromkeys(m for row in rows for m in row if m not in NO_METRIC)
    first = [m for m in headlines(report) if m in found]
    metrics = [*first, *(m for m in found if m not in first)]
    best = {m: max(round(100 * row[m]["mean"], 1) for row in rows if m in row)
            for m in metrics if m not in NOT_RANKED and len(rows) > 1}
    compared = any("difference" in row for row in rows)
    body = []
    for row in rows:
        cells = []
        for m in metrics:
            if m not in row:
                cells.append("<td>&ndash;</td>")
                continue
            mean, sd = float(row[m]["mean"]), float(row[m].get("sd", 0.0))
            text = percent(mean, sd, row.get("counted") or len(row[m].get("runs", ())) or
                           (2 if sd > 0 else 1))
            top = best.get(m) == round(100 * mean, 1)
            cells.append(f'<td class="bar" style="--v:{100 * mean:.1f}%">'
                         f"{f'<strong>{text}</strong>' if top else text}</td>")
        told = row.get("difference")
        cells.append(f'<td class="margin">{shown(_margin(told))}</td>' if compared else "")
        own = ' class="own"' if row["model"] == report.model else ""
        body.append(f'<tr{own}><th scope="row">{shown(str(row["model"]))}</th>{"".join(cells)}'
                    "</tr>")
    head = "".join(f'<th scope="col">{shown(short_name(m))}</th>' for m in metrics)
    name = shown(short_name(headlines(report)[0]))
    head += f'<th scope="col" class="margin">margin in {name}</th>' if compared else ""
    margin = (" The margin is that of the shaded model, with its 95 % interval where it can be "
              "tested." if compared else "")
    return (f'<h2>Against the baselines</h2><div class="scroll">'
            f'<table class="versus" style="--n:{len(metrics) + 2 + 2 * compared}"><thead><tr>'
            f'<th scope="col">model</th>{head}</tr></thead><tbody>{"".join(body)}</tbody></table>'
            '</div><p class="note">Same benchmark for every row; the best of a column in bold, the '
            f"model of this report shaded.{margin}</p>")


def _margin(found: Mapping[str, Any] | None) -> str:
    """A difference with its interval, or the difference alone."""
    if not found:
        return ""
    text = f"{100 * found['mean']:+.1f}"
    return (f"{text} [{100 * found['low']:+.1f}, {100 * found['high']:+.1f}]" if found["tested"]
            else f"{text}, not tested")


def folded(summary: str, body: str, *, unfolded: bool = False) -> str:
    """A part that opens on a click; no script."""
    return (f'<details class="part"{" open" if unfolded else ""}><summary>{shown(summary)}'
            f"</summary>{body}</details>")


def score_table(report: Report) -> str:
    """Every metric, with the value of every run where there are several."""
    several = report.counted > 1
    head = "".join(f'<th scope="col">seed {seed}</th>' for seed in report.seeds) if several else ""
    body = []
    for name, score in report.scores.items():
        runs = "".join(f"<td>{100 * r:.1f}</td>" for r in score["runs"]) if several else ""
        body.append(
            f'<tr><th scope="row">{shown(arrow(name))}</th>'
            f"<td><b>{percent(score['mean'], score['sd'], report.counted)}</b></td>{runs}"
            f'<td class="words">{shown(meaning(name))}</td></tr>')
    title = "mean ± sd" if several else "value"
    summary = f"All {len(body)} scores{', every run' if several else ''}"
    table = ('<div class="scroll"><table><thead><tr><th scope="col">metric (%)</th>'
             f'<th scope="col">{title}</th>{head}<th scope="col" class="words">meaning</th></tr>'
             f'</thead><tbody>{"".join(body)}</tbody></table></div>')
    return f"<h2>Scores</h2>{folded(summary, table, unfolded=len(body) <= FEW)}"


def protocol_facts(report: Report) -> str:
    """Facts as a table, and the known ways to be wrong as a checklist."""
    protocol = jsonable(report.protocol)
    leaks = protocol.pop("leaks", {})
    leaks = leaks if isinstance(leaks, dict) else {}
    for key in [k for k, v in protocol.items() if isinstance(v, bool)]:
        leaks[key] = protocol.pop(key)
    facts = flatten(protocol)
    table = folded(f"{len(facts)} facts: split, features, side information, sizes",
                   _facts(facts)) if facts else "<p>Not stated.</p>"
    return f"<h2>Protocol</h2>{table}{_checklist(leaks)}"


def _checklist(leaks: Mapping[str, Any]) -> str:
    if not leaks:
        return ""
    states = {True: ("bad", "holds"), False: ("good", "ruled out"), None: ("open", "not stated")}
    counts = ", ".join(f"{n} {word}" for value, (_, word) in states.items()
                       if (n := sum(v is value for v in leaks.values())))
    order = sorted(leaks, key=lambda k: [True, None, False].index(leaks[k])
                   if leaks[k] in (True, None, False) else 0)
    items: dict[bool, list[str]] = {True: [], False: []}
    for key in order:
        style, word = states.get(leaks[key], ("open", str(leaks[key])))
        items[leaks[key] is True].append(f'<li class="{style}"><span>{shown(word)}</span><b>'
                     f"{shown(key.replace('_', ' '))}</b><small>{shown(LEAKS.get(key, ''))}"
                     "</small></li>")
    held, others = (f'<ul class="checks">{"".join(items[which])}</ul>' if items[which] else ""
                    for which in (True, False))
    return (f"<h3>Ways to be wrong: {shown(counts)}</h3>{held}"
            f"{folded('What is ruled out or not stated', others) if others else ''}")


def making_of(report: Report) -> str:
    """Parameters, selection, versions, and the numbers to take away."""
    link = "data:application/json;base64," + base64.b64encode(report.to_json().encode()).decode()
    name = re.sub(r"[^\w.-]+", "-", f"{report.model}-{report.data}-{report.task}")[:120] + ".json"
    params = folded(f"{len(report.params)} parameters", _facts(jsonable(report.params))) \
        if report.params else "<p>No parameters.</p>"
    return (f"<h2>How it was made</h2><p>{shown(report.selection)}</p>{params}"
            f"{folded('Versions', _facts(report.versions))}"
            f'<p><a class="button" download="{shown(name)}" href="{link}">Download the numbers '
            "(JSON)</a></p>")


def _facts(facts: Mapping[str, Any]) -> str:
    rows = "".join(f'<tr><th scope="row">{shown(str(key).replace("_", " "))}</th>'
                   f"<td>{_value(value)}</td></tr>" for key, value in facts.items())
    return f'<div class="scroll"><table class="facts"><tbody>{rows}</tbody></table></div>'


def _value(value: Any) -> str:
    if isinstance(value, list) and len(value) > 6:
        inner = ", ".join(shown(_text(item)) for item in value)
        return f"<details><summary>{len(value)} items</summary>{inner}</details>"
    if isinstance(value, list):
        return ", ".join(shown(_text(item)) for item in value) or "none"
    return shown(_text(value))


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
