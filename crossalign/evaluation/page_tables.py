"""Numbers and facts of one report as HTML: cards, tables, checklist and download."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from crossalign.data.leaks import LEAKS
from crossalign.evaluation.page_words import NOT_RANKED, headlines, meaning, short_name, shown
from crossalign.evaluation.plots.wording import arrow
from crossalign.evaluation.report import Report, flatten, jsonable, percent


def score_cards(report: Report) -> str:
    """Headline metrics as cards, each with its runs on a track."""
    cards = []
    for i, name in enumerate(headlines(report)):
        score = report.scores[name]
        n = len(score["runs"])
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
    metrics = list(dict.fromkeys(m for row in rows for m in row if m != "model"))
    best = {m: max(round(100 * row[m]["mean"], 1) for row in rows if m in row)
            for m in metrics if m not in NOT_RANKED and len(rows) > 1}
    body = []
    for row in rows:
        cells = []
        for m in metrics:
            if m not in row:
                cells.append("<td>&ndash;</td>")
                continue
            mean, sd = float(row[m]["mean"]), float(row[m].get("sd", 0.0))
            text = percent(mean, sd, len(row[m].get("runs", ())) or (2 if sd > 0 else 1))
            top = best.get(m) == round(100 * mean, 1)
            cells.append(f'<td class="bar" style="--v:{100 * mean:.1f}%">'
                         f"{f'<strong>{text}</strong>' if top else text}</td>")
        own = ' class="own"' if row["model"] == report.model else ""
        body.append(f'<tr{own}><th scope="row">{shown(str(row["model"]))}</th>{"".join(cells)}'
                    "</tr>")
    head = "".join(f'<th scope="col">{shown(short_name(m))}</th>' for m in metrics)
    return (f'<h2>Against the baselines</h2><div class="scroll">'
            f'<table class="versus" style="--n:{len(metrics) + 2}"><thead><tr>'
            f'<th scope="col">model</th>{head}</tr></thead><tbody>{"".join(body)}</tbody></table>'
            '</div><p class="note">Same benchmark for every row; the best of a column in bold, the '
            "model of this report shaded.</p>")


def score_table(report: Report) -> str:
    """Every metric, with the value of every run where there are several."""
    several = len(report.seeds) > 1
    head = "".join(f'<th scope="col">seed {seed}</th>' for seed in report.seeds) if several else ""
    body = []
    for name, score in report.scores.items():
        runs = "".join(f"<td>{100 * r:.1f}</td>" for r in score["runs"]) if several else ""
        body.append(
            f'<tr><th scope="row">{shown(arrow(name))}</th>'
            f"<td><b>{percent(score['mean'], score['sd'], len(score['runs']))}</b></td>{runs}"
            f'<td class="words">{shown(meaning(name))}</td></tr>')
    title = "mean ± sd" if several else "value"
    return (f'<h2>All scores{", every run" if several else ""}</h2><div class="scroll"><table>'
            f'<thead><tr><th scope="col">metric (%)</th><th scope="col">{title}</th>{head}'
            f'<th scope="col" class="words">meaning</th></tr></thead><tbody>{"".join(body)}'
            "</tbody></table></div>")


def protocol_facts(report: Report) -> str:
    """Facts as a table, and the known ways to be wrong as a checklist."""
    protocol = jsonable(report.protocol)
    leaks = protocol.pop("leaks", {})
    leaks = leaks if isinstance(leaks, dict) else {}
    for key in [k for k, v in protocol.items() if isinstance(v, bool)]:
        leaks[key] = protocol.pop(key)
    table = _facts(flatten(protocol)) if protocol else "<p>Not stated.</p>"
    return f"<h2>Protocol</h2>{table}{_checklist(leaks)}"


def _checklist(leaks: Mapping[str, Any]) -> str:
    if not leaks:
        return ""
    states = {True: ("bad", "holds"), False: ("good", "ruled out"), None: ("open", "not stated")}
    counts = ", ".join(f"{n} {word}" for value, (_, word) in states.items()
                       if (n := sum(v is value for v in leaks.values())))
    order = sorted(leaks, key=lambda k: [True, None, False].index(leaks[k])
                   if leaks[k] in (True, None, False) else 0)
    items = []
    for key in order:
        style, word = states.get(leaks[key], ("open", str(leaks[key])))
        items.append(f'<li class="{style}"><span>{shown(word)}</span><b>'
                     f"{shown(key.replace('_', ' '))}</b><small>{shown(LEAKS.get(key, ''))}"
                     "</small></li>")
    return (f"<h3>Ways to be wrong: {shown(counts)}</h3>"
            f'<ul class="checks">{"".join(items)}</ul>')


def making_of(report: Report) -> str:
    """Parameters, selection, versions, and the numbers to take away."""
    link = "data:application/json;base64," + base64.b64encode(report.to_json().encode()).decode()
    name = re.sub(r"[^\w.-]+", "-", f"{report.model}-{report.data}-{report.task}")[:120] + ".json"
    params = _facts(jsonable(report.params)) if report.params else "<p>None.</p>"
    return ('<div class="columns"><div><h2>Parameters</h2>'
            f"{params}</div><div><h2>How it was chosen</h2><p>{shown(report.selection)}</p>"
            f"<h2>Versions</h2>{_facts(report.versions)}"
            f'<p><a class="button" download="{shown(name)}" href="{link}">Download the numbers '
            "(JSON)</a></p></div></div>")


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
