"""Names are text: no picture, page or table takes them for markup, and none fails for one."""

import io
import re
import unicodedata
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from crossalign.evaluation.report import Report
from crossalign.pages import plots
from crossalign.pages.page import render
from crossalign.pages.plots.wording import drawable, shorten
from crossalign.pages.svg import svg
from crossalign.tables import aligned, columns, markdown, printable

HOSTILE = ("$", "$$", "$a_b_c$", r"\$x\$ $\frac{1$", "price: $5 and $\\alpha$", "_hidden", "",
           "a\x00b\x1b[31mred\x07", "two\nlines\ttab\r", "\u202egnp.exe", "\u2067rtl\u2069",
           "\u0627\u0644\u0639\u0631\u0628\u064a\u0629", "\u05e9\u05dc\u05d5\u05dd",
           "\u732b\u3068\u72ac", "\U0001f408\u200d\u2b1b", "\u0915\u094d\u0937", "caf\udce9",
           "\ufffe\uffff\ufdd0", "<script>alert(1)</script>", "a & b < c > d", "</text></svg>",
           'id="x" url(#a) #1f2430 href="#b" <!-- c -->', "=1+1", "|pipe|", "x" * 5000,
           "many words " * 400, "e" + "\u0301" * 60)

DRAWN = ("_$a_b$ $$\x00\x1b[31m\nline\udce9\u202e\u732b\U0001f408\u0627", "x" * 5000)
"""What every picture draws; `HOSTILE` goes through the functions that make names safe."""


def figures(name):
    """Every picture, with the name wherever one enters."""
    rng = np.random.default_rng(0)
    other, labels, x = f"b{name}", np.arange(2), rng.normal(size=(2, 5))
    names = [name] * 6
    item = {"image": np.full((3, 3), 200, dtype=np.uint8), "text": name}
    bare = {"image": None, "text": name}
    curve = {"coverage": [0.5, 1.0], "risk": [0.1, 0.2], "aurc": 0.1, "chosen": (0.5, 0.1)}
    token = {"saliency": np.array([0.2, 0.8]), "kept": np.array([True, False])}
    way = f"{name}->{other}"
    return {
        "latent": lambda: plots.latent({name: x, other: x}, {name: x, other: x},
                                       {name: labels, other: labels}, names, np.arange(6) < 1),
        "cross_modal": lambda: plots.cross_modal(
            {name: x, other: np.eye(2)}, {name: x, other: x},
            {name: labels, other: labels}, {name: labels, other: labels}, np.arange(6) < 1),
        "sensitivity": lambda: plots.sensitivity(
            {name: {"values": [0.1, 1, 10], "validation": [0.1, 0.2, 0.3]}}, metric=name),
        "few_shot": lambda: plots.few_shot({name: {name: [[0.1, 0.2]]}}, (1, 2), metric=name),
        "coverage_risk": lambda: plots.coverage_risk({name: curve}),
        "class_accuracy": lambda: plots.class_accuracy(names, rng.uniform(size=6)),
        "many classes": lambda: plots.class_accuracy([name] * 40, rng.uniform(size=40)),
        "confusion": lambda: plots.confusion(np.eye(6), names),
        "precision_recall": lambda: plots.precision_recall(
            {way: {"recall": [0, 1], "precision": [1, 0.1], "chance": 0.1}}),
        "hits": lambda: plots.hits([item, bare], [[bare, item]] * 2, [[True, False]] * 2, way),
        "rankings": lambda: plots.hits([item], {name: [[bare]], other: [[item]]},
                                       {name: [[True]], other: [[False]]}, way),
        "saliency": lambda: plots.saliency([{"text": name, "parts": {
            name: token, other: {**token, "words": [name, other]}}}]),
        "history": lambda: plots.history({name: [3.0, 2.0]}),
    }


@pytest.mark.parametrize("kind", list(figures("")))
def test_no_picture_fails_or_warns_for_a_name(kind):
    for name in DRAWN:
        figure = figures(name)[kind]()
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=20)
        assert buffer.getvalue().startswith(b"\x89PNG")


@pytest.mark.parametrize("kind", ["class_accuracy", "hits", "precision_recall", "sensitivity"])
@pytest.mark.parametrize("name", ["$a_b$", r"\$x$", "<b>&", "_x", 'url(#a) "#1f2430"', "\u732b"])
def test_a_picture_of_a_page_holds_the_name_letter_by_letter(kind, name):
    root = ET.fromstring(svg(figures(name)[kind](), "label", "p"))
    drawn = ["".join(t.itertext()).strip() for t in root.iter("text")]
    assert any(name in text for text in drawn), drawn


@pytest.mark.parametrize("name", HOSTILE)
def test_a_page_is_one_page_whatever_the_names(name):
    rng = np.random.default_rng(0)
    report = Report.from_runs(
        [{"H": 0.5, "U": 0.4}], model=name, data=name, task="gzsl", seeds=[0], seconds=1,
        selection=name, params={"a": name, "b": [name] * 9}, protocol={"split_id": name, "x": name},
        artefacts={"class_accuracy": {"names": [name] * 6, "accuracy": rng.uniform(size=6)},
                   "pr": {f"{name}->b": {"recall": [0, 1], "precision": [1, 0.1]}},
                   "rows": [{"model": name, "H": {"mean": 0.5, "sd": 0.0}}]})
    text = render(report)
    text.encode()
    for picture in re.findall(r"<svg role.*?</svg>", text, re.DOTALL):
        ET.fromstring(picture)
    assert "<script" not in text
    assert text.count("</html>") == 1
    assert not [c for c in text if unicodedata.category(c) in ("Cs", "Cc") and c != "\n"]
    assert not set(text) & set("\u202e\u2066\u2067\u2069")
    table = str(report)
    assert not [c for c in table if unicodedata.category(c) in ("Cs", "Cc") and c != "\n"]


def test_what_is_printable_stays_and_what_acts_is_marked():
    for text in ("caf\u00e9", "\u732b", "\U0001f408", "a & <b>", "$x$", "\u0627\u0644"):
        assert printable(text) == text
    assert printable("a\nb\tc") == "a b c"
    assert printable("\x1b[2J\x00") == "\ufffd[2J\ufffd"
    assert printable("\u202eabc\udce9\uffff") == "\ufffdabc\ufffd\ufffd"


def test_a_drawable_text_is_no_formula_for_matplotlib():
    from matplotlib.cbook import is_math_text

    for name in HOSTILE:
        assert not is_math_text(drawable(name))
        assert not drawable(name).startswith("_")
        assert len(shorten(name, 20)) <= 20


def test_columns_line_up_with_wide_and_combining_letters():
    lines = aligned([("\u732b", "1"), ("e\u0301e", "22"), ("abcd\x1b", "3")])
    assert [columns(line) for line in lines] == [9, 9, 9]
    assert lines[0] == "\u732b      1"


def test_markdown_cells_hold_bars_breaks_and_tags_as_text():
    text = markdown(("a|b", "c"), [("x\ny", "<b>"), ("=1", "|")])
    assert text == "| a\\|b | c |\n| --- | --- |\n| x y | &lt;b> |\n| =1 | \\| |"
