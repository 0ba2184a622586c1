"""The page shows the report's numbers, stands alone, and escapes what it is given."""

import base64
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

import crossalign as ca
from crossalign.data.leaks import leak_record
from crossalign.evaluation.figures.maps import CROSS_CLASSES, CROSS_POINTS
from crossalign.evaluation.figures.recognition import CONFUSED, most_confused
from crossalign.evaluation.protocols import GZSL
from crossalign.evaluation.protocols.recognition_scores import score_gzsl
from crossalign.evaluation.report import Report
from crossalign.models import RidgeMap
from crossalign.models.roles import Generator
from crossalign.pages import plots
from crossalign.pages.page import render, write_page
from crossalign.pages.pictures import pictures
from crossalign.pages.plots import palette
from crossalign.pages.svg import svg
from crossalign.types import CLASS_MODALITY

EVIL = "<script>alert('x' & \"y\")</script>"
VOID = {"meta", "link", "br", "img", "hr", "input"}


class Page(HTMLParser):
    """Checks that tags balance and collects what tests ask for."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.ids, self.rows, self.text = [], [], [], [], ""
        self.feed(text)
        self.close()
        assert not self.open, f"left open: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.ids += [value for key, value in attrs if key == "id"]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
        if self.open and {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data


def artefacts():
    rng = np.random.default_rng(0)
    names = [EVIL, *(f"class {i}" for i in range(1, 6))]
    labels = np.arange(24) % 6
    x = rng.normal(size=(24, 5))
    item = {"image": np.full((3, 3), 200, dtype=np.uint8), "text": EVIL}
    return {
        "latent": {"before": {"image": x, "text": x[:, :3]}, "after": {"image": x, "text": x},
                   "labels": {"image": labels, "text": labels}, "class_names": names,
                   "seen": np.arange(6) < 3},
        "cross_modal": {"before": {"image": x, "class": np.eye(6)},
                        "after": {"image": x, "class": x[:12] + 0.1},
                        "labels_before": {"image": labels, "class": np.arange(6)},
                        "labels_after": {"image": labels, "class": labels[:12]},
                        "seen": np.arange(6) < 3},
        "curve": {"seen": np.linspace(0.8, 0, 9), "unseen": np.linspace(0, 0.7, 9),
                  "chosen": (0.4, 0.5), "raw": (0.1, 0.7), "ausuc": 0.28},
        "class_accuracy": {"names": names, "accuracy": rng.uniform(size=6),
                           "seen": np.arange(6) < 3},
        "pr": {"image->text": {"recall": [0, 1], "precision": [1, 0.1], "chance": 0.1}},
        "hits": {"image->text": {"queries": [item], "results": [[{"image": None, "text": EVIL}]],
                                 "correct": [[True]]}},
        "history": {"loss": [3.0, 2.0, 1.0]},
        "confusion": {"matrix": np.eye(6), "names": names, "of": 200},
        "rows": [{"model": EVIL, "H": {"mean": 0.123, "sd": 0.0}},
                 {"model": "lcale", "H": {"mean": 0.456, "sd": 0.012}, "AUSUC": {"mean": 0.3}}]}


def report(task="gzsl", model="lcale", **changes):
    runs = [{"H": 0.4437, "AUSUC": 0.281, EVIL: 0.5}, {"H": 0.4571, "AUSUC": 0.299, EVIL: 0.6}]
    protocol = {"split_id": "ab12cd34", "features": EVIL,
                "side_information": [f"attribute {i}" for i in range(9)], "official": False,
                "classes": {"seen": 3}, "leaks": leak_record(single_class_split=True,
                                                             transductive=False)}
    settings = {"seeds": [7, 8], "seconds": 3.0, "selection": f"gamma on validation {EVIL}",
                "params": {"lr": 1e-3, "name": EVIL}, "protocol": protocol,
                "artefacts": artefacts()}
    return Report.from_runs(runs, model=model, data=EVIL, task=task, **settings | changes)


@pytest.fixture(scope="module")
def full():
    return render(report())


def test_page_is_balanced_and_ids_are_unique(full):
    page = Page(full)
    assert len(page.ids) == len(set(page.ids))
    assert {"html", "body", "main", "svg", "table", "figcaption"} <= {tag for tag, _ in page.tags}


def test_references_inside_pictures_resolve(full):
    page = Page(full)
    wanted = set(re.findall(r"url\(#([^)]+)\)", full)) | {
        attrs["href"][1:] for tag, attrs in page.tags
        if tag == "use" and attrs.get("href", "").startswith("#")}
    assert wanted
    assert wanted <= set(page.ids)


def test_page_loads_nothing(full):
    assert not re.search(r"https?://", full)
    assert "@import" not in full
    for tag, attrs in Page(full).tags:
        assert tag not in ("script", "iframe", "object", "embed")
        for key in ("src", "href", "xlink:href", "srcset", "data"):
            assert attrs.get(key, "data:").startswith(("data:", "#"))


def test_everything_is_escaped(full):
    assert "<script" not in full
    assert EVIL in Page(full).text


def test_numbers_equal_the_report(full):
    rows = {row[0]: row[1:] for row in Page(full).rows}
    assert rows["metric (%)"] == ["mean ± sd", "seed 7", "seed 8", "meaning"]
    assert rows["H"] == ["45.0 ± 0.9", "44.4", "45.7", GZSL().metric("H").meaning]
    assert rows["AUSUC"][:3] == ["29.0 ± 1.3", "28.1", "29.9"]
    assert rows[EVIL][:3] == ["55.0 ± 7.1", "50.0", "60.0"]


def test_cards_show_headline_scores(full):
    cards = re.findall(r"<dt>(.*?)</dt><dd><b>(.*?)</b><small>(.*?)</small>", full)
    assert cards == [("H", "45.0", "± 0.9"), ("AUSUC", "29.0", "± 1.3")]


def test_comparison_marks_the_best_and_the_own_row(full):
    rows = {row[0]: row[1:] for row in Page(full).rows if len(row) == 3}
    assert rows["lcale"] == ["45.6 ± 1.2", "30.0"]
    assert rows[EVIL] == ["12.3", "\u2013"]
    assert re.findall(r"<strong>(.*?)</strong>", full) == ["45.6 ± 1.2", "30.0"]
    assert full.count('<tr class="own">') == 1


def test_bounds_are_never_the_best():
    rows = [{"model": m, "accuracy": {"mean": a}, "oracle_accuracy": {"mean": 0.9}}
            for m, a in (("a", 0.5), ("b", 0.6))]
    text = render(report("transfer", artefacts={"rows": rows}))
    assert re.findall(r"<strong>(.*?)</strong>", text) == ["60.0"]


def test_protocol_shows_facts_and_leaks(full):
    page = Page(full)
    rows = {row[0]: row[1:] for row in page.rows}
    assert rows["split id"] == ["ab12cd34"]
    assert rows["features"] == [EVIL]
    assert rows["classes.seen"] == ["3"]
    assert rows["side information"][0].startswith("9 items")
    leaks = re.findall(r'<li class="(bad|good|open)"><span>.*?</span><b>(.*?)</b>', full)
    assert leaks[0] == ("bad", "single class split")
    assert ("good", "transductive") in leaks
    assert ("good", "official") in leaks
    assert ("open", "tied scores") in leaks
    assert "1 holds, 2 ruled out, 18 not stated" in full


def test_selection_parameters_and_versions(full):
    page = Page(full)
    rows = {row[0]: row[1:] for row in page.rows}
    assert rows["lr"] == ["0.001"]
    assert rows["numpy"] == [np.__version__]
    assert f"gamma on validation {EVIL}" in page.text


def test_download_holds_the_saved_report(full):
    link = next(attrs for tag, attrs in Page(full).tags if "download" in attrs)
    data = base64.b64decode(link["href"].removeprefix("data:application/json;base64,"))
    saved, fresh = json.loads(data), report().to_dict()
    assert saved.pop("date")
    assert saved == {key: value for key, value in fresh.items() if key != "date"}
    assert re.fullmatch(r"[\w.-]+\.json", link["download"])


def test_every_picture_has_a_caption_and_an_alternative(full):
    page = Page(full)
    labels = [attrs["aria-label"] for tag, attrs in page.tags
              if tag == "svg" and attrs.get("role") == "img"]
    kinds = [kind for kind, *_ in pictures(report())]
    assert kinds == ["latent", "cross_modal", "hits", "curve", "pr", "class_accuracy", "confusion",
                     "history"]
    assert len(labels) == full.count("<figcaption>") == len(kinds)
    assert all(labels)
    assert "area 28.0" in " ".join(labels)


def test_narrow_pictures_pair_up_and_an_odd_one_stands_alone():
    one = render(report(artefacts={"curve": artefacts()["curve"]}))
    assert re.findall(r'<figure class="(\w+)">', one) == ["lone"]
    kinds = {k: artefacts()[k] for k in ("curve", "pr", "class_accuracy")}
    three = render(report(artefacts=kinds))
    assert re.findall(r'<figure class="(\w+)">', three) == ["half", "half", "lone"]


def test_report_without_artefacts_still_has_its_numbers(tmp_path):
    bare = Report.load(report(artefacts={}).save(tmp_path / "r.json"))
    text = render(bare)
    Page(text)
    assert "45.0" in text
    assert "<figure" not in text
    assert len(text) < 60_000


def test_one_run_shows_no_spread():
    single = Report.from_runs([{"T1": 0.5}], model="m", data="d", task="zsl", seeds=[0], seconds=1,
                              selection="none")
    text = render(single)
    assert "<dt>T1</dt><dd><b>50.0</b><span" in text
    rows = {row[0]: row[1:] for row in Page(text).rows}
    assert rows["T1"] == ["50.0", GZSL().metric("T1").meaning]


def test_several_reports_share_a_page_with_navigation(tmp_path):
    reports = [report(artefacts={"curve": artefacts()["curve"]}, model=f"m{i}") for i in range(3)]
    path = write_page(reports, tmp_path / "out" / "page.html")
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    assert len(page.ids) == len(set(page.ids))
    anchors = [a["href"] for tag, a in page.tags if tag == "a" and a["href"].startswith("#")]
    assert sorted(set(anchors)) == ["#r0", "#r1", "#r2"]
    assert {a[1:] for a in anchors} <= set(page.ids)
    assert "<nav" in text
    assert [p.name for p in path.parent.iterdir()] == ["page.html"]


def test_report_writes_the_same_page(tmp_path):
    bare = report(artefacts={})
    assert bare.html(tmp_path / "a.html").read_text(encoding="utf-8") == render(bare)
    with pytest.raises(ValueError, match="at least one"):
        render([])


def test_pictures_follow_the_colours_of_the_page():
    text = svg(plots.trade_off(**artefacts()["curve"]), "a & b", "p")
    assert 'aria-label="a &amp; b"' in text
    assert "var(--ink)" in text
    assert "var(--card)" in text
    assert not any(c in text for c in (palette.INK, palette.MUTED, palette.GRID, palette.PAPER))


def test_photographs_are_embedded_small():
    x = np.linspace(0, 6, 300)
    wave = (127 + 100 * np.sin(x[:, None] * x)[..., None] * [1, 0.5, 0.2]).astype(np.uint8)
    photo = {"image": wave, "text": "photo"}
    text = svg(plots.hits([photo] * 3, [[photo] * 8] * 3, [[True] * 8] * 3), "photos", "p")
    assert text.count("data:image/jpeg") == 27
    assert len(text) < 27 * 15_000


class Drawing(Generator, RidgeMap):
    """A ridge map that draws codes about the projected side information."""

    def sample(self, class_embeddings, n, random_state=0):
        noise = np.random.default_rng(random_state).normal(size=(n, 1))
        return self.project(class_embeddings, CLASS_MODALITY)[:, None] + noise


@pytest.fixture(scope="module")
def letters():
    return ca.load("glyphs")


@pytest.mark.parametrize("kind", [RidgeMap, Drawing])
def test_cross_modal_artefact_puts_both_sides_on_one_scale(letters, kind):
    model = kind().fit(letters["train"], classes=letters.classes)
    outcome = score_gzsl(model, letters)
    part = GZSL().figures(model, letters, outcome)["cross_modal"]
    images, shown = part["labels_after"]["image"], part["labels_before"][CLASS_MODALITY]
    np.testing.assert_array_equal(part["labels_before"]["image"], images)
    seen = letters.classes.seen
    for flags in (seen, ~seen):
        assert len(shown[flags[shown]]) == CROSS_CLASSES
        assert 0 < flags[images].sum() <= CROSS_POINTS
    np.testing.assert_array_equal(np.unique(images), shown)
    put = model.project if kind is Drawing else model.embed
    np.testing.assert_allclose(part["after"]["image"], put(part["before"]["image"], "image"),
                               rtol=1e-9, atol=1e-12)               # split by split, or together
    classes, owners = part["after"][CLASS_MODALITY], part["labels_after"][CLASS_MODALITY]
    centres = put(letters.classes.embeddings[owners], CLASS_MODALITY)
    if kind is RidgeMap:
        np.testing.assert_array_equal(classes, centres)
    else:
        assert len(classes) == pytest.approx(len(images), abs=len(shown) / 2)
        np.testing.assert_allclose(np.ptp(classes - centres, axis=1), 0, atol=1e-5)
    again = GZSL().figures(model, letters, outcome)["cross_modal"]
    np.testing.assert_array_equal(again["after"][CLASS_MODALITY], classes)


def test_cross_modal_artefact_needs_a_model_of_side_information(letters):
    model = RidgeMap().fit(letters["train"], classes=letters.classes)
    outcome = score_gzsl(model, letters)
    assert "cross_modal" in GZSL().figures(model, letters, outcome)
    del model.widths_[CLASS_MODALITY]
    assert "cross_modal" not in GZSL().figures(model, letters, outcome)


def test_the_most_confused_classes_are_those_of_the_largest_shares():
    labels = np.repeat(np.arange(200), 10)
    predictions = labels.copy()
    predictions[70:77] = 9          # class 7 is taken for 9 in 7 of 10 samples
    predictions[90:93] = 150        # 9 for 150 in 3
    predictions[1000:1002] = 3      # 100 for 3 in 2
    classes, matrix = most_confused(labels, predictions, 200, limit=4)
    np.testing.assert_array_equal(classes, [7, 9, 150])  # 100 and 3 would be five
    np.testing.assert_allclose(matrix, [[0.3, 0.7, 0, 0], [0, 0.7, 0.3, 0], [0, 0, 1, 0]],
                               atol=1e-12)
    classes, matrix = most_confused(labels, predictions, 200, limit=5)
    assert classes.tolist() == [3, 7, 9, 100, 150]
    assert len(most_confused(np.arange(50), np.roll(np.arange(50), 1), 50)[0]) <= CONFUSED


def test_what_is_taken_for_other_classes_is_a_column():
    labels = np.repeat(np.arange(3), 4)
    predictions = np.array([1, 1, 1, 2, 1, 1, 1, 1, 2, 2, 2, 2])
    classes, matrix = most_confused(labels, predictions, 3, limit=2)
    np.testing.assert_array_equal(classes, [0, 1])
    np.testing.assert_allclose(matrix, [[0, 0.75, 0.25], [0, 1, 0]])
    assert most_confused(labels, labels, 3) is None


def test_a_report_of_recognition_draws_its_confusions(letters):
    model = RidgeMap().fit(letters["train"], classes=letters.classes)
    found = GZSL().figures(model, letters, score_gzsl(model, letters))["confusion"]
    np.testing.assert_allclose(found["matrix"].sum(axis=1), 1)
    assert len(found["names"]) == len(found["matrix"]) <= CONFUSED
