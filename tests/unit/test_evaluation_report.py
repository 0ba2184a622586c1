"""Scores, JSON and comparability of a report."""

import dataclasses
import json
import subprocess
import sys
from datetime import datetime
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from complaints import complaint
from scipy import stats

from crossalign.evaluation.plain_values import jsonable
from crossalign.evaluation.report import KEYS, Report, summarise, versions
from crossalign.pace import duration

RUNS = [{"H": 0.571, "AUSUC": 0.40}, {"H": 0.580, "AUSUC": 0.42}, {"H": 0.579, "AUSUC": 0.41}]


def report(runs=RUNS, **changes):
    settings = {"model": "lcale", "data": "CUB", "task": "gzsl", "seeds": list(range(len(runs))),
                "seconds": 75.2, "selection": "last epoch",
                "params": {"alpha": np.float32(0.5), "widths": (3, 4), "path": Path("x"),
                           "missing": np.nan, "mask": np.array([True, False])},
                "protocol": {"split_id": "ab12", "features": "res101",
                             "side_information": {"file": "att", "width": np.int64(312)},
                             "leaks": {"transductive": False, "single_class_split": True}},
                "artefacts": {"history": {"loss": [2.0, 1.0]}}}
    return Report.from_runs(runs, **settings | changes)


def test_mean_and_sample_sd_keep_every_run():
    values = [run["H"] for run in RUNS]
    assert report().scores["H"] == {"mean": pytest.approx(np.mean(values)), "runs": values,
                                    "sd": pytest.approx(np.std(values, ddof=1))}
    assert list(report().scores) == ["H", "AUSUC"]


def test_one_run_has_no_spread():
    assert summarise([{"H": 0.25}]) == {"H": {"mean": 0.25, "sd": 0.0, "runs": [0.25]}}


def test_rounding_beyond_one_is_clipped():
    assert summarise([{"H": 1.0000000002}])["H"]["mean"] == 1


@pytest.mark.parametrize(("runs", "match"), [
    ([], "none given"), ([{"H": 57.1}], "not percent"), ([{"H": float("nan")}], "fractions"),
    ([{"H": -0.1}], "fractions"), ([{"H": 0.1}, {"U": 0.1}], r"do not both hold \['H', 'U'\]")])
def test_bad_runs(runs, match):
    with pytest.raises(ValueError, match=match):
        summarise(runs)


def test_one_seed_per_run():
    with pytest.raises(ValueError, match="2 for 3 runs"):
        report(seeds=[0, 1])


def test_json_round_trip(tmp_path):
    path = report().save(tmp_path / "new" / "report.json")
    saved = json.loads(path.read_text(encoding="utf-8"))
    assert list(saved) == list(KEYS)
    assert saved == report().to_dict()
    assert saved["params"] == {"alpha": 0.5, "widths": [3, 4], "path": "x", "missing": "nan",
                               "mask": [True, False]}
    again = Report.load(path)
    assert again.to_dict() == saved
    assert again.artefacts == report().artefacts
    assert {p.name for p in path.parent.iterdir()} == {"figures.npz", "report.json"}  # no draft


def test_a_name_that_is_not_utf8_is_saved_and_comes_back(tmp_path):
    named = report(model="caf\udce9", params={"names": ["a\ud800b", "\U0001f600"]})
    path = named.save(tmp_path / "report.json")
    assert "caf\\udce9" in path.read_text(encoding="utf-8")
    again = Report.load(path)
    assert again.model == "caf\udce9"
    assert again.params["names"] == ["a\ud800b", "\U0001f600"]


def test_keys_are_the_fields_but_artefacts():
    assert {field.name for field in dataclasses.fields(Report)} == {*KEYS, "artefacts",
                                                                     "figures_file"}


def test_failed_save_keeps_the_old_file(tmp_path, monkeypatch):
    path = report().save(tmp_path / "report.json")
    before = path.read_text(encoding="utf-8")
    def full(*_, **__):
        raise OSError("no space left on device")

    other = report(model="other")
    with monkeypatch.context() as patch:
        patch.setattr("os.replace", full)
        with pytest.raises(OSError, match="no space"):
            other.save(path)
    assert path.read_text(encoding="utf-8") == before
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(("text", "match"), [
    ("{", "is not JSON"), ("[]", "has no"), ('{"model": "x"}', "'data'")])
def test_load_refuses_what_is_no_report(tmp_path, text, match):
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=match):
        Report.load(path)


@pytest.mark.parametrize(("field", "value"), [
    ("model", 3), ("task", None), ("params", []), ("protocol", "x"), ("versions", {"numpy": 2}),
    ("seconds", "long"), ("seconds", True), ("seeds", [0.5, 1, 2]), ("seeds", []), ("seeds", [0]),
    ("scores", {}), ("scores", {"H": 0.5}), ("scores", {"H": {"mean": 0.5, "sd": 0.0}}),
    ("scores", {"H": {"mean": "x", "sd": 0.0, "runs": [0.5, 0.5, 0.5]}}),
    ("scores", {"H": {"mean": 0.9, "sd": 0.0, "runs": [0.5, 0.5, 0.5]}}),
    ("scores", {"H": {"mean": 57.0, "sd": 0.0, "runs": [57.0, 57.0, 57.0]}}),
    ("per_class", {"H": {"classes": ["a"], "runs": [[0.5]]}}), ("per_class", {"H": [0.5]}),
    ("protocol", {"leaks": ["transductive"]}), ("protocol", {"split_id": ["a"]}), ("date", 2026)])
def test_a_field_of_another_kind_is_named_with_its_file(tmp_path, field, value):
    path = report().save(tmp_path / "report.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {field: value}))
    known = field if field not in ("scores", "seeds") else "H" if value == [0] else ""
    complaint(lambda: Report.load(path), str(path), known)


def test_a_task_that_there_is_not_is_named_with_the_file(tmp_path):
    path = report().save(tmp_path / "report.json")
    path.write_text(path.read_text().replace('"task": "gzsl"', '"task": "foo"'))
    complaint(lambda: Report.load(path), str(path), "task is 'foo'", "'retrieval'")


@pytest.mark.parametrize("text", ["[" * 100_000, "\xff"])
def test_what_is_no_json_is_one_sentence(tmp_path, text):
    (tmp_path / "bad.json").write_text(text, encoding="latin-1")
    complaint(lambda: Report.load(tmp_path / "bad.json"), "bad.json", "is not JSON")
    complaint(lambda: Report.load(tmp_path), "folder")


def test_jsonable_leaves_nothing_that_json_cannot_hold():
    odd = {1: {3, 2}, "f": np.float64(np.inf), "o": object, "b": b"x", "z": np.array(3)}
    plain = jsonable(odd)
    assert plain["1"] == [2, 3]
    assert plain["z"] == 3
    json.dumps(plain, allow_nan=False)


def test_table_says_all_that_matters():
    text = str(report())
    assert "lcale on CUB (gzsl), 3 runs, 1 min 15 s" in text
    assert "57.7 ± 0.5" in text
    assert "57.1   58.0   57.9" in text
    for part in ("selection  last epoch", "split id ab12", "side information.file att",
                 "caution    single class split", f"numpy {np.__version__}"):
        assert part in text
    assert "transductive" not in text


def test_table_of_one_run_claims_no_spread():
    text = str(report(RUNS[:1]))
    assert "57.1" in text
    assert "±" not in text


def test_versions_are_the_installed_ones():
    found = versions()
    assert found["numpy"] == np.__version__
    assert found["torch"] == metadata.version("torch")
    assert set(found) == {"crossalign", "python", "torch", "numpy", "scikit-learn"}


@pytest.mark.parametrize(("seconds", "text"), [
    (0.84, "0.8 s"), (9.97, "10 s"), (42, "42 s"), (59.7, "1 min 0 s"), (200, "3 min 20 s"),
    (7500, "2 h 5 min")])
def test_duration(seconds, text):
    assert duration(seconds) == text


def test_comparison_is_paired():
    ours, theirs = report(), report([{"H": 0.5, "AUSUC": 0.4}, {"H": 0.55, "AUSUC": 0.4},
                                     {"H": 0.59, "AUSUC": 0.4}], model="cca")
    result = ours.compare(theirs, "H")
    assert (result.wins, result.losses, result.unit) == (2, 1, "run")
    assert result.mean == pytest.approx(np.mean([0.071, 0.030, -0.011]))


def test_seeds_of_one_split_give_no_p_value():
    result = report().compare(report([{"H": 0.5, "AUSUC": 0.4}] * 3, model="cca"), "H")
    assert not result.tested
    assert "seeds of one split say nothing about other classes" in str(result)
    assert "p =" not in str(result)


def test_overlapping_class_splits_are_compared_by_the_corrected_test():
    protocol = {"split_id": ["a", "b", "c"], "classes": {"seen": 10, "unseen": 5}}
    ours = report(protocol=protocol)
    theirs = report([{"H": 0.5, "AUSUC": 0.4}, {"H": 0.55, "AUSUC": 0.4},
                     {"H": 0.59, "AUSUC": 0.4}], model="cca", protocol=protocol)
    result = ours.compare(theirs, "H")
    d = np.array([0.071, 0.030, -0.011])
    t = d.mean() / np.sqrt(d.var(ddof=1) * (1 / 3 + 5 / 10))
    assert result.p_value == pytest.approx(2 * stats.t.sf(abs(t), 2))
    assert (result.n, result.unit) == (3, "class split")
    student = stats.ttest_1samp(d, 0).pvalue
    assert result.p_value > student


def test_two_runs_of_one_split_count_as_one_split():
    protocol = {"split_id": ["a", "a", "b"], "classes": {"seen": 10, "unseen": 5}}
    result = report(protocol=protocol).compare(
        report([{"H": 0.5, "AUSUC": 0.4}] * 3, model="cca", protocol=protocol), "H")
    assert result.n == 2
    assert result.mean == pytest.approx(np.mean([np.mean([0.071, 0.080]), 0.079]))


def by_class(u, s):
    return {"U": {"classes": ["a", "b"], "runs": u}, "S": {"classes": ["c", "d"], "runs": s}}


def test_one_split_is_compared_over_its_classes_whatever_the_number_of_runs():
    def six(low, high, s):
        values = [[low, high] * 3], [[0.6, s] * 3]
        names = [[f"{kind}{i}" for i in range(6)] for kind in "us"]
        return {k: {"classes": n, "runs": v} for k, n, v in zip("US", names, values, strict=True)}

    def thrice(parts):
        return {k: {**part, "runs": part["runs"] * 3} for k, part in parts.items()}

    ours = report(per_class=thrice(six(0.5, 0.7, 0.8)))
    theirs = report(RUNS[:1], model="cca", per_class=six(0.4, 0.5, 0.7))
    result = ours.compare(theirs, "H")
    assert (result.unit, result.n, result.wins, result.ties) == ("class", 12, 9, 3)
    h = [2 * u * s / (u + s) for u, s in ((0.6, 0.7), (0.45, 0.65))]
    assert result.mean == pytest.approx(h[0] - h[1])
    assert result.low < result.mean < result.high
    with pytest.raises(ValueError, match="do not pair"):
        ours.compare(theirs, "AUSUC")


def test_a_handful_of_classes_is_not_tested_by_drawing_them():
    few = report(per_class=by_class([[0.5, 0.7]] * 3, [[0.6, 0.8]] * 3))
    assert not few.compare(few, "H").tested


def test_a_deterministic_model_counts_once():
    equal = report([RUNS[0]] * 5)
    assert equal.counted == 1
    assert "5 runs, all equal" in str(equal)
    assert "±" not in str(equal)
    assert report().counted == 3
    splits = report([RUNS[0]] * 3, protocol={"split_id": ["a", "b", "c"]})
    assert splits.counted == 3  # equal by chance on other classes


def test_a_report_keeps_the_scores_of_classes_and_its_date(tmp_path):
    found = report(per_class=by_class(np.array([[0.5, 0.7]] * 3), [[0.6, 0.8]] * 3))
    again = Report.load(found.save(tmp_path / "r.json"))
    assert again.per_class == found.per_class
    assert again.per_class["U"]["runs"] == [[0.5, 0.7]] * 3
    assert datetime.strptime(again.date, "%Y-%m-%d %H:%M UTC")
    assert found.only([1]).per_class["U"]["runs"] == [[0.5, 0.7]]


def test_a_report_without_classes_or_date_still_loads(tmp_path):
    path = report().save(tmp_path / "r.json")
    old = {k: v for k, v in json.loads(path.read_text()).items() if k not in ("per_class", "date")}
    path.write_text(json.dumps(old))
    assert Report.load(path).per_class == {}


def test_what_is_unknown_of_one_report_does_not_part_it_from_another():
    ours = report()
    unknown = report(protocol=ours.protocol | {"leaks": {"transductive": None,
                                                         "single_class_split": True}})
    assert ours.differences(unknown) == []


def test_comparable_whatever_the_parameters_and_the_way_it_was_loaded(tmp_path):
    other = report(params={}, model="cca")
    assert report().comparable(other) is True
    assert report().comparable(Report.load(other.save(tmp_path / "r.json"))) is True


@pytest.mark.parametrize(("changes", "match"), [
    ({"split_id": "cd34"}, r"split_id \(ab12, cd34\)"),
    ({"features": "vgg19"}, r"features \(res101, vgg19\)"),
    ({"side_information": {"file": "sent", "width": 312}}, r"side_information\.file \(att, sent\)"),
    ({"leaks": {"transductive": True, "single_class_split": True}}, r"transductive \(false, true"),
    ({"normalisation": "l2"}, r"normalisation \(not stated, l2\)")])
def test_other_protocols_are_not_comparable(changes, match):
    ours = report()
    other = report(protocol=ours.protocol | changes)
    with pytest.raises(ValueError, match=match):
        ours.comparable(other)
    with pytest.raises(ValueError, match=match):
        ours.compare(other, "H")
    assert len(ours.differences(other)) == 1


def test_other_tasks_seeds_and_metrics_do_not_compare():
    with pytest.raises(ValueError, match=r"task \('gzsl', 'zsl'\)"):
        report().compare(report(task="zsl"), "H")
    with pytest.raises(ValueError, match="do not pair"):
        report().compare(report(seeds=[3, 4, 5]), "H")
    with pytest.raises(ValueError, match=r"has no 'mAP'; choose one of \['H', 'AUSUC'\]"):
        report().compare(report(), "mAP")


def test_report_imports_nothing_heavy():
    code = ("import sys, crossalign.evaluation.report as r; r.versions();"
            "print([m for m in ('torch', 'matplotlib', 'sklearn', 'scipy') if m in sys.modules])")
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_some_runs_of_a_report_pair_with_fewer_of_another():
    three = report()
    two = three.only([2, 0])
    assert two.seeds == [2, 0]
    assert two.scores["H"]["runs"] == [RUNS[2]["H"], RUNS[0]["H"]]
    assert two.scores["H"]["mean"] == pytest.approx((RUNS[2]["H"] + RUNS[0]["H"]) / 2)
    assert three.seeds == [0, 1, 2]
    whole = report(protocol={"split_id": ["a", "b", "c"]})
    fewer = report(RUNS[:2], protocol={"split_id": ["a", "b"]})
    assert whole.only([0, 1]).compare(fewer, "H").ties == 2
    assert whole.only([2, 0]).protocol["split_id"] == ["c", "a"]
    with pytest.raises(ValueError, match="another protocol"):
        whole.only([0, 2]).compare(report(RUNS[:2], seeds=[0, 2], protocol=fewer.protocol), "H")
    with pytest.raises(ValueError, match="choose among those"):
        three.only([3])
