"""A report as one page that needs nothing else: no network, no script, light and dark.

Pictures are inline SVG whose inks follow the page's colours; dense point clouds inside them are
PNG. Everything that comes from data is escaped.
"""

from __future__ import annotations

import base64
import io
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crossalign.data.leaks import LEAKS
from crossalign.evaluation import plots
from crossalign.evaluation.report import (
    Report,
    duration,
    flatten,
    jsonable,
    percent,
    run_count,
    write_text,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TASKS: dict[str, tuple[str, str]] = {
    "gzsl": ("Recognition of classes never seen",
             "Every test sample is recognised among all classes, seen and unseen; no sample of an "
             "unseen class was in training."),
    "zsl": ("Recognition among unseen classes",
            "Test samples of unseen classes are recognised among unseen classes only."),
    "retrieval": ("Retrieval across modalities",
                  "A query of one modality ranks a gallery of another; both hold classes that "
                  "training never saw, and same class is right."),
    "transfer": ("Transfer across modalities",
                 "A classifier learns on labelled samples of one modality and is tested on the "
                 "other, whose labels it never sees."),
}
"""Title and one sentence for each task."""

METRICS: dict[str, str] = {
    "T1": "unseen classes, chosen among unseen classes only",
    "U": "unseen classes, chosen among all classes",
    "S": "seen classes, chosen among all classes",
    "H": "harmonic mean of U and S in every run",
    "AUSUC": "area under the seen-unseen curve, over all calibrations",
    "U_raw": "U without calibration", "S_raw": "S without calibration",
    "H_raw": "H without calibration",
    "H_max_diagnostic": "H at the best calibration in hindsight; a ceiling, not a result",
    "mAP": "mean average precision over the whole list, mean of both directions",
    "P@100": "share of right ones among the first 100",
    "chance_mAP": "what a random order would give",
    "accuracy": "on the target modality, without its labels",
    "source_accuracy": "the classifier on the modality that it learned on",
    "oracle_accuracy": "a classifier that learned on labels of the target",
}
"""What each metric says, in a few words."""

HEADLINES: dict[str, tuple[str, ...]] = {
    "gzsl": ("H", "U", "S", "T1", "AUSUC"), "zsl": ("T1",),
    "retrieval": ("mAP", "chance_mAP", "P@100"),
    "transfer": ("accuracy", "source_accuracy", "oracle_accuracy"),
}
"""Metrics shown as cards, the most telling first."""

NOT_RANKED = ("chance_mAP", "source_accuracy", "oracle_accuracy", "H_max_diagnostic")
"""Bounds and diagnostics, in which no model can be best."""


def write_html(reports: Report | Sequence[Report], path: str | os.PathLike[str]) -> Path:
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
        f'<li><a href="#r{i}">{escape(_title(r))}<span>{escape(r.model)}</span></a></li>'
        for i, r in enumerate(several))
    menu = "" if single else f'<nav aria-label="Reports"><ol>{anchors}</ol></nav>'
    overview = "" if single else _overview(several)
    body = "".join(_section(report, i) for i, report in enumerate(several))
    return (f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">'
            f'<meta name="color-scheme" content="light dark"><title>{escape(title)} · crossalign'
            f'</title><link rel="icon" href="data:,"><style>{CSS}</style></head><body>'
            f'<header class="top"><p class="brand">{_LOGO}crossalign</p>{menu}</header>'
            f'<main>{overview}{body}</main><footer>Scores in percent; mean ± standard deviation '
            f'over runs. Written by crossalign {escape(several[0].versions.get("crossalign", ""))}.'
            f'</footer></body></html>\n')


def svg(figure: Figure, label: str, prefix: str) -> str:
    """A figure as inline SVG that follows the page's colours.

    Parameters
    ----------
    figure : matplotlib Figure
    label : str
        Read aloud instead of the picture.
    prefix : str
        Makes ids unique on the page.
    """
    import matplotlib

    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "crossalign"}):
        figure.savefig(buffer, format="svg", dpi=170, transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg"):]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r' xmlns(:xlink)?="[^"]*"', "", text).replace("xlink:href", "href")
    text = re.sub(r'\bid="', f'id="{prefix}-', text)
    text = re.sub(r'(url\(|href=")#', rf"\g<1>#{prefix}-", text)
    for colour, name in ((plots.INK, "ink"), (plots.MUTED, "muted"), (plots.GRID, "line"),
                         (plots.PAPER, "card"), (plots.BLUE, "blue")):
        text = text.replace(colour, f"var(--{name})")
    text = text.replace("'DejaVu Sans'", "var(--sans)")
    text = re.sub(r"data:image/png;base64,([A-Za-z0-9+/=\s]+)", _smaller, text)
    size = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', text)
    assert size is not None
    head = (f'<svg role="img" aria-label="{escape(label)}" viewBox="0 0 {size[1]} {size[2]}" '
            f'style="max-width:{float(size[1]) * 1.45:.0f}px">')
    return head + text[text.index(">") + 1:].strip()


def _smaller(match: re.Match[str]) -> str:
    """A photograph among the embedded PNGs as JPEG; drawings and clouds of points stay."""
    from PIL import Image

    data = base64.b64decode(match[1])
    if len(data) > 4000:
        picture = Image.open(io.BytesIO(data))
        if picture.mode == "RGB" or picture.getextrema()[-1] == (255, 255):
            buffer = io.BytesIO()
            picture.convert("RGB").save(buffer, "JPEG", quality=85)
            if len(buffer.getvalue()) < len(data):
                return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
    return "data:image/png;base64," + base64.b64encode(data).decode()


def pictures(report: Report) -> Iterator[tuple[str, Figure, str, str]]:
    """Kind, figure, caption and text alternative of every picture the artefacts allow."""
    found = report.artefacts
    for kind, draw in _PICTURES.items():
        if found.get(kind) is not None and len(found[kind]) > 0:
            for figure, caption in draw(found[kind], found):
                yield kind, figure, caption, _alternative(kind, report)


def _latent(part: Any, _: Mapping[str, Any]) -> Iterator[tuple[Figure, str]]:
    yield (plots.latent(part["before"], part["after"], part["labels"], part["class_names"],
                        part.get("seen")),
           "Each point is a sample and each shape a modality. Aligned well, every class is one "
           "island that holds all shapes; distances between islands mean nothing.")


def _curve(part: Any, _: Mapping[str, Any]) -> Iterator[tuple[Figure, str]]:
    yield (plots.trade_off(part["seen"], part["unseen"], part["chosen"], part["raw"],
                           part["ausuc"]),
           "Lowering the scores of seen classes walks along the curve; up and to the right is "
           "better, and the diamond is where validation stopped.")


def _accuracy(part: Any, _: Mapping[str, Any]) -> Iterator[tuple[Figure, str]]:
    yield (plots.class_accuracy(part["names"], part["accuracy"], part.get("seen")),
           "Each bar is one class and the dashed lines are the means; a long tail to zero is "
           "classes that the model never finds.")


def _pr(part: Any, _: Mapping[str, Any]) -> Iterator[tuple[Figure, str]]:
    yield (plots.precision_recall(part),
           "From left to right the list gets longer; a model that stays high finds all of a class "
           "before it errs, and at the dotted line it guesses.")


def _hits(part: Any, _: Mapping[str, Any]) -> Iterator[tuple[Figure, str]]:
    for direction, sheet in part.items():
        yield (plots.hits(sheet["queries"], sheet["results"], sheet["correct"], direction),
               "Each row is a query and its results from best to worse; a green "
               "frame with a check is the right class, an orange one with a cross is not.")


def _history(part: Any, _: Mapping[str, Any]) -> Iterator[tuple[Figure, str]]:
    if any(len(values) > 1 for values in part.values()):
        yield (plots.history(part),
               "Every objective over the epochs of the first run, its last value in the corner; "
               "curves that still fall ask for more epochs.")


def _confusion(part: Any, found: Mapping[str, Any]) -> Iterator[tuple[Figure, str]]:
    known = (found.get("class_accuracy", {}).get("names"),
             found.get("latent", {}).get("class_names"))
    names = next((n for n in known if n is not None and len(n) == len(part)),
                 [str(c) for c in range(len(part))])
    yield (plots.confusion(part, names),
           "Rows are true classes and sum to 100 %; bright cells off the diagonal are classes "
           "taken for each other.")


_PICTURES: dict[str, Callable[[Any, Mapping[str, Any]], Iterator[tuple[Figure, str]]]] = {
    "latent": _latent, "hits": _hits, "curve": _curve, "pr": _pr, "class_accuracy": _accuracy,
    "confusion": _confusion, "history": _history}
"""What draws each artefact, in the order of the page."""

_WIDE = ("latent", "hits", "history")
"""Pictures that take the whole width."""


def _alternative(kind: str, report: Report) -> str:
    """What a picture shows, in words."""
    found = report.artefacts
    if kind == "latent":
        return f"t-SNE maps of {_join(found['latent']['after'])} before and after alignment."
    if kind == "curve":
        u, s = found["curve"]["chosen"]
        return (f"Seen-unseen trade-off curve with area {100 * found['curve']['ausuc']:.1f}; the "
                f"calibrated point has U {100 * u:.1f} and S {100 * s:.1f}.")
    if kind == "pr":
        return f"Precision-recall curves of {_join(map(plots.arrow, found['pr']))}, and chance."
    if kind == "hits":
        return "Queries and their best results, each marked right or wrong."
    if kind == "class_accuracy":
        return f"Sorted bars of the accuracy of {len(found[kind]['names'])} classes."
    if kind == "history":
        return f"Training curves of {_join(found['history'])}."
    return f"Confusion matrix of {len(found[kind])} classes."


def _section(report: Report, i: int) -> str:
    _, sentence = TASKS.get(report.task, ("", ""))
    facts = "".join(f"<li>{escape(text)}</li>" for text in (
        f"{report.model} on {report.data}", run_count(len(report.seeds)),
        duration(report.seconds)))
    return (f'<section class="report" id="r{i}"><header><p class="kicker">{escape(report.task)}'
            f'</p><h1>{escape(_title(report))}</h1><p class="lead">{escape(sentence)}</p>'
            f'<ul class="chips">{facts}</ul></header>{_cards(report)}{_comparison(report)}'
            f"{_gallery(report, i)}{_runs(report)}{_protocol(report)}{_making(report)}</section>")


def _title(report: Report) -> str:
    title, _ = TASKS.get(report.task, (report.task, ""))
    first = next(iter(report.artefacts.get("hits", {}) or {}), "")
    return f"Retrieval, {plots.arrow(first)}" if report.task == "retrieval" and first else title


def _overview(reports: Sequence[Report]) -> str:
    rows = []
    for i, report in enumerate(reports):
        name = _headlines(report)[0]
        score = report.scores[name]
        rows.append(
            f'<li><a href="#r{i}"><span>{escape(_title(report))}</span>'
            f"<b>{percent(score['mean'], score['sd'], len(score['runs']))}</b>"
            f"<small>{escape(name)}, {escape(report.model)} on {escape(report.data)}</small></a>"
            "</li>")
    return f'<ul class="overview">{"".join(rows)}</ul>'


def _headlines(report: Report) -> list[str]:
    wanted = HEADLINES.get(report.task, ())
    directed = [m for m in report.scores if m.startswith("mAP[")] if "mAP" in wanted else []
    found = [m for m in (*wanted[:1], *directed, *wanted[1:]) if m in report.scores]
    return found or list(report.scores)[:6]


def _cards(report: Report) -> str:
    cards = []
    for i, name in enumerate(_headlines(report)):
        score = report.scores[name]
        n = len(score["runs"])
        spread = f"<small>± {100 * score['sd']:.1f}</small>" if n > 1 else ""
        ticks = "".join(f'<i style="left:{100 * r:.2f}%"></i>' for r in score["runs"])
        cards.append(
            f'<div class="card{" first" if i == 0 else ""}"><dt>{escape(_short_name(name))}</dt>'
            f"<dd><b>{100 * score['mean']:.1f}</b>{spread}"
            f'<span class="track" aria-hidden="true"><span style="width:'
            f"{100 * score['mean']:.2f}%\"></span>{ticks if n > 1 else ''}</span>"
            f"<span>{escape(_meaning(name))}</span></dd></div>")
    return f'<dl class="cards">{"".join(cards)}</dl>'


def _short_name(name: str) -> str:
    return plots.arrow(name).replace("_", " ").replace("[", " ").replace("]", "")


def _meaning(name: str) -> str:
    base, _, direction = name.partition("[")
    if direction and base in METRICS:
        source, _, target = direction.rstrip("]").partition("->")
        return f"{source} queries, {target} gallery"
    return METRICS.get(name, "")


def _comparison(report: Report) -> str:
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
        body.append(f'<tr{own}><th scope="row">{escape(str(row["model"]))}</th>{"".join(cells)}'
                    "</tr>")
    head = "".join(f'<th scope="col">{escape(_short_name(m))}</th>' for m in metrics)
    return (f'<h2>Against the baselines</h2><div class="scroll">'
            f'<table class="versus" style="--n:{len(metrics) + 2}"><thead><tr>'
            f'<th scope="col">model</th>{head}</tr></thead><tbody>{"".join(body)}</tbody></table>'
            '</div><p class="note">Same benchmark for every row; the best of a column in bold, the '
            "model of this report shaded.</p>")


def _gallery(report: Report, i: int) -> str:
    """Pictures in a grid of two columns; an odd narrow one stands beside its caption."""
    items, left = [], False
    drawn = list(pictures(report))
    narrow = [kind not in _WIDE or figure.get_figwidth() < 7 for kind, figure, _, _ in drawn]
    for j, (_, figure, caption, label) in enumerate(drawn):
        beside = j + 1 < len(drawn) and narrow[j + 1]
        style = "half" if left or beside else "lone"
        left = narrow[j] and not left and beside
        items.append(f'<figure class="{style if narrow[j] else "wide"}"><div class="scroll">'
                     f"{svg(figure, label, f'r{i}p{j}')}</div>"
                     f"<figcaption>{escape(caption)}</figcaption></figure>")
    return f'<h2>Pictures</h2><div class="gallery">{"".join(items)}</div>' if items else ""


def _runs(report: Report) -> str:
    several = len(report.seeds) > 1
    head = "".join(f'<th scope="col">seed {seed}</th>' for seed in report.seeds) if several else ""
    body = []
    for name, score in report.scores.items():
        runs = "".join(f"<td>{100 * r:.1f}</td>" for r in score["runs"]) if several else ""
        body.append(
            f'<tr><th scope="row">{escape(plots.arrow(name))}</th>'
            f"<td><b>{percent(score['mean'], score['sd'], len(score['runs']))}</b></td>{runs}"
            f'<td class="words">{escape(_meaning(name))}</td></tr>')
    title = "mean ± sd" if several else "value"
    return (f'<h2>All scores{", every run" if several else ""}</h2><div class="scroll"><table>'
            f'<thead><tr><th scope="col">metric (%)</th><th scope="col">{title}</th>{head}'
            f'<th scope="col" class="words">meaning</th></tr></thead><tbody>{"".join(body)}'
            "</tbody></table></div>")


def _protocol(report: Report) -> str:
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
        items.append(f'<li class="{style}"><span>{escape(word)}</span><b>'
                     f"{escape(key.replace('_', ' '))}</b><small>{escape(LEAKS.get(key, ''))}"
                     "</small></li>")
    return (f"<h3>Ways to be wrong: {escape(counts)}</h3>"
            f'<ul class="checks">{"".join(items)}</ul>')


def _making(report: Report) -> str:
    """Parameters, selection, versions, and the numbers to take away."""
    text = json.dumps(report.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)
    link = "data:application/json;base64," + base64.b64encode(text.encode()).decode()
    name = re.sub(r"[^\w.-]+", "-", f"{report.model}-{report.data}-{report.task}") + ".json"
    params = _facts(jsonable(report.params)) if report.params else "<p>None.</p>"
    return ('<div class="columns"><div><h2>Parameters</h2>'
            f"{params}</div><div><h2>How it was chosen</h2><p>{escape(report.selection)}</p>"
            f"<h2>Versions</h2>{_facts(report.versions)}"
            f'<p><a class="button" download="{escape(name)}" href="{link}">Download the numbers '
            "(JSON)</a></p></div></div>")


def _facts(facts: Mapping[str, Any]) -> str:
    rows = "".join(f'<tr><th scope="row">{escape(str(key).replace("_", " "))}</th>'
                   f"<td>{_value(value)}</td></tr>" for key, value in facts.items())
    return f'<div class="scroll"><table class="facts"><tbody>{rows}</tbody></table></div>'


def _value(value: Any) -> str:
    if isinstance(value, list) and len(value) > 6:
        inner = ", ".join(escape(_text(item)) for item in value)
        return f"<details><summary>{len(value)} items</summary>{inner}</details>"
    if isinstance(value, list):
        return ", ".join(escape(_text(item)) for item in value) or "none"
    return escape(_text(value))


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _join(names: Any) -> str:
    listed = [str(name) for name in names]
    return " and ".join([", ".join(listed[:-1]), listed[-1]] if len(listed) > 1 else listed)


_LOGO = ('<svg viewBox="0 0 24 24" width="22" height="22" aria-hidden="true"><circle cx="9" '
         'cy="12" r="7" fill="none" stroke="var(--blue)" stroke-width="2.2"></circle>'
         '<circle cx="15" cy="12" r="7" fill="none" stroke="#e69f00" stroke-width="2.2"></circle>'
         "</svg>")

CSS = """
:root{--bg:#f5f6f8;--card:#ffffff;--ink:#1f2430;--muted:#5d6778;--line:#d9dee7;--blue:#0072b2;
--soft:#eaf3f9;--good:#00714f;--bad:#b34700;
--sans:"Inter","Segoe UI",system-ui,-apple-system,"Helvetica Neue","DejaVu Sans",sans-serif;
--mono:ui-monospace,"SF Mono","Cascadia Mono","DejaVu Sans Mono",monospace}
@media (prefers-color-scheme:dark){:root{--bg:#0f1218;--card:#171b23;--ink:#e7eaf0;
--muted:#9aa5b6;--line:#2f3745;--blue:#4ea8de;--soft:#1b2a38;--good:#4cc79b;--bad:#ff9a5c}}
*{box-sizing:border-box}
html{scroll-behavior:smooth;scroll-padding-top:4.5rem;-webkit-text-size-adjust:100%}
body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.55 var(--sans);
font-variant-numeric:tabular-nums}
a{color:var(--blue)}a:focus-visible,summary:focus-visible{outline:2px solid var(--blue);
outline-offset:3px;border-radius:4px}
.top{position:sticky;top:0;z-index:2;display:flex;gap:1.5rem;align-items:center;
padding:.55rem max(1.25rem,calc(50vw - 550px));background:var(--card);
border-bottom:1px solid var(--line)}
.brand{display:flex;gap:.5rem;align-items:center;margin:0;font-weight:700;letter-spacing:-.01em}
nav{overflow-x:auto}nav ol{display:flex;gap:.3rem;margin:0;padding:0;list-style:none}
nav a{display:block;padding:.25rem .7rem;border-radius:8px;color:var(--ink);font-size:.84rem;
line-height:1.3;white-space:nowrap;text-decoration:none}
nav a:hover{background:var(--soft)}nav span{display:block;color:var(--muted);font-size:.74rem}
main{max-width:1140px;margin:0 auto;padding:2rem 1.25rem 1rem}
footer{max-width:1140px;margin:0 auto;padding:1rem 1.25rem 3rem;color:var(--muted);
font-size:.85rem}
.report+.report{margin-top:4rem;padding-top:2.5rem;border-top:1px solid var(--line)}
.kicker{margin:0;color:var(--blue);font-size:.78rem;font-weight:700;letter-spacing:.09em;
text-transform:uppercase}
h1{margin:.15rem 0 .35rem;font-size:clamp(1.55rem,4vw,2.15rem);line-height:1.15;
letter-spacing:-.022em;text-wrap:balance}
h2{margin:2.4rem 0 .7rem;font-size:1.12rem;letter-spacing:-.01em}
h3{margin:1.4rem 0 .6rem;font-size:.95rem}
.lead{max-width:44rem;margin:0;color:var(--muted)}
.note{margin:.5rem 0 0;color:var(--muted);font-size:.85rem}
.chips{display:flex;flex-wrap:wrap;gap:.4rem;margin:.9rem 0 0;padding:0;list-style:none}
.chips li{padding:.12rem .65rem;border:1px solid var(--line);border-radius:99px;font-size:.82rem;
background:var(--card)}
.overview{display:grid;grid-template-columns:repeat(auto-fit,minmax(200px,1fr));gap:.8rem;
margin:0 0 3rem;padding:0;list-style:none}
.overview a{display:block;height:100%;padding:.9rem 1rem;border:1px solid var(--line);
border-radius:12px;background:var(--card);color:inherit;text-decoration:none}
.overview a:hover{border-color:var(--blue)}
.overview span,.overview b,.overview small{display:block}
.overview span{min-height:2.7em;font-size:.9rem;line-height:1.35}
.overview b{margin-top:.3rem;font-size:1.6rem;line-height:1.2;letter-spacing:-.02em}
.overview small{color:var(--muted);font-size:.78rem}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(165px,1fr));gap:.8rem;
margin:1.5rem 0 0}
.card{padding:.9rem 1rem 1rem;border:1px solid var(--line);border-radius:12px;
background:var(--card)}
.card.first{border-color:var(--blue);background:var(--soft)}
.card dt{font-size:.86rem;font-weight:600}.card dd{margin:0}
.card b{font-size:2.05rem;line-height:1.25;letter-spacing:-.03em}
.card small{margin-left:.4rem;color:var(--muted);font-size:.95rem}
.card dd>span:last-child{display:block;margin-top:.55rem;color:var(--muted);font-size:.8rem;
line-height:1.35}
.track{position:relative;display:block;height:6px;margin-top:.35rem;border-radius:3px;
background:var(--line)}
.track span{display:block;height:100%;border-radius:3px;background:var(--blue)}
.track i{position:absolute;top:-3px;width:2px;height:12px;margin-left:-1px;background:var(--ink);
box-shadow:0 0 0 1px var(--card)}
.scroll{overflow-x:auto}
table{width:100%;border-collapse:collapse;background:var(--card);font-size:.9rem}
.scroll:has(>table){border:1px solid var(--line);border-radius:12px}
th,td{padding:.45rem .9rem;border-bottom:1px solid var(--line);text-align:right;
white-space:nowrap}
tr:last-child>*{border-bottom:0}
th:first-child,.words{text-align:left}thead th{color:var(--muted);font-size:.8rem;font-weight:600}
tbody th{font-weight:600}.words{width:99%;color:var(--muted);font-weight:400}
td.bar{background-image:linear-gradient(90deg,var(--blue) var(--v),var(--line) var(--v));
background-position:right .9rem bottom 3px;background-size:4.2rem 2px;background-repeat:no-repeat}
.versus{table-layout:fixed;min-width:calc(var(--n)*6rem)}.versus th:first-child{width:12rem}
.own>*{background-color:var(--soft)}
.facts th{width:13rem;color:var(--muted);font-weight:500;vertical-align:top}
.facts td{text-align:left;white-space:normal;overflow-wrap:anywhere;font:.84rem/1.6 var(--mono)}
summary{cursor:pointer;color:var(--blue)}
.gallery{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:1rem}
figure{display:flex;flex-direction:column;margin:0;padding:1.1rem 1.1rem .9rem;
border:1px solid var(--line);border-radius:12px;
background:var(--card)}
figure.wide{grid-column:1/-1}figure svg{display:block;width:100%;height:auto;margin:0 auto}
figure.lone{grid-column:1/-1;display:grid;grid-template-columns:repeat(2,minmax(0,1fr));
gap:1.8rem;align-items:center}
figure.lone figcaption{margin:0;border:0;font-size:.95rem}
figure .scroll{margin-bottom:.8rem}
figcaption{margin-top:auto;padding-top:.65rem;border-top:1px solid var(--line);
color:var(--muted);font-size:.86rem}
.checks{display:grid;grid-template-columns:repeat(auto-fill,minmax(330px,1fr));gap:.1rem 1.5rem;
margin:0;padding:0;list-style:none;font-size:.88rem}
.checks li{display:grid;grid-template-columns:5.6rem 1fr;gap:0 .6rem;align-items:baseline;
align-content:start;
padding:.38rem 0;border-bottom:1px solid var(--line)}
.checks b{font-weight:600}.checks small{grid-column:2;color:var(--muted);line-height:1.35}
.checks span{font-size:.76rem;font-weight:600}
.checks span::before{margin-right:.35rem}
.good span{color:var(--good)}.good span::before{content:"✓"}
.bad span{color:var(--bad)}.bad span::before{content:"!"}
.open span{color:var(--muted)}.open span::before{content:"?"}
.columns{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:0 1.5rem}
.button{display:inline-block;padding:.5rem 1rem;border-radius:8px;background:var(--blue);
color:var(--card);font-weight:600;font-size:.9rem;text-decoration:none}
@media (max-width:760px){.gallery,.columns,figure.lone{grid-template-columns:minmax(0,1fr)}

.top{flex-direction:column;align-items:stretch;gap:.3rem}html{scroll-padding-top:7rem}
figure.wide svg{min-width:680px}.facts th{width:8rem}th,td{padding:.4rem .6rem}
.checks{grid-template-columns:minmax(0,1fr)}}
@media print{.top{position:static}body{background:none}figure,.card{break-inside:avoid}}
"""
