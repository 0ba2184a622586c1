"""What stands on top of a page is computed from the scores and their tests."""

import re

import pytest

from crossalign.evaluation.report import Report
from crossalign.pages.conclusion import compared_rows, conclusion
from crossalign.pages.contents import baselines
from crossalign.pages.page import render


def report(model, u, s=0.6, **changes):
    """A report of twenty unseen and ten seen classes, U a little different in every class."""
    us = [u + 0.005 * (c % 5 - 2) for c in range(20)]
    h = 2 * u * s / (u + s)
    per_class = {"U": {"classes": [f"u{c}" for c in range(20)], "runs": [us]},
                 "S": {"classes": [f"s{c}" for c in range(10)], "runs": [[s] * 10]}}
    settings = {"task": "gzsl", "seeds": [0], "seconds": 1.0, "selection": "none",
                "protocol": {"split_id": "a"}, "per_class": per_class}
    return Report.from_runs([{"T1": u, "U": u, "S": s, "H": h}], model=model, data="birds",
                            **settings | changes)


def test_the_best_rival_the_margin_and_its_interval_are_told():
    reports = [report("low", 0.2), report("rival", 0.4), report("ours", 0.5)]
    reports[-1].artefacts["rows"] = compared_rows(reports, ("T1", "H"))
    first, second = conclusion(reports[-1])
    assert first == ("ours reaches H 54.5 on birds, 6.5 points above rival, the best of 2 other "
                     "models.")
    assert "bootstrap over classes, 10000 draws, Holm" in second
    assert "likely to stay with other classes" in second
    assert first in render(reports[-1])


def test_a_model_that_loses_or_ties_is_told_so():
    reports = [report("rival", 0.6), report("ours", 0.5)]
    reports[-1].artefacts["rows"] = compared_rows(reports, ("H",))
    assert "points below rival, the best of one other model." in conclusion(reports[-1])[0]
    tied = [report("rival", 0.5), report("ours", 0.5)]
    tied[-1].artefacts["rows"] = compared_rows(tied, ("H",))
    assert "not told apart" in conclusion(tied[-1])[1]


def test_what_cannot_be_tested_is_open():
    reports = [report("rival", 0.4, per_class={}), report("ours", 0.5, per_class={})]
    reports[-1].artefacts["rows"] = compared_rows(reports, ("H",))
    assert "is open: no test, as one run of one split" in conclusion(reports[-1])[1]
    other = [report("rival", 0.4, protocol={"split_id": "b"}), report("ours", 0.5)]
    other[-1].artefacts["rows"] = compared_rows(other, ("H",))
    assert "do not compare" in conclusion(other[-1])[1]


def test_a_report_that_stands_alone_has_its_own_interval():
    first, second = conclusion(report("ours", 0.5))
    assert first == "ours reaches H 54.5 on birds."
    assert "draws of the classes with replacement" in second
    assert "compare it with a simple model" in conclusion(report("ours", 0.5, per_class={}))[1]


@pytest.mark.parametrize(("protocol", "said"), [
    ({"uncalibrated": True}, "Nothing was calibrated"),
    ({"leaks": {"tuned_on_test": True}}, "chosen on test samples")])
def test_a_caution_goes_before_a_test(protocol, said):
    found = report("ours", 0.5, protocol=protocol)
    assert said in conclusion(found)[1]
    assert said in render(found)


def test_page_has_title_date_headline_column_first_and_folded_parts():
    reports = [report("rival", 0.4), report("ours", 0.5, params={f"p{i}": i for i in range(50)})]
    reports[-1].artefacts["rows"] = compared_rows(reports, ("T1", "U", "S", "H"))
    text = render(reports[-1])
    table = text[text.index('<table class="versus"'):]
    columns = [part.split("</th>")[0] for part in table.split('<th scope="col">')[1:]]
    assert columns[:2] == ["model", "H"]
    assert "margin in H" in table
    assert reports[-1].date in text
    folded = text[text.index("50 parameters"):]
    assert text[:text.index("50 parameters")].endswith('<details class="part"><summary>')
    assert "p49" in folded
    assert "p49" not in text[:text.index("50 parameters")]
    both = render(reports)
    assert both.index("<h1>Zero-shot report</h1>") < both.index("<h1>Recognition")
    assert f"{reports[-1].date}, 2 reports on birds." in both


def test_a_deterministic_model_has_no_spread_on_its_page():
    found = Report.from_runs([{"H": 0.5}] * 5, model="m", data="d", task="gzsl",
                             seeds=list(range(5)), seconds=1, selection="none")
    text = render(found)
    assert "5 runs, all equal" in text
    assert "± 0.0" not in text


def test_bars_are_shares_of_the_largest_value_that_there_can_be():
    found = Report.from_runs([{"exact": 0.25, "exact_seen": 1.0, "CIDEr": 7.5}], model="m",
                             data="d", task="caption", seeds=[0], seconds=1, selection="none")
    cards = re.findall(r"<dt>([^<]*)</dt><dd><b>([^<]*)</b>.*?width:([0-9.]*)%", render(found),
                       re.DOTALL)
    assert cards == [("exact", "25.0", "25.00"), ("exact seen", "100.0", "100.00"),
                     ("CIDEr", "750.0", "75.00")]
    rows = [{"model": name, "CIDEr": {"mean": mean, "sd": 0.0}} for name, mean in
            (("m", 7.5), ("other", 2.5))]
    found.artefacts["rows"] = rows
    assert [row["cells"][-1]["share"] for row in baselines(found)["rows"]] == ["75.0", "25.0"]
